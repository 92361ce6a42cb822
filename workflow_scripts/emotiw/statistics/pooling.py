"""Pooled statistics of a clip's frames, and linear classifiers of them.

With x_t the values of frame t of a clip of T frames::

    v = [m; s],  m = 1/T sum_t x_t,  s^2 = 1/T sum_t (x_t - m)^2      `pooled`
    f(v) = ((v - mean) / scale) W + b                                 `PooledLinear`

Mean and deviation are taken value by value. Frames of faces and of sound are pooled alike.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError

Floats = npt.NDArray[np.float64]


def pooled(frames: npt.NDArray[np.floating[Any]]) -> Floats:
    """Mean and population standard deviation of each value of a clip's frames.

    Parameters
    ----------
    frames : ndarray, shape (n_frames, n_values)

    Returns
    -------
    ndarray, shape (2 * n_values,)
        float64; the means, then the deviations. A value that is the same in all frames has the deviation 0 exactly.

    Raises
    ------
    FeatureError
        If there is no frame.
    """
    if not len(frames):
        raise FeatureError("pooled statistics: no frame, expected at least one; leave the clip out")
    constant = frames.min(axis=0) == frames.max(axis=0)
    x = frames.astype(np.float64)
    # the rounded mean of equal numbers may differ from them, which would leave a deviation near 1e-17
    means, deviations = np.where(constant, x[0], x.mean(axis=0)), np.where(constant, 0.0, x.std(axis=0))
    return np.concatenate([means, deviations])


@dataclass(frozen=True)
class PooledLinear:
    """A linear classifier of standardised vectors, one a clip.

    Attributes
    ----------
    mean, scale : ndarray, shape (n,)
        Standardisation, fitted on the training clips; the scale of a value that was constant there is 1.
    coefficients : ndarray, shape (n, n_classes)
        W; 0 for a value that was constant.
    intercept : ndarray, shape (n_classes,)
        b.
    """

    mean: Floats
    scale: Floats
    coefficients: Floats
    intercept: Floats

    def decision_values(self, vectors: Floats) -> Floats:
        """Decision values (n_clips, n_classes) of vectors (n_clips, n)."""
        return np.asarray((vectors - self.mean) / self.scale @ self.coefficients + self.intercept)
