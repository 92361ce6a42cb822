"""The sign convention of eigenvectors."""

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]


def with_signs(P: Matrix) -> Matrix:
    """Columns of P with the entry of largest magnitude positive, because eigenvectors come with either sign."""
    return np.asarray(P * np.sign(P[np.abs(P).argmax(axis=0), np.arange(P.shape[1])]))
