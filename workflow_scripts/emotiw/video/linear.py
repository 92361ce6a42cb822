"""Fitted classifiers as affine functions of kernels, which are all that a prediction needs of them."""

from dataclasses import dataclass

import numpy as np

from emotiw.video.image_sets import Matrix


@dataclass(frozen=True)
class Linear:
    """A fitted classifier as an affine function of a row k (n_train,) of a kernel: decision values k W + b.

    Attributes
    ----------
    coefficients : ndarray, shape (n_train, n_classes)
        W.
    intercept : ndarray, shape (n_classes,)
        b.
    """

    coefficients: Matrix
    intercept: Matrix

    def decision_values(self, K: Matrix) -> Matrix:
        """Decision values (n_sets, n_classes) for a kernel (n_sets, n_train)."""
        return np.asarray(K @ self.coefficients + self.intercept)
