"""Paired differences between runs on the clips that all of them scored.

The first run is the base; each other run is compared with it. All pairs of a comparison are one family: each other run
and each of its main systems. Tests and intervals are those of `statistics.comparisons`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.compare.run_files import Run
from emotiw.core.emotions import HIDDEN
from emotiw.evaluation import systems
from emotiw.statistics import comparisons, metrics

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Rows = Mapping[tuple[str, str], Mapping[str, str]]  # rows of predictions by clip and fold
SHOWN = 3  # clips that a refusal names


@dataclass(frozen=True)
class Paired:
    """Clips that several runs scored.

    Attributes
    ----------
    runs : sequence of Run
        The base, and the runs that can be paired with it.
    keys : sequence of (str, str)
        Clip and fold; the fold is empty if every clip is tested once.
    rows : sequence of Rows
        Of each run.
    systems : sequence of str
        Main systems that all of the runs have.
    """

    runs: Sequence[Run]
    keys: Sequence[tuple[str, str]]
    rows: Sequence[Rows]
    systems: Sequence[str]

    def right(self, run: int, system: str) -> Bools:
        """Whether a system of a run is right on each clip."""
        rows = self.rows[run]
        return np.array([rows[key][f"predicted_{system}"] == rows[key]["label"] for key in self.keys], bool)

    @property
    def labels(self) -> npt.NDArray[np.str_]:
        """Label of each clip."""
        return np.array([self.rows[0][key]["label"] for key in self.keys], np.str_)

    @property
    def subjects(self) -> Ints:
        """Number of each clip's subject, from 0."""
        names = [self.rows[0][key]["subject"] for key in self.keys]
        return np.unique(names, return_inverse=True)[1].astype(np.int64)


def scored_rows(run: Run, part: str) -> Rows:
    """Rows of a part of `predictions.csv` whose label is known; by clip alone if no clip occurs twice."""
    rows = [row for row in run.predictions if row["part"] == part and row["label"] != HIDDEN]
    once = len({row["clip"] for row in rows}) == len(rows)
    return {(row["clip"], "" if once else row["fold"]): row for row in rows}


def obstacle(base: Run, other: Run, part: str, *, common: bool = False) -> str:
    """Why two runs cannot be paired; empty if they can.

    Parameters
    ----------
    base, other : Run
    part : str
        test or val.
    common : bool
        Whether clips that only one of the runs scores are left out; otherwise they are an obstacle.
    """
    if base.metrics["classes"] != other.metrics["classes"]:
        names = (", ".join(run.metrics["classes"]) for run in (base, other))
        return "other classes: {}, against {}; train both on the same classes".format(*names)
    a, b = scored_rows(base, part), scored_rows(other, part)
    both = [key for key in a if key in b]
    if not both:
        return f"no {part} clip is common to both; compare runs of the same corpus and protocol"
    alone = [] if common else [key[0] for key in (*a, *b) if key not in a or key not in b]
    contents = [clip for clip, _ in both if _other_content(base, other, clip)]
    labels, subjects = ([key for key in both if a[key][name] != b[key][name]] for name in ("label", "subject"))
    first = f"{a[labels[0]]['label']!r} against {b[labels[0]]['label']!r}" if labels else ""
    faults = {
        f"other files for {_some(contents)}: the same ids name other contents; compare runs of one corpus": contents,
        f"other labels for {_some(clip for clip, _ in labels)} (the first: {first}); correct one of the tables": labels,
        f"other subjects for {_some(clip for clip, _ in subjects)}; correct one of the tables": subjects,
        f"other {part} clips: {_some(alone)} are scored by one only; give both one protocol, or --common": alone,
    }
    return next((text for text, found in faults.items() if found), "")


def paired(runs: Sequence[Run], part: str) -> Paired:
    """Pair runs without an obstacle: the clips of a part that all of them scored."""
    rows = [scored_rows(run, part) for run in runs]
    keys = sorted(key for key in rows[0] if all(key in other for other in rows[1:]))
    shown = [set(systems.shown(run.metrics["modalities"])) for run in runs]
    return Paired(runs, keys, rows, [name for name in systems.MAIN if all(name in names for names in shown)])


def tests(pairing: Paired, *, seed: int, n_resamples: int) -> list[dict[str, Any]]:
    """Paired tests of each system of each run against the base, as one family.

    Parameters
    ----------
    pairing : Paired
    seed, n_resamples : int
        Seed of resamples and permutations; number of resamples of subjects.

    Returns
    -------
    list of dict
        As `statistics.comparisons.compare`, with `run` and `system` in place of `a` and `b`; a is the run, b the base.
    """
    everything = np.ones(len(pairing.keys), bool)
    return _compared(pairing, pairing.systems, everything, seed=seed, n_resamples=n_resamples)


def by_class(pairing: Paired, *, seed: int, n_resamples: int) -> list[dict[str, Any]]:
    """Recall of each class by each system of each run: difference from the base, with its interval, and clips."""
    found = []
    for label in pairing.runs[0].metrics["classes"]:
        chosen = pairing.labels == label
        if chosen.any():
            compared = _compared(pairing, pairing.systems, chosen, seed=seed, n_resamples=n_resamples)
            for line in compared:
                kept = ("run", "system", "n", "n_right", "n_right_base", "difference", "difference_interval")
                found.append({"class": label} | {key: line[key] for key in kept})
    return found


def by_subject(pairing: Paired) -> list[dict[str, Any]]:
    """Clips of each subject, and how many of them the last main system of each run gets right."""
    names = np.array([pairing.rows[0][key]["subject"] for key in pairing.keys], np.str_)
    chief = pairing.systems[-1]
    right = [pairing.right(i, chief) for i in range(len(pairing.runs))]
    return [
        {
            "subject": str(name),
            "n": int((names == name).sum()),
            "right": [int(values[names == name].sum()) for values in right],
        }
        for name in np.unique(names)
    ]


def changed(pairing: Paired) -> list[dict[str, Any]]:
    """Clips that changed sides: right in the base and wrong in another run (lost), or the reverse (won)."""
    found = []
    for i, run in enumerate(pairing.runs[1:], start=1):
        for system in pairing.systems:
            before, now = pairing.right(0, system), pairing.right(i, system)
            for j in np.flatnonzero(before != now):
                found.append(_change(pairing, i, system, pairing.keys[int(j)]) | {"run": run.name, "won": bool(now[j])})
    return found


def _change(pairing: Paired, i: int, system: str, key: tuple[str, str]) -> dict[str, Any]:
    before, now = pairing.rows[0][key], pairing.rows[i][key]
    return {
        "clip": key[0],
        "fold": key[1],
        "subject": before["subject"],
        "label": before["label"],
        "system": system,
        "base_predicted": before[f"predicted_{system}"],
        "predicted": now[f"predicted_{system}"],
        # posterior that the fusion gives to the label
        "base_p": float(before[f"p_{before['label']}"]),
        "p": float(now[f"p_{before['label']}"]),
    }


def _compared(
    pairing: Paired, names: Sequence[str], chosen: Bools, *, seed: int, n_resamples: int
) -> list[dict[str, Any]]:
    right = {f"{i}/{name}": pairing.right(i, name)[chosen] for i in range(len(pairing.runs)) for name in names}
    pairs = [(f"{i}/{name}", f"0/{name}") for i in range(1, len(pairing.runs)) for name in names]
    subjects = np.unique(pairing.subjects[chosen], return_inverse=True)[1].astype(np.int64)
    n_subjects = int(subjects.max(initial=-1)) + 1
    resamples = metrics.subject_resamples(n_subjects, np.random.default_rng(seed), n_resamples=n_resamples)
    found = comparisons.compare(right, subjects, pairs, resamples, seed=seed)
    return [
        {
            "run": pairing.runs[int(line["a"].partition("/")[0])].name,
            "system": line["a"].partition("/")[2],
            "n_right": int(right[line["a"]].sum()),
            "n_right_base": int(right[line["b"]].sum()),
            **{key: value for key, value in line.items() if key not in ("a", "b")},
        }
        for line in found
    ]


def _other_content(base: Run, other: Run, clip: str) -> bool:
    hashes = base.clips.get(clip, ""), other.clips.get(clip, "")
    return all(hashes) and hashes[0] != hashes[1]


def _some(clips: Iterable[str]) -> str:
    unique = list(dict.fromkeys(clips))
    more = f" and {len(unique) - SHOWN} more" if len(unique) > SHOWN else ""
    return ", ".join(unique[:SHOWN]) + more
