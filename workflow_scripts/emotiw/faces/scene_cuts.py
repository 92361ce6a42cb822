"""Cuts between the scenes of a clip, from how much the picture changes between consecutive frames."""

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Thumbnail = npt.NDArray[np.float64]

ROWS, COLUMNS, CELL = 12, 16, 4  # of a thumbnail; pixels sampled in each of its cells, along an axis
NOISE = 1.0  # variance in grey levels squared below which a picture is taken for even
# [ours]: change between consecutive frames from which they belong to different scenes. Measured: at most 0.02 within
# clips of people who speak to a camera that stands still, at least 0.56 between such clips of different corpora; 0.1 to
# 0.2 where a camera pans by a twentieth of the width a frame. Too low a value costs time and parts tracks, no more.
CUT = 0.3


class CutCue:
    """Tells of each frame of a clip whether a scene begins with it."""

    def __init__(self) -> None:
        self._last: Thumbnail | None = None

    def __call__(self, image: Image) -> bool:
        """Whether `image`, (height, width, 3), begins another scene than the image before."""
        small = thumbnail(image)
        last, self._last = self._last, small
        return last is not None and change(last, small) >= CUT


def thumbnail(image: Image) -> Thumbnail:
    """Means of the green of every CELL x CELL samples on a regular grid, (ROWS, COLUMNS); a twentieth of a ms."""
    height, width = image.shape[:2]
    rows = (np.arange(ROWS * CELL) + 0.5) * height / (ROWS * CELL)
    columns = (np.arange(COLUMNS * CELL) + 0.5) * width / (COLUMNS * CELL)
    samples = image[rows.astype(int)[:, None], columns.astype(int), 1]
    means: Thumbnail = samples.reshape(ROWS, CELL, COLUMNS, CELL).mean(axis=(1, 3))
    return means


def change(a: Thumbnail, b: Thumbnail) -> float:
    """Mean squared difference of two thumbnails without their means, over the sum of their variances.

    It is 0 for the same picture, also in another light, 1 for unrelated ones, 2 for a picture and its negative.
    """
    difference = float(np.var(a - b))
    return difference / (float(np.var(a) + np.var(b)) + NOISE)
