"""Metrics of one system from its confusion matrix of each subject, with 95 % intervals from resampled subjects."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.statistics import metrics

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Confusions = npt.NDArray[np.int64]  # (n_subjects, n_classes, n_classes)


def of(clusters: Confusions, resamples: Ints) -> dict[str, Any]:
    """Accuracy, UAR, macro F1 with their intervals, recalls, and the confusion matrix of all subjects.

    Parameters
    ----------
    clusters : ndarray, shape (n_subjects, n_classes, n_classes)
        Confusion matrix of each subject.
    resamples : ndarray, shape (n_resamples, n_subjects)
        From `metrics.subject_resamples`.
    """
    confusion = clusters.sum(0)
    statistics: dict[str, Callable[[npt.NDArray[np.integer]], Floats]] = {
        "accuracy": metrics.accuracy,
        "uar": metrics.uar,
        "macro_f1": metrics.macro_f1,
    }
    values: dict[str, Any] = {}
    for name, statistic in statistics.items():
        values[name] = number(statistic(confusion))
        values[f"{name}_interval"] = metrics.bootstrap_interval(clusters, statistic, resamples)
    n = int(confusion.sum())
    values["accuracy_wilson"] = metrics.wilson_interval(int(np.trace(confusion)), n) if n else None
    values["n_classes_present"] = int(metrics.n_present(confusion))
    values["recalls"] = [number(value) for value in metrics.recalls(confusion)]
    values["confusion"] = confusion.tolist()
    values["n"] = n
    return values


def number(value: npt.ArrayLike) -> float | None:
    """Python number; None for NaN."""
    number = float(np.asarray(value))
    return None if np.isnan(number) else number
