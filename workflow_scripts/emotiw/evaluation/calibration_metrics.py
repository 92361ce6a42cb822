"""How well the posteriors of one system say how often it is right, as JSON values with 95 % bootstrap intervals."""

from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.statistics import calibration

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def of(
    posteriors: Floats, truth: Ints, clusters: Ints, resamples: Ints, *, n_points: int | None = None
) -> dict[str, Any]:
    """Log loss, Brier score, expected calibration error, reliability, and accuracy by coverage.

    Parameters
    ----------
    posteriors : ndarray, shape (n_clips, n_classes)
        Each row sums to 1; at least one clip.
    truth, clusters : ndarray, shape (n_clips,)
        Index of the true class; number of the clip's cluster, from 0.
    resamples : ndarray, shape (n_resamples, n_clusters)
        From `metrics.subject_resamples`.
    n_points : int or None
        Largest number of points of accuracy by coverage, evenly spaced among all of them; None: all.
    """
    bins = calibration.reliability(posteriors, truth)
    coverage, accuracy, threshold = calibration.accuracy_by_coverage(posteriors, truth)
    losses, scores = calibration.log_losses(posteriors, truth), calibration.brier_scores(posteriors, truth)
    return {
        "log_loss": float(losses.mean()),
        "log_loss_interval": calibration.mean_interval(losses, clusters, resamples),
        "brier": float(scores.mean()),
        "brier_interval": calibration.mean_interval(scores, clusters, resamples),
        "ece": calibration.expected_calibration_error(bins),
        "confidence": float(posteriors.max(1).mean()),
        "reliability": [asdict(b) for b in bins],
        "by_coverage": [
            {"coverage": float(coverage[i]), "accuracy": float(accuracy[i]), "threshold": float(threshold[i])}
            for i in _spaced(len(coverage), n_points)
        ],
    }


def _spaced(n: int, limit: int | None) -> list[int]:
    """At most `limit` places among `n`, the first and the last among them."""
    if limit is None or n <= limit:
        return list(range(n))
    return sorted(set(np.linspace(0, n - 1, limit).round().astype(int).tolist()))
