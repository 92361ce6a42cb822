"""Metrics of one system from the confusion matrix of each cluster of clips, with 95 % bootstrap intervals."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.statistics import metrics

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Confusions = npt.NDArray[np.int64]  # (n_clusters, n_classes, n_classes)


def of(clusters: Confusions, resamples: Ints) -> dict[str, Any]:
    """Accuracy, UAR, macro F1 and recalls with their intervals, and the confusion matrix of all clips.

    Parameters
    ----------
    clusters : ndarray, shape (n_clusters, n_classes, n_classes)
        Confusion matrix of each subject, or of each group of clips that belong together.
    resamples : ndarray, shape (n_resamples, n_clusters)
        From `metrics.subject_resamples`.
    """
    confusion = clusters.sum(0)
    statistics: dict[str, Callable[[npt.NDArray[np.integer]], Floats]] = {
        "accuracy": metrics.accuracy,
        "uar": metrics.uar,
        "macro_f1": metrics.macro_f1,
    }
    values: dict[str, Any] = {}
    sums = metrics.resampled_sums(clusters, resamples) if len(clusters) > 1 else None
    for name, statistic in statistics.items():
        values[name] = number(statistic(confusion))
        values[f"{name}_interval"] = None if sums is None else metrics.percentile_interval(statistic(sums))
    n = int(confusion.sum())
    values["accuracy_wilson"] = metrics.wilson_interval(int(np.trace(confusion)), n) if n else None
    values["n_classes_present"] = int(metrics.n_present(confusion))
    values["recalls"] = [number(value) for value in metrics.recalls(confusion)]
    values["recall_intervals"] = [None] * len(confusion) if sums is None else _intervals(metrics.recalls(sums))
    values["confusion"] = confusion.tolist()
    values["n"] = n
    return values


def _intervals(values: Floats) -> list[metrics.Interval | None]:
    """Interval of each column of (n_resamples, n_classes)."""
    return [metrics.percentile_interval(column) for column in values.T]


def number(value: npt.ArrayLike) -> float | None:
    """Python number; None for NaN."""
    number = float(np.asarray(value))
    return None if np.isnan(number) else number
