"""The classifiers on kernels, given vectors whose inner products are the kernel: K = Z Z' is never formed.

Each is the classifier of the same name in `classifiers` on K. A test compares their decision values.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from emotiw.statistics import one_vs_rest
from emotiw.statistics.cross_validation import NONE
from emotiw.video.pls import KernelPLS, KernelRowPLS, Matrix, Path


class _OnVectors:
    """What differs between PLS on a kernel and on vectors: columns are values, not training sets."""

    n_components: int

    def _check(self, Z: Matrix) -> None:
        if not 1 <= self.n_components <= len(Z):
            raise ValueError(f"n_components={self.n_components} with {len(Z)} training sets; choose 1 to {len(Z)}")

    def _column_weights(self, X: Matrix, _root: Matrix, /) -> Matrix:
        return np.ones(X.shape[1])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.pairwise = False
        return tags


class VectorRowPLS(_OnVectors, KernelRowPLS):
    """`pls.KernelRowPLS` on vectors Z (n_sets, m).

    The rows of K = Z Z_train' have the inner products Z Z_train' Z_train Z'. With the QR decomposition Z_train = Q R,
    those of the rows of Z R' are the same, and PLS depends on them alone. Class weights scale the rows of Z_train, as
    they scale the columns of K.
    """

    def fit(self, Z: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Fit on vectors of the training sets (n_train, m); errors as of `KernelRowPLS`."""
        X = np.asarray(Z, dtype=np.float64)
        weighted = X if self.class_weight is None else X * np.sqrt(compute_sample_weight(self.class_weight, y))[:, None]
        self.rotation_ = np.asarray(np.linalg.qr(weighted, mode="r")).T
        return super().fit(X @ self.rotation_, y)

    def _centred(self, K: npt.ArrayLike) -> Matrix:
        return super()._centred(np.asarray(K) @ self.rotation_)


class VectorKernelPLS(_OnVectors, KernelPLS):
    """`pls.KernelPLS` on vectors Z (n_sets, m), centred on their mean."""

    def _centerer(self) -> TransformerMixin:
        return centring()

    def _size(self, Z: Matrix) -> float:
        return float(np.linalg.norm(Z.T @ Z))  # that of Z Z'

    def _path(self, K: Matrix, Y: Matrix, smallest: float) -> Path:
        of_sets, n_used = super()._path(_Gram(K), Y, smallest)  # type: ignore[arg-type]
        return np.einsum("nm,knq->kmq", K, of_sets, optimize=True), n_used


class _Gram:
    """Z Z' as a factor of products."""

    def __init__(self, Z: Matrix) -> None:
        self._vectors = Z

    def __matmul__(self, v: Matrix) -> Matrix:
        return np.asarray(self._vectors @ (self._vectors.T @ v))


def centring() -> TransformerMixin:
    """Unfitted transformer that centres vectors on the mean of the training sets."""
    return StandardScaler(with_std=False)


def svm(c: float, class_weights: str = NONE) -> BaseEstimator:
    """Unfitted support vector machine with the linear kernel of the vectors, as `classifiers.svm`."""
    return one_vs_rest.svm(c, kernel="linear", class_weights=class_weights)
