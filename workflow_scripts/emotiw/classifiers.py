"""Classifiers on precomputed kernels: decision values a class, in the declared order, and out-of-fold ones."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import KernelPCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer
from sklearn.svm import SVC

from emotiw.errors import FeatureError, StoreError
from emotiw.pls import KernelPLS, KernelRowPLS

Matrix = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Settings = Mapping[str, Any]
Table = tuple[Sequence[str], Sequence[str], Matrix]


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
        Components that a PLS used, a number a class or one for all.
    """

    values: Matrix
    scored: Bools
    n_components: list[int] | None


def _pls(settings: Settings) -> BaseEstimator:
    return KernelRowPLS(settings["n_components"])


def _kernel_pls(settings: Settings) -> BaseEstimator:
    return KernelPLS(settings["n_components"])


def _svm(settings: Settings) -> BaseEstimator:
    # SVC alone votes one-vs-one: 50 % against 67 % on the Virus image sets, which have three training sets a class
    return make_pipeline(KernelCenterer(), OneVsRestClassifier(SVC(kernel="precomputed", C=settings["svm_c"])))


def _logistic(settings: Settings) -> BaseEstimator:
    # on the empirical kernel map, where the penalty ||w||^2 is the norm in the kernel's feature space
    return make_pipeline(
        KernelPCA(kernel="precomputed", eigen_solver="dense", remove_zero_eig=True),
        LogisticRegression(C=settings["logistic_c"], tol=1e-8, max_iter=10_000),
    )


CLASSIFIERS: dict[str, Callable[[Settings], BaseEstimator]] = {
    "pls": _pls,
    "kernel_pls": _kernel_pls,
    "svm": _svm,
    "logistic": _logistic,
}


def make_classifier(name: str, settings: Settings) -> BaseEstimator:
    """Unfitted scikit-learn classifier on precomputed kernels; each centres the kernel itself.

    Parameters
    ----------
    name : str
        `pls` (`pls.KernelRowPLS`), `kernel_pls` (`pls.KernelPLS`), `svm` (one against the rest) or `logistic`
        (multinomial, on the empirical kernel map of the centred kernel).
    settings : mapping
        `n_components`, `svm_c` or `logistic_c`, whichever the classifier has.

    Raises
    ------
    FeatureError
        If there is no such classifier.
    """
    if name not in CLASSIFIERS:
        raise FeatureError(f"classifier {name!r} is unknown; expected one of {', '.join(CLASSIFIERS)}")
    return CLASSIFIERS[name](settings)


def class_indices(labels: Sequence[str], classes: Sequence[str]) -> Ints:
    """Index of each training label in the declared classes.

    Raises
    ------
    FeatureError
        If a label is none of them, or one of them has no training set.
    """
    strangers, absent = sorted(set(labels) - set(classes)), [name for name in classes if name not in set(labels)]
    if strangers or absent:
        raise FeatureError(
            f"training labels: {', '.join(strangers) or 'none'} unknown, {', '.join(absent) or 'none'} without a "
            f"usable clip; expected each of {', '.join(classes)}; change the folds or the classes"
        )
    return np.array([classes.index(label) for label in labels], dtype=np.int64)


def fit(classifier: BaseEstimator, K: Matrix, y: Ints) -> BaseEstimator:
    """Return a fitted copy of the classifier.

    Parameters
    ----------
    classifier : estimator
        From `make_classifier`.
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
    values = np.asarray(fitted.decision_function(K))
    return values if values.ndim == 2 else np.stack([-values / 2, values / 2], axis=1)


def out_of_fold(
    classifier: BaseEstimator, K: Matrix, y: Ints, groups: Sequence[str], n_folds: int
) -> tuple[Matrix, Bools]:
    """Decision values of training sets by classifiers that have seen no set of their group.

    Folds are stratified by class and whole in their groups; there are at most as many as groups, and as sets of the
    rarest class. A fold without which a class would be without training sets is not scored.

    Parameters
    ----------
    classifier : estimator
        From `make_classifier`.
    K : ndarray, shape (n_train, n_train)
        Kernel between training sets.
    y : ndarray, shape (n_train,)
        Class indices 0 .. n_classes - 1, each present.
    groups : sequence of str
        Subject of each set.
    n_folds : int
        Wanted number of folds.

    Returns
    -------
    values : ndarray, shape (n_train, n_classes)
        Zero where not scored.
    scored : ndarray of bool, shape (n_train,)
    """
    counts = np.bincount(y)
    values, scored = np.zeros((len(y), len(counts))), np.zeros(len(y), dtype=np.bool_)
    n = min(n_folds, len(set(groups)), counts.min())
    if n < 2:
        return values, scored
    for train, test in StratifiedGroupKFold(n).split(K, y, groups):
        if np.unique(y[train]).size == len(counts):
            fitted = fit(_bounded(classifier, len(train)), K[np.ix_(train, train)], y[train])
            values[test] = decision_values(fitted, K[np.ix_(test, train)])
            scored[test] = True
    return values, scored


def kernel_scores(classifier: BaseEstimator, K: Matrix, y: Ints, groups: Sequence[str], n_folds: int) -> Scores:
    """Scores of all sets of a kernel whose first rows are the training sets.

    Parameters
    ----------
    classifier : estimator
        From `make_classifier`.
    K : ndarray, shape (n_sets, n_sets)
        Kernel between all sets; only its columns of training sets are read.
    y : ndarray, shape (n_train,)
        Class indices of the training sets.
    groups : sequence of str
        Their subjects.
    n_folds : int
        Folds of the training sets' out-of-fold scores.
    """
    n = len(y)
    inner, has = out_of_fold(classifier, K[:n, :n], y, groups, n_folds)
    fitted = fit(classifier, K[:n, :n], y)
    values = inner if n == len(K) else np.concatenate([inner, decision_values(fitted, K[n:, :n])])
    scored = np.concatenate([has, np.ones(len(K) - n, dtype=np.bool_)])
    return Scores(values[scored], scored, _n_components(fitted))


def feature_scores(
    classifier: BaseEstimator, kernels: Mapping[str, Matrix], y: Ints, groups: Sequence[str], n_folds: int
) -> dict[str, Scores]:
    """`kernel_scores` of each kernel of a feature, and as `mean` the mean of their decision values.

    All kernels score the same sets, because folds depend on `y` and `groups` alone.
    """
    found = {name: kernel_scores(classifier, K, y, groups, n_folds) for name, K in kernels.items()}
    scored = next(iter(found.values())).scored
    return found | {"mean": Scores(np.mean([scores.values for scores in found.values()], axis=0), scored, None)}


def mean_scores(tables: Sequence[Table]) -> tuple[list[str], list[str], Matrix]:
    """Mean of several systems' scores over the clips that all of them have.

    Parameters
    ----------
    tables : sequence of (clips, classes, scores)
        Clip ids, class names and scores (n_clips, n_classes) of each system.

    Returns
    -------
    clips, classes : list of str
        In the order of the first system.
    scores : ndarray, shape (n_clips, n_classes)

    Raises
    ------
    StoreError
        If the classes differ in name or order.
    """
    clips, classes, _ = tables[0]
    for _, other, _ in tables:
        if list(other) != list(classes):
            raise StoreError(
                f"scores: classes {', '.join(other)}, expected {', '.join(classes)}; run the workflow again"
            )
    row_of_clip = [{clip: i for i, clip in enumerate(names)} for names, _, _ in tables]
    common = [clip for clip in clips if all(clip in rows for rows in row_of_clip)]
    chosen = [table[2][[rows[clip] for clip in common]] for rows, table in zip(row_of_clip, tables, strict=True)]
    return common, list(classes), np.mean(chosen, axis=0)


def _bounded(classifier: BaseEstimator, n_train: int) -> BaseEstimator:
    """Copy of a classifier with no more components than the part of the training sets that it is fitted on."""
    wanted = getattr(classifier, "n_components", None)
    return classifier if wanted is None else clone(classifier).set_params(n_components=min(wanted, n_train))


def no_scores(names: Iterable[str], n_classes: int) -> dict[str, Scores]:
    """Scores of no clip for each kernel and `mean`: where a fold has nothing to train on."""
    nothing = Scores(np.zeros((0, n_classes)), np.zeros(0, dtype=np.bool_), None)
    return dict.fromkeys([*names, "mean"], nothing)


def _n_components(fitted: BaseEstimator) -> list[int] | None:
    used = getattr(fitted, "n_components_", None)
    return None if used is None else [int(n) for n in np.atleast_1d(used)]
