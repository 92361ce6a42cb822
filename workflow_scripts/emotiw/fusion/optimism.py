"""Optimism of a fusion: its accuracy on the clips it was fitted on, minus its cross-validated accuracy.

Cross-validation divides whole groups of clips that share a subject, film or content, and is repeated with other folds
(Kohavi, "A study of cross-validation and bootstrap for accuracy estimation and model selection", IJCAI 1995). In
every fold the weights and the stacked regression are fitted again, and so is each calibration that was fitted on the
same clips. So no clip is scored by a fusion that was fitted on its group.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold

from emotiw.fusion import schemes
from emotiw.fusion.schemes import SCHEMES, FittedFusion, Fusion, Scale, Scores

MAX_BRANCHES = 1_000_000  # limit of a joint search within a cross-validation fold


def by_scheme(
    scores: Scores, fitted: FittedFusion, *, step: float, n_folds: int, n_repeats: int
) -> dict[str, dict[str, Any]] | None:
    """Resubstituted and cross-validated accuracy of each scheme, and their difference.

    Parameters
    ----------
    scores : Scores
        Scores of the clips that `fitted` was fitted on.
    fitted : FittedFusion
        Fitted on all of these clips.
    step : float
        Distance of neighbouring weights on the grid.
    n_folds : int
        Number of folds; at most the number of groups is used.
    n_repeats : int
        Number of divisions into folds, with the seeds 0, 1, ...; one is used if every group is a fold.

    Returns
    -------
    dict or None
        By scheme `resubstitution`, `cross_validated` (mean over the repeats), `optimism` (their difference), `std`
        (standard deviation of the repeats' cross-validated accuracies; None for a single repeat), `n_folds` and
        `n_repeats`. None with fewer than two groups.
    """
    n_groups = len(np.unique(scores.groups))
    n_folds = min(n_folds, n_groups)
    if n_folds < 2:
        return None
    n_repeats = 1 if n_folds == n_groups else n_repeats
    validated = [
        cross_validated(scores, step=step, n_folds=n_folds, seed=seed, scales=fitted.scales)
        for seed in range(n_repeats)
    ]
    estimates = {}
    for scheme in SCHEMES:
        resubstitution = n_right(fitted, scores, scheme) / len(scores)
        accuracies = [accuracy[scheme] for accuracy in validated]
        mean = float(np.mean(accuracies))
        estimates[scheme] = {
            "resubstitution": resubstitution,
            "cross_validated": mean,
            "optimism": resubstitution - mean,
            "std": float(np.std(accuracies, ddof=1)) if n_repeats > 1 else None,
            "n_folds": n_folds,
            "n_repeats": n_repeats,
        }
    return estimates


def cross_validated(
    scores: Scores, *, step: float, n_folds: int, seed: int, scales: Mapping[str, Scale] = MappingProxyType({})
) -> dict[str, float]:
    """Cross-validated accuracy of each scheme, for one division of the groups into folds.

    Parameters
    ----------
    scores : Scores
        Scores of clips that neither modality was trained on.
    step : float
        Distance of neighbouring weights on the grid.
    n_folds, seed : int
        Number of folds, and the seed of their division.
    scales : mapping of str to Scale
        Calibrations that were fitted on other clips (`schemes.fit`).
    """
    right = dict.fromkeys(SCHEMES, 0)
    folds = GroupKFold(n_folds, shuffle=True, random_state=seed)
    for train, test in folds.split(scores.audio, groups=scores.groups):
        fitted = schemes.fit(scores[train], step=step, scales=scales, max_branches=MAX_BRANCHES)
        for scheme in SCHEMES:
            right[scheme] += n_right(fitted, scores[test], scheme)
    return {scheme: n / len(scores) for scheme, n in right.items()}


def n_right(fusion: Fusion, scores: Scores, scheme: str) -> int:
    """Count the clips that a scheme classifies correctly."""
    return int((schemes.fused(fusion, scores, scheme).argmax(1) == scores.truth).sum())
