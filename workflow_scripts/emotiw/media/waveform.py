"""Entries of the artefact `audio`: the waveform of each clip, with a status if the sound is missing or unusable."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from emotiw.core.status import Status
from emotiw.jobs.store import Entry
from emotiw.media import clip_checks, soundtrack
from emotiw.media.container import decoding


def entries(paths: Sequence[Path], clips: Sequence[Sequence[str]], settings: Mapping[str, Any]) -> Iterator[Entry]:
    """Entries of kind `audio` of the clips [id, sha256] at `paths`.

    The waveform of silent and short sound is kept.

    Parameters
    ----------
    paths : sequence of Path
        Files of the clips.
    clips : sequence of (str, str)
        Id and SHA-256 of each clip.
    settings : mapping
        Sections `audio`, `limits` and, if tracks are named, `media`; and `on_defect`.

    Raises
    ------
    MediaError
        If a clip differs from its hash in the manifest, or cannot be decoded and `on_defect` is "fail".
    """
    for path, (clip, sha256) in zip(paths, clips, strict=True):
        clip_checks.check_hash(path, sha256, clip)
        yield clip_checks.guarded(clip, path, settings["on_defect"], partial(_entry, clip, path, settings))


def entry(
    clip: str, decoded: tuple[soundtrack.Floats, soundtrack.AudioFacts] | None, settings: Mapping[str, float]
) -> Entry:
    """Entry of a waveform with its facts, or None for a clip without sound; `settings` is the section `audio`."""
    if decoded is None:
        return Entry(clip, status=Status.NO_AUDIO)
    samples, facts = decoded
    return Entry(clip, {"waveform": samples}, _status(facts, settings), asdict(facts))


def _entry(clip: str, path: Path, settings: Mapping[str, Any]) -> Entry:
    decoded = soundtrack.waveform(path, settings["audio"]["rate_hz"], decoding(settings))
    return entry(clip, decoded, settings["audio"])


def _status(facts: soundtrack.AudioFacts, audio: Mapping[str, float]) -> Status:
    if facts.duration_s < audio["min_duration_s"]:
        return Status.SHORT_AUDIO
    return Status.SILENT_AUDIO if facts.peak < audio["silence_peak"] else Status.OK
