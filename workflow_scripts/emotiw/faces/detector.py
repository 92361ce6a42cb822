"""Detect faces in a frame with dlib's HOG detector: in the whole frame, or only near faces of the frame before.

`benchmarks/face_search.py` compares ways to search (`Manner`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from math import ceil, floor, log
from typing import Any

import dlib
import numpy as np

from emotiw.faces.tracking import Box, Face, Image, distinct, pairs

# dlib detects faces of 72 px in HOG cells of 8 px; each pyramid level is 5/6 as large as the previous one
SMALLEST_FACE = 72
CELL = 8
LEVEL = 6 / 5
SURE_SCORE = 0.5  # [ours]: faces with a lower score are not relied on

Detector = Callable[[Image, int], list[Face]]


@cache
def _hog() -> Any:
    return dlib.get_frontal_face_detector()


def detector(threshold: float = 0.0) -> Detector:
    """HOG detector of dlib for frontal faces: (picture, number of times to double it first) -> faces.

    Parameters
    ----------
    threshold : float
        Least score of a face; below 0 more faces are found, and more that are none.
    """

    def detect(image: Image, upsample: int) -> list[Face]:
        boxes, scores, _ = _hog().run(image, upsample, threshold)
        return [
            Face((box.left(), box.top(), box.right(), box.bottom()), score)
            for box, score in zip(boxes, scores, strict=True)
        ]

    return detect


def preload() -> None:
    """Load the detector, which every job needs and which takes dlib 0.5 s."""
    _hog()


@dataclass(frozen=True)
class Manner:
    """How pictures are searched: the settings `faces` of the same names.

    Attributes
    ----------
    upsample : int
        Number of times that dlib doubles the picture first.
    grey : bool
        Whether the mean of the colours is searched instead of the strongest gradient of the three.
    window_margin : float
        Margin of a window on each side of a known box, relative to the side of the box.
    window_levels : int
        A window is reduced until the known face is this many pyramid levels above the smallest face.
    max_width : int or None
        A whole frame is reduced to at most this many px; faces must then be larger to be found.
    """

    upsample: int = 0
    grey: bool = False
    window_margin: float = 0.5
    window_levels: int = 2
    max_width: int | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Manner":
        """Manner of the section `faces`; what the settings of an older bundle lack is as it was then."""
        return cls(**{field.name: settings[field.name] for field in fields(cls) if field.name in settings})


@dataclass(frozen=True)
class Window:
    """Part of a frame: left, top, right, bottom in px (the last two exclusive), and number of reductions by 5/6."""

    box: Box
    n_reductions: int

    @property
    def cost(self) -> float:
        """Number of pixels to search after the reductions."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top) / LEVEL ** (2 * self.n_reductions)


def search_whole(image: Image, detect: Detector, manner: Manner) -> list[Face]:
    """Faces in a whole frame, (height, width, 3)."""
    return _search(image, detect, _whole(image, manner), manner)


def search_near(
    image: Image, detect: Detector, near: Sequence[Face], sure: Sequence[Face], manner: Manner
) -> list[Face] | None:
    """Faces near the known ones; None if the whole frame must be searched.

    The whole frame must be searched if no face is known, if the windows hold more pixels than the frame, if no face
    reaches `SURE_SCORE`, or if a face of the frame before that reached it is not found again with that score.

    Parameters
    ----------
    image : ndarray, shape (height, width, 3)
    detect : callable
        From `detector`.
    near : sequence of Face
        Known faces; the windows around them are searched.
    sure : sequence of Face
        Those of them that were found in the frame before.
    manner : Manner
    """
    windows = [_window(image, face.box, manner) for face in near]
    if sum(window.cost for window in windows) >= _whole(image, manner).cost:
        return None
    faces = distinct(face for window in windows for face in _search(image, detect, window, manner))
    required = [face for face in sure if face.score >= SURE_SCORE]
    found_again = [face for face in faces if face.score >= SURE_SCORE]
    return faces if found_again and len(pairs(required, found_again)) == len(required) else None


def _whole(image: Image, manner: Manner) -> Window:
    height, width = image.shape[:2]
    excess = width / (manner.max_width or width)
    return Window((0, 0, width, height), max(0, ceil(log(excess, LEVEL))))


def _window(image: Image, box: Box, manner: Manner) -> Window:
    """Window around a box.

    It starts at a HOG cell of the pyramid level that holds the face, and is reduced as dlib reduces a picture. Boxes
    found in it therefore lie on the same lattice as those of the whole frame.
    """
    size = box[2] - box[0] + 1
    level = max(0, round(log(size / SMALLEST_FACE, LEVEL)))
    cell = CELL * LEVEL**level
    margin = manner.window_margin * size
    left, top = (round(max(0, floor((edge - margin) / cell)) * cell) for edge in box[:2])
    right, bottom = (int(edge + margin) for edge in box[2:])
    height, width = image.shape[:2]
    return Window((left, top, min(right, width), min(bottom, height)), max(0, level - manner.window_levels))


def _search(image: Image, detect: Detector, window: Window, manner: Manner) -> list[Face]:
    """Faces in a window; their boxes are in px of the frame."""
    left, top, right, bottom = window.box
    part = np.ascontiguousarray(image[top:bottom, left:right])
    if manner.grey:
        part = dlib.as_grayscale(part)
    for _ in range(window.n_reductions):
        height, width = part.shape[:2]
        part = dlib.resize_image(part, rows=height * 5 // 6, cols=width * 5 // 6)
    zoom, origin = LEVEL**window.n_reductions, (left, top, left, top)
    return [
        Face(tuple(round(zoom * edge) + start for edge, start in zip(face.box, origin, strict=True)), face.score)  # type: ignore[arg-type]
        for face in detect(part, manner.upsample)
    ]
