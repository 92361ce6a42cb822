"""Find, follow and align the largest face of every frame, with dlib."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from math import floor, log
from pathlib import Path
from typing import Any

import dlib
import numpy as np
import numpy.typing as npt

from emotiw import media
from emotiw.errors import MediaError
from emotiw.status import Status
from emotiw.store import Arrays, Entry

Image = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]

# dlib's detector sees faces of 72 px in HOG cells of 8 px; each level of its pyramid is 5/6 of the one before
SMALLEST_FACE = 72
CELL = 8
LEVEL = 6 / 5
# [ours]: a score below this sends the search back to the whole frame; the window reaches half a face beyond the last
# box on each side, and shrinks until that face is two levels above the smallest
TRACK_SCORE = 0.5
TRACK_MARGIN = 0.5
TRACK_LEVELS = 2
MAX_UPSAMPLED_PIXELS = 1 << 26


@dataclass(frozen=True)
class Face:
    """A detected face: left, top, right, bottom in px of the whole frame (the last two inclusive), and dlib's score."""

    box: Box
    score: float

    @property
    def area(self) -> int:
        """Pixels in the box."""
        left, top, right, bottom = self.box
        return (right - left + 1) * (bottom - top + 1)


@dataclass
class Track:
    """The faces of one clip, in the order of time: kept frames only, and counts over all of them."""

    chips: list[Image] = field(default_factory=list)
    landmarks: list[list[tuple[int, int]]] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)
    n_searched: int = 0
    n_searched_whole: int = 0
    n_faces_max: int = 0

    @property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Datasets of kind `faces`."""
        return {
            "chips": np.array(self.chips, np.uint8),
            "time": np.array(self.times, np.float64),
            "frame": np.array(self.indices, np.int32),
            "box": np.array([face.box for face in self.faces], np.int32),
            "score": np.array([face.score for face in self.faces], np.float32),
            "landmarks": np.array(self.landmarks, np.float32),
        }

    @property
    def facts(self) -> dict[str, Any]:
        """Counts of frames searched (in all, in whole, with a face) and the most faces seen in one."""
        n_detected = len(self.chips)
        return {
            "n_searched": self.n_searched,
            "n_searched_whole": self.n_searched_whole,
            "n_detected": n_detected,
            "detected_fraction": n_detected / self.n_searched if self.n_searched else 0.0,
            "n_faces_max": self.n_faces_max,
        }


Detector = Callable[[Image, int], list[Face]]


@cache
def detector() -> Detector:
    """Return dlib's HOG detector of frontal faces: (picture, times to double it first) -> faces."""
    hog = dlib.get_frontal_face_detector()

    def detect(image: Image, upsample: int) -> list[Face]:
        boxes, scores, _ = hog.run(image, upsample)
        return [
            Face((box.left(), box.top(), box.right(), box.bottom()), score)
            for box, score in zip(boxes, scores, strict=True)
        ]

    return detect


def entries(
    paths: Sequence[Path], clips: Sequence[Sequence[str]], settings: Mapping[str, Any], predictor: Any
) -> Iterator[Entry]:
    """Entries of kind `faces` of the clips [id, sha256] at `paths`.

    Parameters
    ----------
    paths, clips : sequence
        Media files, and the id and SHA-256 of each.
    settings : mapping
        Sections `faces` and `limits`, and `on_defect`.
    predictor : dlib.shape_predictor
        Of five landmarks.

    Raises
    ------
    MediaError
        If a clip is not what its hash says, or is defective and `on_defect` is "fail".
    """
    detect = detector()
    for path, (clip, sha256) in zip(paths, clips, strict=True):
        media.check_hash(path, sha256, clip)
        make = partial(_entry, clip, path, settings, partial(track, detect=detect, predictor=predictor))
        yield media.guarded(clip, path, settings["on_defect"], make)


def track(frames: Iterable[media.Frame], detect: Detector, predictor: Any, settings: Mapping[str, Any]) -> Track:
    """Follow the largest face through the frames of a clip.

    The whole frame is searched first; afterwards the surroundings of the last face, and in the same frame the whole of
    it where the face is not found there (as after a cut) or its score is low. A frame without a face is skipped: no
    box is taken from another frame.

    Parameters
    ----------
    frames : iterable of Frame
    detect : callable
        From `detector`.
    predictor : callable
        (picture, dlib.rectangle) -> dlib.full_object_detection of five landmarks.
    settings : mapping
        Section `faces`.
    """
    found, last = Track(), None
    for frame in frames:
        if frame.index % settings["frame_step"]:
            continue
        faces, whole = search(frame.image, detect, last, settings)
        found.n_searched += 1
        found.n_searched_whole += whole
        found.n_faces_max = max(found.n_faces_max, len(faces))
        last = largest(faces) if faces else None
        if last is not None:
            chip, points = align(frame.image, last, predictor, settings)
            found.chips.append(chip)
            found.landmarks.append(points)
            found.faces.append(last)
            found.times.append(frame.time_s)
            found.indices.append(frame.index)
    return found


def frame_entries(faces: Iterable[Entry], describe: Callable[[Image], npt.NDArray[np.float32]]) -> Iterator[Entry]:
    """Entries of kind `frame_features` of entries of kind `faces`, (n, height, width, 3) -> (n, n_features).

    A clip without faces keeps its status and has no features.
    """
    for entry in faces:
        arrays: Arrays = {}
        if entry.status == Status.OK:
            arrays = {"features": describe(entry.arrays["chips"]), "time": entry.arrays["time"]}
        yield Entry(entry.name, arrays, entry.status, entry.facts)


def clip_entries(faces: Iterable[Entry], describe: Callable[[Image], npt.NDArray[np.float32]]) -> Iterator[Entry]:
    """Entries of kind `clip_features` of entries of kind `faces`, (n, height, width, 3) -> (n_features,)."""
    for entry in frame_entries(faces, describe):
        yield replace(entry, arrays={name: values for name, values in entry.arrays.items() if name == "features"})


def search(image: Image, detect: Detector, last: Face | None, settings: Mapping[str, Any]) -> tuple[list[Face], bool]:
    """Faces of a frame, and whether the whole of it was searched rather than the surroundings of the `last` face."""
    upsample = settings["upsample"]
    if settings["track"] and last is not None:
        near = _search_window(image, detect, last.box, upsample)
        if near and largest(near).score >= TRACK_SCORE:
            return near, False
    return detect(image, upsample), True


def largest(faces: Sequence[Face]) -> Face:
    """Return the face of the largest area; of equal ones the leftmost, then the topmost."""
    return min(faces, key=lambda face: (-face.area, face.box))


def align(image: Image, face: Face, predictor: Any, settings: Mapping[str, Any]) -> tuple[Image, list[tuple[int, int]]]:
    """Turn the face upright and crop it: (chip_size, chip_size, 3), and its landmarks (x, y) in px of the frame."""
    shape = predictor(image, dlib.rectangle(*face.box))
    chip = dlib.get_face_chip(image, shape, size=settings["chip_size"], padding=settings["chip_padding"])
    return chip, [(point.x, point.y) for point in shape.parts()]


def _search_window(image: Image, detect: Detector, box: Box, upsample: int) -> list[Face]:
    """Faces near `box`, in px of the frame.

    The window begins at a HOG cell of the pyramid level that holds the face, and is reduced as dlib reduces a
    picture, so that the boxes lie on the same lattice as those of the whole frame.
    """
    size = box[2] - box[0] + 1
    level = max(0, round(log(size / SMALLEST_FACE, LEVEL)))
    cell = CELL * LEVEL**level
    margin = TRACK_MARGIN * size
    left, top = (round(max(0, floor((edge - margin) / cell)) * cell) for edge in box[:2])
    right, bottom = (int(edge + margin) for edge in box[2:])
    window = np.ascontiguousarray(image[top:bottom, left:right])
    n_reductions = max(0, level - TRACK_LEVELS)
    for _ in range(n_reductions):
        height, width = window.shape[:2]
        window = dlib.resize_image(window, rows=height * 5 // 6, cols=width * 5 // 6)
    zoom, origin = LEVEL**n_reductions, (left, top, left, top)
    return [
        Face(tuple(round(zoom * edge) + start for edge, start in zip(face.box, origin, strict=True)), face.score)  # type: ignore[arg-type]
        for face in detect(window, upsample)
    ]


def _entry(clip: str, path: Path, settings: Mapping[str, Any], follow: Callable[..., Track]) -> Entry:
    frames = media.frames(path, settings["limits"])
    if frames is None:
        return Entry(clip, status=Status.NO_VIDEO)
    _check_size(path, frames.facts, settings["faces"]["upsample"])
    found = follow(frames, settings=settings["faces"])
    facts = asdict(frames.facts) | found.facts
    if not found.chips:
        return Entry(clip, status=Status.NO_FACE, facts=facts)
    if len(found.chips) < settings["faces"]["min_frames"]:
        return Entry(clip, status=Status.FEW_FACES, facts=facts)
    return Entry(clip, found.arrays, facts=facts)


def _check_size(path: Path, facts: media.VideoFacts, upsample: int) -> None:
    """Refuse frames that would exhaust the memory once they are enlarged."""
    pixels = facts.width * facts.height << 2 * upsample
    if pixels > MAX_UPSAMPLED_PIXELS:
        raise MediaError(
            f"{path}: frames of {facts.width} x {facts.height} px have {pixels} px when doubled {upsample} times,"
            f" expected at most {MAX_UPSAMPLED_PIXELS}; lower faces.upsample or scale the clip down"
        )
