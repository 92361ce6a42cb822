"""Image sets: the frames of a clip as a linear subspace, a covariance matrix or a Gaussian, after PCA.

A set is a matrix F of shape (n_frames, d), a frame a row. Equations are those of Ding et al. (2016), section 2.1.3.
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
# Paper: nothing. Here: variance of a set whose frames are all alike, so that its logarithm exists.
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
    """Principal components of all frames of the sets, by subspace iteration that never copies the frames as a whole.

    Each pass multiplies an orthonormal Q by the scatter matrix, sum of X' (X Q) over blocks of centred frames X; the
    last Q is rotated to the eigenvectors of Q' C Q (Halko, Martinsson and Tropp 2011, algorithm 4.4).

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
    """Coordinates of frames (n_frames, n_features) along the components, (n_frames, d)."""
    return np.asarray((F - pca.mean) @ pca.components.T)


def with_signs(P: Matrix) -> Matrix:
    """Columns of P with the entry of largest magnitude positive, because eigenvectors come with either sign."""
    return np.asarray(P * np.sign(P[np.abs(P).argmax(axis=0), np.arange(P.shape[1])]))


def linear_subspace(F: Frames, rank: int) -> Matrix:
    """Orthonormal basis P of the directions that carry most of a set, equation (2).

    F' F = U diag(s^2) U', P = the first r columns of U; the mean is not removed.

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


def covariance(F: Frames, regularisation: float) -> Matrix:
    """Regularised covariance matrix of a set, equation (3).

    C = 1/(n-1) sum (f_i - m)(f_i - m)', plus regularisation * tr(C) I (Wang et al. 2012).

    Parameters
    ----------
    F : ndarray, shape (n_frames, d)
        The image set, n_frames >= 2.
    regularisation : float
        Share of the trace that is added to every eigenvalue.

    Returns
    -------
    C : ndarray, shape (d, d)
        Symmetric positive definite.

    Raises
    ------
    FeatureError
        If there are fewer than two frames.
    """
    C, ridge = _covariance(_checked(F, 2), regularisation)
    return np.asarray(C + ridge * np.eye(len(C)))


def gaussian_embedding(F: Frames, regularisation: float) -> Matrix:
    """Gaussian N(m, S) of a set as a symmetric positive definite matrix of determinant 1, equations (4) and (5).

    |S|^(-1/(d+1)) [[S + m m', m], [m', 1]] with S regularised as in `covariance`.

    Parameters
    ----------
    F : ndarray, shape (n_frames, d)
        The image set, n_frames >= 2.
    regularisation : float
        Share of the trace that is added to every eigenvalue of S.

    Returns
    -------
    ndarray, shape (d + 1, d + 1)

    Raises
    ------
    FeatureError
        If there are fewer than two frames.
    """
    S = covariance(F, regularisation)
    return np.asarray(np.exp(-np.linalg.slogdet(S)[1] / (len(S) + 1)) * _augmented(S, _checked(F, 2).mean(axis=0)))


def logarithm(C: Matrix) -> Matrix:
    """Matrix logarithm of symmetric positive definite matrices (..., d, d), their eigenvalues floored at rounding.

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
    """Return `logarithm(covariance(F, regularisation))`, computed in the span of the frames.

    With Q an orthonormal basis (d, k) of that span and e the ridge, C = Q C_Q Q' + e (I - Q Q').
    """
    Q, A = _span(_checked(F, 2))
    C, ridge = _covariance(A, regularisation)
    return _lifted(logarithm(C + ridge * np.eye(len(C))), Q, np.log(ridge))


def log_gaussian(F: Frames, regularisation: float) -> Matrix:
    """Return `logarithm(gaussian_embedding(F, regularisation))`, computed in the span of the frames."""
    Q, A = _span(_checked(F, 2))
    d, k = Q.shape
    C, ridge = _covariance(A, regularisation)
    S = C + ridge * np.eye(k)
    log_determinant = np.linalg.slogdet(S)[1] + (d - k) * np.log(ridge)
    Q1 = np.zeros((d + 1, k + 1))
    Q1[:d, :k] = Q
    Q1[d, k] = 1
    L = _lifted(logarithm(_augmented(S, A.mean(axis=0))), Q1, np.log(ridge))
    return np.asarray(L - log_determinant / (d + 1) * np.eye(d + 1))


def _checked(F: Frames, n_min: int) -> Matrix:
    if len(F) < n_min:
        raise FeatureError(
            f"image set: {len(F)} frames; expected at least {n_min}; exclude the clip (faces.min_frames)"
        )
    return np.asarray(F, dtype=np.float64)


def _covariance(F: Matrix, regularisation: float) -> tuple[Matrix, float]:
    """Covariance matrix and the ridge that regularises it."""
    X = F - F.mean(axis=0)
    C = X.T @ X / (len(F) - 1)
    return C, max(regularisation * float(np.trace(C)), STILL_VARIANCE)


def _augmented(S: Matrix, m: Matrix) -> Matrix:
    """[[S + m m', m], [m', 1]]."""
    m1 = np.append(m, 1.0)
    M = np.outer(m1, m1)
    M[:-1, :-1] += S
    return M


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
