"""Every person of a clip judged alone, and the voice given to the one whose mouth moves with it, or to none."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from emotiw.audio.sound import RATE_HZ
from emotiw.core.status import Status
from emotiw.jobs.store import Arrays, Entry
from emotiw.prediction import voices
from emotiw.prediction.prediction import Chip, Floats, SegmentPrediction, Timeline
from emotiw.prediction.segments import Segment

SHORTEST_S = 1.0  # a face that is followed for less is left out: often it is none [ours]
NOT_GIVEN = "not_given"  # status of the voice of a person whom it is not given to

Heard = tuple[str, dict[str, Arrays]]  # status of the sound, and the frames of each of its features


@dataclass(frozen=True)
class Piece:
    """A part of a clip as it was judged: its prediction, its timeline, and times in s and faces for a picture."""

    part: SegmentPrediction
    timeline: Timeline
    strip: list[tuple[float, Chip]]


Hear = Callable[[Entry], Heard]
Judge = Callable[[Segment, Entry, Sequence[Heard]], list[Piece]]  # one piece for each of the sounds


@dataclass
class _Person:
    """What is known of a person: pieces with the voice and without it, and movements of the mouth with the loudness."""

    with_voice: list[Piece] = field(default_factory=list)
    alone: list[Piece] = field(default_factory=list)
    moved: list[Floats] = field(default_factory=list)
    loud: list[Floats] = field(default_factory=list)
    seen_s: float = 0.0

    @property
    def n_faces(self) -> int:
        return sum(piece.part.n_faces for piece in self.alone)

    @property
    def match(self) -> voices.Match:
        """Agreement of the mouth with the sound."""
        return voices.match(np.concatenate([*self.moved, np.empty(0)]), np.concatenate([*self.loud, np.empty(0)]))


def judged(found: Iterable[Segment], hear: Hear, judge: Judge) -> list[tuple[list[Piece], str]]:
    """Pieces of each person, the one with most faces first, and a note on the voice.

    People who are followed for less than `SHORTEST_S` are left out, unless nobody is followed for longer. A clip
    without a person has one result, which the voice decides.

    Parameters
    ----------
    found : iterable of Segment
        Segments of the clip with `people`.
    hear : callable
        Entry of kind `audio` -> status and features of the sound.
    judge : callable
        (segment, faces of a person, sounds) -> one piece for each of the sounds.
    """
    cast: dict[int, _Person] = {}
    nobody = []
    for segment in found:
        heard = hear(segment.sound)
        if not segment.people:
            nobody += judge(segment, segment.faces, [heard])
        unheard: Heard = (NOT_GIVEN if heard[0] == Status.OK else heard[0], {})
        for number, faces in segment.people.items():
            person = cast.setdefault(number, _Person())
            with_voice, alone = judge(segment, faces, [heard, unheard])
            person.with_voice.append(with_voice)
            person.alone.append(alone)
            person.seen_s += float(np.ptp(faces.arrays["time"]))
            if heard[0] == Status.OK:
                moved, loud = courses(faces, segment)
                person.moved.append(moved)
                person.loud.append(loud)
    if not cast:
        return [(nobody, "")]
    longest = sorted(cast, key=lambda number: (-cast[number].n_faces, number))
    people = [number for number in longest if cast[number].seen_s >= SHORTEST_S] or longest[:1]
    return _given({i: cast[number] for i, number in enumerate(people, start=1)})


def courses(faces: Entry, segment: Segment) -> tuple[Floats, Floats]:
    """Movements (n,) of a person's mouth in a segment, and the loudness (n,) at the same times, as far as both last."""
    times = faces.arrays["time"] - segment.start_s
    waveform = segment.sound.arrays["waveform"]
    between = (times[1:] + times[:-1]) / 2
    inside = between < len(waveform) / RATE_HZ
    return voices.movement(faces.arrays["chips"])[inside], voices.loudness(waveform, RATE_HZ, between)[inside]


def _given(people: dict[int, _Person]) -> list[tuple[list[Piece], str]]:
    """Give the voice to one of the people, numbered from 1, or to none."""
    heard = any(person.loud for person in people.values())
    matches = {number: person.match for number, person in people.items()} if heard else {}
    speaker = voices.speaker(matches)
    if speaker is None:
        note = "the voice is given to no person: no mouth moves with it beyond chance" if heard else ""
    else:
        found = matches[speaker]
        note = (
            f"the voice is given to person {speaker}, whose mouth moves with it"
            f" (correlation {found.correlation:.2f}, p = {found.p:.2f})"
        )
    return [(person.with_voice if number == speaker else person.alone, note) for number, person in people.items()]
