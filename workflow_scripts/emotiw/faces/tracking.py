"""Link the faces of consecutive frames, and choose the face that is kept of each frame.

`Largest` keeps the largest face of each frame. `Longest` tracks every face and keeps the one that is in most frames.
Both give the faces around which the next frame is searched first (`near`), and those of them that must be found there
(`sure`); otherwise the whole frame is searched. In this module, "frame" means a searched frame.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]

SAME_FACE = 0.3  # intersection over union at which two boxes show the same face [ours]
MAX_GAP = 5  # number of frames in a row that may lack the face of a track [ours]


@dataclass(frozen=True)
class Face:
    """A detected face: left, top, right, bottom in px of the frame (the last two inclusive), and dlib's score."""

    box: Box
    score: float

    @property
    def area(self) -> int:
        """Pixels in the box."""
        left, top, right, bottom = self.box
        return (right - left + 1) * (bottom - top + 1)


@dataclass(frozen=True)
class Sighting:
    """A face in one frame of a clip: the frame's position and time in s, the aligned chip, landmarks (x, y) in px."""

    face: Face
    index: int
    time_s: float
    chip: Image
    landmarks: Sequence[tuple[int, int]]


Describe = Callable[[Face], Sighting]


class FaceSelector(Protocol):
    """A rule that chooses at most one face of each frame."""

    @property
    def near(self) -> Sequence[Face]:
        """Faces whose surroundings are searched first in the next frame."""

    @property
    def sure(self) -> Sequence[Face]:
        """Those of `near` that were in the last frame, and must be found again."""

    @property
    def kept(self) -> Sequence[Sighting]:
        """The face kept of each frame that has one."""

    def see(self, faces: Sequence[Face], describe: Describe) -> None:
        """Add the faces of the next frame; `describe` aligns one of them."""

    def cut(self) -> None:
        """Forget the positions of faces, because a new scene begins."""


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes whose right and lower edges are inclusive."""
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    common = max(0, width) * max(0, height)
    return common / (Face(a, 0).area + Face(b, 0).area - common)


def distinct(faces: Iterable[Face]) -> list[Face]:
    """Faces without those that overlap one of a higher score, sorted by box."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: (-face.score, face.box)):
        if all(overlap(face.box, other.box) < SAME_FACE for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda face: face.box)


def largest(faces: Sequence[Face]) -> Face:
    """Face with the largest area; on a tie the leftmost, then the topmost."""
    return min(faces, key=lambda face: (-face.area, face.box))


def pairs(known: Sequence[Face], found: Sequence[Face]) -> dict[int, int]:
    """Index in `found` -> index in `known` of the same face; the largest overlaps are matched first, each face once."""
    overlaps = [
        (overlap(a.box, b.box), i, j) for i, a in enumerate(known) for j, b in enumerate(found)
    ]  # one frame holds a handful of faces
    known_of_found: dict[int, int] = {}
    taken: set[int] = set()
    for value, i, j in sorted(overlaps, key=lambda item: (-item[0], *item[1:])):
        if value >= SAME_FACE and j not in known_of_found and i not in taken:
            known_of_found[j] = i
            taken.add(i)
    return known_of_found


class Largest:
    """Keep the largest face of each frame; the next frame is searched around it."""

    def __init__(self) -> None:
        self._last: list[Face] = []
        self._kept: list[Sighting] = []

    @property
    def near(self) -> list[Face]:
        """The face kept of the last frame."""
        return self._last

    @property
    def sure(self) -> list[Face]:
        """The face kept of the last frame."""
        return self._last

    @property
    def kept(self) -> list[Sighting]:
        """The largest face of each frame that has one."""
        return self._kept

    def see(self, faces: Sequence[Face], describe: Describe) -> None:
        """Keep the largest of `faces`."""
        self._last = [largest(faces)] if faces else []
        self._kept += map(describe, self._last)

    def cut(self) -> None:
        """Forget the last face."""
        self._last = []


@dataclass(eq=False)
class Track:
    """Sightings of one face, and the number of the frame (counted by `Longest`) of the last one."""

    seen: int
    sightings: list[Sighting] = field(default_factory=list)

    @property
    def last(self) -> Face:
        """The face in its last sighting."""
        return self.sightings[-1].face

    @property
    def rank(self) -> tuple[float, float, int, Box]:
        """Sort key, smallest for the face to keep: most frames, largest mean area, earliest, leftmost."""
        first = self.sightings[0]
        areas = [sighting.face.area for sighting in self.sightings]
        return -len(areas), -sum(areas) / len(areas), first.index, first.face.box


class Longest:
    """Track every face, and keep the one that is in most frames.

    A face belongs to the track whose last box it overlaps most, if the overlap is at least `SAME_FACE`. A track ends at
    a cut, or when more than `MAX_GAP` frames in a row lack its face. Of the ended tracks only the best one is kept, so
    that memory grows with the faces of a frame and not with those of the clip.
    """

    def __init__(self) -> None:
        self._n = 0
        self._active: list[Track] = []
        self._ended: Track | None = None

    @property
    def near(self) -> list[Face]:
        """Last sighting of each active track."""
        return [track.last for track in self._active]

    @property
    def sure(self) -> list[Face]:
        """Faces of the last frame."""
        return [track.last for track in self._active if track.seen == self._n]

    @property
    def kept(self) -> list[Sighting]:
        """Sightings of the face that is in most frames so far."""
        tracks = [*self._active, *([self._ended] if self._ended else [])]
        return min(tracks, key=lambda track: track.rank).sightings if tracks else []

    def see(self, faces: Sequence[Face], describe: Describe) -> None:
        """Add each of `faces` to its track, or start a new track with it."""
        self._n += 1
        self._end(track for track in self._active if self._n - track.seen > MAX_GAP + 1)
        known = pairs(self.near, faces)
        followed = list(self._active)
        for j, face in enumerate(faces):
            track = followed[known[j]] if j in known else Track(self._n)
            if j not in known:
                self._active.append(track)
            track.seen = self._n
            track.sightings.append(describe(face))

    def cut(self) -> None:
        """End all tracks."""
        self._end(self._active)

    def _end(self, tracks: Iterable[Track]) -> None:
        ended = list(tracks)
        if ended:
            self._active = [track for track in self._active if track not in ended]
            self._ended = min([*ended, *([self._ended] if self._ended else [])], key=lambda track: track.rank)


SELECTORS: dict[str, Callable[[], FaceSelector]] = {"largest": Largest, "longest": Longest}


def evenly_spaced(times: npt.NDArray[np.float64], n: int) -> list[int]:
    """Choose at most `n` of the `times`: the indices of those nearest to evenly spaced times, each once, in order.

    There are fewer than `n` if the clip has no faces for some time.
    """
    wanted = np.linspace(times.min(), times.max(), n)
    return sorted({int(np.abs(times - time).argmin()) for time in wanted})
