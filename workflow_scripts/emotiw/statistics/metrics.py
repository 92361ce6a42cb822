"""Scores of a classifier and their 95 % intervals, all of them functions of its confusion matrix.

A confusion matrix counts the clips of each true class (row) that were assigned each class (column). The functions
accept any number of leading axes, so that one call computes a statistic of thousands of bootstrap resamples.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Interval = tuple[float, float]


def confusion_matrix(truth: Ints, predicted: Ints, n_classes: int) -> Ints:
    """Confusion matrix N, (n_classes, n_classes): N_ij clips of the true class i were assigned the class j."""
    cells = np.bincount(truth * n_classes + predicted, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes).astype(np.int64)


def clustered_confusions(truth: Ints, predicted: Ints, clusters: Ints, n_classes: int) -> Ints:
    """Confusion matrix of each cluster, shape (n_clusters, n_classes, n_classes); `clusters` numbers them from 0."""
    cells = (clusters * n_classes + truth) * n_classes + predicted
    n_clusters = int(clusters.max(initial=-1)) + 1
    counts = np.bincount(cells, minlength=n_clusters * n_classes**2)
    return counts.reshape(n_clusters, n_classes, n_classes).astype(np.int64)


def accuracy(confusion: npt.NDArray[np.integer]) -> Floats:
    """Accuracy, the share of the clips on the diagonal: sum_i N_ii / sum_ij N_ij; NaN where there are no clips."""
    return _ratio(_diagonal(confusion).sum(-1), confusion.sum((-2, -1)))


def recalls(confusion: npt.NDArray[np.integer]) -> Floats:
    """Recall of each class, R_i = N_ii / sum_j N_ij, shape (..., n_classes); NaN for a class without clips."""
    return _ratio(_diagonal(confusion), confusion.sum(-1))


def n_present(confusion: npt.NDArray[np.integer]) -> Ints:
    """Count the classes that have clips, those that UAR and macro F1 average over."""
    return np.asarray((confusion.sum(-1) > 0).sum(-1), np.int64)


def uar(confusion: npt.NDArray[np.integer]) -> Floats:
    """Unweighted average recall (UAR): the mean of R_i over the classes i that have clips."""
    return _mean_present(recalls(confusion), confusion)


def macro_f1(confusion: npt.NDArray[np.integer]) -> Floats:
    """Mean over the classes that have clips of F1 = 2 tp / (2 tp + fp + fn)."""
    f1 = _ratio(2 * _diagonal(confusion), confusion.sum(-1) + confusion.sum(-2))
    return _mean_present(f1, confusion)


def wilson_interval(n_correct: int, n: int, *, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion, for `n` independent clips."""
    from scipy.stats import binomtest  # noqa: PLC0415 - takes 0.8 s to import, and a prediction does without

    interval = binomtest(n_correct, n).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)


def subject_resamples(n_clusters: int, generator: np.random.Generator, *, n_resamples: int = 2000) -> Ints:
    """Draw how often each cluster of clips, such as a subject, occurs in each resample, (n_resamples, n_clusters)."""
    if not n_clusters:
        return np.zeros((n_resamples, 0), np.int64)
    return generator.multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=n_resamples)


def resampled_sums(clusters: npt.NDArray[np.integer], resamples: Ints) -> Ints:
    """Sum of the counts of each resample's clusters, shape (n_resamples, ...), from counts (n_clusters, ...)."""
    # whole numbers below 2^53 are exact in float64, whose matrix product is far faster than that of integers
    sums = resamples.astype(np.float64) @ clusters.reshape(len(clusters), -1).astype(np.float64)
    return sums.astype(np.int64).reshape(-1, *clusters.shape[1:])


def percentile_interval(values: Floats, *, level: float = 0.95) -> Interval | None:
    """Interval that holds the share `level` of the values in its middle; NaN is left out, None if all are NaN."""
    if np.isnan(values).all():
        return None
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap_interval(
    clusters: npt.NDArray[np.integer],
    statistic: Callable[[npt.NDArray[np.integer]], Floats],
    resamples: Ints,
    *,
    level: float = 0.95,
) -> Interval | None:
    """Percentile interval of a statistic when whole clusters are drawn with replacement.

    Clips of one subject, film or content are not independent, so a resample draws the groups that share none of them
    (`corpora.manifest.groups`), each with all of its clips. Systems that are given the same `resamples` are compared
    on the same draws.

    Parameters
    ----------
    clusters : ndarray, shape (n_clusters, ...)
        Counts of each cluster of clips, such as its confusion matrix; a resample is a sum of them.
    statistic : callable
        Takes sums of shape (n_resamples, ...) and returns (n_resamples,); resamples that give NaN are left out.
    resamples : ndarray, shape (n_resamples, n_clusters)
        From `subject_resamples`.
    level : float
        Share of the resamples that the interval holds.

    Returns
    -------
    tuple of float or None
        Lower and upper end; None with fewer than two clusters, or if every resample gives NaN.

    References
    ----------
    Field and Welsh, "Bootstrapping clustered data", J. R. Statist. Soc. B 69, 2007.
    """
    if len(clusters) < 2:
        return None
    return percentile_interval(statistic(resampled_sums(clusters, resamples)), level=level)


def _diagonal(confusion: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _ratio(part: npt.NDArray[Any], whole: npt.NDArray[np.integer]) -> Floats:
    """Quotient, NaN where `whole` is zero."""
    return np.asarray(np.where(whole > 0, part / np.maximum(whole, 1), np.nan), np.float64)


def _mean_present(values: Floats, confusion: npt.NDArray[np.integer]) -> Floats:
    """Mean of `values` over the classes that have clips; NaN where none has."""
    present = confusion.sum(-1) > 0
    return _ratio(np.where(present, values, 0.0).sum(-1), present.sum(-1))
