"""Classifiers on precomputed kernels: decision values a class, in the declared order, and out-of-fold ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import KernelPCA
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer
from sklearn.svm import SVC

from emotiw.core.errors import FeatureError
from emotiw.statistics import cross_validation
from emotiw.statistics.cross_validation import Choice, Grid, Ints, Training
from emotiw.video.pls import KernelPLS, KernelRowPLS

Matrix = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Settings = Mapping[str, Any]

AUTO = "auto"
# taken where nothing can be chosen: Liu et al.'s 20 components; a margin and a likelihood that weigh as much as ||w||^2
NOMINAL = {"n_components": 20, "svm_c": 1.0, "logistic_c": 1.0}


@dataclass(frozen=True)
class Linear:
    """A fitted classifier as what it is, an affine function of a kernel's row k (n_train,): k W + b.

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


@dataclass(frozen=True)
class Scores:
    """Decision values of the sets that have them.

    Attributes
    ----------
    values : ndarray, shape (n_scored, n_classes)
        Training sets' rows are out-of-fold.
    scored : ndarray of bool, shape (n_sets,)
        Which rows of the kernel these are: training sets without an out-of-fold score have none.
    n_components : list of int, or None
        Components that a PLS on a single kernel used, a number a class or one for all.
    choice : Choice or None
        The parameter; of a mean, that of all its kernels; None of no scores.
    models : mapping of str to Linear
        By kernel, the classifier whose decision values those of sets that are not for training are the mean of.
    """

    values: Matrix
    scored: Bools
    n_components: list[int] | None = None
    choice: Choice | None = None
    models: Mapping[str, Linear] = field(default_factory=dict)


@dataclass(frozen=True)
class Family:
    """Classifiers that differ by one parameter: its name in the settings, the classifier of a value, a whole grid."""

    parameter: str
    make: Callable[[Any], BaseEstimator]
    path: Callable[[Sequence[Any], Matrix, Ints, Matrix], Matrix]


def _pls_path(pls: type[KernelRowPLS | KernelPLS], values: Sequence[int], K: Matrix, y: Ints, K_new: Matrix) -> Matrix:
    # one fit holds the models of every smaller number; more components than sets add nothing
    numbers = np.minimum(values, len(K))
    staged = fit(pls(int(numbers.max())), K, y).staged_class_scores(K_new)
    return np.asarray(staged[numbers - 1])


def _centred() -> TransformerMixin:
    return KernelCenterer()


def svm(c: float) -> BaseEstimator:
    """Unfitted support vector machine on a precomputed kernel, one class against the rest."""
    # SVC alone votes one-vs-one: 50 % against 67 % on the Virus image sets, which have three training sets a class
    return OneVsRestClassifier(SVC(kernel="precomputed", C=c))


def _empirical_map() -> TransformerMixin:
    # where the penalty ||w||^2 of a linear model is the norm in the kernel's feature space
    return KernelPCA(kernel="precomputed", eigen_solver="dense", remove_zero_eig=True)


def _logistic(c: float) -> BaseEstimator:
    return LogisticRegression(C=c, tol=1e-8, max_iter=10_000)


def _mapped_family(
    parameter: str, kernel_map: Callable[[], TransformerMixin], model: Callable[[float], BaseEstimator]
) -> Family:
    """Family of a model on a map of the kernel that does not depend on the parameter."""

    def path(values: Sequence[float], K: Matrix, y: Ints, K_new: Matrix) -> Matrix:
        mapping = kernel_map()
        Z, Z_new = mapping.fit_transform(K), mapping.transform(K_new)
        return np.stack([decision_values(model(value).fit(Z, y), Z_new) for value in values])

    return Family(parameter, lambda value: make_pipeline(kernel_map(), model(value)), path)


FAMILIES = {
    "pls": Family("n_components", KernelRowPLS, partial(_pls_path, KernelRowPLS)),
    "kernel_pls": Family("n_components", KernelPLS, partial(_pls_path, KernelPLS)),
    "svm": _mapped_family("svm_c", _centred, svm),
    "logistic": _mapped_family("logistic_c", _empirical_map, _logistic),
}


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


def make_classifier(name: str, settings: Settings) -> BaseEstimator:
    """Unfitted scikit-learn classifier with the number that `settings` has for its parameter; errors as `family`."""
    chosen = family(name)
    return chosen.make(settings[chosen.parameter])


def grid(name: str, settings: Settings, n_train: int) -> Grid:
    """Values of a classifier's parameter: the number of the settings, or where they say `auto` all to choose from.

    Parameters
    ----------
    name : str
        Of the classifier.
    settings : mapping
        `n_components`, `svm_c` or `logistic_c`, whichever it has; with `auto`, `n_components_max` or `c_grid` too.
    n_train : int
        Number of training sets, which no number of components exceeds.
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
        As `Family.make` or `make_classifier` give it.
    K : ndarray, shape (n_train, n_train)
        Kernel between training sets.
    y : ndarray, shape (n_train,)
        Class indices.

    Raises
    ------
    FeatureError
        If it cannot be fitted, as with more components than training sets.
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


def linear(fitted: BaseEstimator, n_train: int) -> Linear:
    """Coefficients of a fitted classifier, read off its values at the unit vectors: centring is in them."""
    intercept = decision_values(fitted, np.zeros((1, n_train)))
    return Linear(decision_values(fitted, np.eye(n_train)) - intercept, intercept[0])


def kernel_path(name: str, K: Matrix, y: Ints) -> cross_validation.Path:
    """Scores along a grid on parts of a kernel (n_train, n_train), for `selection`; each is computed once."""
    found: dict[tuple[Any, ...], Matrix] = {}

    def path(values: Sequence[Any], train: Ints, test: Ints) -> Matrix:
        key = (tuple(values), train.tobytes(), test.tobytes())
        if key not in found:
            found[key] = family(name).path(values, K[np.ix_(train, train)], y[train], K[np.ix_(test, train)])
        return found[key]

    return path


def feature_scores(
    name: str, settings: Settings, kernels: Mapping[str, Matrix], training: Training
) -> dict[str, Scores]:
    """Scores of all sets of a feature by each of its kernels, and as `mean` by the mean of their decision values.

    Each kernel has its own parameter. Those of the mean share one, chosen by the accuracy of the mean, because decision
    values are averaged as they are: a support vector machine's shrink with C, and values of different C would weigh
    the kernels by that. All kernels score the same sets, because folds depend on classes and groups alone.

    Parameters
    ----------
    name, settings
        As in `grid`.
    kernels : mapping of str to ndarray, shape (n_sets, n_sets)
        Kernels between all sets, training sets first; only their columns of training sets are read.
    training : Training
        Class indices and groups of the training sets, folds of the choices and of their out-of-fold scores.
    """
    n = len(training.y)
    values = grid(name, settings, n)
    paths = {kernel: kernel_path(name, K[:n, :n], training.y) for kernel, K in kernels.items()}
    found = {kernel: _scores(name, {kernel: kernels[kernel]}, path, values, training) for kernel, path in paths.items()}

    def mean(grid: Sequence[Any], train: Ints, test: Ints) -> Matrix:
        return np.asarray(np.mean([path(grid, train, test) for path in paths.values()], axis=0))

    return found | {"mean": _scores(name, kernels, mean, values, training)}


def _scores(
    name: str, kernels: Mapping[str, Matrix], path: cross_validation.Path, values: Grid, training: Training
) -> Scores:
    """Scores by the mean of kernels' decision values, whose out-of-fold scores `path` tells."""
    n = len(training.y)
    inner, has, choice = cross_validation.out_of_fold(path, values, training)
    fitted = [fit(family(name).make(choice.value), K[:n, :n], training.y) for K in kernels.values()]
    others = [decision_values(it, K[n:, :n]) for it, K in zip(fitted, kernels.values(), strict=True) if len(K) > n]
    scores = np.concatenate([inner[has], np.mean(others, axis=0)]) if others else inner[has]
    scored = np.concatenate([has, np.ones(len(next(iter(kernels.values()))) - n, dtype=np.bool_)])
    models = {kernel: linear(it, n) for kernel, it in zip(kernels, fitted, strict=True)}
    return Scores(scores, scored, _n_components(fitted[0]) if len(fitted) == 1 else None, choice, models)


def no_scores(n_classes: int) -> Scores:
    """Scores of no clip: where a fold has nothing to train on."""
    return Scores(np.zeros((0, n_classes)), np.zeros(0, dtype=np.bool_))


def _n_components(fitted: BaseEstimator) -> list[int] | None:
    used = getattr(fitted, "n_components_", None)
    return None if used is None else [int(n) for n in np.atleast_1d(used)]
