"""Fusion of one fold: align the score tables, calibrate, fit the schemes, fuse, and record what was fitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import StoreError
from emotiw.corpora import splits
from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import Fold
from emotiw.fusion import choice, fused_posteriors, optimism, records, schemes, score_tables
from emotiw.fusion.choice import Method
from emotiw.fusion.schemes import FittedFusion, Fusion, Scale, Scores
from emotiw.fusion.score_tables import AlignedScores, Bools, Floats, Table
from emotiw.jobs import store
from emotiw.statistics import selection_record

VALIDATION, TRAINING, NONE = "validation", "training", "none"  # values of fusion.calibration
UNIFORM = "uniform"  # value of fusion.prior


@dataclass(frozen=True)
class FoldTables:
    """Score tables of one fold.

    Attributes
    ----------
    audio, video : Table or None
        Posteriors or decision values of each modality's system; for training clips out-of-fold values, or none if the
        system is an ensemble of networks. None for a modality that the run lacks.
    held_out : mapping of str to tuple of Table
        By modality, posteriors of the inner folds' networks for the training clips that each inner fold held out. Empty
        if its system is none of networks.
    calibration : str
        Clips that temperatures are fitted on: `validation`; `training`, with out-of-fold scores; or `none`.
    """

    audio: Table | None
    video: Table | None
    held_out: Mapping[str, tuple[Table, ...]] = field(default_factory=dict)
    calibration: str = VALIDATION


def fuse(
    corpus: Manifest, fold: Fold, tables: FoldTables, *, settings: Mapping[str, Any]
) -> tuple[list[store.Entry], dict[str, Any]]:
    """Fuse the `mean` systems of both modalities for every clip of a fold.

    Weights are fitted on the labelled validation clips that have both modalities. No system was trained on these clips;
    networks used them for early stopping. Temperatures are fitted on the same clips or, if `tables.calibration` is
    `training`, on out-of-fold scores of the training clips (PCA and kernel widths are fitted on all of them, without
    labels). With `none` they are 1.

    Parameters
    ----------
    corpus : Manifest
        The corpus.
    fold : Fold
        The fold whose clips are fused.
    tables : FoldTables
        Its scores.
    settings : mapping
        `scheme` (of the system called `fusion`), `prior`, `shrinkage`, `grid_step`, `cv_folds`, `cv_repeats`.

    Returns
    -------
    entries : list of Entry
        Calibrated posteriors of `video` and `audio`, of each scheme, and of `fusion`; with `scheme: auto`, of `auto`
        too. Their largest values are the decisions of the schemes.
    facts : dict
        Clips, classes, parts, sources, weights, temperatures and the clips they were fitted on, the proof of the joint
        search, the stacked regression, the choice of scheme and shrinkage, optimism, the number of clips fitted on, and
        the ledger records.

    Raises
    ------
    StoreError
        If an inner network was trained on a clip that it is said to have held out.
    """
    aligned = score_tables.align(corpus, fold, tables.audio, tables.video)
    validation = aligned.labelled_with_both("val")
    prior = score_tables.prior_of(corpus, fold)
    method = Method.of(settings, np.full(len(prior), 1 / len(prior)) if settings["prior"] == UNIFORM else prior)
    chosen = choice.fit(validation, method, scales=other_scales(corpus, fold, tables))
    calibrating = validation[np.arange(0)] if tables.calibration == NONE else validation
    fusion = fused_posteriors.calibrated(chosen.fusion, calibrating)
    systems = fused_systems(aligned, fusion, prior)
    systems["fusion"] = systems[settings["scheme"]]
    of_modality = {name: table for name, table in (("video", tables.video), ("audio", tables.audio)) if table}
    facts = {
        "fold": fold.name,
        "classes": corpus.classes,
        "scheme": settings["scheme"],
        "modalities": list(of_modality),
        "lacking": {name: table.lacking for name, table in of_modality.items()},
        **clip_facts(aligned),
        **fit_facts(fusion, validation),
        "choice": chosen.facts,
        "optimism": optimism.by_scheme(validation, chosen, method),
        **selection_record.facts(
            [
                *records.of(chosen, validation, method),
                *fused_posteriors.records(fusion, calibrating.clips),
                score_tables.prior_record(corpus, fold),
            ],
            *(_with_inner_fold_names(table) for held_out in tables.held_out.values() for table in held_out),
        ),
    }
    return [store.Entry(name, {"scores": scores}) for name, scores in systems.items()], facts


def other_scales(corpus: Manifest, fold: Fold, tables: FoldTables) -> dict[str, Scale]:
    """Scales of the modalities that are not calibrated on validation clips.

    With `training`, a modality is calibrated on out-of-fold scores of the fold's training clips; with `none`, on no
    clip.

    Returns
    -------
    dict of str to Scale
        Of `audio` and `video`, where the modality has scores of training clips; empty with `validation`.

    Raises
    ------
    StoreError
        If an inner network was trained on a clip that it is said to have held out.
    """
    if tables.calibration == NONE:
        return dict.fromkeys(("audio", "video"), Scale(1.0, ()))
    if tables.calibration == VALIDATION:
        return {}
    clips, truth = np.array(fold.train), score_tables.truth_of(corpus, fold.train)
    scores = {
        modality: _held_out_log_posteriors(held_out, fold.train, len(corpus.classes))
        if (held_out := tables.held_out.get(modality))
        else table.evidence(fold.train)
        for modality, table in (("audio", tables.audio), ("video", tables.video))
        if table
    }
    return {
        modality: Scale(schemes.calibration_scale(values[scored], truth[scored]), tuple(clips[scored].tolist()))
        for modality, (values, scored) in scores.items()
        if scored.any()
    }


def fused_systems(aligned: AlignedScores, fusion: Fusion, prior: Floats) -> dict[str, Floats]:
    """Posteriors of each single modality and of each fusion scheme, shape (n_clips, n_classes).

    A clip with one modality gets that modality's posteriors, a clip with neither the class prior.

    Parameters
    ----------
    aligned : AlignedScores
        Scores of every clip of the fold.
    fusion : Fusion
        Calibration and weights.
    prior : ndarray, shape (n_classes,)
        Share of each class among the training clips.
    """
    scores, has_audio, has_video = aligned.scores, aligned.has_audio, aligned.has_video
    audio = schemes.completed(schemes.calibrated(scores.audio, fusion.audio_scale), has_audio, prior)
    video = schemes.completed(schemes.calibrated(scores.video, fusion.video_scale), has_video, prior)
    single = schemes.completed(audio, has_audio, video)
    fused = {
        scheme: schemes.completed(fused_posteriors.fused(fusion, scores, scheme), has_audio & has_video, single)
        for scheme in fused_posteriors.names(fusion)
    }
    return {"video": video, "audio": audio, **fused}


def clip_facts(aligned: AlignedScores) -> dict[str, Any]:
    """Clips of a fold, their parts, and the source of each clip's fused scores."""
    clips = aligned.scores.clips
    sources = schemes.source_names(aligned.has_audio, aligned.has_video)
    return {"clips": clips, "parts": aligned.parts, "sources": dict(zip(clips, sources, strict=True))}


def fit_facts(fitted: FittedFusion, validation: Scores) -> dict[str, Any]:
    """Weights, temperatures and the clips they were fitted on, as the fold's file records them."""
    n_clips = len(validation)
    calibration = {
        name: {"part": "train" if fitted.scales[name].clips else "none", "n_clips": len(fitted.scales[name].clips)}
        if name in fitted.scales
        else {"part": "val", "n_clips": n_clips}
        for name in ("audio", "video")
    }
    return {
        "weights": {scheme: weights.tolist() for scheme, weights in fitted.weights.items()},
        "prior": None if fitted.prior is None else fitted.prior.tolist(),
        "temperatures": {"audio": 1 / fitted.audio_scale, "video": 1 / fitted.video_scale},
        "fused_temperatures": {scheme: 1 / scale for scheme, scale in fitted.fused_scales.items()},
        "calibration": calibration,
        "joint": fitted.joint.facts,
        "stacked": fitted.stacked.facts if fitted.stacked else None,
        "n_fitted": n_clips,
    }


def _held_out_log_posteriors(tables: Sequence[Table], clips: Sequence[str], n_classes: int) -> tuple[Floats, Bools]:
    """Log posteriors of training clips by the inner networks that held them out, and which clips have any."""
    log_posteriors, has_scores = np.zeros((len(clips), n_classes)), np.zeros(len(clips), bool)
    for table in tables:
        posteriors, in_table = table.rows("mean", clips)
        _check_held_out(table, np.array(clips)[in_table])
        log_posteriors[in_table], has_scores[in_table] = table.log_posteriors(posteriors[in_table]), True
    return log_posteriors, has_scores


def _check_held_out(table: Table, clips: npt.NDArray[np.str_]) -> None:
    if trained_on := sorted(selection_record.seen(table.facts) & set(clips.tolist())):
        raise StoreError(
            f"{table.path}: scores {len(trained_on)} clips that its networks were trained on (the first:"
            f" {trained_on[0]!r}), expected none; run the workflow again"
        )


def _with_inner_fold_names(table: Table) -> dict[str, Any]:
    """Facts of an inner fold's table; the names of its ledger records begin with the inner fold."""
    return selection_record.renamed(table.facts, f"held out {splits.split_inner_name(table.fold)[1]}: ")
