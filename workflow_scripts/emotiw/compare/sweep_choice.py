"""The choice among the runs of a sweep by their validation clips, its optimism, and its score on the test clips.

In each fold the setting with the best score on the validation clips of the fold is chosen, and judges the test clips of
that fold; so no test clip takes part in the choice that judges it. The setting with the best score on the validation
clips of all folds is the one to go on with.

The best of several scores is too high on average (Cawley and Talbot, "On over-fitting in model selection and subsequent
selection bias in performance evaluation", J. Mach. Learn. Res. 11, 2010). By how much is estimated with bootstrap
resamples of the subjects: the best setting of a resample is scored on the subjects that are not in it (Efron and
Tibshirani, "Improvements on cross-validation: the .632+ bootstrap method", J. Am. Stat. Assoc. 92, 1997).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.compare import pairing
from emotiw.compare.run_files import Run
from emotiw.core.emotions import HIDDEN
from emotiw.core.errors import StoreError
from emotiw.evaluation import ledger
from emotiw.report.formats import interval, percent, points
from emotiw.statistics import metrics, selection_record

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Row = Mapping[str, str]
MEASURES: Mapping[str, Callable[[npt.NDArray[np.integer]], Floats]] = {"accuracy": metrics.accuracy, "uar": metrics.uar}
FITTED = (
    " The weights and the calibration of a fusion are fitted to the same validation clips unless its settings say"
    " otherwise; that makes the scores of all runs too high, and is not part of this estimate."
)
TITLES = {"accuracy": "accuracy", "uar": "UAR"}


@dataclass(frozen=True)
class Rule:
    """How a sweep chooses.

    Attributes
    ----------
    name : str
        Name of the sweep.
    system, measure : str
        System whose score on the validation clips decides, and the score: accuracy or uar.
    seed, n_resamples : int
        Of the bootstrap.
    """

    name: str
    system: str
    measure: str
    seed: int
    n_resamples: int

    def __str__(self) -> str:
        return f"greatest {TITLES[self.measure]} of {self.system} on the validation clips, the first on a tie"


def chosen(runs: Sequence[Run], settings: Sequence[Mapping[str, Any]], rule: Rule) -> dict[str, Any]:
    """Choose among runs of one corpus and protocol.

    Parameters
    ----------
    runs : sequence of Run
    settings : sequence of mapping
        Swept settings of each run.
    rule : Rule

    Returns
    -------
    dict
        `chosen` (name of a run), `runs` (settings and validation score of each), `folds` (run chosen in each fold),
        `optimism` (None with fewer than two subjects), `test`, `ledger` (entries and their summary).

    Raises
    ------
    StoreError
        If the runs cannot be paired, lack the system, have no labelled validation clip, or a clip would be both chosen
        by and tested on.
    """
    _check(runs, rule)
    confusions = [_confusions(run, _rows(run, "val"), rule.system) for run in runs]
    scores = [float(MEASURES[rule.measure](of_run.sum(0))) for of_run in confusions]
    best = int(np.argmax(scores))
    folds = dict.fromkeys(row["fold"] for row in _rows(runs[0], "val"))
    in_folds = {fold: _best_of_fold(runs, fold, rule) for fold in folds}
    entries = [_entry(runs[0], fold, settings[i], len(runs), rule) for fold, i in in_folds.items()]
    return {
        "name": rule.name,
        "system": rule.system,
        "measure": rule.measure,
        "rule": str(rule),
        "chosen": runs[best].name,
        "runs": [
            {"run": run.name, "settings": dict(of_run), "score": score}
            for run, of_run, score in zip(runs, settings, scores, strict=True)
        ],
        "n_validation": len(_rows(runs[0], "val")),
        "folds": {fold: runs[i].name for fold, i in in_folds.items()},
        "optimism": optimism(np.stack(confusions), rule),
        "test": _tested(runs, in_folds, rule),
        "ledger": {"entries": entries, **ledger.summary(entries)},
    }


def optimism(confusions: Ints, rule: Rule) -> dict[str, Any] | None:
    """Estimate by how much the score of the best of several settings is too high.

    Parameters
    ----------
    confusions : ndarray, shape (n_runs, n_subjects, n_classes, n_classes)
        Confusion matrix of each run and subject, on the validation clips.
    rule : Rule

    Returns
    -------
    dict or None
        `mean` over the resamples of the score of the best setting in the resample minus its score on the subjects that
        are not in it, and how often the setting chosen on all subjects was the best (`stability`); None with fewer than
        two subjects.
    """
    n_subjects = confusions.shape[1]
    if n_subjects < 2:
        return None
    generator = np.random.default_rng(rule.seed)
    drawn = metrics.subject_resamples(n_subjects, generator, n_resamples=rule.n_resamples)
    score = MEASURES[rule.measure]
    within, without = (
        np.stack([score(np.tensordot(weights, of_run, 1)) for of_run in confusions])
        for weights in (drawn, (drawn == 0).astype(np.int64))
    )
    usable = ~np.isnan(without).any(0) & ~np.isnan(within).any(0)
    if not usable.any():
        return None
    within, without = within[:, usable], without[:, usable]
    best = within.argmax(0)
    picked = np.arange(best.size)
    whole = int(np.argmax([score(of_run.sum(0)) for of_run in confusions]))
    return {
        "mean": float(np.mean(within[best, picked] - without[best, picked])),
        "stability": float(np.mean(best == whole)),
        "n_resamples": int(usable.sum()),
        "n_subjects": n_subjects,
    }


def wording(found: Mapping[str, Any]) -> dict[str, Any]:
    """Sentences of a page and of the terminal about a choice, and the settings of each run as text."""
    title, best = TITLES[found["measure"]], next(line for line in found["runs"] if line["run"] == found["chosen"])
    of, test = f"{title} of {found['system']}", found["test"]
    ends = f" (95 % interval {interval(test[found['measure'] + '_interval'])})" if test["n"] > 1 else ""
    lines = [line | {"settings": described(line["settings"])} for line in found["runs"]]
    folds = sorted(set(found["folds"].values()))
    n_folds = len(found["folds"])
    in_each = f" In each of the {n_folds} folds its own validation clips choose ({', '.join(folds)})."
    verdict = (
        f"{best['run']} ({described(best['settings'])}) has the greatest {of} on the {found['n_validation']} validation"
        f" clips: {percent(best['score'])}."
    )
    tested = "No test label is known, so the choice is not tested."
    if test["n"]:
        whose = "it has" if n_folds == 1 else "the choices of the folds have"
        score_of_test = f"{percent(test[found['measure']])}{ends}"
        tested = f"On the {test['n']} test clips, which took no part in the choice, {whose} {score_of_test}."
    return {
        "verdict": [verdict, tested],
        "rule": f"The rule, in the ledger: {found['rule']}.{in_each if n_folds > 1 else ''}",
        "measure": of,
        "runs": lines,
        "tested": tested,
        "optimism_text": _optimism_text(found["optimism"], best["score"])
        + (FITTED if found["system"] == "fusion" else ""),
    }


def described(settings: Mapping[str, Any]) -> str:
    """Swept settings as one text."""
    return ", ".join(f"{key} {value}" for key, value in settings.items())


def _optimism_text(estimate: Mapping[str, Any] | None, score: float) -> str:
    if estimate is None:
        return "The optimism of the choice is not known: it needs validation clips of at least two subjects."
    too_high = points(round(estimate["mean"], 3) + 0.0)  # + 0.0: no sign before zero
    return (
        f"The best of several scores is too high by chance: by {too_high}, estimated with"
        f" {estimate['n_resamples']} resamples of the {estimate['n_subjects']} validation subjects. Without it,"
        f" {percent(score - estimate['mean'])} are expected on clips that took no part in the choice. The same setting"
        f" was the best in {percent(estimate['stability'])} of the resamples."
    )


def _check(runs: Sequence[Run], rule: Rule) -> None:
    for run in runs:
        if rule.system not in run.metrics["parts"]["val"]["systems"]:
            raise StoreError(f"{run.name}: has no system {rule.system!r}; set sweep.system to one of its systems")
        if not _rows(run, "val"):
            raise StoreError(f"{run.name}: no label of a validation clip is known, so nothing can be chosen by them")
        for part in ("val", "test") if _rows(run, "test") else ("val",):
            if reason := pairing.obstacle(runs[0], run, part):
                raise StoreError(f"{run.name} cannot be compared with {runs[0].name}: {reason}")


def _rows(run: Run, part: str) -> list[Row]:
    """Labelled rows of a part, in the order of clips and folds."""
    chosen = (row for row in run.predictions if row["part"] == part and row["label"] != HIDDEN)
    return sorted(chosen, key=lambda row: (row["clip"], row["fold"]))


def _confusions(run: Run, rows: Sequence[Row], system: str) -> Ints:
    """Confusion matrix of each subject, shape (n_subjects, n_classes, n_classes)."""
    classes = run.metrics["classes"]
    truth, predicted = (
        np.array([classes.index(row[column]) for row in rows], np.int64) for column in ("label", f"predicted_{system}")
    )
    subjects = np.unique([row["subject"] for row in rows], return_inverse=True)[1].astype(np.int64)
    return metrics.clustered_confusions(truth, predicted, subjects, len(classes))


def _best_of_fold(runs: Sequence[Run], fold: str, rule: Rule) -> int:
    scores = []
    for run in runs:
        rows = [row for row in _rows(run, "val") if row["fold"] == fold]
        scores.append(float(MEASURES[rule.measure](_confusions(run, rows, rule.system).sum(0))))
    return int(np.argmax(scores))


def _entry(run: Run, fold: str, settings: Mapping[str, Any], n_runs: int, rule: Rule) -> dict[str, Any]:
    """Ledger entry of the choice in a fold; a clip that the fold tests is an error."""
    of_fold = [row for row in run.predictions if row["fold"] == fold]
    clips, tested = ({row["clip"] for row in of_fold if row["part"] == part} for part in ("val", "test"))
    known = {row["clip"] for row in _rows(run, "val") if row["fold"] == fold}
    if both := sorted(clips & tested):
        raise StoreError(
            f"{run.name}: clip {both[0]!r} is validated and tested in fold {fold}; the choice would use a test clip, so"
            " correct the protocol"
        )
    choice = f"sweep {rule.name}: settings"
    record = selection_record.Record(choice, dict(settings), str(rule), known, candidates=n_runs)
    return {"fold": fold, **selection_record.entry(record), "parts": {"val": len(known)}}


def _tested(runs: Sequence[Run], in_folds: Mapping[str, int], rule: Rule) -> dict[str, Any]:
    """Scores on the test clips, each judged by the run that the validation clips of its fold chose."""
    of_runs = [{(row["clip"], row["fold"]): row for row in _rows(run, "test")} for run in runs]
    rows = [of_runs[in_folds[fold]][clip, fold] for clip, fold in of_runs[0] if fold in in_folds]
    if not rows:
        return {"n": 0}
    confusions = _confusions(runs[0], rows, rule.system)
    resamples = metrics.subject_resamples(
        len(confusions), np.random.default_rng(rule.seed), n_resamples=rule.n_resamples
    )
    found: dict[str, Any] = {"n": len(rows), "n_subjects": len(confusions)}
    for name, score in MEASURES.items():
        found[name] = float(score(confusions.sum(0)))
        found[f"{name}_interval"] = metrics.bootstrap_interval(confusions, score, resamples)
    return found
