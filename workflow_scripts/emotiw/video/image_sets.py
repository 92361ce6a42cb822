"""Image sets: the frames of a clip as a linear subspace, a covariance matrix or a Gaussian, after PCA.

A set is a matrix F of shape (n_frames, d) with one frame per row; the paper writes frames as columns. Equation numbers
are those of Ding et al., "Audio and face video emotion recognition in the wild using deep neural networks and small
datasets", ICMI 2016.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError
from emotiw.video.eigenvectors import with_signs

Matrix = npt.NDArray[np.float64]
Frames = npt.NDArray[np.floating[Any]]

LARGEST = 1e145  # of a value; sums of its squares are finite
EPS = float(np.finfo(np.float64).eps)
# variance of a set whose frames are all equal, so that its logarithm exists; the paper does not mention this case
STILL_VARIANCE = 1e-12


def linear_subspace(F: Frames, rank: int) -> Matrix:
    r"""Orthonormal basis P of the linear subspace of a set, equation (2) of Ding et al.

    .. math::
        F F^T = P \Lambda P^T

    with frames as columns, as in the paper; here they are rows, so that F'F stands for the paper's FF'. P holds the r
    leading eigenvectors, Lambda their eigenvalues, which are the squared singular values of F. The mean is not removed.

    Parameters
    ----------
    F : ndarray, shape (n_frames, d)
        The image set.
    rank : int
        Wanted r; the result has min(rank, numerical rank of F) columns.

    Returns
    -------
    P : ndarray, shape (d, r)
        P' P = I; the largest entry of each column is positive.

    Raises
    ------
    FeatureError
        If there is no frame, or all frames are zero.
    """
    F = _checked(F, 1)
    _, s, Vt = np.linalg.svd(F, full_matrices=False)
    r = min(rank, int((s > s[0] * max(F.shape) * EPS).sum()))
    if not r:
        raise FeatureError(
            f"image set: its {len(F)} frames are zero; expected at least one direction; exclude the clip"
        )
    return with_signs(Vt[:r].T)


def covariance(F: Matrix) -> Matrix:
    r"""Covariance matrix of a set, equation (3) of Ding et al.

    .. math::
        C = \frac{1}{n - 1} \sum_{i=1}^{n} (f_i - \bar f)(f_i - \bar f)^T

    Parameters
    ----------
    F : ndarray of float64, shape (n, d)
        The image set: row i is the frame f_i; its mean is the paper's f-bar. n >= 2.

    Returns
    -------
    C : ndarray, shape (d, d)
        Symmetric and positive semidefinite.
    """
    X = F - F.mean(axis=0)
    return np.asarray(X.T @ X / (len(F) - 1))


def ridge(C: Matrix, regularisation: float) -> float:
    """Return lambda = regularisation * tr(C), which is added to every eigenvalue of C (Wang et al. 2012).

    The regularised matrix is C + lambda I: a set with n <= d frames has a singular C, which has no logarithm.
    """
    return max(regularisation * float(np.trace(C)), STILL_VARIANCE)


def gaussian_matrix(m: Matrix, S: Matrix) -> Matrix:
    r"""Gaussian N(m, S) as a symmetric positive definite matrix of determinant |S|, equation (4) of Ding et al.

    .. math::
        M = \begin{bmatrix} S + m m^T & m \\ m^T & 1 \end{bmatrix}

    Equation (5) divides it by its determinant's root, :math:`|S|^{-1/(d+1)} M`; `log_gaussian` does so to its
    logarithm, which neither overflows nor underflows.

    Parameters
    ----------
    m : ndarray, shape (d,)
        Mean of the set.
    S : ndarray, shape (d, d)
        Its regularised covariance matrix.

    Returns
    -------
    M : ndarray, shape (d + 1, d + 1)
    """
    m1 = np.append(m, 1.0)
    M = np.outer(m1, m1)
    M[:-1, :-1] += S
    return M


def logarithm(C: Matrix) -> Matrix:
    """Matrix logarithm of symmetric positive definite matrices: log C = U diag(log s) U' where C = U diag(s) U'.

    Parameters
    ----------
    C : ndarray, shape (..., d, d)
        Eigenvalues s below the rounding error, d * eps times the largest, are replaced by it.

    Raises
    ------
    FeatureError
        If a matrix has no positive eigenvalue.
    """
    eigenvalues, U = np.linalg.eigh(C)
    floor = eigenvalues[..., -1:] * C.shape[-1] * EPS
    if not (floor > 0).all():
        raise FeatureError(f"logarithm: largest eigenvalue {eigenvalues[..., -1].min():.3g}; expected it positive")
    return np.asarray((U * np.log(np.maximum(eigenvalues, floor))[..., None, :]) @ np.swapaxes(U, -1, -2))


def log_covariance(F: Frames, regularisation: float) -> Matrix:
    """Logarithm of the regularised covariance matrix of a set: log(C + lambda I), with C of equation (3).

    It is computed in the span of the frames, which is faster where there are fewer frames than dimensions and equal
    otherwise. With Q (d, k) an orthonormal basis of the span and C_Q = Q' C Q, the covariance of the coordinates
    F Q: log(C + lambda I) = Q log(C_Q + lambda I) Q' + log(lambda) (I - Q Q'), and tr(C_Q) = tr(C).

    Parameters
    ----------
    F : ndarray, shape (n_frames, d)
        The image set, n_frames >= 2.
    regularisation : float
        lambda as a share of the trace, see `ridge`.

    Returns
    -------
    ndarray, shape (d, d)
        Symmetric.

    Raises
    ------
    FeatureError
        If there are fewer than two frames.
    """
    Q, A = _span(_checked(F, 2))
    C = covariance(A)
    added = ridge(C, regularisation)
    return _lifted(logarithm(C + added * np.eye(len(C))), Q, np.log(added))


def log_gaussian(F: Frames, regularisation: float) -> Matrix:
    r"""Logarithm of the Gaussian N(m, S) of a set, embedded by equations (4) and (5) of Ding et al.

    .. math::
        \log\left( |S|^{-\frac{1}{d+1}} \begin{bmatrix} S + m m^T & m \\ m^T & 1 \end{bmatrix} \right)
        = \log M - \frac{\log |S|}{d + 1} I

    m is the mean of the frames, S = C + lambda I their regularised covariance matrix, M the matrix of
    `gaussian_matrix`. As in `log_covariance`, log M is computed in the span of the frames (and the last axis), and
    log |S| = log |C_Q + lambda I| + (d - k) log lambda.

    Parameters
    ----------
    F : ndarray, shape (n_frames, d)
        The image set, n_frames >= 2.
    regularisation : float
        lambda as a share of the trace of C, see `ridge`.

    Returns
    -------
    ndarray, shape (d + 1, d + 1)
        Symmetric, of trace 0: the embedding has determinant 1.

    Raises
    ------
    FeatureError
        If there are fewer than two frames.
    """
    Q, A = _span(_checked(F, 2))
    d, k = Q.shape
    C = covariance(A)
    added = ridge(C, regularisation)
    S = C + added * np.eye(k)
    log_determinant = np.linalg.slogdet(S)[1] + (d - k) * np.log(added)
    Q1 = np.zeros((d + 1, k + 1))
    Q1[:d, :k] = Q
    Q1[d, k] = 1
    L = _lifted(logarithm(gaussian_matrix(A.mean(axis=0), S)), Q1, np.log(added))
    return np.asarray(L - log_determinant / (d + 1) * np.eye(d + 1))


def _checked(F: Frames, n_min: int) -> Matrix:
    if len(F) < n_min:
        raise FeatureError(
            f"image set: {len(F)} frames; expected at least {n_min}; exclude the clip (faces.min_frames)"
        )
    checked = np.asarray(F, dtype=np.float64)
    if np.abs(checked).max() > LARGEST:
        raise FeatureError(f"image set: values beyond {LARGEST:g}, whose squares no float64 holds; check the features")
    return checked


def _span(F: Matrix) -> tuple[Matrix, Matrix]:
    """Orthonormal basis Q (d, k) of the frames, and their coordinates (n_frames, k)."""
    Q, R = np.linalg.qr(F.T)
    return Q, R.T


def _lifted(L: Matrix, Q: Matrix, elsewhere: float) -> Matrix:
    """Q L Q' + elsewhere (I - Q Q')."""
    M = Q @ (L - elsewhere * np.eye(len(L))) @ Q.T
    return np.asarray((M + M.T) / 2 + elsewhere * np.eye(len(Q)))
