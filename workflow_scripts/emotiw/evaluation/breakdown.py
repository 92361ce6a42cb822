"""Accuracy of the main systems by fold and by subject."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.corpora import splits
from emotiw.corpora.manifest import Manifest
from emotiw.evaluation import systems
from emotiw.evaluation.pools import Pool

Bools = npt.NDArray[np.bool_]


def of(corpus: Manifest, pool: Pool) -> dict[str, list[dict[str, Any]]]:
    """Count the labelled clips of each fold and subject, and those that each main system judges and gets right.

    Returns
    -------
    dict of list of dict
        `folds` and `subjects`, each in natural order: `name`, number of clips `n`, and by system `n_covered` (clips
        that it has scores of), `n_right` (of all clips) and `accuracy`.
    """
    known = np.flatnonzero(pool.truth >= 0)
    judged = {
        name: (pool.systems[name][0][known].argmax(1) == pool.truth[known], pool.systems[name][1][known])
        for name in systems.shown(pool.modalities)
    }
    subjects = [corpus.row_of_clip[pool.clips[i]].subject for i in known]
    return {"folds": _by([pool.folds[i] for i in known], judged), "subjects": _by(subjects, judged)}


def _by(names: Sequence[str], judged: Mapping[str, tuple[Bools, Bools]]) -> list[dict[str, Any]]:
    rows_of_name: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        rows_of_name.setdefault(name, []).append(row)
    return [
        {
            "name": name,
            "n": len(rows),
            "systems": {system: _counts(right[rows], covered[rows]) for system, (right, covered) in judged.items()},
        }
        for name, rows in sorted(rows_of_name.items(), key=lambda item: splits.natural(item[0]))
    ]


def _counts(right: Bools, covered: Bools) -> dict[str, Any]:
    return {"n_covered": int(covered.sum()), "n_right": int(right.sum()), "accuracy": float(right.mean())}
