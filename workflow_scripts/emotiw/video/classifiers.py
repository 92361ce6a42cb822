"""Classifiers on precomputed kernels or on vectors: a decision value per class in the declared order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import KernelPCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer

from emotiw.core.errors import FeatureError
from emotiw.statistics import absent_classes, one_vs_rest
from emotiw.statistics.cross_validation import NONE, Grid, Ints, Selection, class_weight
from emotiw.video import vector_classifiers
from emotiw.video.linear import Linear
from emotiw.video.pls import KernelPLS, KernelRowPLS
from emotiw.video.vector_classifiers import VectorKernelPLS, VectorRowPLS

Matrix = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Settings = Mapping[str, Any]

AUTO = "auto"
UNITS = 4096  # unit vectors at a time, to which a classifier is applied for its coefficients
# values used if none can be selected: Liu et al.'s 20 components; C = 1, so that loss and ||w||^2 / 2 have equal weight
NOMINAL = {"n_components": 20, "svm_c": 1.0, "logistic_c": 1.0}


@dataclass(frozen=True)
class Scores:
    """Decision values of the sets that have them.

    Attributes
    ----------
    values : ndarray, shape (n_scored, n_classes)
        Those of training sets are out-of-fold.
    scored : ndarray of bool, shape (n_sets,)
        Which sets have a row in `values`; training sets without an out-of-fold score have none.
    n_components : list of int, or None
        Components that a PLS on a single kernel used: a number per class, or one number for all classes.
    selection : Selection or None
        The parameter; for a mean, the one that its kernels share; None where there are no scores.
    models : mapping of str to Linear
        Per kernel, the classifier applied to the sets that are not for training; their mean gives `values`.
    """

    values: Matrix
    scored: Bools
    n_components: list[int] | None = None
    selection: Selection | None = None
    models: Mapping[str, Linear] = field(default_factory=dict)

    def among(self, of: Sequence[str], classes: Sequence[str]) -> "Scores":
        """Scores and models with a column for each of `classes`, of those that were trained with the classes `of`."""
        models = {
            name: Linear(
                absent_classes.filled(model.coefficients, of, classes, 0.0),
                absent_classes.filled(model.intercept, of, classes),
            )
            for name, model in self.models.items()
        }
        return replace(self, values=absent_classes.filled(self.values, of, classes), models=models)


@dataclass(frozen=True)
class Family:
    """Classifiers that differ by one parameter.

    Attributes
    ----------
    parameter : str
        Its name in the settings.
    make : callable
        (value, class_weights) -> unfitted classifier; class weights are `none` or `balanced`
        (`cross_validation.class_weight`).
    grid_scores : callable
        (values, K, y, K_new, class_weights) -> decision values (n_values, n_new, n_classes) by the classifiers of all
        values, fitted to the kernel K (n_train, n_train) and applied to K_new (n_new, n_train).
    """

    parameter: str
    make: Callable[[Any, str], BaseEstimator]
    grid_scores: Callable[[Sequence[Any], Matrix, Ints, Matrix, str], Matrix]


@dataclass(frozen=True)
class _PLS:
    """One of the two kinds of PLS; one fit holds the models of every smaller number of components."""

    kind: type[KernelRowPLS | KernelPLS]

    def make(self, value: int, class_weights: str = NONE) -> BaseEstimator:
        """Unfitted PLS."""
        return self.kind(value, class_weight=class_weight(class_weights))

    def grid_scores(
        self, values: Sequence[int], K: Matrix, y: Ints, K_new: Matrix, class_weights: str = NONE
    ) -> Matrix:
        """Decision values with each number of components; more components than sets add nothing."""
        numbers = np.minimum(values, len(K))
        staged = fit(self.make(int(numbers.max()), class_weights), K, y).staged_class_scores(K_new)
        return np.asarray(staged[numbers - 1])


def _centred() -> TransformerMixin:
    return KernelCenterer()


def svm(c: float, class_weights: str = NONE) -> BaseEstimator:
    r"""Unfitted support vector machine on a precomputed kernel, one class against the rest.

    .. math::
        \min_{w, b} \tfrac{1}{2} \|w\|^2 + C \sum_i u_i \max(0, 1 - y_i (w \cdot \phi(x_i) + b))

    For each class, y_i = 1 in the class and -1 elsewhere; phi is the kernel's feature map; u_i is the weight of the
    set's class (`class_weight`), 1 by default. The decision value is w . phi(x) + b = sum_i a_i y_i k(x_i, x) + b.
    """
    # SVC alone votes one-vs-one: 50 % against 67 % on the Virus image sets, which have three training sets a class
    return one_vs_rest.svm(c, kernel="precomputed", class_weights=class_weights)


def _empirical_map() -> TransformerMixin:
    # on this map, the penalty ||w||^2 of a linear model is the squared norm in the kernel's feature space
    return KernelPCA(kernel="precomputed", eigen_solver="dense", remove_zero_eig=True)


def logistic_regression(c: float, class_weights: str = NONE) -> BaseEstimator:
    r"""Unfitted multinomial logistic regression on the empirical kernel map z of the centred kernel.

    .. math::
        \min_{W, b} \tfrac{1}{2} \|W\|_F^2 - C \sum_i u_i \log p_{y_i}(z_i), \qquad
        p_c(z) = \frac{\exp(w_c \cdot z + b_c)}{\sum_k \exp(w_k \cdot z + b_k)}

    The map has z_i . z_j = k_ij (kernel PCA with all components); the decision values are w_c . z + b_c; u_i is the
    set's class weight (`class_weight`), 1 by default.
    """
    return LogisticRegression(C=c, tol=1e-8, max_iter=10_000, class_weight=class_weight(class_weights))


@dataclass(frozen=True)
class _Mapped:
    """A model on a map of the kernel that does not depend on the model's parameter."""

    kernel_map: Callable[[], TransformerMixin]
    model: Callable[[float, str], BaseEstimator]

    def make(self, value: float, class_weights: str = NONE) -> BaseEstimator:
        """Unfitted map and model."""
        return make_pipeline(self.kernel_map(), self.model(value, class_weights))

    def grid_scores(
        self, values: Sequence[float], K: Matrix, y: Ints, K_new: Matrix, class_weights: str = NONE
    ) -> Matrix:
        """Decision values by the models of all values, on one map."""
        mapping = self.kernel_map()
        Z, Z_new = mapping.fit_transform(K), mapping.transform(K_new)
        return np.stack([decision_values(self.model(value, class_weights).fit(Z, y), Z_new) for value in values])


def _families(pls: _PLS, kernel_pls: _PLS, machine: _Mapped, logistic: _Mapped) -> dict[str, Family]:
    return {
        "pls": Family("n_components", pls.make, pls.grid_scores),
        "kernel_pls": Family("n_components", kernel_pls.make, kernel_pls.grid_scores),
        "svm": Family("svm_c", machine.make, machine.grid_scores),
        "logistic": Family("logistic_c", logistic.make, logistic.grid_scores),
    }


FAMILIES = _families(
    _PLS(KernelRowPLS), _PLS(KernelPLS), _Mapped(_centred, svm), _Mapped(_empirical_map, logistic_regression)
)
ON_VECTORS = _families(
    _PLS(VectorRowPLS),
    _PLS(VectorKernelPLS),
    _Mapped(vector_classifiers.centring, vector_classifiers.svm),
    _Mapped(vector_classifiers.centring, logistic_regression),
)


def family(name: str) -> Family:
    """Family of classifiers on precomputed kernels; each centres the kernel itself.

    Parameters
    ----------
    name : str
        `pls` (`pls.KernelRowPLS`), `kernel_pls` (`pls.KernelPLS`), `svm` (one against the rest) or `logistic`
        (multinomial, on the empirical kernel map of the centred kernel).

    Raises
    ------
    FeatureError
        If there is no such classifier.
    """
    if name not in FAMILIES:
        raise FeatureError(f"classifier {name!r} is unknown; expected one of {', '.join(FAMILIES)}")
    return FAMILIES[name]


def grid(name: str, settings: Settings, n_train: int) -> Grid:
    """Values of a classifier's parameter: the number in the settings, or with `auto` a grid to select from.

    Parameters
    ----------
    name : str
        Name of the classifier.
    settings : mapping
        `n_components`, `svm_c` or `logistic_c`, whichever it has; with `auto`, `n_components_max` or `c_grid` too.
    n_train : int
        Number of training sets, the upper limit of the number of components.
    """
    parameter = family(name).parameter
    if settings[parameter] != AUTO:
        return Grid((settings[parameter],))
    if parameter == "n_components":
        values: tuple[Any, ...] = tuple(range(1, min(settings["n_components_max"], n_train) + 1))
    else:
        values = tuple(sorted(settings["c_grid"]))
    return Grid(values, min(range(len(values)), key=lambda i: abs(values[i] - NOMINAL[parameter])))


def fit(classifier: BaseEstimator, K: Matrix, y: Ints) -> BaseEstimator:
    """Return a fitted copy of the classifier.

    Parameters
    ----------
    classifier : estimator
        From `Family.make`.
    K : ndarray, shape (n_train, n_train)
        Kernel between training sets.
    y : ndarray, shape (n_train,)
        Class indices.

    Raises
    ------
    FeatureError
        If the classifier cannot be fitted, for example with more components than training sets.
    """
    try:
        return clone(classifier).fit(K, y)
    except ValueError as error:
        raise FeatureError(f"classifier on {len(K)} training sets: {error}") from error


def decision_values(fitted: BaseEstimator, K: Matrix) -> Matrix:
    """Decision values (n_sets, n_classes) for a kernel (n_sets, n_train), also where there are only two classes."""
    if hasattr(fitted, "class_scores"):
        return np.asarray(fitted.class_scores(K))
    values = np.asarray(fitted.decision_function(K))
    return values if values.ndim == 2 else np.stack([-values / 2, values / 2], axis=1)


def linear(fitted: BaseEstimator, n_columns: int) -> Linear:
    """Coefficients of a fitted classifier, computed from its values at the unit vectors; they include the centring."""
    intercept = decision_values(fitted, np.zeros((1, n_columns)))
    starts = range(0, n_columns, UNITS)
    values = [decision_values(fitted, np.eye(min(UNITS, n_columns - i), n_columns, i)) for i in starts]
    return Linear(np.concatenate(values) - intercept, intercept[0])


def no_scores(n_classes: int) -> Scores:
    """Scores without any clip, for a fold that has no training clips."""
    return Scores(np.zeros((0, n_classes)), np.zeros(0, dtype=np.bool_))
