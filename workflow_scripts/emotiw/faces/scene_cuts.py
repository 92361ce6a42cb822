"""Detect cuts between scenes from the change of the picture between consecutive frames."""

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Thumbnail = npt.NDArray[np.float64]

ROWS, COLUMNS, CELL = 12, 16, 4  # cells of a thumbnail; pixels sampled in a cell along each axis
NOISE = 1.0  # variance (grey levels squared) added to the denominator, so that uniform pictures show no cut
# [ours]: frames that differ by at least this belong to different scenes. Measured: at most 0.02 within clips of people
# who speak to a fixed camera, at least 0.56 between such clips of different corpora, and 0.1 to 0.2 if the camera pans
# by a twentieth of the width in a frame. Too low a value only costs time and splits tracks.
CUT = 0.3
# [ours]: a frame is black if no cell is brighter than this grey level. Frames before the first picture of the Javanese
# clips are 0; compression adds a few levels of noise.
BLACK = 8.0


class CutDetector:
    """Detector that is called with the frames of a clip in order.

    Black frames belong to no scene: the frames before and after them are compared.

    Attributes
    ----------
    is_black, in_gap : bool
        Whether the last frame was black, and whether there was a picture before it.
    """

    def __init__(self) -> None:
        self._last: Thumbnail | None = None
        self.is_black = self.in_gap = False

    def __call__(self, image: Image) -> bool:
        """Whether a new scene begins with `image`, (height, width, 3)."""
        small = thumbnail(image)
        self.is_black = bool(small.max() <= BLACK)
        self.in_gap = self.is_black and self._last is not None
        if self.is_black:
            return False
        last, self._last = self._last, small
        return last is not None and change(last, small) >= CUT


def thumbnail(image: Image) -> Thumbnail:
    """Thumbnail (ROWS, COLUMNS): mean green level of CELL x CELL samples in each cell of a regular grid."""
    height, width = image.shape[:2]
    rows = (np.arange(ROWS * CELL) + 0.5) * height / (ROWS * CELL)
    columns = (np.arange(COLUMNS * CELL) + 0.5) * width / (COLUMNS * CELL)
    samples = image[rows.astype(int)[:, None], columns.astype(int), 1]
    means: Thumbnail = samples.reshape(ROWS, CELL, COLUMNS, CELL).mean(axis=(1, 3))
    return means


def change(a: Thumbnail, b: Thumbnail) -> float:
    """Variance of the difference of two thumbnails, divided by the sum of their variances.

    It is 0 for equal pictures, also if the brightness differs, about 1 for unrelated ones, and 2 for a picture and its
    negative.
    """
    difference = float(np.var(a - b))
    return difference / (float(np.var(a) + np.var(b)) + NOISE)
