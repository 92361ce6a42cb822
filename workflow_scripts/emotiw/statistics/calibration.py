"""How well posteriors say how often they are right: log loss, Brier score, reliability, accuracy against coverage."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emotiw.statistics.metrics import Interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

TINY = 1e-12  # lower limit of a posterior before its logarithm is taken
N_BINS = 10  # bins of the reliability diagram


@dataclass(frozen=True)
class Bin:
    """Clips whose confidence, the largest posterior, lies in (low, high]; the means are None without clips."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


def log_losses(posteriors: Floats, truth: Ints) -> Floats:
    """Logarithmic loss of each clip, -ln P_truth, shape (n_clips,), in nats."""
    return np.asarray(-np.log(np.maximum(posteriors[np.arange(len(truth)), truth], TINY)), np.float64)


def brier_scores(posteriors: Floats, truth: Ints) -> Floats:
    """Brier score of each clip, sum_c (P_c - [c is the truth])^2, shape (n_clips,), from 0 to 2.

    Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950.
    """
    return np.asarray(np.square(posteriors - np.eye(posteriors.shape[1])[truth]).sum(1), np.float64)


def reliability(posteriors: Floats, truth: Ints, *, n_bins: int = N_BINS) -> list[Bin]:
    """Mean confidence and accuracy in bins of equal width, for the reliability diagram.

    Parameters
    ----------
    posteriors : ndarray, shape (n_clips, n_classes)
        Each row sums to 1.
    truth : ndarray, shape (n_clips,)
        Index of the true class.
    n_bins : int

    References
    ----------
    DeGroot and Fienberg, "The comparison and evaluation of forecasters", The Statistician 32, 1983.
    """
    confidence, right = posteriors.max(1), posteriors.argmax(1) == truth
    bins = np.clip(np.ceil(confidence * n_bins).astype(np.int64) - 1, 0, n_bins - 1)
    return [
        Bin(b / n_bins, (b + 1) / n_bins, int(inside.sum()), _mean(confidence[inside]), _mean(right[inside]))
        for b in range(n_bins)
        for inside in [bins == b]
    ]


def expected_calibration_error(bins: list[Bin]) -> float | None:
    """Mean over the clips of |accuracy - confidence| of their bins; None without clips.

    Guo et al., "On calibration of modern neural networks", ICML 2017, eq. 3.
    """
    n = sum(b.n for b in bins)
    errors = (b.n * abs(b.accuracy - b.confidence) for b in bins if b.accuracy is not None and b.confidence is not None)
    return sum(errors) / n if n else None


def accuracy_by_coverage(posteriors: Floats, truth: Ints) -> tuple[Floats, Floats, Floats]:
    """`accuracy_by_confidence` of posteriors (n_clips, n_classes) with the index of the true class (n_clips,)."""
    return accuracy_by_confidence(posteriors.max(1), posteriors.argmax(1) == truth, np.ones(len(truth)))


def accuracy_by_confidence(confidence: Floats, right: Bools, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Accuracy on the clips that are judged if those below a confidence are not.

    Parameters
    ----------
    confidence : ndarray, shape (n_clips,)
        Largest posterior of each clip.
    right : ndarray of bool, shape (n_clips,)
        Whether its class is the true one.
    weights : ndarray, shape (n_clips,)
        How much each clip counts.

    Returns
    -------
    coverage, accuracy, threshold : ndarray, shape (n_points,)
        By rising coverage: share of the clips whose confidence is at least `threshold`, and the accuracy on them. Clips
        of equal confidence are judged together, so there is one point for each confidence that occurs.

    References
    ----------
    Geifman and El-Yaniv, "Selective classification for deep neural networks", NIPS 2017.
    """
    order = np.argsort(-confidence, kind="stable")
    judged, correct = np.cumsum(weights[order]), np.cumsum((weights * right)[order])
    last = np.flatnonzero(np.append(confidence[order][1:] != confidence[order][:-1], [True] * bool(len(right))))
    return judged[last] / judged[-1:].sum(), correct[last] / judged[last], confidence[order][last]


def among(posteriors: Floats, classes: Ints) -> Floats:
    """Posteriors given that the class is one of `classes` (indices), shape (n_clips, len(classes)).

    Uniform where these classes have no probability at all; a row of NaN stays one.
    """
    chosen = posteriors[:, classes]
    sums = chosen.sum(1, keepdims=True)
    return np.where(sums == 0, 1 / len(classes), chosen / np.where(sums == 0, 1.0, sums))


def mean_interval(values: Floats, clusters: Ints, resamples: Ints, *, level: float = 0.95) -> Interval | None:
    """Percentile interval of the mean of the clips' values when whole clusters are drawn with replacement.

    Parameters
    ----------
    values : ndarray, shape (n_clips,)
    clusters : ndarray, shape (n_clips,)
        Number of each clip's cluster, such as its subject, from 0.
    resamples : ndarray, shape (n_resamples, n_clusters)
        From `metrics.subject_resamples`.
    level : float
        Share of the resamples that the interval holds.

    Returns
    -------
    tuple of float or None
        Lower and upper end; None with fewer than two clusters.
    """
    n_clusters = resamples.shape[1]
    if len(np.unique(clusters)) < 2:
        return None
    sums, counts = (np.bincount(clusters, weights, n_clusters) for weights in (values, None))
    n = resamples @ counts
    means = (resamples @ sums)[n > 0] / n[n > 0]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _mean(values: Floats | Bools) -> float | None:
    return float(values.mean()) if len(values) else None
