"""Image sets: the frames of a clip as a linear subspace, a covariance matrix or a Gaussian, after PCA.

A set is a matrix F of shape (n_frames, d) with one frame per row; the paper writes frames as columns. Equation numbers
are those of Ding et al., "Audio and face video emotion recognition in the wild using deep neural networks and small
datasets", ICMI 2016.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError

Matrix = npt.NDArray[np.float64]
Frames = npt.NDArray[np.floating[Any]]

EPS = float(np.finfo(np.float64).eps)
# Paper: nothing. Here: the variance of a set whose frames are all equal, so that its logarithm exists.
STILL_VARIANCE = 1e-12
OVERSAMPLING = 16
PASSES = 5
CLIPS_PER_BLOCK = 16
NULL_VARIANCE = 1e-10  # relative to the largest; float32 frames are not exact beyond it


@dataclass(frozen=True)
class PCA:
    """Mean (n_features,), orthonormal components (d, n_features), and the variance along each (d,), descending."""

    mean: Matrix
    components: Matrix
    variance: Matrix


def fit_pca(frames: Sequence[Frames], dimension: int, *, seed: int = 0) -> PCA:
    """Principal components of all frames of the sets: C v = s v, C = X'X / (n - 1), X the centred frames.

    The d eigenvectors v with the largest variances s are found by subspace iteration, which never copies the frames as
    a whole. Each pass multiplies an orthonormal Q by the scatter matrix, the sum of X' (X Q) over blocks of centred
    frames X; the last Q is rotated to the eigenvectors of Q' C Q (Halko, Martinsson and Tropp 2011, algorithm 4.4).

    Parameters
    ----------
    frames : sequence of ndarray, shape (n_frames, n_features)
        The image sets of the training clips, float32 or float64; n_frames may differ.
    dimension : int
        Wanted d; the result has min(dimension, all frames - 1, n_features, numerical rank) components.
    seed : int
        Of the first Q.

    Raises
    ------
    FeatureError
        If there are fewer than two frames, or they are all alike.
    """
    n = sum(len(F) for F in frames)
    if n < 2:
        raise FeatureError(f"PCA: {n} training frames; expected at least 2; check the statuses of the training clips")
    mean = np.asarray(sum(F.sum(axis=0, dtype=np.float64) for F in frames) / n)
    d = min(dimension, n - 1, mean.size)
    Q = np.random.default_rng(seed).standard_normal((mean.size, min(d + OVERSAMPLING, n - 1, mean.size)))
    for _ in range(PASSES):
        Q = np.linalg.qr(_scatter_product(frames, mean, Q))[0]
    variance, rotation = np.linalg.eigh(_scatter_within(frames, mean, Q) / (n - 1))
    order = np.argsort(-variance)[:d]
    kept = order[variance[order] > max(NULL_VARIANCE * variance.max(), STILL_VARIANCE**2)]
    if not kept.size:
        raise FeatureError(f"PCA: all {n} training frames are alike; expected frames that differ; check the feature")
    return PCA(mean, with_signs(Q @ rotation[:, kept]).T, variance[kept])


def project(F: Frames, pca: PCA) -> Matrix:
    """Coordinates of frames along the principal components: F = (X - mean) V'.

    Parameters
    ----------
    F : ndarray, shape (n_frames, n_features)
        X, the features of the frames of one set.
    pca : PCA
        `mean`, and `components`, which are V (d, n_features).

    Returns
    -------
    ndarray, shape (n_frames, d)
        float64; the image set F that the models describe.
    """
    return np.asarray((F - pca.mean) @ pca.components.T)


def with_signs(P: Matrix) -> Matrix:
    """Columns of P with the entry of largest magnitude positive, because eigenvectors come with either sign."""
    return np.asarray(P * np.sign(P[np.abs(P).argmax(axis=0), np.arange(P.shape[1])]))


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
        If there is no frame, or nothing but zeros.
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
        Its eigenvalues s are floored at rounding, d * eps times the largest.

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
    return np.asarray(F, dtype=np.float64)


def _span(F: Matrix) -> tuple[Matrix, Matrix]:
    """Orthonormal basis Q (d, k) of the frames, and their coordinates (n_frames, k)."""
    Q, R = np.linalg.qr(F.T)
    return Q, R.T


def _lifted(L: Matrix, Q: Matrix, elsewhere: float) -> Matrix:
    """Q L Q' + elsewhere (I - Q Q')."""
    M = Q @ (L - elsewhere * np.eye(len(L))) @ Q.T
    return np.asarray((M + M.T) / 2 + elsewhere * np.eye(len(Q)))


def _blocks(frames: Sequence[Frames], mean: Matrix) -> Iterator[Frames]:
    for start in range(0, len(frames), CLIPS_PER_BLOCK):
        F = np.concatenate(frames[start : start + CLIPS_PER_BLOCK])
        yield F - mean.astype(F.dtype)


def _scatter_product(frames: Sequence[Frames], mean: Matrix, Q: Matrix) -> Matrix:
    total = np.zeros_like(Q)
    for X in _blocks(frames, mean):
        total += X.T @ (X @ Q.astype(X.dtype))
    return total


def _scatter_within(frames: Sequence[Frames], mean: Matrix, Q: Matrix) -> Matrix:
    """Q' X' X Q, (k, k)."""
    total = np.zeros((Q.shape[1], Q.shape[1]))
    for X in _blocks(frames, mean):
        Z = X @ Q.astype(X.dtype)
        total += Z.T @ Z
    return total
