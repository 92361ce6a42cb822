"""Clips of any length, split into consecutive segments that are read as the workflow reads whole clips.

A clip that is cut short or has a defect is read up to there, while the workflow refuses it.
Video and audio are decoded in parallel and one segment of each is held, so memory does not grow with the clip.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from emotiw.core.errors import LengthError, MediaError
from emotiw.core.status import Status
from emotiw.faces import search
from emotiw.faces.detector import detector
from emotiw.faces.everyone import Everyone
from emotiw.jobs.store import Entry
from emotiw.media import soundtrack, video_frames, waveform
from emotiw.media.container import decoding

Progress = Callable[[int], None]  # called with the number of frames that were searched since the last call
Limits = dict[str, float]
Read = TypeVar("Read", video_frames.Frames, soundtrack.Sound)  # an opened stream
# statuses that hold for all later segments too
LASTING = (Status.NO_VIDEO, Status.NO_AUDIO, Status.UNDECODABLE)


@dataclass(frozen=True)
class Segment:
    """A part of a clip.

    Attributes
    ----------
    start_s, duration_s : float
        Start on the clip's clock, to which `time` of the faces refers too, and length of the longer of pictures and
        sound, in s.
    faces, sound : Entry
        Entries of the kinds `faces` and `audio`.
    people : mapping of int to Entry
        Where everyone is followed: an entry of the kind `faces` for each person with enough faces, by number.
    """

    start_s: float
    duration_s: float
    faces: Entry
    sound: Entry
    people: Mapping[int, Entry] = field(default_factory=dict)


@dataclass(frozen=True)
class Finder:
    """How faces are found: by a `dlib.shape_predictor`, and everyone's if `everyone` is given."""

    landmarks: Any
    everyone: Everyone | None = None


def segments(
    path: Path, settings: Mapping[str, Any], finder: Finder, length_s: float, progress: Progress
) -> Iterator[Segment]:
    """Segments of `length_s` seconds of a clip; the last one may be shorter.

    What was decoded before a defect is kept, with the defect as the `reason` among its facts. If it is not enough, the
    modality has the status `undecodable` in this segment.

    Parameters
    ----------
    path : Path
    settings : mapping
        Sections `faces`, `audio` and `limits`. Faces or sound are not read, as if there were none, if their section is
        None.
    finder : Finder
    length_s : float
    progress : callable
    """
    videos = _faces(path, settings, finder, length_s, progress) if settings["faces"] else iter(())
    sounds = _sounds(path, settings, length_s) if settings["audio"] else iter(())
    last_faces, last_sound = Entry("", status=Status.NO_VIDEO), Entry("", status=Status.NO_AUDIO)
    people: Mapping[int, Entry] = {}
    for i, (faces, sound) in enumerate(zip_longest(videos, sounds)):
        lasts_s = 0.0 if sound is None else float(sound.facts.get("duration_s", 0.0))
        if faces is not None:
            last_faces, people, shown_s = faces
            lasts_s = max(lasts_s, shown_s)
        elif last_faces.status not in LASTING:
            last_faces, people = Entry("", status=Status.NO_FACE), {}  # the audio is longer than the video
        if sound is not None:
            last_sound = sound
        elif last_sound.status not in LASTING:
            last_sound = Entry("", status=Status.SHORT_AUDIO)
        yield Segment(i * length_s, lasts_s, last_faces, last_sound, people)


def _faces(
    path: Path, settings: Mapping[str, Any], finder: Finder, length_s: float, progress: Progress
) -> Iterator[tuple[Entry, Mapping[int, Entry], float]]:
    """Faces of each segment, those of each person, and how long its pictures last in s."""
    n, frames, finished = 0, None, _nobody
    try:
        frames, missing = _opened(partial(video_frames.read, path), decoding(settings))
        if frames is None:
            yield Entry("", status=Status.NO_VIDEO), {}, 0.0
            return
        search.check_size(path, frames.facts, settings["faces"]["upsample"])
        align = partial(search.align, predictor=finder.landmarks, settings=settings["faces"])
        detect = detector(settings["faces"].get("threshold", 0.0))
        new_search = partial(search.Search, settings["faces"], detect, align, finder.everyone)
        seen = partial(_seen, frames.facts, settings["faces"], finder.everyone)
        current = new_search()
        for frame in frames:
            while frame.time_s >= (n + 1) * length_s:
                yield *seen(current), length_s
                current, n = new_search(), n + 1
            current.see(frame)
            finished = partial(seen, current)
            progress(1)
        whole, people = seen(current)
        yield _short(path, whole, missing) if missing else whole, people, frames.facts.end_s - n * length_s
    except MediaError as error:
        whole, people = finished()
        entry = _until(path, error, whole)
        shown_s = frames.facts.end_s - n * length_s if frames else 0.0
        yield entry, people if entry.status == Status.OK else {}, shown_s


def _seen(
    facts: video_frames.VideoFacts, settings: Mapping[str, Any], everyone: Everyone | None, current: search.Search
) -> tuple[Entry, Mapping[int, Entry]]:
    """Faces that a search has kept, and those of each person who has enough of them."""
    whole = search.entry("", current, facts, settings)
    sightings = everyone.take() if everyone else {}
    people = {
        number: Entry("", search.arrays_of(kept), facts=whole.facts | {"n_kept": len(kept)})
        for number, kept in sightings.items()
        if len(kept) >= settings["min_frames"]
    }
    return whole, people


def _nobody() -> tuple[Entry, Mapping[int, Entry]]:
    return _nothing(), {}


def _sounds(path: Path, settings: Mapping[str, Any], length_s: float) -> Iterator[Entry]:
    """Audio of each segment."""
    rate_hz = settings["audio"]["rate_hz"]
    n, finished = round(length_s * rate_hz), _nothing
    try:
        sound, missing = _opened(partial(soundtrack.read, path, rate_hz), decoding(settings))
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
            finished = partial(_joined, make, held)
        if first or n_held:
            whole = make(np.concatenate(held))
            yield _short(path, whole, missing) if missing else whole
    except MediaError as error:
        yield _until(path, error, finished())


def _opened(read: Callable[[Any], Read | None], limits: Limits) -> tuple[Read | None, MediaError | None]:
    """Open a clip, and say what is missing of it if it is incomplete."""
    try:
        return read(limits), None
    except LengthError:
        raise
    except MediaError as error:
        try:
            return read(limits | {"min_decoded_fraction": 0}), error
        except MediaError:
            raise error from None


def _nothing() -> Entry:
    """Entry of a modality before anything of it is decoded."""
    return Entry("", status=Status.UNDECODABLE)


def _joined(make: Callable[[soundtrack.Floats], Entry], held: Sequence[soundtrack.Floats]) -> Entry:
    return make(np.concatenate(held))


def _until(path: Path, error: MediaError, decoded: Entry) -> Entry:
    """Entry of what was decoded before a defect, if that is enough to be judged."""
    enough = decoded.status == Status.OK and not isinstance(error, LengthError)
    return _short(path, decoded, error) if enough else _undecodable(path, error)


def _short(path: Path, decoded: Entry, error: MediaError) -> Entry:
    text = f"cut short or damaged, judged by what there is: {_text(path, error)}"
    return replace(decoded, facts=decoded.facts | {"reason": text})


def _sound_entry(samples: soundtrack.Floats, about: Mapping[str, Any], settings: Mapping[str, Any]) -> Entry:
    return waveform.entry("", soundtrack.limit_peaks(samples, about), settings)


def _undecodable(path: Path, error: MediaError) -> Entry:
    return Entry("", status=Status.UNDECODABLE, facts={"reason": _text(path, error)})


def _text(path: Path, error: MediaError) -> str:
    return str(error).removeprefix(f"{path}: ")
