"""Principal component analysis of the frames of the training clips."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError
from emotiw.video.eigenvectors import with_signs
from emotiw.video.second_moment import SecondMoment

Matrix = npt.NDArray[np.float64]
Frames = npt.NDArray[np.floating[Any]]

OVERSAMPLING = 16
PASSES = 5
CLIPS_PER_BLOCK = 16
HELD_BYTES = 1 << 30  # frames of more bytes are not held: 970 clips of 60 frames of AlexNet's, in half precision
NULL_VARIANCE = 1e-10  # smallest variance of a component relative to the largest; float32 frames are not more exact
STILL_VARIANCE = 1e-12**2  # frames with a smaller variance count as equal


@dataclass(frozen=True)
class PCA:
    """Mean (n_features,), orthonormal components (d, n_features), and the variance along each (d,), descending."""

    mean: Matrix
    components: Matrix
    variance: Matrix


class Sets(Protocol):
    """Image sets by number, such as a list of them; a set may be read whenever it is asked for."""

    def __len__(self) -> int:
        """Count the sets."""

    def __getitem__(self, i: int, /) -> Frames:
        """Set i, (n_frames, n_features)."""


class Scatter(Protocol):
    """Scatter matrix S = X'X of n centred frames X, as products with it."""

    n: int

    @property
    def mean(self) -> Matrix:
        """Mean of the frames, (n_features,)."""

    def product(self, Q: Matrix) -> Matrix:
        """S Q, (n_features, k)."""

    def within(self, Q: Matrix) -> Matrix:
        """Q' S Q, (k, k)."""


def fit_pca(scatter: Scatter, dimension: int, *, seed: int = 0) -> PCA:
    """Principal components of all frames of the sets: C v = s v, C = X'X / (n - 1), X the centred frames.

    The d eigenvectors v with the largest variances s are found by subspace iteration. Each pass multiplies an
    orthonormal Q by the scatter matrix X'X; the last Q is rotated to the eigenvectors of Q' C Q (Halko, Martinsson and
    Tropp 2011, algorithm 4.4).

    Parameters
    ----------
    scatter : Scatter
        Scatter matrix of the frames of the training clips (`scatter_of`).
    dimension : int
        Wanted d; the result has min(dimension, all frames - 1, n_features, numerical rank) components.
    seed : int
        Seed of the initial Q.

    Raises
    ------
    FeatureError
        If all frames are equal.
    """
    n, n_features = scatter.n, scatter.mean.size
    d = min(dimension, n - 1, n_features)
    Q = np.random.default_rng(seed).standard_normal((n_features, min(d + OVERSAMPLING, n - 1, n_features)))
    for _ in range(PASSES):
        Q = np.linalg.qr(scatter.product(Q))[0]
    variance, rotation = np.linalg.eigh(scatter.within(Q) / (n - 1))
    order = np.argsort(-variance)[:d]
    kept = order[variance[order] > max(NULL_VARIANCE * variance.max(), STILL_VARIANCE)]
    if not kept.size:
        raise FeatureError(f"PCA: all {n} training frames are alike; expected frames that differ; check the feature")
    return PCA(scatter.mean, with_signs(Q @ rotation[:, kept]).T, variance[kept])


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


def scatter_of(frames: Sets) -> Scatter:
    """Scatter matrix of frames, in memory that does not grow with their number.

    Up to `HELD_BYTES` of frames are held, and products with the matrix are sums over blocks of them. Of more frames the
    matrix is summed in one pass (`second_moment`), or if it would be too large, each product reads the frames again.

    Parameters
    ----------
    frames : sequence of ndarray, shape (n_frames, n_features)
        The image sets of the training clips, float32 or float64; n_frames may differ.

    Raises
    ------
    FeatureError
        If there are fewer than two frames.
    """
    held = _Held()
    for i in range(len(frames)):
        held.add(frames[i])
        if held.n_bytes > HELD_BYTES:
            held.narrow()
        if held.n_bytes > HELD_BYTES and SecondMoment.fits(held[0].shape[1]):
            return _summed(held, frames)
        if held.n_bytes > HELD_BYTES:
            del held
            return _Blocks(frames)
    if held.n < 2:
        raise FeatureError(
            f"PCA: {held.n} training frames; expected at least 2; check the statuses of the training clips"
        )
    return _Blocks(held)


class _Held:
    """Sets in memory."""

    def __init__(self) -> None:
        self._sets: list[tuple[Frames, npt.DTypeLike]] = []
        self._n_narrow = 0
        self.n, self.n_bytes = 0, 0

    def add(self, F: Frames) -> None:
        """Hold one more set."""
        self._sets.append((F, F.dtype))
        self.n, self.n_bytes = self.n + len(F), self.n_bytes + F.nbytes

    def narrow(self) -> None:
        """Keep sets in half precision where that loses nothing, as of features stored so; each use widens them."""
        for i in range(self._n_narrow, len(self)):
            F, dtype = self._sets[i]
            with np.errstate(over="ignore"):
                half = F.astype(np.float16)
            if np.array_equal(half, F):
                self._sets[i] = half, dtype
                self.n_bytes += half.nbytes - F.nbytes
        self._n_narrow = len(self)

    def __len__(self) -> int:
        """Count the sets."""
        return len(self._sets)

    def __getitem__(self, i: int, /) -> Frames:
        """Set i, as it was added."""
        kept, dtype = self._sets[i]
        return kept.astype(dtype, copy=False)

    def last(self) -> Frames:
        """Frames of the last sets, which are let go."""
        first = max(0, len(self) - CLIPS_PER_BLOCK)
        block = np.concatenate([self[i] for i in range(first, len(self))])
        del self._sets[first:]
        return block


def _summed(held: _Held, frames: Sets) -> SecondMoment:
    """Second moment of all sets, of which the first ones are held; they are let go."""
    moment, start = SecondMoment(held[0]), len(held)
    while len(held):
        moment.add(held.last())
    for block in _blocks(frames, start):
        moment.add(block)
    return moment.centred()


def _blocks(frames: Sets, start: int = 0) -> Iterator[Frames]:
    """Frames of the sets from `start` on, some sets at a time."""
    for first in range(start, len(frames), CLIPS_PER_BLOCK):
        yield np.concatenate([frames[i] for i in range(first, min(first + CLIPS_PER_BLOCK, len(frames)))])


class _Blocks:
    """Scatter matrix as sums over blocks of frames, which are centred block by block."""

    def __init__(self, frames: Sets) -> None:
        self._frames = frames
        self.n, total = 0, np.zeros(frames[0].shape[1])
        for i in range(len(frames)):
            F = frames[i]
            self.n += len(F)
            total += F.sum(axis=0, dtype=np.float64)
        self.mean = np.asarray(total / self.n)

    def product(self, Q: Matrix) -> Matrix:
        """S Q, (n_features, k)."""
        total = np.zeros_like(Q)
        for X in self._centred():
            total += X.T @ (X @ Q.astype(X.dtype))
        return total

    def within(self, Q: Matrix) -> Matrix:
        """Q' S Q, (k, k)."""
        total = np.zeros((Q.shape[1], Q.shape[1]))
        for X in self._centred():
            Z = X @ Q.astype(X.dtype)
            total += Z.T @ Z
        return total

    def _centred(self) -> Iterator[Frames]:
        for F in _blocks(self._frames):
            yield F - self.mean.astype(F.dtype)
