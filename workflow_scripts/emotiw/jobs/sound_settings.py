"""Contradictions in the settings of sound, `sound_embeddings` and `augmentation`, that the schema cannot express."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

RATE_HZ = 16000


def faults(config: Mapping[str, Any]) -> Iterator[str]:
    """Lines that name each contradiction, its value and what to do."""
    for name, about in config["sound_embeddings"].items():
        for fault in (*_input_faults(about), *_output_faults(about)):
            yield f"sound_embeddings.{name}.{fault}"
    for fault in _augmentation_faults(config):
        yield f"augmentation.{fault}"


def _augmentation_faults(config: Mapping[str, Any]) -> Iterator[str]:
    section, normalise = config["augmentation"], config["pooled"]["normalise"]
    for key in ("speed", "reverberation_s", "low_hz", "high_hz", "snr_db"):
        if section[key][0] > section[key][1]:
            yield f"{key}: is {section[key]}, expected the lowest value first; swap them"
    if section["copies"] and "whisper" not in config["audio"]["features"]:
        yield f"copies: is {section['copies']}, but audio.features lacks whisper, whose copies they are; set it to 0"
    if section["copies"] and normalise != "training":
        fault = f"is {section['copies']}, but pooled.normalise is {normalise}, expected training; change one of them"
        yield f"copies: {fault}"


def _input_faults(about: Mapping[str, Any]) -> Iterator[str]:
    is_spectrogram = about["input"] == "log_mel"
    if is_spectrogram != ("f" in about["layout"]):
        axis = "an axis f" if is_spectrogram else "no axis f"
        yield f"layout: is {about['layout']!r}, expected {axis} for input: {about['input']}; change one of them"
    if is_spectrogram != (about["log_mel"] is not None):
        expected = "the text whisper or settings of a spectrogram" if is_spectrogram else "null"
        yield f"log_mel: is {about['log_mel']!r}, expected {expected} for input: {about['input']}; change one of them"
    if isinstance(about["log_mel"], Mapping):
        yield from _spectrogram_faults(about["log_mel"])
    if about["shortest_s"] > about["piece_s"]:
        yield f"shortest_s: is {about['shortest_s']}, expected at most piece_s, {about['piece_s']}; change one of them"


def _spectrogram_faults(section: Mapping[str, Any]) -> Iterator[str]:
    if section["window"] > section["n_fft"]:
        yield f"log_mel.window: is {section['window']}, expected at most n_fft, {section['n_fft']}; change one of them"
    if not section["low_hz"] < section["high_hz"] <= RATE_HZ / 2:
        yield (
            f"log_mel.high_hz: is {section['high_hz']}, expected more than low_hz, {section['low_hz']}, and at most"
            f" {RATE_HZ / 2}; change it"
        )


def _output_faults(about: Mapping[str, Any]) -> Iterator[str]:
    level, of_frames = about["level"], about["level"] == "frame"
    if of_frames != ("t" in about["output_layout"]):
        axis = "an axis t" if of_frames else "no axis t"
        yield f"output_layout: is {about['output_layout']!r}, expected {axis} for level: {level}; change one of them"
    for key in ("step_s", "frame_length_s"):
        if not of_frames and about[key] is not None:
            yield f"{key}: is {about[key]}, expected null for level: clip; remove it"
    step, length = about["step_s"], about["frame_length_s"]
    if of_frames and step is None and not about["padded"]:
        yield "step_s: is null, expected the seconds between two vectors of the network, unless padded is true; give it"
    if of_frames and step is not None and length is not None and not _is_multiple(length, step):
        yield f"frame_length_s: is {length}, expected null or a multiple of step_s, {step}; change it"


def _is_multiple(length: float, step: float) -> bool:
    return round(length / step) >= 1 and math.isclose(round(length / step) * step, length, rel_tol=1e-6)
