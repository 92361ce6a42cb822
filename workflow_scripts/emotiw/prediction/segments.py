"""Clips of any length, cut into consecutive segments that are read as the workflow reads whole clips.

Picture and sound are decoded side by side and one segment of each is held, so memory does not grow with the clip.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from emotiw.core.errors import MediaError
from emotiw.core.status import Status
from emotiw.faces import search
from emotiw.faces.detector import detector
from emotiw.jobs.store import Entry
from emotiw.media import soundtrack, video_frames, waveform

Watch = Callable[[int], None]  # told the number of frames that were searched since it was told last
# states of a whole modality, which hold for every later segment too
LASTING = (Status.NO_VIDEO, Status.NO_AUDIO, Status.UNDECODABLE)


@dataclass(frozen=True)
class Segment:
    """A part of a clip.

    Attributes
    ----------
    start_s : float
        From the first frame.
    video_start_s : float
        The container's time of that point of the picture, from which `time` of the faces counts.
    faces, sound : Entry
        Of the kinds `faces` and `audio`.
    """

    start_s: float
    video_start_s: float
    faces: Entry
    sound: Entry


def segments(
    path: Path, settings: Mapping[str, Any], predictor: Any, length_s: float, watch: Watch
) -> Iterator[Segment]:
    """Segments of `length_s` seconds of a clip, the last one shorter.

    A defect ends its modality: that segment of it, and the rest, have the status `undecodable`.

    Parameters
    ----------
    path : Path
    settings : mapping
        Sections `faces`, `audio` and `limits`.
    predictor : dlib.shape_predictor
    length_s : float
    watch : callable
    """
    seen, sounds = _seen(path, settings, predictor, length_s, watch), _heard(path, settings, length_s)
    last_faces, last_sound, start_s = Entry("", status=Status.NO_VIDEO), Entry("", status=Status.NO_AUDIO), 0.0
    for i, (sight, sound) in enumerate(zip_longest(seen, sounds)):
        if sight is not None:
            last_faces, start_s = sight
        elif last_faces.status not in LASTING:
            last_faces = Entry("", status=Status.NO_FACE)  # the sound goes on after the last frame
        if sound is not None:
            last_sound = sound
        elif last_sound.status not in LASTING:
            last_sound = Entry("", status=Status.SHORT_AUDIO)
        yield Segment(i * length_s, start_s + i * length_s, last_faces, last_sound)


def _seen(
    path: Path, settings: Mapping[str, Any], predictor: Any, length_s: float, watch: Watch
) -> Iterator[tuple[Entry, float]]:
    """Faces of each segment, and the time of the clip's first frame."""
    origin_s = 0.0
    try:
        frames = video_frames.read(path, settings["limits"])
        if frames is None:
            yield Entry("", status=Status.NO_VIDEO), 0.0
            return
        search.check_size(path, frames.facts, settings["faces"]["upsample"])
        align = partial(search.align, predictor=predictor, settings=settings["faces"])
        new = partial(search.Search, settings["faces"], detector(), align)
        sighted, n = new(), 0
        for frame in frames:
            origin_s = origin_s if frame.index else frame.time_s
            while frame.time_s - origin_s >= (n + 1) * length_s:
                yield search.entry("", sighted, frames.facts, settings["faces"]), origin_s
                sighted, n = new(), n + 1
            sighted.see(frame)
            watch(1)
        yield search.entry("", sighted, frames.facts, settings["faces"]), origin_s
    except MediaError as error:
        yield _undecodable(path, error), origin_s


def _heard(path: Path, settings: Mapping[str, Any], length_s: float) -> Iterator[Entry]:
    """Sound of each segment."""
    rate_hz = settings["audio"]["rate_hz"]
    n = round(length_s * rate_hz)
    try:
        sound = soundtrack.read(path, rate_hz, settings["limits"])
        if sound is None:
            yield Entry("", status=Status.NO_AUDIO)
            return
        make = partial(_sound_entry, about=sound.about, settings=settings["audio"])
        held, n_held, first = [np.empty(0, np.float32)], 0, True
        for block in sound:
            held.append(block)
            n_held += len(block)
            while n_held >= n:
                samples = np.concatenate(held)
                yield make(samples[:n])
                held, n_held, first = [samples[n:]], n_held - n, False
        if first or n_held:
            yield make(np.concatenate(held))
    except MediaError as error:
        yield _undecodable(path, error)


def _sound_entry(samples: soundtrack.Floats, about: Mapping[str, Any], settings: Mapping[str, Any]) -> Entry:
    return waveform.entry("", soundtrack.limit_peaks(samples, about), settings)


def _undecodable(path: Path, error: MediaError) -> Entry:
    return Entry("", status=Status.UNDECODABLE, facts={"reason": str(error).removeprefix(f"{path}: ")})
