"""eGeMAPS of consecutive frames of a waveform, by openSMILE.

Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for voice research and affective computing",
IEEE Transactions on Affective Computing 7(2), 2016.
"""

import atexit
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from string import Template
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.audio import opensmile_features, sound_entries
from emotiw.audio.sound import Floats
from emotiw.core.errors import FeatureError
from emotiw.core.resources import RESOURCES
from emotiw.jobs.store import Arrays, Entry

FRAME_TEMPLATE = RESOURCES / "egemaps_frames.conf.inc"
LOW_LEVEL_STEP_S = 0.01  # distance of openSMILE's low-level descriptors
DELTA_REACH = 2  # frames on each side that a delta uses; HTK's default
FUNCTIONALS, LOW_LEVEL = "functionals", "low_level"
MODES = {FUNCTIONALS: (FUNCTIONALS,), LOW_LEVEL: (LOW_LEVEL,), "both": (FUNCTIONALS, LOW_LEVEL)}
VOICED_FRACTION = "voiced_fraction"


def frames(
    waveform: Floats, *, feature_set: str, mode: str, frame_length_s: float, deltas: bool
) -> tuple[npt.NDArray[np.float64], Floats]:
    """Start times (n_frames,) in s and features (n_frames, n_features) of consecutive frames (Ding et al., ICMI 2016).

    Parameters
    ----------
    waveform : ndarray
        float32 (n_samples,) in [-1, 1], mono, 16 kHz.
    feature_set : str
        eGeMAPSv01a, eGeMAPSv01b or eGeMAPSv02.
    mode : str
        "functionals": the set's 88 functionals of each frame. "low_level": its low-level descriptors averaged over
        each frame, and the voiced share of the frame. Formant amplitudes hold a code in unvoiced descriptors, so they
        are averaged over voiced ones only; a frame without voiced ones gets the clip's mean. "both": all of these.
    frame_length_s : float
        Length of a frame and distance between frames.
    deltas : bool
        Whether the slopes of all these features (`slopes`) are appended.

    Raises
    ------
    sound.TooShortError
        If the waveform is too short for one frame with its context.
    FeatureError
        If the waveform does not have the stated form, or a feature is not finite.
    """
    parts = [_frames_of_level(waveform, feature_set, level, frame_length_s) for level in MODES[mode]]
    n_frames = min(map(len, parts))  # functionals need context at the end, descriptors do not
    values = np.hstack([part[:n_frames] for part in parts])
    values = np.hstack([values, slopes(values)]) if deltas else values
    return np.arange(n_frames, dtype=np.float64) * frame_length_s, values


def columns(*, feature_set: str, mode: str, frame_length_s: float, deltas: bool) -> list[str]:
    """Names of the columns of `frames`."""
    names = []
    for level in MODES[mode]:
        names += _extractor(feature_set, level, frame_length_s).feature_names
        names += [VOICED_FRACTION] if level == LOW_LEVEL else []
    return [*names, *(f"{name}_delta" for name in names)] if deltas else names


def slopes(values: Floats) -> Floats:
    """Slope per frame of the regression line through each frame and its two neighbours on each side.

    The delta coefficients of The HTK Book (Young et al.), with x_t the features of frame t and K = 2::

        d_t = sum_(k=1..K) k (x_(t+k) - x_(t-k)) / (2 sum_(k=1..K) k^2)

    The first and the last frame are repeated beyond the ends.

    Parameters
    ----------
    values : ndarray, shape (n_frames, n_features)
        Features of consecutive frames.

    Returns
    -------
    ndarray, shape (n_frames, n_features)
        float32.
    """
    n = len(values)
    padded = np.pad(values.astype(np.float64), ((DELTA_REACH, DELTA_REACH), (0, 0)), mode="edge")
    reach = range(1, DELTA_REACH + 1)
    differences = [k * (padded[DELTA_REACH + k :][:n] - padded[DELTA_REACH - k :][:n]) for k in reach]
    deltas: Floats = (np.sum(differences, axis=0) / (2 * sum(k * k for k in reach))).astype(np.float32)
    return deltas


def frame_entries(audio: Iterable[Entry], settings: Mapping[str, Any]) -> Iterator[Entry]:
    """Entries of kind `frame_features` from entries of kind `audio`; `settings` are the arguments of `frames`."""

    def arrays(waveform: Floats) -> Arrays:
        times, features = frames(waveform, **settings)
        return {"features": features, "time": times}

    return (sound_entries.entry(entry, arrays) for entry in audio)


def _frames_of_level(waveform: Floats, feature_set: str, level: str, frame_length_s: float) -> Floats:
    values = opensmile_features.extract(_extractor(feature_set, level, frame_length_s), waveform)
    if level == FUNCTIONALS:
        return values
    names = _extractor(feature_set, level, frame_length_s).feature_names
    return _frame_means(values, names, _steps(frame_length_s))


def _frame_means(descriptors: Floats, names: list[str], steps: int) -> Floats:
    """Means of groups of `steps` rows (n, d), and their voiced share: (n / steps, d + 1); the last may be shorter."""
    starts = np.arange(0, len(descriptors), steps)
    voiced = descriptors[:, [name.startswith("F0semitone") for name in names]] > 0  # (n, 1)
    sizes = np.diff(starts, append=len(descriptors))[:, None]
    n_voiced = np.add.reduceat(voiced, starts, dtype=np.int64)
    means = np.add.reduceat(descriptors.astype(np.float64), starts) / sizes
    is_amplitude = np.array(["amplitude" in name for name in names])
    spoken = np.where(voiced, descriptors[:, is_amplitude], 0).astype(np.float64)
    default = spoken.sum(axis=0) / max(1, voiced.sum())
    means[:, is_amplitude] = np.where(n_voiced > 0, np.add.reduceat(spoken, starts) / np.maximum(1, n_voiced), default)
    features: Floats = np.hstack([means, n_voiced / sizes]).astype(np.float32)
    return features


def _steps(frame_length_s: float) -> int:
    steps = round(frame_length_s / LOW_LEVEL_STEP_S)
    if steps < 1 or not np.isclose(steps * LOW_LEVEL_STEP_S, frame_length_s):
        raise FeatureError(
            f"egemaps.frame_length_s is {frame_length_s}; expected a multiple of {LOW_LEVEL_STEP_S}; change it"
        )
    return steps


def _extractor(feature_set: str, level: str, frame_length_s: float) -> Any:
    if level == LOW_LEVEL:
        return opensmile_features.extractor(feature_set, "LowLevelDescriptors")
    frame_mode = ("frameModeFunctionalsConf", _frame_mode(frame_length_s))
    return opensmile_features.extractor(feature_set, "Functionals", (frame_mode,))


@cache
def _frame_mode(frame_length_s: float) -> str:
    """Write an openSMILE include file for frames of this length; it is read for every waveform, and removed at exit."""
    descriptor, path = tempfile.mkstemp(suffix=".conf.inc")
    atexit.register(os.unlink, path)
    text = Template(FRAME_TEMPLATE.read_text(encoding="utf-8")).substitute(frame_length_s=frame_length_s)
    os.write(descriptor, text.encode())
    os.close(descriptor)
    return path
