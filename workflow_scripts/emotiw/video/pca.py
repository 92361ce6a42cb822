"""Principal component analysis of the frames of the training clips."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError
from emotiw.video.eigenvectors import with_signs

Matrix = npt.NDArray[np.float64]
Frames = npt.NDArray[np.floating[Any]]

OVERSAMPLING = 16
PASSES = 5
CLIPS_PER_BLOCK = 16
NULL_VARIANCE = 1e-10  # smallest variance of a component relative to the largest; float32 frames are not more exact
STILL_VARIANCE = 1e-12**2  # frames with a smaller variance count as equal


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
        Seed of the initial Q.

    Raises
    ------
    FeatureError
        If there are fewer than two frames, or all frames are equal.
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
    kept = order[variance[order] > max(NULL_VARIANCE * variance.max(), STILL_VARIANCE)]
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
