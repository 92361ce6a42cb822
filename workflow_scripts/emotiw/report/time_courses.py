"""Class posteriors of a clip over time, reduced for the report: fewer rows, and one byte for each value."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
LEVELS = 255  # largest value of a score that is stored in one byte


def shortened(course: Array, limit: int) -> Array:
    """Means of groups of consecutive frames, so that there are at most `limit` rows.

    Parameters
    ----------
    course : ndarray, shape (n_frames, n_classes)
        Scores of every frame.
    limit : int
        Largest number of rows. All rows are means of equally many frames, except that the last may have fewer.
    """
    n_together = max(1, -(-len(course) // limit))
    starts = np.arange(0, len(course), n_together)
    counts = np.diff(starts, append=len(course))
    sums = np.add.reduceat(course.astype(np.float64), starts, axis=0) if len(course) else course.astype(np.float64)
    return np.asarray(sums / counts[:, None], np.float64)


def quantised(scores: Array) -> npt.NDArray[np.uint8]:
    """Scores from 0 to 1 as whole numbers from 0 to `LEVELS`; the rounding error is at most 1 / (2 `LEVELS`)."""
    return np.asarray(np.rint(np.clip(scores, 0, 1) * LEVELS), np.uint8)
