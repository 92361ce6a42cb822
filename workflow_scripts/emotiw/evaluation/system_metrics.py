"""Metrics of every system over one pool, with 95 % intervals from resampled groups of clips.

A group is what no fold divides: clips that share a subject, a film or a content, directly or through others.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.evaluation import calibration_metrics, confusion_metrics, systems
from emotiw.evaluation.pools import ANY_MODALITY, Pool
from emotiw.fusion.score_tables import Bools, Floats, Ints
from emotiw.statistics import comparisons, metrics

# metrics of a system that has judged no clip
NOTHING = (
    *("accuracy", "accuracy_interval", "accuracy_wilson", "uar", "uar_interval", "macro_f1", "macro_f1_interval"),
)
UNKNOWN = ("recalls", "recall_intervals")  # and those of them that have a value for each class
Confusions = npt.NDArray[np.int64]  # (n_groups, n_classes, n_classes)
N_POINTS = 100  # of the curve of accuracy against coverage


def part_metrics(pool: Pool, classes: Sequence[str], *, seed: int, n_resamples: int) -> dict[str, Any]:
    """Metrics of every system over the labelled clips of a pool.

    Parameters
    ----------
    pool : Pool
        The part of all folds.
    classes : sequence of str
        Names of the classes.
    seed, n_resamples : int
        Seed and number of the resamples of groups, which all systems share.
    """
    known = np.flatnonzero(pool.truth >= 0)
    _, groups = np.unique(pool.groups[known], return_inverse=True)
    n_groups = int(groups.max(initial=-1)) + 1
    resamples = metrics.subject_resamples(n_groups, np.random.default_rng(seed), n_resamples=n_resamples)
    truth = pool.truth[known]
    clusters = {
        name: metrics.clustered_confusions(truth, values[known].argmax(1), groups, len(classes))
        for name, (values, _) in pool.systems.items()
    }
    by_system = {name: confusion_metrics.of(clusters[name], resamples) for name in clusters}
    for name, (values, covered) in pool.systems.items():
        by_system[name] |= _covered_metrics(values[known], covered[known], truth)
    for name, baseline in _baselines(clusters).items():
        gain = _gain(clusters[name], clusters[baseline], resamples)
        if by_system[name]["n_covered"] and by_system[baseline]["n_covered"]:
            by_system[name]["over_baseline"] = {"baseline": baseline, **gain}
    majority = _majority(truth, classes)
    always = metrics.clustered_confusions(truth, np.full_like(truth, majority["index"]), groups, len(classes))
    main = systems.shown(pool.modalities)
    for name in main:
        covered = pool.systems[name][1][known]
        judged = pool.systems[name][0][known][covered]
        by_system[name] |= _calibration(judged, truth[covered], groups[covered], resamples)
        by_system[name]["over_majority"] = _gain(clusters[name], always, resamples)
    # a system without scores has no metrics, for its rows hold the class prior; that is what the main system answers
    judging = [name for name in pool.systems if by_system[name]["n_covered"]]
    unknown = {**dict.fromkeys((*NOTHING, "over_majority")), **dict.fromkeys(UNKNOWN, [None] * len(classes))}
    for name in by_system.keys() - {*judging, main[-1]}:
        by_system[name] |= unknown
    present = [name for name in pool.modalities if name in judging]
    right = {name: pool.systems[name][0][known].argmax(1) == truth for name in judging}
    return {
        "n": len(pool.clips),
        "n_scored": len(known),
        "n_hidden": len(pool.clips) - len(known),
        "n_subjects": len(np.unique(pool.subjects[known])),
        "n_groups": n_groups,
        "sources": {name: pool.sources.count(name) for name in (*ANY_MODALITY, "prior")},
        "systems": by_system,
        "fusion_gain": {name: _gain(clusters["fusion"], clusters[name], resamples) for name in present},
        "comparisons": comparisons.compare(right, groups, systems.family(right, present), resamples, seed=seed),
        "majority_class": {key: majority[key] for key in ("label", "accuracy")},
    }


def _covered_metrics(values: Floats, covered: Bools, truth: Ints) -> dict[str, Any]:
    """Accuracy over the clips that a system covers."""
    n_covered = int(covered.sum())
    right = (values.argmax(1) == truth) & covered
    return {"n_covered": n_covered, "accuracy_covered": float(right.sum() / n_covered) if n_covered else None}


def _calibration(values: Floats, truth: Ints, groups: Ints, resamples: Ints) -> dict[str, Any]:
    """Calibration of a system on the clips that it covers; empty without any."""
    if not len(truth):
        return {}
    posteriors = values / values.sum(1, keepdims=True)
    return calibration_metrics.of(posteriors, truth, groups, resamples, n_points=N_POINTS)


def _baselines(names: Iterable[str]) -> dict[str, str]:
    """Scored baseline of each single-modality system; the baselines themselves have none."""
    scored = set(names)
    of_modality = {modality: systems.baseline(feature) for feature, modality in systems.BASELINES.items()}
    candidates = {name: of_modality.get(name.partition("/")[0], "") for name in names}
    return {name: baseline for name, baseline in candidates.items() if baseline in scored - {name}}


def _gain(system: Confusions, reference: Confusions, resamples: Ints) -> dict[str, Any]:
    """Accuracy of a system minus that of a reference, on the same resamples of groups."""
    clusters = np.stack([system, reference], axis=1)

    def difference(confusions: npt.NDArray[np.integer]) -> Floats:
        return metrics.accuracy(confusions[..., 0, :, :]) - metrics.accuracy(confusions[..., 1, :, :])

    return {
        "accuracy": confusion_metrics.number(difference(clusters.sum(0))),
        "accuracy_interval": metrics.bootstrap_interval(clusters, difference, resamples),
    }


def _majority(truth: Ints, classes: Sequence[str]) -> dict[str, Any]:
    """Name the most frequent class of the scored clips, and the accuracy of always predicting it."""
    counts = np.bincount(truth, minlength=len(classes))
    best = int(counts.argmax())
    return {"index": best, "label": classes[best], "accuracy": float(counts[best] / len(truth)) if len(truth) else None}
