"""Tables of class scores: read, checked against the corpus, aligned with a list of clips, fused."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.emotions import HIDDEN
from emotiw.core.errors import StoreError
from emotiw.corpora import manifest, splits
from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import SPLITS, Fold
from emotiw.fusion import optimism, schemes
from emotiw.jobs import store
from emotiw.statistics import selection_record
from emotiw.statistics.selection_record import Record

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Table:
    """Scores of one fold's clips by several systems, each of shape (n_clips, n_classes)."""

    path: Path
    fold: str
    clips: tuple[str, ...]
    systems: dict[str, Floats]
    facts: dict[str, Any]
    stage: dict[str, Any]

    def rows(self, system: str, clips: Sequence[str]) -> tuple[Floats, Bools]:
        """Scores of `clips` in their order, zero where the table has none, and where it has one."""
        place = {clip: row for row, clip in enumerate(self.clips)}
        index = np.array([place.get(clip, -1) for clip in clips], np.int64)
        has = index >= 0
        scores = np.zeros((len(clips), self.systems[system].shape[1]))
        scores[has] = self.systems[system][index[has]]
        return scores, has


def read(path: Path, corpus: Manifest) -> Table:
    """Read a table of scores and check that it is of this corpus.

    Raises
    ------
    StoreError
        If its classes or their order differ from the corpus's, it names a clip twice or one that the corpus lacks, or a
        system has not one row a clip.
    """
    artefact = store.read(path, "scores")
    clips, classes = tuple(artefact.facts["clips"]), tuple(artefact.facts["classes"])
    if classes != corpus.classes:
        raise StoreError(
            f"{path}: classes {', '.join(classes)}; expected {', '.join(corpus.classes)}; run the workflow again"
        )
    strange = sorted(set(clips) - {row.clip for row in corpus.rows})
    if strange or len(set(clips)) != len(clips):
        raise StoreError(f"{path}: names clips twice or that the manifest lacks {strange[:5]}; run the workflow again")
    systems = {name: np.asarray(entry.arrays["scores"], np.float64) for name, entry in artefact.entries.items()}
    for name, scores in systems.items():
        if scores.shape != (len(clips), len(classes)):
            raise StoreError(f"{path}: {name} is {scores.shape}, expected {len(clips)} clips by {len(classes)} classes")
    fold = artefact.facts.get("fold", artefact.stage.get("fold", ""))
    return Table(path, fold, clips, systems, artefact.facts, artefact.stage)


def truth_of(corpus: Manifest, clips: Iterable[str]) -> Ints:
    """Index of each clip's class, -1 where its label is hidden."""
    labels = (corpus.row_of_clip[clip].label for clip in clips)
    return np.array([-1 if label == HIDDEN else corpus.classes.index(label) for label in labels], np.int64)


def subjects_of(corpus: Manifest, clips: Iterable[str]) -> Ints:
    """Assign each clip the number of its subject, from 0 without gaps."""
    return _numbers(corpus.row_of_clip[clip].subject for clip in clips)


def groups_of(corpus: Manifest, fold: Fold, clips: Iterable[str]) -> Ints:
    """Assign each clip of a fold the number of its group within its part (`manifest.groups`), from 0 without gaps."""
    groups = {clip: group for part in SPLITS for clip, group in manifest.groups(corpus, getattr(fold, part)).items()}
    return _numbers(groups[clip] for clip in clips)


def _numbers(names: Iterable[str]) -> Ints:
    return np.asarray(np.unique(list(names), return_inverse=True)[1], np.int64)


def parts_of(fold: Fold) -> dict[str, str]:
    """Part of each clip of a fold, by clip in sorted order."""
    parts = {clip: part for part in SPLITS for clip in getattr(fold, part)}
    return dict(sorted(parts.items()))


def prior_of(corpus: Manifest, fold: Fold) -> Floats:
    """Share of each class among a fold's training clips, shape (n_classes,)."""
    truth = truth_of(corpus, fold.train)
    return schemes.class_prior(truth[truth >= 0], len(corpus.classes))


def prior_record(corpus: Manifest, fold: Fold) -> Record:
    """Record for the ledger of the prior, which decides on clips that no modality could judge."""
    return selection_record.Record("class prior", prior_of(corpus, fold).tolist(), "share of each class", fold.train)


@dataclass(frozen=True)
class Judged:
    """Score tables of one fold that are fused.

    Attributes
    ----------
    audio : Table
        Posteriors of the network ensemble.
    video : Table
        Decision values of the video system, for training clips out-of-fold ones.
    held_out : tuple of Table
        Posteriors of the ensembles of the folds inside the fold, for the training clips that were held out.
    """

    audio: Table
    video: Table
    held_out: tuple[Table, ...] = ()

    def scales(self, corpus: Manifest, fold: Fold) -> dict[str, schemes.Scale]:
        """Calibrate a modality by out-of-fold scores of the fold's training clips, where it has any.

        Raises
        ------
        StoreError
            If a network has learnt from a clip that it is said to have held out.
        """
        if not self.held_out:
            return {}
        clips, truth = np.array(fold.train), truth_of(corpus, fold.train)
        heard, has_a = np.zeros((len(clips), len(corpus.classes))), np.zeros(len(clips), bool)
        for table in self.held_out:
            values, has = table.rows("mean", fold.train)
            if learnt := sorted(selection_record.seen(table.facts) & set(clips[has].tolist())):
                raise StoreError(
                    f"{table.path}: judges {len(learnt)} clips that it has learnt from (the first: {learnt[0]!r}), "
                    "expected none; run the workflow again"
                )
            heard[has], has_a[has] = schemes.log_posteriors(values[has]), True
        decided, has_v = self.video.rows("mean", fold.train)
        return {
            name: schemes.Scale(schemes.calibration_scale(values[has], truth[has]), tuple(clips[has].tolist()))
            for name, values, has in (("audio", heard, has_a), ("video", decided, has_v))
            if has.any()
        }


def fuse(
    corpus: Manifest, fold: Fold, judged: Judged, *, settings: Mapping[str, Any]
) -> tuple[list[store.Entry], dict[str, Any]]:
    """Fuse the `mean` systems of both modalities for every clip of a fold.

    Weights are fitted on the validation clips that have both modalities. The video system has never seen these, the
    networks have, to choose the epoch. Temperatures are fitted on the same clips, or, where there are networks that
    held out a part of the training clips, on the out-of-fold scores of these (video's principal components and the
    widths of its kernels are of all training clips, without their labels). A clip with one modality takes that one's
    posteriors, a clip with neither the class prior of the training clips; `sources` says which.

    Parameters
    ----------
    corpus, fold : Manifest, Fold
        The corpus; the fold whose clips are fused.
    judged : Judged
        Its scores.
    settings : mapping
        `scheme` (of the system called `fusion`), `grid_step`, `cv_folds`, `cv_repeats`.

    Returns
    -------
    entries : list of Entry
        Scores of `video` and `audio` (calibrated posteriors), of each scheme, and of `fusion`.
    facts : dict
        Clips, classes, parts, sources, weights, temperatures and what they were fitted to, what the joint search
        proved, the stacked regression, optimism, number of clips fitted to, and the records of all choices.
    """
    parts = parts_of(fold)
    clips = tuple(parts)
    decided, has_v = judged.video.rows("mean", clips)
    heard, has_a = judged.audio.rows("mean", clips)
    heard[has_a] = schemes.log_posteriors(heard[has_a])
    both = schemes.Scores(heard, decided, truth_of(corpus, clips), groups_of(corpus, fold, clips), clips)
    fitting = np.array([part == "val" for part in parts.values()], bool) & has_a & has_v & (both.truth >= 0)
    known = both[np.flatnonzero(fitting)]
    step = settings["grid_step"]
    given = judged.scales(corpus, fold)
    fitted = schemes.fit(known, step=step, given=given)
    cross_validation = {"n_folds": settings["cv_folds"], "n_repeats": settings["cv_repeats"]}

    prior = prior_of(corpus, fold)
    posteriors_a = schemes.completed(schemes.calibrated(heard, fitted.audio_scale), has_a, prior)
    posteriors_v = schemes.completed(schemes.calibrated(decided, fitted.video_scale), has_v, prior)
    alone = schemes.completed(posteriors_a, has_a, posteriors_v)
    systems = {"video": posteriors_v, "audio": posteriors_a}
    for scheme in schemes.SCHEMES:
        systems[scheme] = schemes.completed(schemes.fused(fitted, both, scheme), has_a & has_v, alone)
    systems["fusion"] = systems[settings["scheme"]]
    facts = {
        "fold": fold.name,
        "clips": clips,
        "classes": corpus.classes,
        "parts": parts,
        "sources": dict(zip(clips, schemes.source_names(has_a, has_v), strict=True)),
        "scheme": settings["scheme"],
        "weights": {scheme: weights.tolist() for scheme, weights in fitted.weights.items()},
        "temperatures": {"audio": 1 / fitted.audio_scale, "video": 1 / fitted.video_scale},
        "calibration": {
            name: {"part": "train", "n_clips": len(given[name].clips)}
            if name in given
            else {"part": "val", "n_clips": len(known)}
            for name in ("audio", "video")
        },
        "joint": fitted.joint.facts,
        "stacked": fitted.stacked.facts if fitted.stacked else None,
        "optimism": optimism.report(known, fitted, step=step, **cross_validation),
        "n_fitted": len(known),
        "resubstitution": ["val"],
        **selection_record.facts(
            [*schemes.records(fitted, known, step=step), prior_record(corpus, fold)],
            *(
                selection_record.renamed(table.facts, f"held out {splits.split_inner_name(table.fold)[1]}: ")
                for table in judged.held_out
            ),
        ),
    }
    return [store.Entry(name, {"scores": scores}) for name, scores in systems.items()], facts
