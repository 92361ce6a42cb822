"""Account of every clip of a run: statuses, predictions, scores, and what is missing."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from emotiw.core.errors import StoreError
from emotiw.core.status import Status
from emotiw.corpora.manifest import Manifest
from emotiw.evaluation.pools import SCORED, Pool
from emotiw.evaluation.systems import COVERED_BY, MAIN
from emotiw.fusion.score_tables import Table
from emotiw.jobs import gather, store
from emotiw.statistics.absent_classes import FEWEST

WHAT = {"video": "faces", "audio": "sound"}
KIND_OF_MODALITY = {"video": "faces", "audio": "audio"}

Statuses = dict[str, dict[str, Status]]  # by modality and clip


def folders(corpus: Manifest, modalities: Sequence[str], of_modality: Mapping[str, Path]) -> dict[str, Path]:
    """Folders of the modalities whose statuses are known: those of the run, and those that no clip has a stream of."""
    known = [name for name in of_modality if name in modalities or not corpus.jobs_with[name]]
    return {name: of_modality[name] for name in known}


def read_statuses(corpus: Manifest, folders: Mapping[str, Path]) -> Statuses:
    """Read the status of every clip of the corpus from the per-clip artefacts in the folder of each modality."""
    return {modality: _of_modality(corpus, folder, modality) for modality, folder in folders.items()}


def check_complete(corpus: Manifest, pools: Sequence[Pool], statuses: Statuses) -> None:
    """Check that every clip of the corpus has a status in each modality and a prediction.

    Raises
    ------
    StoreError
        If a clip has no status or no prediction.
    """
    clips = {row.clip for row in corpus.rows}
    accounted = {"prediction": {clip for pool in pools for clip in pool.clips}}
    accounted |= {f"{modality} status": set(by_clip) for modality, by_clip in statuses.items()}
    for kind, present in accounted.items():
        if missing := sorted(clips - present):
            raise StoreError(
                f"{len(missing)} of {len(clips)} clips have no {kind}: {', '.join(missing[:5])}; run the workflow again"
            )


def prediction_rows(corpus: Manifest, pools: Sequence[Pool], statuses: Statuses) -> list[list[str]]:
    """Rows of `predictions.csv`: a header, then one row per clip, fold and scored part, sorted.

    A clip that is in no validation or test part has rows as a training clip.
    """
    header = ["clip", "fold", "part", "label", "subject", "status_video", "status_audio", "source"]
    header += [f"predicted_{name}" for name in MAIN] + [f"p_{name}" for name in corpus.classes]
    scored = {clip for pool in pools if pool.part in SCORED for clip in pool.clips}
    rows: dict[tuple[str, str, str], list[str]] = {}
    for pool in pools:
        rows |= {
            (row[0], row[1], row[2]): row
            for row in _pool_rows(corpus, pool, statuses)
            if pool.part in SCORED or row[0] not in scored
        }
    return [header, *(rows[key] for key in sorted(rows))]


def _pool_rows(corpus: Manifest, pool: Pool, statuses: Statuses) -> Iterable[list[str]]:
    """Rows of `predictions.csv` of one part."""
    posteriors = pool.systems["fusion"][0]
    predicted = [[corpus.classes[i] for i in pool.systems[name][0].argmax(1)] for name in MAIN]
    for i, (clip, fold) in enumerate(zip(pool.clips, pool.folds, strict=True)):
        label, subject = corpus.row_of_clip[clip].label, corpus.row_of_clip[clip].subject
        status = [statuses[name][clip].value if name in statuses else "" for name in ("video", "audio")]
        row = [clip, fold, pool.part, label, subject, *status, pool.sources[i], *(names[i] for names in predicted)]
        yield row + [f"{value:.6f}" for value in posteriors[i]]


def score_rows(corpus: Manifest, pools: Sequence[Pool]) -> Iterable[list[str]]:
    """Rows of `scores.csv.gz`, one per covered clip, system and class: clip, fold, part, system, class, score."""
    yield ["clip", "fold", "part", "system", "class", "score"]
    for pool in pools:
        if pool.part in SCORED:
            for name, (scores, covered) in sorted(pool.systems.items()):
                for i in np.flatnonzero(covered):
                    for label, score in zip(corpus.classes, scores[i], strict=True):
                        yield [pool.clips[i], pool.folds[i], pool.part, name, label, f"{score:.6g}"]


def notes(corpus: Manifest, pools: Sequence[Pool], statuses: Statuses) -> list[str]:
    """Remarks on the clips: the corpus's own, hidden labels, and clips that lack scores without a defect."""
    remarks = list(corpus.notes)
    for pool in pools:
        n_hidden = int((pool.truth < 0).sum())
        if n_hidden:
            remarks.append(
                f"{pool.part}: {n_hidden} of {len(pool.clips)} labels are hidden; those clips are predicted, not scored"
            )
        remarks += _without_scores(pool, statuses) if pool.part in SCORED else []
    return remarks


def left_out(fused: Iterable[Table]) -> list[str]:
    """Remarks on the classes that a modality could not be trained on, by fold."""
    return [
        f"fold {table.fold}: no training clip of {', '.join(lacking)} has usable {WHAT[modality]}; {modality} is absent"
        if len(lacking) > len(table.facts["classes"]) - FEWEST
        else f"fold {table.fold}: no training clip of {', '.join(lacking)} has usable {WHAT[modality]};"
        f" {modality} judges among the other classes"
        for table in fused
        for modality, lacking in table.facts.get("lacking", {}).items()
        if lacking
    ]


def _without_scores(pool: Pool, statuses: Statuses) -> list[str]:
    """Remark on the clips that are ok in a modality and yet have no scores of it."""
    remarks = []
    for modality in statuses:
        covering = COVERED_BY[modality]
        clips = sorted(
            clip
            for clip, source in zip(pool.clips, pool.sources, strict=True)
            if statuses[modality][clip] == Status.OK and source not in covering
        )
        if clips:
            remarks.append(f"{pool.part}: {modality} is ok but has no scores for {', '.join(clips)}")
    return remarks


def _of_modality(corpus: Manifest, folder: Path, modality: str) -> dict[str, Status]:
    statuses: dict[str, Status] = {}
    for job in sorted(gather.jobs_with(corpus, modality)):
        statuses |= store.statuses(folder / f"{job}.h5", KIND_OF_MODALITY[modality])
    statuses = {row.clip: gather.ABSENT[modality] for row in corpus.rows if not row.has(modality)} | statuses
    return {row.clip: statuses[row.clip] for row in corpus.rows if row.clip in statuses}
