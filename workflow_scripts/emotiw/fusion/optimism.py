"""How much the accuracy on the clips that a fusion was fitted to promises too much.

Cross-validation over whole groups of clips that share a subject, film or content, repeated with other folds (Kohavi,
"A study of cross-validation and bootstrap for accuracy estimation and model selection", IJCAI 1995): every fold fits
weights, the stacked regression and, unless other clips gave them, calibrations anew, so that no clip is judged by
anything that has seen its group.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold

from emotiw.fusion import schemes
from emotiw.fusion.schemes import SCHEMES, Fitted, Fusion, Scale, Scores

MAX_BRANCHES = 1_000_000  # of a joint search within a fold


def report(
    scores: Scores, fitted: Fitted, *, step: float, n_folds: int, n_repeats: int
) -> dict[str, dict[str, Any]] | None:
    """Resubstituted and cross-validated accuracy of each scheme, and their difference.

    Parameters
    ----------
    scores : Scores
        The clips that `fitted` was fitted to.
    fitted : Fitted
        To all of them.
    step : float
        Of the grid of weights.
    n_folds : int
        At most as many as groups.
    n_repeats : int
        Divisions into folds, drawn with the seeds 0, 1, ...; one where every group is a fold of its own.

    Returns
    -------
    dict or None
        By scheme `resubstitution`, `cross_validated` (mean over the repeats), `optimism` (their difference), `std` (of
        the repeats' cross-validated accuracies, and so of their optimism; None of a single one), `n_folds` and
        `n_repeats`. None with fewer than two groups.
    """
    n_groups = len(np.unique(scores.groups))
    n_folds = min(n_folds, n_groups)
    if n_folds < 2:
        return None
    n_repeats = 1 if n_folds == n_groups else n_repeats
    validated = [
        cross_validated(scores, step=step, n_folds=n_folds, seed=seed, given=fitted.given) for seed in range(n_repeats)
    ]
    found = {}
    for scheme in SCHEMES:
        resubstitution = n_right(fitted, scores, scheme) / len(scores)
        accuracies = [accuracy[scheme] for accuracy in validated]
        mean = float(np.mean(accuracies))
        found[scheme] = {
            "resubstitution": resubstitution,
            "cross_validated": mean,
            "optimism": resubstitution - mean,
            "std": float(np.std(accuracies, ddof=1)) if n_repeats > 1 else None,
            "n_folds": n_folds,
            "n_repeats": n_repeats,
        }
    return found


def cross_validated(
    scores: Scores, *, step: float, n_folds: int, seed: int, given: Mapping[str, Scale] = MappingProxyType({})
) -> dict[str, float]:
    """Accuracy of each scheme over the clips of all folds, of one division of the groups."""
    right = dict.fromkeys(SCHEMES, 0)
    folds = GroupKFold(n_folds, shuffle=True, random_state=seed)
    for train, test in folds.split(scores.audio, groups=scores.groups):
        fitted = schemes.fit(scores[train], step=step, given=given, max_branches=MAX_BRANCHES)
        for scheme in SCHEMES:
            right[scheme] += n_right(fitted, scores[test], scheme)
    return {scheme: n / len(scores) for scheme, n in right.items()}


def n_right(fitted: Fusion, scores: Scores, scheme: str) -> int:
    """How many clips a scheme gets right."""
    return int((schemes.fused(fitted, scores, scheme).argmax(1) == scores.truth).sum())
