"""The six kernels of a feature: a polynomial and an RBF kernel on each of three models of the image sets.

The three models are those of Ding et al. (2016) and Liu et al. (2014): linear subspace, covariance matrix, Gaussian. A
projector P P' and the logarithm of a positive definite matrix are symmetric matrices, and both metrics are Frobenius
products of such matrices, so every kernel is a function of one matrix of inner products G. Matrices are regularised in
`image_sets`, kernels are normalised here and centred by the classifiers. All values are float64.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError
from emotiw.video import image_sets
from emotiw.video.image_sets import Frames, Matrix

Floats = npt.NDArray[np.floating[Any]]

ROUNDING = 1e-12  # squared distance of equal sets, as a share of the largest inner product of a set with itself
ROWS = 256  # of a kernel matrix that are worked on at a time
INDEFINITE = 1e-6  # share of the largest eigenvalue or entry; a larger deviation is not rounding


@dataclass(frozen=True)
class Kernel:
    """A kernel matrix between all sets, with what was fitted on the training sets.

    Attributes
    ----------
    matrix : ndarray, shape (n_sets, n_sets)
        Symmetric and positive semidefinite.
    gamma : float
        Width of an RBF kernel; 1 for a polynomial one.
    min_eigenvalue : float
        Smallest eigenvalue of the matrix before rounding was removed from it.
    """

    matrix: Matrix
    gamma: float
    min_eigenvalue: float


def half_vectors(matrices: Iterable[Matrix]) -> Matrix:
    """Upper triangles of symmetric matrices (d, d), off-diagonals times sqrt(2): dot products are tr(A B).

    Returns
    -------
    ndarray, shape (n, d (d + 1) / 2)
    """
    rows = iter(matrices)
    first = next(rows)
    upper = np.triu_indices(len(first))
    weight = np.where(upper[0] == upper[1], 1.0, np.sqrt(2.0))
    # no list of vectors beside their stack: 0.5 GB for the 1739 clips of EmotiW at d = 256
    return np.fromiter((A[upper] * weight for A in chain([first], rows)), np.dtype((np.float64, weight.shape)))


def projector(P: Matrix) -> Matrix:
    """Projector P P' (d, d) onto the subspace with the orthonormal basis P (d, r)."""
    return np.asarray(P @ P.T)


def inner_products(points: Iterable[Matrix]) -> Matrix:
    r"""Inner products g_ij = tr(A_i A_j) of symmetric matrices A_i: both metrics of the paper are this one.

    .. math::
        \mathrm{tr}(P_i P_i^T P_j P_j^T) = \|P_i^T P_j\|_F^2 \qquad \mathrm{tr}(\log C_i \, \log C_j)

    On the left the projection metric of linear subspaces, A_i = P_i P_i' (`projector`); on the right the log-Euclidean
    metric of symmetric positive definite matrices, A_i = log C_i (`image_sets.log_covariance`, `log_gaussian`).

    Parameters
    ----------
    points : iterable of ndarray, shape (d, d)
        A_i, symmetric.

    Returns
    -------
    ndarray, shape (n, n)
    """
    V = half_vectors(points)
    return V @ V.T


def squared_distances(G: Matrix, rows: Matrix, columns: Matrix) -> Matrix:
    r"""Squared distances d_ij = g_ii + g_jj - 2 g_ij, none below zero.

    .. math::
        \|P_i P_i^T - P_j P_j^T\|_F^2 = r_i + r_j - 2 \|P_i^T P_j\|_F^2 \qquad \|\log C_i - \log C_j\|_F^2

    Parameters
    ----------
    G : ndarray, shape (n, m)
        Inner products.
    rows, columns : ndarray, shape (n,), (m,)
        Inner products of each set with itself; the r of a subspace, ||log C||_F^2 of a matrix.
    """
    return np.asarray(np.maximum(rows[:, None] + columns - 2 * G, 0))


def polynomial_kernel(G: Matrix, *, gamma: float = 1.0, degree: int = 1) -> Matrix:
    """Polynomial kernel (gamma G)^alpha.

    On subspaces (gamma ||P_i' P_j||_F^2)^alpha, on positive definite matrices (gamma tr(log C_i log C_j))^alpha.

    Parameters
    ----------
    G : ndarray, shape (n, m)
        `inner_products`.
    gamma : float
        Scale; 1 where the kernel is normalised afterwards, which cancels it.
    degree : int
        alpha; the kernel is positive semidefinite for every whole number. Where the power exceeds float64, the value
        is infinite, which `normalised` refuses.
    """
    with np.errstate(over="ignore"):
        return np.asarray((gamma * G) ** degree)


def rbf_kernel(D: Matrix, *, gamma: float) -> Matrix:
    """RBF kernel exp(-gamma D).

    On subspaces exp(-gamma ||P_i P_i' - P_j P_j'||_F^2), on positive definite matrices
    exp(-gamma ||log C_i - log C_j||_F^2).

    Parameters
    ----------
    D : ndarray, shape (n, m)
        `squared_distances`.
    gamma : float
        1 / median of the squared distances between training sets, see `median_gamma`.
    """
    return np.asarray(np.exp(-gamma * D))


def median_gamma(D: Matrix) -> float:
    """1 / median of the squared distances (n, n) between different training sets.

    Raises
    ------
    FeatureError
        If there are fewer than two sets, or at least half of the pairs have distance 0.
    """
    pairs = D[np.triu_indices(len(D), 1)]
    median = float(np.median(pairs)) if pairs.size else 0.0
    if median <= 0:
        raise FeatureError(
            f"RBF kernel: median distance of {len(D)} training sets is 0; expected sets that differ; subspaces"
            " differ if video.subspace_rank is below the number of principal components"
        )
    return 1 / median


def normalised(K: Matrix, rows: Matrix, columns: Matrix) -> Matrix:
    """K_ij / sqrt(k_ii k_jj), the cosine in the kernel's feature space.

    Parameters
    ----------
    K : ndarray, shape (n, m)
        Kernel matrix.
    rows, columns : ndarray, shape (n,), (m,)
        Kernel of each set with itself.

    Raises
    ------
    FeatureError
        If one of these is not positive, or a product of two is beyond float64.
    """
    if min(rows.min(), columns.min()) <= 0:
        raise FeatureError("kernel: a set's product with itself is not positive; expected a positive definite kernel")
    with np.errstate(over="ignore"):
        largest = rows.max() * columns.max()
    if not np.isfinite(largest):
        raise FeatureError(
            "kernel: the product of two sets' values with themselves is beyond float64; lower video.polynomial_degree"
        )
    of_rows = np.empty_like(K)
    for i in range(0, len(K), ROWS):  # the products of all pairs would be another matrix of the kernel's size
        np.divide(K[i : i + ROWS], np.sqrt(rows[i : i + ROWS, None] * columns), out=of_rows[i : i + ROWS])
    return of_rows


def symmetrised(K: Matrix) -> tuple[Matrix, float]:
    """(K + K') / 2, in the memory of K, and its smallest eigenvalue.

    Raises
    ------
    FeatureError
        If K is not symmetric, or not positive semidefinite, beyond rounding.
    """
    asymmetry, largest = 0.0, float(max(K.max(), -K.min()))
    for i in range(0, len(K), ROWS):
        rows, columns = K[i : i + ROWS, i:], K[i:, i : i + ROWS].T
        asymmetry = max(asymmetry, float(np.abs(rows - columns).max()))
        mean = (rows + columns) / 2
        K[i : i + ROWS, i:], K[i:, i : i + ROWS] = mean, mean.T
    if asymmetry > INDEFINITE * largest:
        raise FeatureError(f"kernel: K - K' reaches {asymmetry:.3g}; expected a symmetric matrix")
    eigenvalues = np.linalg.eigvalsh(K)
    if eigenvalues[0] < -INDEFINITE * eigenvalues[-1]:
        raise FeatureError(f"kernel: eigenvalues {eigenvalues[0]:.3g} to {eigenvalues[-1]:.3g}; expected none negative")
    return K, float(eigenvalues[0])


MODELS = ("subspace", "covariance", "gaussian")
BLOCK = 64  # training sets that are widened to float64 at a time


@dataclass(frozen=True)
class Reference:
    """The training sets under one model, as the kernels with other sets need them.

    Attributes
    ----------
    vectors : ndarray, shape (n_train, d (d + 1) / 2)
        Half vectors of their symmetric matrices, float64, or float32 to save memory.
    squares : ndarray, shape (n_train,)
        Squared norms of these vectors.
    """

    vectors: Floats
    squares: Matrix

    @classmethod
    def of(cls, vectors: Floats) -> Self:
        """Make the reference that has these half vectors."""
        return cls(vectors, np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))

    def products(self, X: Matrix) -> Matrix:
        """Inner products of half vectors (n_sets, D) with the training sets', (n_sets, n_train)."""
        starts = range(0, len(self.vectors), BLOCK)
        return np.hstack([X @ self.vectors[i : i + BLOCK].astype(np.float64, copy=False).T for i in starts])


def subspace_projector(F: Frames, rank: int) -> Matrix:
    """Projector P P' (d, d) onto the linear subspace of a set; parameters as of `image_sets.linear_subspace`."""
    return projector(image_sets.linear_subspace(F, rank))


def point_models(*, rank: int, regularisation: float) -> dict[str, Callable[[Frames], Matrix]]:
    """Symmetric matrix of an image set by each of `MODELS`; parameters as in `feature_kernels`."""
    return {
        "subspace": partial(subspace_projector, rank=rank),
        "covariance": partial(image_sets.log_covariance, regularisation=regularisation),
        "gaussian": partial(image_sets.log_gaussian, regularisation=regularisation),
    }


def training_vectors(sets: Mapping[str, Frames], *, rank: int, regularisation: float) -> dict[str, Matrix]:
    """Half vectors (n_train, D) of the training sets by model, for `Reference`; parameters as in `feature_kernels`."""
    models = point_models(rank=rank, regularisation=regularisation)
    return {name: half_vectors(_named(model, sets)) for name, model in models.items()}


def kernels_with(
    sets: Sequence[Frames],
    references: Mapping[str, Reference],
    gammas: Mapping[str, float],
    settings: Mapping[str, Any],
) -> dict[str, Matrix]:
    """Six kernels between other sets and the training sets, each (n_sets, n_train).

    The values are those of `feature_kernels` between the same sets.

    Parameters
    ----------
    sets : sequence of ndarray, shape (n_frames, d)
        At least one image set.
    references : mapping of str to Reference
        The training sets under each of `MODELS`.
    gammas : mapping of str to float
        Width of each RBF kernel.
    settings : mapping
        `rank`, `regularisation` and `degree`, as of `feature_kernels`.
    """
    rows = {}
    for name, model in point_models(rank=settings["rank"], regularisation=settings["regularisation"]).items():
        X, reference, degree = half_vectors(map(model, sets)), references[name], settings["degree"]
        G, squares = reference.products(X), np.einsum("ij,ij->i", X, X)
        of_sets, of_training = (polynomial_kernel(values, degree=degree) for values in (squares, reference.squares))
        rows[f"{name}_polynomial"] = normalised(polynomial_kernel(G, degree=degree), of_sets, of_training)
        D = squared_distances(G, squares, reference.squares)
        rows[f"{name}_rbf"] = rbf_kernel(D, gamma=gammas[f"{name}_rbf"])
    return rows


def feature_kernels(
    sets: Mapping[str, Frames], n_train: int, *, rank: int, regularisation: float, degree: int
) -> Iterator[tuple[str, Kernel]]:
    """Six kernels of one feature one after the other: `{subspace,covariance,gaussian}_{polynomial,rbf}`.

    Paper: gamma not stated. Here: 1 / median squared distance of the training sets for RBF kernels; polynomial ones
    have gamma 1 and are normalised.

    Parameters
    ----------
    sets : mapping of str to ndarray, shape (n_frames, d)
        The image set of each clip, training clips first.
    n_train : int
        Number of training clips, the only ones that something is fitted on. Without any set the kernels are empty.
    rank : int
        Dimension of the subspaces.
    regularisation : float
        Value added to the eigenvalues of a covariance matrix, as a share of its trace.
    degree : int
        Degree of the polynomial kernels.

    Raises
    ------
    FeatureError
        If there are fewer than two training sets, a set has too few frames, or a kernel matrix is not symmetric and
        positive semidefinite.
    """
    if sets and n_train < 2:
        raise FeatureError(f"kernels: {n_train} training clips are usable; expected at least 2; check their statuses")
    for name, model in point_models(rank=rank, regularisation=regularisation).items():
        G = inner_products(_named(model, sets)) if sets else np.zeros((0, 0))
        yield from both_kernels(name, G, n_train, degree)


def both_kernels(model: str, G: Matrix, n_train: int, degree: int) -> Iterator[tuple[str, Kernel]]:
    """Polynomial and RBF kernel of a model by name, from the inner products (n_sets, n_sets) of its matrices."""
    yield f"{model}_polynomial", _polynomial(G, degree) if G.size else Kernel(G, 1.0, 0.0)
    yield f"{model}_rbf", _rbf(G, n_train) if G.size else Kernel(G, 1.0, 0.0)


def _polynomial(G: Matrix, degree: int) -> Kernel:
    K = polynomial_kernel(G, degree=degree)
    matrix, min_eigenvalue = symmetrised(normalised(K, np.diagonal(K), np.diagonal(K)))
    return Kernel(matrix, 1.0, min_eigenvalue)


def _rbf(G: Matrix, n_train: int) -> Kernel:
    D = squared_distances(G, np.diagonal(G), np.diagonal(G))
    # equal sets differ by rounding, of which a median would make a kernel of noise
    gamma = median_gamma(np.where(D > ROUNDING * np.diagonal(G).max(), D, 0.0)[:n_train, :n_train])
    matrix, min_eigenvalue = symmetrised(rbf_kernel(D, gamma=gamma))
    return Kernel(matrix, gamma, min_eigenvalue)


def _named(model: Callable[[Frames], Matrix], sets: Mapping[str, Frames]) -> Iterator[Matrix]:
    """Model of each set; an error names the set."""
    for name, F in sets.items():
        try:
            yield model(F)
        except FeatureError as error:
            raise FeatureError(f"{name}: {error}") from error
