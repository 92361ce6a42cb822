"""Partial least squares on precomputed kernels: the classifier that Liu et al. (2014) released, and kernel PLS.

M. Liu et al., "Combining multiple kernel methods on Riemannian manifold for emotion recognition in the wild", ICMI
2014. Both are scikit-learn classifiers. They stop at the numerical rank, where a further component would be rounding
divided by nearly nothing, and report the number of components used as `n_components_`. One fit also holds the models of
every smaller number of components.

With class weights, a training set of weight w counts as w equal sets would: the fit is that of the kernel in which
each set is repeated w times, and weights need not be whole numbers. With w (n_train,) and W = diag(w), the kernel is
centred by its weighted means, and the components are those of W^1/2 K~ W^1/2 and W^1/2 Y~ [ours].
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.preprocessing import KernelCenterer, StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

Matrix = npt.NDArray[np.float64]
Path = tuple[Matrix, "int | npt.NDArray[np.int64]"]


class _KernelClassifier(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """Regression of class indicators on the centred values of a kernel: S = K~ B + mean(Y), class = argmax of S."""

    def __init__(
        self, n_components: int = 20, *, tol: float = 1e-10, class_weight: Mapping[Any, float] | str | None = None
    ) -> None:
        self.n_components = n_components
        self.tol = tol
        self.class_weight = class_weight

    def fit(self, K: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Fit on the kernel between training sets.

        Parameters
        ----------
        K : array-like, shape (n_train, n_train)
            Kernel matrix, not centred: centring is part of the model.
        y : array-like, shape (n_train,)
            Class of each training set.

        Raises
        ------
        ValueError
            If K is not square, not finite or constant, a single class is given, or `n_components` exceeds n_train.
        """
        X, labels = validate_data(self, K, y, dtype=np.float64, ensure_min_samples=2)
        self._check(X)
        Y = self._indicators(labels)
        weights = None if self.class_weight is None else compute_sample_weight(self.class_weight, labels)
        self.intercept_: Matrix = np.average(Y, axis=0, weights=weights)
        self.centerer_ = self._centerer().fit(X, sample_weight=weights)
        root = np.ones(len(X)) if weights is None else np.asarray(np.sqrt(weights))
        columns = self._column_weights(X, root)
        centred = self.centerer_.transform(X) * root[:, None] * columns
        smallest = self.tol * self._size(X * root[:, None] * columns)
        path, self.n_components_ = self._path(centred, (Y - self.intercept_) * root[:, None], smallest)
        self.coef_path_ = path * columns[:, None]
        if not np.max(self.n_components_):
            raise ValueError("K has rank 0 after centring; expected training sets that differ")
        return self

    def staged_class_scores(self, K: npt.ArrayLike) -> Matrix:
        """Predicted class indicators with 1, 2, ... components.

        Parameters
        ----------
        K : array-like, shape (n_sets, n_train)
            Kernel between the sets to score and the training sets.

        Returns
        -------
        ndarray, shape (n_components, n_sets, n_classes)
        """
        return np.asarray(self._centred(K) @ self.coef_path_ + self.intercept_)

    def class_scores(self, K: npt.ArrayLike) -> Matrix:
        """Decision values S (n_sets, n_classes), the predicted class indicators, for a kernel (n_sets, n_train)."""
        return np.asarray(self._centred(K) @ self.coef_path_[-1] + self.intercept_)

    def decision_function(self, K: npt.ArrayLike) -> Matrix:
        """`class_scores`, or with two classes the score of the second minus that of the first, (n_sets,)."""
        scores = self.class_scores(K)
        return scores if len(self.classes_) > 2 else scores[:, 1] - scores[:, 0]

    def predict(self, K: npt.ArrayLike) -> npt.NDArray[Any]:
        """Class of the largest score, (n_sets,)."""
        best = self.class_scores(K).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def _check(self, K: Matrix) -> None:
        if K.shape[0] != K.shape[1]:
            raise ValueError(f"K is {K.shape[0]} x {K.shape[1]}; expected the square kernel between training sets")
        if not 1 <= self.n_components <= len(K):
            raise ValueError(f"n_components={self.n_components} with {len(K)} training sets; choose 1 to {len(K)}")

    def _column_weights(self, _X: Matrix, root: Matrix, /) -> Matrix:
        """Factors of the columns of a kernel, which are those of the sets."""
        return root

    def _size(self, K: Matrix) -> float:
        """Frobenius norm of the kernel."""
        return float(np.linalg.norm(K))

    def _indicators(self, labels: npt.NDArray[Any]) -> Matrix:
        check_classification_targets(labels)
        self.classes_, index = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("one class in y; this classifier needs at least two")
        return np.asarray(np.eye(len(self.classes_))[index])

    def _centred(self, K: npt.ArrayLike) -> Matrix:
        check_is_fitted(self)
        return np.asarray(self.centerer_.transform(validate_data(self, K, dtype=np.float64, reset=False)))

    @abstractmethod
    def _centerer(self) -> TransformerMixin:
        """Unfitted transformer that centres the kernel on the weighted training sets."""

    @abstractmethod
    def _path(self, K: Matrix, Y: Matrix, smallest: float) -> Path:
        """Coefficients with 1, 2, ... components for centred K and Y, and how many were used."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = True
        return tags


class KernelRowPLS(_KernelClassifier):
    r"""One single-response PLS per class on 0/1 labels, with the rows of the kernel matrix as data; argmax.

    The released classifier of Liu et al. (2014): SIMPLS (MATLAB's plsregress), columns centred and not scaled, the same
    number of components for all classes. For each class,

    .. math::
        X = T P^T + E, \quad y = T q + e, \qquad t_k \propto X r_k, \quad
        r_k = \arg\max_{\|r\| = 1} (y^T X r)^2 \ \text{ with } t_k^T t_j = 0 \ (j < k)

        s(x) = (k_x - \bar k) \, b + \bar y, \qquad b = \sum_{k=1}^{n\_components} r_k \, (t_k^T y), \quad \|t_k\| = 1

    X (n_train, n_train) is the kernel matrix with centred columns, y (n_train,) the centred 0/1 labels of the class,
    t_k the scores (`T`), r_k the weights that give them (`d`, scaled so that X d = t_k has length 1), b the
    coefficients (`coef_path_`), k_x the kernel of a set with the training sets, k-bar and y-bar the training means, s
    the decision value.

    The coefficients after k components minimise ||X b - y|| over the Krylov space of (X'X, X'y). Golub and Kahan's
    bidiagonalisation with full reorthogonalisation spans it more exactly than SIMPLS's own recurrence (Björck 2014),
    here for all classes at once; `W` holds its right vectors.

    Parameters
    ----------
    n_components : int
        Upper bound of the number of components.
    tol : float
        A component whose norm is below `tol` times that of the data is not used.
    class_weight : mapping, 'balanced' or None
        Weight of each class; `balanced`: n_train / (n_classes * sets of the class). None: 1.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
    n_components_ : ndarray, shape (n_classes,)
        Components used by the model of each class.
    coef_path_ : ndarray, shape (n_components, n_train, n_classes)
        Coefficients with 1, 2, ... components.
    intercept_ : ndarray, shape (n_classes,)

    References
    ----------
    S. de Jong, SIMPLS: an alternative approach to partial least squares regression, 1993.
    Å. Björck, Stability of two direct methods for bidiagonalization and partial least squares, 2014.
    """

    def _centerer(self) -> TransformerMixin:
        return StandardScaler(with_std=False)

    def _path(self, K: Matrix, Y: Matrix, smallest: float) -> Path:
        X, (n, q) = K, Y.shape
        p = X.shape[1]
        W, T = np.zeros((self.n_components, q, p)), np.zeros((self.n_components, q, n))  # weights, scores
        coef = np.zeros((self.n_components, p, q))
        d, b = np.zeros((q, p)), np.zeros((q, p))  # X d = t (SIMPLS's R), sum of d (t'y)
        n_used, alive = np.zeros(q, dtype=np.int64), np.ones(q, dtype=np.bool_)
        w = (Y / np.linalg.norm(Y, axis=0)).T @ X
        for k in range(self.n_components):
            w, theta = _unit(_orthogonal(w, W[:k]))
            t, rho = _unit(_orthogonal(w @ X.T, T[:k]))
            alive = alive & (theta > smallest) & (rho > smallest)
            W[k], T[k] = w * alive[:, None], t * alive[:, None]
            # X w = theta t_before + rho t, but for k = 0
            d = (w - (theta[:, None] * d if k else 0)) / np.where(alive, rho, np.inf)[:, None]
            b += np.einsum("qn,nq->q", T[k], Y)[:, None] * d
            coef[k] = b.T
            n_used += alive
            w = T[k] @ X
        return coef, n_used


class KernelPLS(_KernelClassifier):
    r"""Kernel partial least squares with all class indicators as responses (Rosipal and Trejo 2001); argmax.

    Equal to PLS with several responses (PLS2) in the kernel's feature space:

    .. math::
        t_k = K u_k / \|K u_k\|, \quad u_k = Y c_k, \quad K Y Y^T t_k = \lambda t_k, \qquad
        K \leftarrow (I - t t^T) K (I - t t^T), \quad Y \leftarrow Y - t t^T Y

        S(x) = \tilde k_x B + \bar Y, \qquad B = U (T^T K U)^{-1} T^T Y

    K (n_train, n_train) is the centred kernel, Y (n_train, n_classes) the centred class indicators, T = [t_1 ..] the
    scores (`T`), U = [u_1 ..] the responses' scores (`u`), D = U (T'KU)^-1 (`D`), B the coefficients (`coef_path_`),
    k~_x the centred kernel of a set with the training sets, S its decision values.

    NIPALS finds each score as the dominant eigenvector of K Y Y' by iteration over (n, n) matrices; here c_k is the
    dominant eigenvector of the (n_classes, n_classes) matrix Y' K Y, and the deflated kernel is never formed, because
    the deflated Y is orthogonal to T.

    Parameters
    ----------
    n_components : int
        Upper bound of the number of components.
    tol : float
        A component whose norm is below `tol` times that of the kernel is not used.
    class_weight : mapping, 'balanced' or None
        As in `KernelRowPLS`.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
    n_components_ : int
        Components used.
    coef_path_ : ndarray, shape (n_components, n_train, n_classes)
        Coefficients of the centred kernel's columns with 1, 2, ... components.
    intercept_ : ndarray, shape (n_classes,)

    References
    ----------
    R. Rosipal and L. J. Trejo, Kernel partial least squares regression in reproducing kernel Hilbert space, 2001.
    """

    def _centerer(self) -> TransformerMixin:
        return _WeightedKernelCenterer()

    def _path(self, K: Matrix, Y: Matrix, smallest: float) -> Path:
        n, q = Y.shape
        T, D = np.zeros((self.n_components, n)), np.zeros((self.n_components, n))  # K d = t: D = U (T'KU)^-1
        coef = np.zeros((self.n_components, n, q))
        Y, KY, n_used, smallest_y = Y.copy(), K @ Y, 0, self.tol * np.linalg.norm(Y)
        for k in range(self.n_components):
            c = np.linalg.eigh(Y.T @ KY)[1][:, -1]
            size = np.linalg.norm(Y @ c)
            u, Ku = Y @ c / max(size, smallest_y), KY @ c / max(size, smallest_y)
            t, rho = (value[0] for value in _unit(_orthogonal(Ku[None], T[:k, None])))
            if size <= smallest_y or rho <= smallest:
                break
            T[k], D[k] = t, (u - (T[:k] @ Ku) @ D[:k]) / rho
            coef[k:] += np.outer(D[k], t @ Y)
            KY -= np.outer(K @ t, t @ Y)
            Y -= np.outer(t, t @ Y)
            n_used += 1
        return coef, n_used


class _WeightedKernelCenterer(KernelCenterer):  # type: ignore[misc]
    """Centre a kernel in feature space on the weighted mean of the training sets; `KernelCenterer` without weights."""

    def fit(self, K: Matrix, y: None = None, sample_weight: Matrix | None = None) -> Self:
        """Fit on the kernel between training sets (n_train, n_train) and their weights (n_train,)."""
        super().fit(K, y)
        self.weights_ = sample_weight
        if sample_weight is not None:
            self.K_fit_rows_ = np.average(K, axis=0, weights=sample_weight)
            self.K_fit_all_ = np.average(self.K_fit_rows_, weights=sample_weight)
        return self

    def transform(self, K: Matrix, copy: bool = True) -> Matrix:
        """Centre a kernel (n_sets, n_train)."""
        if self.weights_ is None:
            return np.asarray(super().transform(K, copy=copy))
        columns = np.average(K, axis=1, weights=self.weights_)[:, None]
        return np.asarray(K - self.K_fit_rows_ - columns + self.K_fit_all_)


def _orthogonal(v: Matrix, V: Matrix) -> Matrix:
    """Rows of v (q, p) without their parts along the orthonormal V[:, q] (k, q, p); twice, because of rounding."""
    for _ in range(2):
        v = v - np.einsum("kqp,kq->qp", V, np.einsum("kqp,qp->kq", V, v))
    return v


def _unit(v: Matrix) -> tuple[Matrix, Matrix]:
    """Rows of v (q, p) at unit length, and their lengths (q,)."""
    size = np.linalg.norm(v, axis=1)
    return v / np.where(size > 0, size, 1)[:, None], size
