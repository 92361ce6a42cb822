"""Metrics of a run of several corpora: what was trained on which corpora, by which corpus it was tested on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.corpora import manifest as manifests
from emotiw.corpora import splits
from emotiw.corpora.manifest import Manifest
from emotiw.evaluation import systems
from emotiw.evaluation.pools import Pool
from emotiw.evaluation.systems import ALL, OWN
from emotiw.fusion.score_tables import Floats, Ints
from emotiw.statistics import comparisons, metrics


def cells(corpus: Manifest, pool: Pool, *, seed: int, n_resamples: int) -> list[dict[str, Any]]:
    """Metrics of the main systems for each set of training corpora and each corpus tested; none with a single corpus.

    Folds that train on the same corpora are taken together. A clip is judged twice: among all classes of the run, and
    among the classes of its corpus (`Manifest.label_sets`), where the scores of the other classes are left out.

    Parameters
    ----------
    corpus : Manifest
    pool : Pool
        The test part of all folds.
    seed, n_resamples : int
        Seed of resamples and permutations, and number of the resamples of groups (`Pool.groups`).

    Returns
    -------
    list of dict
        `trained_on` (names of entries), `tested_on`, `folds`, `n`, `n_subjects`, `n_groups`, `classes` (of the corpus
        tested) and `systems`: by system None where no clip has scores of it, or `n_covered` and for `all_classes` and
        `own_classes` each `accuracy`, `accuracy_interval`, `uar`, `uar_interval` and `p`, the p-value that accuracy is
        above that of permuted labels (`comparisons.label_permutation_p`).
    """
    trained_on = {name: _entries(corpus, fold.train) for name, fold in splits.tested(manifests.folds(corpus)).items()}
    rows_of_cell: dict[tuple[tuple[str, ...], str], list[int]] = {}
    for i, (clip, fold) in enumerate(zip(pool.clips, pool.folds, strict=True)):
        tested = corpus.row_of_clip[clip].corpus
        if tested and pool.truth[i] >= 0:
            rows_of_cell.setdefault((trained_on[fold], tested), []).append(i)
    return [
        {
            "trained_on": list(trained),
            "tested_on": tested,
            "folds": list(dict.fromkeys(pool.folds[i] for i in rows)),
            **_cell(corpus, pool, np.array(rows), seed=seed, n_resamples=n_resamples),
        }
        for (trained, tested), rows in sorted(rows_of_cell.items())
    ]


def _entries(corpus: Manifest, clips: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({corpus.row_of_clip[clip].corpus for clip in clips}))


def _cell(corpus: Manifest, pool: Pool, rows: Ints, *, seed: int, n_resamples: int) -> dict[str, Any]:
    subjects = np.asarray(np.unique(pool.subjects[rows], return_inverse=True)[1], np.int64)
    groups = np.asarray(np.unique(pool.groups[rows], return_inverse=True)[1], np.int64)
    labels = corpus.label_sets[corpus.row_of_clip[pool.clips[rows[0]]].corpus]
    own = np.array([corpus.classes.index(label) for label in labels], np.int64)
    judged = {name: _predictions(pool, rows, name, own) for name in systems.shown(pool.modalities)}
    resamples = metrics.subject_resamples(int(groups.max()) + 1, np.random.default_rng(seed), n_resamples=n_resamples)
    truth = pool.truth[rows]
    flat = {(name, among): y for name, predicted in judged.items() for among, y in predicted.items()}
    p = comparisons.label_permutation_p(truth, flat, subjects, seed=seed)
    return {
        "n": len(rows),
        "n_subjects": int(subjects.max()) + 1,
        "n_groups": int(groups.max()) + 1,
        "classes": [corpus.classes[i] for i in own],
        "systems": {
            name: {
                "n_covered": int(pool.systems[name][1][rows].sum()),
                **{
                    among: _scores(truth, y, groups, resamples, len(corpus.classes)) | {"p": p[name, among]}
                    for among, y in predicted.items()
                },
            }
            if predicted
            else None
            for name, predicted in judged.items()
        },
    }


def _predictions(pool: Pool, rows: Ints, system: str, own: Ints) -> dict[str, Ints]:
    """Predicted classes of the clips among all classes and among `own`; empty if no clip has scores of the system."""
    values, covered = pool.systems[system]
    if not covered[rows].any():
        return {}
    return {ALL: values[rows].argmax(1), OWN: own[values[np.ix_(rows, own)].argmax(1)]}


def _scores(truth: Ints, predicted: Ints, groups: Ints, resamples: Ints, n_classes: int) -> dict[str, Any]:
    clusters = metrics.clustered_confusions(truth, predicted, groups, n_classes)
    statistics: Mapping[str, Any] = {"accuracy": metrics.accuracy, "uar": metrics.uar}
    scores: dict[str, Any] = {}
    for name, statistic in statistics.items():
        value: npt.NDArray[np.float64] | Floats = statistic(clusters.sum(0))
        scores |= {
            name: float(value),
            f"{name}_interval": metrics.bootstrap_interval(clusters, statistic, resamples),
        }
    return scores
