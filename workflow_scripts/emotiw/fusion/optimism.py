"""Optimism of a fusion: its accuracy on the clips it was fitted on, minus its cross-validated accuracy.

Cross-validation divides whole groups of clips that share a subject, film or content, and is repeated with other folds
(Kohavi, "A study of cross-validation and bootstrap for accuracy estimation and model selection", IJCAI 1995). In
every fold the weights and the stacked regression are fitted again, and so is each calibration that was fitted on the
same clips. A scheme and a shrinkage that are chosen by cross-validation are chosen again in every fold, from its
training part (nested cross-validation). So no clip is scored by a fusion that was fitted on its group.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from emotiw.fusion import choice
from emotiw.fusion.choice import MAX_BRANCHES, Chosen, Method
from emotiw.fusion.schemes import PRODUCT, Ints, Scale, Scores

STACKED = "stacked"


def by_scheme(scores: Scores, chosen: Chosen, method: Method) -> dict[str, dict[str, Any]] | None:
    """Resubstituted and cross-validated accuracy of each scheme, and their difference.

    Parameters
    ----------
    scores : Scores
        Scores of the clips that `chosen` was fitted on.
    chosen : Chosen
        Fitted on all of these clips.
    method : Method
        How it was fitted; its folds and repeats are those of the cross-validation (`choice.divisions`).

    Returns
    -------
    dict or None
        By scheme `resubstitution`, `cross_validated` (mean over the repeats), `optimism` (their difference), `std`
        (standard deviation of the repeats' cross-validated accuracies; None for a single repeat), `n_folds` and
        `n_repeats`. None with fewer than two groups.
    """
    divisions = list(choice.divisions(scores, method))
    if not divisions:
        return None
    validated = [cross_validated(scores, division, method, scales=chosen.fusion.scales) for division in divisions]
    estimates = {}
    for scheme in (*chosen.fusion.weights, STACKED, PRODUCT):
        resubstitution = choice.n_right(chosen.fusion, scores, scheme) / len(scores)
        accuracies = [accuracy[scheme] for accuracy in validated]
        mean = float(np.mean(accuracies))
        estimates[scheme] = {
            "resubstitution": resubstitution,
            "cross_validated": mean,
            "optimism": resubstitution - mean,
            "std": float(np.std(accuracies, ddof=1)) if len(divisions) > 1 else None,
            "n_folds": len(divisions[0]),
            "n_repeats": len(divisions),
        }
    return estimates


def cross_validated(
    scores: Scores,
    division: Iterable[tuple[Ints, Ints]],
    method: Method,
    *,
    scales: Mapping[str, Scale] = MappingProxyType({}),
) -> dict[str, float]:
    """Cross-validated accuracy of each scheme, for one division of the groups into folds.

    Parameters
    ----------
    scores : Scores
        Scores of clips that neither modality was trained on.
    division : iterable of (ndarray of int, ndarray of int)
        Training and test rows of each fold.
    method : Method
        How the fusion is fitted in each fold.
    scales : mapping of str to Scale
        Calibrations that were fitted on other clips (`schemes.fit`).
    """
    right: dict[str, int] = {}
    for train, test in division:
        fusion = choice.fit(scores[train], method, scales=scales, max_branches=MAX_BRANCHES).fusion
        for scheme in (*fusion.weights, STACKED, PRODUCT):
            right[scheme] = right.get(scheme, 0) + choice.n_right(fusion, scores[test], scheme)
    return {scheme: n / len(scores) for scheme, n in right.items()}
