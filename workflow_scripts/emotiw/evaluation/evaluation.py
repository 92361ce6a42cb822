"""Scores of every system over the folds of a run, and the account of every clip."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import StoreError
from emotiw.core.status import Status
from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import SPLITS, Fold
from emotiw.evaluation import systems
from emotiw.fusion import schemes, score_tables
from emotiw.fusion.score_tables import Bools, Floats, Ints, Table
from emotiw.jobs import store
from emotiw.statistics import comparisons, metrics

MAIN = ("video", "audio", "fusion")
SCORED = ("test", "val")
KIND_OF_MODALITY = {"video": "faces", "audio": "audio"}
# clips of a fused table that a system judged by itself; elsewhere it falls back on the class prior
COVERED_BY = {"video": ("fusion", "video"), "audio": ("fusion", "audio")}
FITTED = ("weights", "temperatures", "calibration", "optimism", "n_fitted", "joint")  # of each fold's fusion
FAMILY = (
    "fusion against video, audio and stacked regression; video and audio each against the challenge's baseline of its "
    "modality; the schemes of fusion among themselves: Holm's correction over all of these, for each part and test"
)
ANY_MODALITY = ("fusion", "video", "audio")

Statuses = dict[str, dict[str, Status]]
NamedFolds = Mapping[str, Fold]


@dataclass(frozen=True)
class Pool:
    """One part of all folds: the clips with their folds, and the scores of each system with what it covers."""

    part: str
    clips: tuple[str, ...]
    folds: tuple[str, ...]
    truth: Ints
    subjects: Ints
    systems: dict[str, tuple[Floats, Bools]]
    sources: tuple[str, ...]


def statuses(corpus: Manifest, folders: Mapping[str, Path]) -> Statuses:
    """Status of every clip of the corpus in each modality, from the per-clip artefacts in `folders`."""
    return {modality: _statuses(corpus, folder, KIND_OF_MODALITY[modality]) for modality, folder in folders.items()}


def system_names(table: Table, prefix: str) -> dict[str, str]:
    """Name in the report of each system of a single-modality table, such as `video/cnn/pls/mean` or `audio/64_0`."""
    feature = table.stage.get("features") or table.stage.get("feature", "")
    about = [prefix, feature, table.stage.get("classifier", table.facts.get("classifier", ""))]
    return {name: "/".join([*filter(None, about), name]) for name in table.systems}


def pools(
    corpus: Manifest, folds: NamedFolds, fused: Sequence[Table], single: Mapping[str, Sequence[Table]]
) -> list[Pool]:
    """Join each part of all folds (see `pool`); the systems of one modality only where they are scored."""
    return [pool(corpus, folds, part, fused, single if part in SCORED else {}) for part in SPLITS]


def pool(
    corpus: Manifest, folds: NamedFolds, part: str, fused: Sequence[Table], single: Mapping[str, Sequence[Table]]
) -> Pool:
    """Join a part of all folds.

    Parameters
    ----------
    corpus, folds : Manifest, mapping of str to Fold
        The corpus and the folds of its protocol.
    part : str
        train, val or test.
    fused : sequence of Table
        The fused table of each fold.
    single : mapping of str to sequence of Table
        Tables of a modality, by its name; several a fold.

    Raises
    ------
    StoreError
        If a fold has no fused table or two, a clip of the part has no row, or a system is missing in a fold.
    """
    tables = _by_fold(fused, folds)
    clips = [(name, clip) for name, fold in folds.items() for clip in getattr(fold, part)]
    blocks = [_fused_block(tables[name], getattr(fold, part)) for name, fold in folds.items()]
    blocks = [
        block | _single_block(corpus, fold, getattr(fold, part), single)
        for block, fold in zip(blocks, folds.values(), strict=True)
    ]
    only_clips = [clip for _, clip in clips]
    return Pool(
        part,
        tuple(only_clips),
        tuple(name for name, _ in clips),
        score_tables.truth_of(corpus, only_clips),
        score_tables.subjects_of(corpus, only_clips),
        _joined(blocks),
        tuple(tables[name].facts["sources"][clip] for name, clip in clips),
    )


def part_metrics(whole: Pool, classes: Sequence[str], *, seed: int, n_resamples: int) -> dict[str, Any]:
    """Metrics of every system over the clips of a pool whose label is known, with 95 % intervals."""
    known = np.flatnonzero(whole.truth >= 0)
    _, subjects = np.unique(whole.subjects[known], return_inverse=True)
    n_subjects = int(subjects.max(initial=-1)) + 1
    resamples = metrics.subject_resamples(n_subjects, np.random.default_rng(seed), n_resamples=n_resamples)
    truth = whole.truth[known]
    clusters = {
        name: metrics.clustered_confusions(truth, values[known].argmax(1), subjects, len(classes))
        for name, (values, _) in whole.systems.items()
    }
    about = {name: _system_metrics(clusters[name], resamples) for name in clusters}
    for name, (values, covered) in whole.systems.items():
        about[name] |= _covered_metrics(values[known], covered[known], truth)
    for name, baseline in _baselines(clusters).items():
        gain = _gain(clusters[name], clusters[baseline], resamples)
        about[name]["over_baseline"] = {"baseline": baseline, **gain}
    right = {name: values[known].argmax(1) == truth for name, (values, _) in whole.systems.items()}
    return {
        "n": len(whole.clips),
        "n_scored": len(known),
        "n_hidden": len(whole.clips) - len(known),
        "n_subjects": n_subjects,
        "sources": {name: whole.sources.count(name) for name in (*ANY_MODALITY, "prior")},
        "systems": about,
        "fusion_gain": {name: _gain(clusters["fusion"], clusters[name], resamples) for name in ("video", "audio")},
        "comparisons": comparisons.compare(right, subjects, systems.family(right), resamples, seed=seed),
        "majority_class": _majority(truth, classes),
    }


def report(
    corpus: Manifest, fused: Sequence[Table], pools: Sequence[Pool], found: Statuses, *, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything that `metrics.json` holds; `settings` has `run`, `seed` and `evaluation`."""
    options = {"seed": settings["seed"], "n_resamples": settings["evaluation"]["bootstrap"]}
    account(corpus, pools, found)
    return {
        "run": settings["run"],
        "corpus": corpus.corpus,
        "synthetic": corpus.synthetic,
        "protocol": corpus.scheme,
        "classes": list(corpus.classes),
        "n_clips": len(corpus.rows),
        "n_subjects": len({row.subject for row in corpus.rows}),
        "status": {modality: _counts(by_clip.values()) for modality, by_clip in found.items()},
        "parts": {part.part: part_metrics(part, corpus.classes, **options) for part in pools if part.part in SCORED},
        "fusion": {
            "scheme": fused[0].facts["scheme"],
            "fitted_on": "val",
            "folds": {table.fold: {key: table.facts[key] for key in FITTED} for table in fused},
        },
        "comparisons_family": FAMILY,
        "notes": _notes(corpus, pools, found),
    }


def networks(tables: Sequence[Table]) -> dict[str, Any]:
    """By fold, what the audio scores say of their networks: which is selected, by what rule on what, the restarts."""
    return {
        table.fold: {key: table.facts[key] for key in ("selected", "selection", "restarts")}
        for table in tables
        if "restarts" in table.facts
    }


def account(corpus: Manifest, pools: Sequence[Pool], found: Statuses) -> None:
    """Check that every clip of the corpus has a status in each modality and a prediction.

    Raises
    ------
    StoreError
        If a clip has none.
    """
    clips = {row.clip for row in corpus.rows}
    seen = {"prediction": {clip for part in pools for clip in part.clips}}
    seen |= {f"{modality} status": set(by_clip) for modality, by_clip in found.items()}
    for what, those in seen.items():
        if lost := sorted(clips - those):
            raise StoreError(
                f"{len(lost)} of {len(clips)} clips have no {what}: {', '.join(lost[:5])}; run the workflow again"
            )


def prediction_rows(corpus: Manifest, pools: Sequence[Pool], found: Statuses) -> list[list[str]]:
    """Table of what was predicted: a header, then a row for each clip and part, sorted by clip, fold and part.

    Clips that no fold tests or validates on follow as training clips.
    """
    header = ["clip", "fold", "part", "label", "subject", "status_video", "status_audio", "source"]
    header += [f"predicted_{name}" for name in MAIN] + [f"p_{name}" for name in corpus.classes]
    about = corpus.row_of_clip
    judged = {clip for part in pools if part.part in SCORED for clip in part.clips}
    rows: dict[tuple[str, str, str], list[str]] = {}
    for whole in pools:
        fused = whole.systems["fusion"][0]
        posteriors = fused / fused.sum(1, keepdims=True)
        named = {name: [corpus.classes[i] for i in whole.systems[name][0].argmax(1)] for name in MAIN}
        for i, (clip, fold) in enumerate(zip(whole.clips, whole.folds, strict=True)):
            if whole.part in SCORED or clip not in judged:
                key = clip, fold, whole.part
                state = [found[modality][clip].value for modality in ("video", "audio")]
                predicted = [named[name][i] for name in MAIN]
                row = [*key, about[clip].label, about[clip].subject, *state, whole.sources[i], *predicted]
                rows[key] = row + [f"{value:.6f}" for value in posteriors[i]]
    return [header, *(rows[key] for key in sorted(rows))]


def score_rows(corpus: Manifest, pools: Sequence[Pool]) -> Iterable[list[str]]:
    """Tidy table of every score: clip, fold, part, system, class, score; only clips that the system covers."""
    yield ["clip", "fold", "part", "system", "class", "score"]
    for whole in pools:
        if whole.part in SCORED:
            for name, (values, covered) in sorted(whole.systems.items()):
                for i in np.flatnonzero(covered):
                    for label, value in zip(corpus.classes, values[i], strict=True):
                        yield [whole.clips[i], whole.folds[i], whole.part, name, label, f"{value:.6g}"]


def _statuses(corpus: Manifest, folder: Path, kind: str) -> dict[str, Status]:
    found: dict[str, Status] = {}
    for job in sorted({row.job for row in corpus.rows}):
        found |= store.statuses(folder / f"{job}.h5", kind)
    return {row.clip: found[row.clip] for row in corpus.rows if row.clip in found}


def _by_fold(fused: Sequence[Table], folds: NamedFolds) -> dict[str, Table]:
    tables = {table.fold: table for table in fused}
    if len(tables) != len(fused) or set(tables) != set(folds):
        names = ", ".join(table.fold for table in fused)
        raise StoreError(
            f"fused tables are of folds {names}; expected one of each of {', '.join(folds)}; run the workflow again"
        )
    return tables


def _fused_block(table: Table, clips: Sequence[str]) -> dict[str, tuple[Floats, Bools]]:
    block = {}
    sources = table.facts["sources"]
    for name in table.systems:
        values, has = table.rows(name, clips)
        if not has.all():
            raise StoreError(f"{table.path}: {name} has no row of {clips[int(has.argmin())]}; run the workflow again")
        wanted = COVERED_BY.get(name, ANY_MODALITY)
        block[name] = values, np.array([sources[clip] in wanted for clip in clips], bool)
    return block


def _single_block(
    corpus: Manifest, fold: Fold, clips: Sequence[str], single: Mapping[str, Sequence[Table]]
) -> dict[str, tuple[Floats, Bools]]:
    block = {}
    prior = score_tables.prior_of(corpus, fold)
    for modality, tables in single.items():
        for table in (table for table in tables if table.fold == fold.name):
            for entry, name in system_names(table, modality).items():
                values, has = table.rows(entry, clips)
                block[name] = schemes.completed(values, has, prior), has
    return block


def _joined(blocks: Sequence[dict[str, tuple[Floats, Bools]]]) -> dict[str, tuple[Floats, Bools]]:
    names = {name for block in blocks for name in block}
    for name in sorted(names):
        if not all(name in block for block in blocks):
            raise StoreError(f"{name}: has scores in some folds only; run the workflow again")
    return {
        name: (np.concatenate([b[name][0] for b in blocks]), np.concatenate([b[name][1] for b in blocks]))
        for name in blocks[0]
    }


def _system_metrics(clusters: npt.NDArray[np.int64], resamples: Ints) -> dict[str, Any]:
    confusion = clusters.sum(0)
    statistics: dict[str, Callable[[npt.NDArray[np.integer]], Floats]] = {
        "accuracy": metrics.accuracy,
        "uar": metrics.uar,
        "macro_f1": metrics.macro_f1,
    }
    values: dict[str, Any] = {}
    for name, statistic in statistics.items():
        values[name] = _number(statistic(confusion))
        values[f"{name}_interval"] = metrics.bootstrap_interval(clusters, statistic, resamples)
    n = int(confusion.sum())
    values["accuracy_wilson"] = metrics.wilson_interval(int(np.trace(confusion)), n) if n else None
    values["n_classes_present"] = int(metrics.n_present(confusion))
    values["recalls"] = [_number(value) for value in metrics.recalls(confusion)]
    values["confusion"] = confusion.tolist()
    values["n"] = n
    return values


def _covered_metrics(values: Floats, covered: Bools, truth: Ints) -> dict[str, Any]:
    n_covered = int(covered.sum())
    right = (values.argmax(1) == truth) & covered
    return {"n_covered": n_covered, "accuracy_covered": float(right.sum() / n_covered) if n_covered else None}


def _baselines(names: Iterable[str]) -> dict[str, str]:
    """Baseline of each system of a single modality, where that is scored too; a baseline has none."""
    scored = set(names)
    of = {modality: systems.baseline(feature) for feature, modality in systems.BASELINES.items()}
    found = {name: of.get(name.partition("/")[0], "") for name in names}
    return {name: baseline for name, baseline in found.items() if baseline in scored - {name}}


def _gain(better: npt.NDArray[np.int64], other: npt.NDArray[np.int64], resamples: Ints) -> dict[str, Any]:
    """By how much the accuracy of one system exceeds that of another, on the same resamples of subjects."""
    clusters = np.stack([better, other], axis=1)

    def difference(confusions: npt.NDArray[np.integer]) -> Floats:
        return metrics.accuracy(confusions[..., 0, :, :]) - metrics.accuracy(confusions[..., 1, :, :])

    return {
        "accuracy": _number(difference(clusters.sum(0))),
        "accuracy_interval": metrics.bootstrap_interval(clusters, difference, resamples),
    }


def _majority(truth: Ints, classes: Sequence[str]) -> dict[str, Any]:
    """Name the most frequent class of the scored clips themselves: the best that one constant answer could do."""
    counts = np.bincount(truth, minlength=len(classes))
    best = int(counts.argmax())
    return {"label": classes[best], "accuracy": float(counts[best] / len(truth)) if len(truth) else None}


def _counts(found: Iterable[Status]) -> dict[str, int]:
    states = list(found)
    return {state.value: states.count(state) for state in Status if state in states or state == Status.OK}


def _notes(corpus: Manifest, pools: Sequence[Pool], found: Statuses) -> list[str]:
    notes = list(corpus.notes)
    for whole in pools:
        hidden = int((whole.truth < 0).sum())
        if hidden:
            notes.append(
                f"{whole.part}: {hidden} of {len(whole.clips)} labels are hidden; those clips are predicted, not scored"
            )
        notes += _unscored(whole, found) if whole.part in SCORED else []
    return notes


def _unscored(whole: Pool, found: Statuses) -> list[str]:
    """Clips that a modality found nothing wrong with and yet gave no scores."""
    notes = []
    for modality, sources in COVERED_BY.items():
        usable = [found[modality][clip] == Status.OK for clip in whole.clips]
        lost = sorted(
            clip
            for clip, ok, source in zip(whole.clips, usable, whole.sources, strict=True)
            if ok and source not in sources
        )
        if lost:
            notes.append(f"{whole.part}: {modality} is ok but has no scores for {', '.join(lost)}")
    return notes


def _number(value: npt.ArrayLike) -> float | None:
    number = float(np.asarray(value))
    return None if np.isnan(number) else number
