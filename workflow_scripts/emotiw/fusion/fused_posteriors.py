"""Posteriors of a fusion: its scores, normalised and calibrated, with the decision of the scores.

The fused scores S_c of a scheme decide: argmax_c S_c (`schemes`). With a weight per class they are no distribution. The
posteriors are [ours]::

    p_c = S_c / sum_c S_c
    P_c = p_c^a / sum_c p_c^a,  a = 1 / temperature

The temperature of each scheme has the least log loss on the n clips that its weights are fitted on (Guo et al., "On
calibration of modern neural networks", ICML 2017). As these clips are few and the weights fit them, each label counts
as (n + 1) / (n + n_classes) of its class and 1 / (n + n_classes) of every other one (Platt, "Probabilistic outputs for
support vector machines", 1999). Without it, six clips that are all right would make every posterior 0 or 1. Neither
step changes the decision.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from emotiw.fusion import schemes
from emotiw.fusion.schemes import PRODUCT, FittedFusion, Floats, Fusion, Scores
from emotiw.statistics.selection_record import Record

STACKED = "stacked"


def names(fusion: Fusion) -> tuple[str, ...]:
    """Names of the schemes that a fusion has scores of."""
    return (*fusion.weights, STACKED, PRODUCT)


def normalised(scores: Floats) -> Floats:
    """Scores of each clip over their sum, shape (n_clips, n_classes); uniform where the sum is 0.

    Parameters
    ----------
    scores : ndarray, shape (n_clips, n_classes)
        Fused scores, not negative.
    """
    sums = scores.sum(axis=1, keepdims=True)
    return np.where(sums > 0, scores / np.where(sums > 0, sums, 1.0), 1 / scores.shape[1])


def posteriors(scores: Floats, scale: float) -> Floats:
    """Calibrated posteriors of fused scores, shape (n_clips, n_classes).

    Parameters
    ----------
    scores : ndarray, shape (n_clips, n_classes)
        Fused scores, not negative.
    scale : float
        1 / temperature.

    Returns
    -------
    ndarray, shape (n_clips, n_classes)
        Each row sums to 1, and its first largest value is that of `scores`.
    """
    found = schemes.calibrated(schemes.log_posteriors(normalised(scores)), scale)
    winners = scores.argmax(1)
    # classes whose scores differ in the last digits can become equal, and the first of equals would win
    tied = np.flatnonzero(found.argmax(1) != winners)
    found[tied, winners[tied]] = np.nextafter(found[tied].max(1), 1.0)
    return found


def fused(fusion: Fusion, scores: Scores, scheme: str) -> Floats:
    """Posteriors of clips that have both modalities by a scheme, shape (n_clips, n_classes)."""
    return posteriors(schemes.fused(fusion, scores, scheme), fusion.fused_scales.get(scheme, 1.0))


def calibrated(fusion: FittedFusion, scores: Scores) -> FittedFusion:
    """Fit the scale of each scheme's posteriors.

    Parameters
    ----------
    fusion : FittedFusion
    scores : Scores
        Scores of labelled clips that have both modalities, those that the weights were fitted on; without any, all
        scales are 1.
    """
    logs = {
        name: schemes.log_posteriors(normalised(schemes.fused(fusion, scores, name))) if len(scores) else scores.audio
        for name in names(fusion)
    }
    n_classes = scores.audio.shape[1]
    smoothing = n_classes / (len(scores) + n_classes)
    scales = {
        name: schemes.calibration_scale(values, scores.truth, smoothing=smoothing) for name, values in logs.items()
    }
    return replace(fusion, fused_scales=scales)


def records(fusion: Fusion, clips: Iterable[str]) -> list[Record]:
    """Ledger records of the scales of each scheme's posteriors, fitted on `clips`."""
    fitted_on = tuple(clips)
    return [
        Record(f"fusion/scale of {name} posteriors", scale, "likelihood", fitted_on)
        for name, scale in fusion.fused_scales.items()
    ]
