"""Scores of a finished system on a corpus that it has not seen: accuracy, UAR, calibration, coverage, by subject."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.evaluation import calibration_metrics, confusion_metrics
from emotiw.statistics import calibration, metrics

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SYSTEMS = ("fusion", "video", "audio")
OWN, ALL = "own", "all"  # among the classes of the corpus, and among all of the system


@dataclass(frozen=True)
class Judged:
    """Clips of a corpus with their labels and the posteriors of each system.

    Attributes
    ----------
    classes : tuple of str
        Classes of the system.
    truth : ndarray, shape (n_clips,)
        Index of each clip's class.
    subjects, groups : tuple of str
        Subject of each clip, the clip's own id if unknown; name of the people it belongs to.
    posteriors : mapping of str to ndarray, shape (n_clips, n_classes)
        Of `fusion`, `video` and `audio`; a row of NaN for a clip that the system does not judge.
    """

    classes: tuple[str, ...]
    truth: Ints
    subjects: tuple[str, ...]
    groups: tuple[str, ...]
    posteriors: Mapping[str, Floats]

    @property
    def present(self) -> Ints:
        """Indices of the classes that clips have."""
        return np.unique(self.truth)

    def among(self, classes: Ints) -> "Judged":
        """Judge the same clips given that their classes are among some, all of the corpus's included."""
        position = {int(c): i for i, c in enumerate(classes)}
        return Judged(
            tuple(self.classes[c] for c in classes),
            np.array([position[int(c)] for c in self.truth], np.int64),
            self.subjects,
            self.groups,
            {name: calibration.among(values, classes) for name, values in self.posteriors.items()},
        )

    def of_group(self, group: str) -> "Judged":
        """Clips of some people."""
        rows = np.flatnonzero(np.array(self.groups) == group)
        return Judged(
            self.classes,
            self.truth[rows],
            tuple(self.subjects[row] for row in rows),
            tuple(self.groups[row] for row in rows),
            {name: values[rows] for name, values in self.posteriors.items()},
        )


def content(judged: Judged, *, seed: int, n_resamples: int) -> dict[str, Any]:
    """Scores of every system, as JSON values.

    A corpus that lacks classes of the system is scored twice: among its own classes, and among all.

    Parameters
    ----------
    judged : Judged
    seed, n_resamples : int
        Seed and number of the resamples of subjects, which all systems share.
    """
    variants = {ALL: judged}
    if len(judged.present) < len(judged.classes):
        variants = {OWN: judged.among(judged.present), ALL: judged}
    names = sorted(set(judged.groups))
    draws = {"seed": seed, "n": n_resamples}
    return {
        "n": len(judged.truth),
        "n_subjects": len(set(judged.subjects)),
        "classes": list(judged.classes),
        "among": {name: _variant(variant, draws) for name, variant in variants.items()},
        "groups": {
            group: {name: _variant(variant.of_group(group), draws, briefly=True) for name, variant in variants.items()}
            for group in (names if len(names) > 1 else ())
        },
        "subjects": _by_subject(next(iter(variants.values()))),
    }


def _variant(judged: Judged, draws: Mapping[str, int], *, briefly: bool = False) -> dict[str, Any]:
    """Scores among some classes, with `n` resamples of the seed `seed`; `briefly`: without curves."""
    _, subjects = np.unique(judged.subjects, return_inverse=True)
    generator = np.random.default_rng(draws["seed"])
    resamples = metrics.subject_resamples(int(subjects.max(initial=-1)) + 1, generator, n_resamples=draws["n"])
    counts = np.bincount(judged.truth, minlength=len(judged.classes))
    return {
        "classes": list(judged.classes),
        "chance": 1 / len(judged.classes),
        "majority_class": {
            "label": judged.classes[int(counts.argmax())],
            "accuracy": _share(int(counts.max()), int(counts.sum())),
        },
        "systems": {
            name: _system(judged, values, subjects, resamples, briefly=briefly)
            for name, values in judged.posteriors.items()
        },
    }


def _system(judged: Judged, values: Floats, subjects: Ints, resamples: Ints, *, briefly: bool) -> dict[str, Any]:
    """Scores of one system on the clips that it judges, and how many these are."""
    rows = np.flatnonzero(~np.isnan(values).any(axis=1))
    truth, posteriors = judged.truth[rows], values[rows]
    clusters = _clusters(truth, posteriors, subjects[rows], (resamples.shape[1], len(judged.classes)))
    scores = confusion_metrics.of(clusters, resamples)
    n = len(judged.truth)
    scores |= {
        "n_judged": len(rows),
        "coverage": _share(len(rows), n),
        # a clip that is not judged counts as wrong
        "accuracy_of_all": _share(int((posteriors.argmax(1) == truth).sum()), n),
    }
    if briefly or not len(rows):
        return scores
    return scores | calibration_metrics.of(posteriors, truth, subjects[rows], resamples)


def _clusters(truth: Ints, posteriors: Floats, subjects: Ints, shape: tuple[int, int]) -> Ints:
    """Confusion matrix of each subject, also of those without a clip that is judged."""
    n_subjects, n_classes = shape
    found = metrics.clustered_confusions(truth, posteriors.argmax(1), subjects, n_classes)
    clusters = np.zeros((n_subjects, n_classes, n_classes), np.int64)
    clusters[: len(found)] = found
    return clusters


def _by_subject(judged: Judged) -> list[dict[str, Any]]:
    """Count the clips of each subject, and those that each system judges and gets right."""
    rows_of: dict[str, list[int]] = {}
    for row, subject in enumerate(judged.subjects):
        rows_of.setdefault(subject, []).append(row)
    found = []
    for subject, rows in sorted(rows_of.items()):
        systems = {}
        for name, values in judged.posteriors.items():
            known = [row for row in rows if not np.isnan(values[row]).any()]
            right = int((values[known].argmax(1) == judged.truth[known]).sum()) if known else 0
            systems[name] = {"n_judged": len(known), "n_right": right, "accuracy": _share(right, len(known))}
        found.append({"subject": subject, "group": judged.groups[rows[0]], "n": len(rows), "systems": systems})
    return found


def _share(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def ordered(classes: Sequence[str], labels: Sequence[str]) -> Ints:
    """Index of each label among the classes."""
    return np.array([classes.index(label) for label in labels], np.int64)
