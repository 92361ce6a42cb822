"""The scatter matrix of frames that are too many to hold: a sum that is updated block by block."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Frames = npt.NDArray[np.floating[Any]]

LARGEST_BYTES = 1 << 29  # of the matrix: 8192 values of a frame in float64, 11,585 in float32


class SecondMoment:
    r"""Scatter matrix of frames x_i that are given once, block by block.

    .. math::
        S = \sum_i (x_i - \bar x)(x_i - \bar x)^T
          = \sum_i (x_i - s)(x_i - s)^T - n (\bar x - s)(\bar x - s)^T

    s is the mean of the first block, so that little cancels. Each block is a symmetric update of the lower triangle, so
    that memory depends on the number of values alone. The matrix is float64 if that takes at most `LARGEST_BYTES`,
    and float32 otherwise; variances by the latter differ by less than 1e-5 of the largest.

    Parameters
    ----------
    first : ndarray, shape (n_frames, n_features)
        The first block; it still has to be added.
    """

    def __init__(self, first: Frames) -> None:
        from scipy.linalg import blas  # noqa: PLC0415 - 0.3 s that a prediction does without

        n_features = first.shape[1]
        self.dtype = _dtype(n_features)
        self._shift = first.mean(axis=0, dtype=np.float64).astype(self.dtype)
        self._sum = np.zeros(n_features)
        self._lower = np.zeros((n_features, n_features), self.dtype, order="F")
        self._update, self._symmetric = blas.get_blas_funcs(("syrk", "symm"), (self._lower,))
        self.n = 0

    @staticmethod
    def fits(n_features: int) -> bool:
        """Whether the matrix of this many values takes at most `LARGEST_BYTES`."""
        return 4 * n_features**2 <= LARGEST_BYTES

    def add(self, block: Frames) -> None:
        """Add frames (n_frames, n_features)."""
        X = block.astype(self.dtype) - self._shift
        self.n += len(X)
        self._sum += X.sum(axis=0, dtype=np.float64)
        self._lower = self._update(1.0, X.T, beta=1.0, c=self._lower, lower=1, overwrite_c=1)

    def centred(self) -> Self:
        """Subtract the mean's share; no frame can be added after it."""
        offset = (self._sum / np.sqrt(self.n)).astype(self.dtype)[:, None]
        self._lower = self._update(-1.0, offset, beta=1.0, c=self._lower, lower=1, overwrite_c=1)
        return self

    @property
    def mean(self) -> Matrix:
        """Mean of the frames, (n_features,)."""
        return np.asarray(self._shift + self._sum / self.n)

    def product(self, Q: Matrix) -> Matrix:
        """S Q (n_features, k), for `centred` moments."""
        return np.asarray(self._symmetric(1.0, self._lower, np.asfortranarray(Q, self.dtype), lower=1), np.float64)

    def within(self, Q: Matrix) -> Matrix:
        """Q' S Q (k, k), for `centred` moments."""
        return np.asarray(Q.T @ self.product(Q))


def _dtype(n_features: int) -> type[np.float32 | np.float64]:
    return np.float64 if 8 * n_features**2 <= LARGEST_BYTES else np.float32
