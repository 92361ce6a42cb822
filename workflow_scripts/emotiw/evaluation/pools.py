"""Pools: one part (train, val or test) of all folds, with the scores of every system."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emotiw.core.errors import StoreError
from emotiw.corpora import manifest as manifests
from emotiw.corpora import splits
from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import SPLITS, Fold
from emotiw.evaluation.systems import COVERED_BY
from emotiw.fusion import schemes, score_tables
from emotiw.fusion.score_tables import Bools, Floats, Ints, Table

SCORED = ("test", "val")  # parts that are scored; training clips are only predicted
ANY_MODALITY = ("fusion", "video", "audio")  # sources of a clip that has scores of a modality

NamedFolds = Mapping[str, Fold]
SystemScores = dict[str, tuple[Floats, Bools]]  # by system: scores (n_clips, n_classes), covered clips (n_clips,)


@dataclass(frozen=True)
class Pool:
    """One part of all folds.

    Attributes
    ----------
    part : str
        train, val or test.
    clips, folds : tuple of str
        Id and fold of each clip.
    truth, subjects, groups : ndarray, shape (n_clips,)
        Index of the true class (-1 where the label is hidden), number of the subject, and number of the group of clips
        that shares no subject, film or content with another (`manifest.groups`).
    systems : dict of str to (ndarray, ndarray)
        By system, scores (n_clips, n_classes) and which clips the system covers (n_clips,).
    sources : tuple of str
        Source of each clip's fused scores (`schemes.source_names`).
    modalities : tuple of str
        Modalities of the run.
    """

    part: str
    clips: tuple[str, ...]
    folds: tuple[str, ...]
    truth: Ints
    subjects: Ints
    groups: Ints
    systems: SystemScores
    sources: tuple[str, ...]
    modalities: tuple[str, ...] = ("video", "audio")


def evaluated(folds: NamedFolds, groups: Sequence[Sequence[Table]]) -> tuple[dict[str, Fold], tuple[list[Table], ...]]:
    """Folds that are evaluated (`splits.tested`), and the tables of each group that are of these folds."""
    tested = splits.tested(folds)
    return tested, tuple([table for table in group if table.fold in tested] for group in groups)


def system_names(table: Table, prefix: str) -> dict[str, str]:
    """Full name of each system of a single-modality table, such as `video/cnn/pls/mean` or `audio/64_0`."""
    feature = table.stage.get("features") or table.stage.get("feature", "")
    classifier = table.stage.get("classifier", table.facts.get("classifier", ""))
    return {name: "/".join([*filter(None, (prefix, feature, classifier)), name]) for name in table.systems}


def join(
    corpus: Manifest, folds: NamedFolds, fused: Sequence[Table], single: Mapping[str, Sequence[Table]]
) -> list[Pool]:
    """Join each part of all folds (`join_part`); single-modality systems in the scored parts only."""
    return [join_part(corpus, folds, part, fused, single if part in SCORED else {}) for part in SPLITS]


def join_part(
    corpus: Manifest, folds: NamedFolds, part: str, fused: Sequence[Table], single: Mapping[str, Sequence[Table]]
) -> Pool:
    """Join one part of all folds.

    Parameters
    ----------
    corpus, folds : Manifest, mapping of str to Fold
        The corpus and the folds of its protocol.
    part : str
        train, val or test.
    fused : sequence of Table
        One fused table per fold.
    single : mapping of str to sequence of Table
        Single-modality tables by modality; several per fold.

    Raises
    ------
    StoreError
        If a fold has not exactly one fused table, a clip of the part has no row, or a system is missing in a fold.
    """
    tables = _by_fold(fused, folds)
    fold_clips = [(name, clip) for name, fold in folds.items() for clip in getattr(fold, part)]
    blocks = [_fused_block(tables[name], getattr(fold, part)) for name, fold in folds.items()]
    blocks = [
        block | _single_block(corpus, fold, getattr(fold, part), single)
        for block, fold in zip(blocks, folds.values(), strict=True)
    ]
    clips = [clip for _, clip in fold_clips]
    return Pool(
        part,
        tuple(clips),
        tuple(name for name, _ in fold_clips),
        score_tables.truth_of(corpus, clips),
        score_tables.subjects_of(corpus, clips),
        _groups(corpus, clips),
        _joined(blocks),
        tuple(tables[name].facts["sources"][clip] for name, clip in fold_clips),
        tuple(next(iter(tables.values())).facts["modalities"]),
    )


def _groups(corpus: Manifest, clips: Sequence[str]) -> Ints:
    group_of_clip = manifests.groups(corpus, clips)
    return np.asarray(np.unique([group_of_clip[clip] for clip in clips], return_inverse=True)[1], np.int64)


def _by_fold(fused: Sequence[Table], folds: NamedFolds) -> dict[str, Table]:
    tables = {table.fold: table for table in fused}
    if len(tables) != len(fused) or set(tables) != set(folds):
        names = ", ".join(table.fold for table in fused)
        raise StoreError(
            f"fused tables are of folds {names}; expected one of each of {', '.join(folds)}; run the workflow again"
        )
    return tables


def _fused_block(table: Table, clips: Sequence[str]) -> SystemScores:
    """Scores of the fused table's systems for the clips of one fold's part."""
    block = {}
    sources = table.facts["sources"]
    for name in table.systems:
        values, in_table = table.rows(name, clips)
        if not in_table.all():
            missing = clips[int(in_table.argmin())]
            raise StoreError(f"{table.path}: {name} has no row of {missing}; run the workflow again")
        covering = COVERED_BY.get(name, ANY_MODALITY)
        block[name] = values, np.array([sources[clip] in covering for clip in clips], bool)
    return block


def _single_block(
    corpus: Manifest, fold: Fold, clips: Sequence[str], single: Mapping[str, Sequence[Table]]
) -> SystemScores:
    """Scores of the single-modality systems for the clips of one fold's part; the class prior where they have none."""
    block = {}
    prior = score_tables.prior_of(corpus, fold)
    for modality, tables in single.items():
        for table in (table for table in tables if table.fold == fold.name):
            for entry, name in system_names(table, modality).items():
                values, in_table = table.rows(entry, clips)
                block[name] = schemes.completed(values, in_table, prior), in_table
    return block


def _joined(blocks: Sequence[SystemScores]) -> SystemScores:
    """Concatenate the blocks of all folds."""
    names = {name for block in blocks for name in block}
    for name in sorted(names):
        if not all(name in block for block in blocks):
            raise StoreError(f"{name}: has scores in some folds only, expected all; run the workflow again")
    return {
        name: (np.concatenate([b[name][0] for b in blocks]), np.concatenate([b[name][1] for b in blocks]))
        for name in blocks[0]
    }
