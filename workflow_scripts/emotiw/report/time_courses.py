"""Class scores of a clip over time, short and coarse enough to be drawn."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
LEVELS = 255  # of a score that is kept in one byte


def shortened(course: Array, limit: int) -> Array:
    """Mean of consecutive frames, so that at most `limit` rows are left; every row is of equally many frames.

    Parameters
    ----------
    course : ndarray, shape (n_frames, n_classes)
        Scores of every frame.
    limit : int
        Most rows; the last row may be the mean of fewer frames.
    """
    n_together = max(1, -(-len(course) // limit))
    starts = np.arange(0, len(course), n_together)
    counts = np.diff(starts, append=len(course))
    sums = np.add.reduceat(course.astype(np.float64), starts, axis=0) if len(course) else course.astype(np.float64)
    return np.asarray(sums / counts[:, None], np.float64)


def quantised(scores: Array) -> npt.NDArray[np.uint8]:
    """Scores from 0 to 1 as whole numbers from 0 to `LEVELS`; the error is at most 1 / (2 `LEVELS`)."""
    return np.asarray(np.rint(np.clip(scores, 0, 1) * LEVELS), np.uint8)
