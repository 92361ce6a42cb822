"""Tables of class scores: read, checked against the corpus, and aligned with the clips of a fold."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.emotions import HIDDEN
from emotiw.core.errors import StoreError
from emotiw.corpora import manifest
from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import SPLITS, Fold
from emotiw.fusion import schemes
from emotiw.jobs import store
from emotiw.statistics import absent_classes, selection_record
from emotiw.statistics.selection_record import Record

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
POSTERIORS = "posteriors"  # value of the fact `scores` of a table; others hold decision values


@dataclass(frozen=True)
class Table:
    """Scores of one fold's clips by several systems.

    Attributes
    ----------
    path : Path
        File that the table was read from.
    fold : str
        Name of the fold.
    clips : tuple of str
        Clip ids, one per row.
    systems : dict of str to ndarray, shape (n_clips, n_classes)
        Scores of each system, by its name.
    facts, stage : dict
        Facts and stage identity that the file holds.
    """

    path: Path
    fold: str
    clips: tuple[str, ...]
    systems: dict[str, Floats]
    facts: dict[str, Any]
    stage: dict[str, Any]

    def rows(self, system: str, clips: Sequence[str]) -> tuple[Floats, Bools]:
        """Look up the scores of `clips`.

        Returns
        -------
        scores : ndarray, shape (n_clips, n_classes)
            In the order of `clips`; zero for a clip that is not in the table.
        has_scores : ndarray of bool, shape (n_clips,)
            Whether the table holds each clip.
        """
        row_of_clip = {clip: row for row, clip in enumerate(self.clips)}
        rows = np.array([row_of_clip.get(clip, -1) for clip in clips], np.int64)
        has_scores = rows >= 0
        scores = np.zeros((len(clips), self.systems[system].shape[1]))
        scores[has_scores] = self.systems[system][rows[has_scores]]
        return scores, has_scores

    def evidence(self, clips: Sequence[str]) -> tuple[Floats, Bools]:
        """Scores of the system `mean` as the fusion calibrates them: logarithms of posteriors, or decision values.

        Returns
        -------
        scores, has_scores
            As in `rows`.
        """
        scores, has_scores = self.rows("mean", clips)
        if self.facts["scores"] == POSTERIORS:
            scores[has_scores] = self.log_posteriors(scores[has_scores])
        return scores, has_scores

    def log_posteriors(self, posteriors: Floats) -> Floats:
        """Logarithms of posteriors (n_clips, n_classes); `ABSENT` for the classes of `lacking`."""
        logs = schemes.log_posteriors(posteriors)
        return absent_classes.marked(logs, self.lacking, self.facts["classes"]) if self.lacking else logs

    @property
    def lacking(self) -> list[str]:
        """Classes that the system could not be trained on."""
        return list(self.facts.get("lacking", ()))


def read(path: Path, corpus: Manifest) -> Table:
    """Read a score table and check it against the corpus.

    Raises
    ------
    StoreError
        If the classes or their order differ from the corpus's, a clip occurs twice or is not in the corpus, or a
        system does not have one row per clip.
    """
    artefact = store.read(path, "scores")
    clips, classes = tuple(artefact.facts["clips"]), tuple(artefact.facts["classes"])
    if classes != corpus.classes:
        raise StoreError(
            f"{path}: classes {', '.join(classes)}; expected {', '.join(corpus.classes)}; run the workflow again"
        )
    unknown = sorted(set(clips) - {row.clip for row in corpus.rows})
    if unknown or len(set(clips)) != len(clips):
        raise StoreError(
            f"{path}: clips occur twice or are not in the manifest {unknown[:5]}; expected each clip of the manifest at"
            " most once; run the workflow again"
        )
    systems = {name: np.asarray(entry.arrays["scores"], np.float64) for name, entry in artefact.entries.items()}
    for name, scores in systems.items():
        if scores.shape != (len(clips), len(classes)):
            raise StoreError(
                f"{path}: {name} is {scores.shape}, expected {len(clips)} clips by {len(classes)} classes;"
                " run the workflow again"
            )
    fold = artefact.facts.get("fold", artefact.stage.get("fold", ""))
    return Table(path, fold, clips, systems, artefact.facts, artefact.stage)


def truth_of(corpus: Manifest, clips: Iterable[str]) -> Ints:
    """Index of each clip's class, -1 where its label is hidden."""
    labels = (corpus.row_of_clip[clip].label for clip in clips)
    return np.array([-1 if label == HIDDEN else corpus.classes.index(label) for label in labels], np.int64)


def subjects_of(corpus: Manifest, clips: Iterable[str]) -> Ints:
    """Map each clip to the number of its subject, consecutive from 0."""
    return _numbers(corpus.row_of_clip[clip].subject for clip in clips)


def groups_of(corpus: Manifest, fold: Fold, clips: Iterable[str]) -> Ints:
    """Map each clip to the number of its group within its part of the fold (`manifest.groups`), from 0."""
    groups = {clip: group for part in SPLITS for clip, group in manifest.groups(corpus, getattr(fold, part)).items()}
    return _numbers(groups[clip] for clip in clips)


def _numbers(names: Iterable[str]) -> Ints:
    return np.asarray(np.unique(list(names), return_inverse=True)[1], np.int64)


def parts_of(fold: Fold) -> dict[str, str]:
    """Part (train, val or test) of each clip of a fold, sorted by clip."""
    parts = {clip: part for part in SPLITS for clip in getattr(fold, part)}
    return dict(sorted(parts.items()))


def prior_of(corpus: Manifest, fold: Fold) -> Floats:
    """Share of each class among the fold's labelled training clips, shape (n_classes,)."""
    truth = truth_of(corpus, fold.train)
    return schemes.class_prior(truth[truth >= 0], len(corpus.classes))


def prior_record(corpus: Manifest, fold: Fold) -> Record:
    """Ledger record of the class prior, the score of clips without any modality."""
    return selection_record.Record("class prior", prior_of(corpus, fold).tolist(), "share of each class", fold.train)


@dataclass(frozen=True)
class AlignedScores:
    """Scores of both modalities for every clip of a fold, row by row.

    Attributes
    ----------
    scores : Scores
        Log posteriors or decision values of each modality (`Table.evidence`); rows of zeros where it has none.
    has_audio, has_video : ndarray of bool, shape (n_clips,)
        Whether each modality has scores of the clip.
    parts : dict of str to str
        Part of each clip, in the order of the rows.
    """

    scores: schemes.Scores
    has_audio: Bools
    has_video: Bools
    parts: dict[str, str]

    def labelled_with_both(self, part: str) -> schemes.Scores:
        """Scores of the labelled clips of a part that have both modalities."""
        in_part = np.array([name == part for name in self.parts.values()], bool)
        return self.scores[np.flatnonzero(in_part & self.has_audio & self.has_video & (self.scores.truth >= 0))]


def align(corpus: Manifest, fold: Fold, audio: Table | None, video: Table | None) -> AlignedScores:
    """Align the `mean` systems of both modalities with the clips of a fold, sorted by id.

    Parameters
    ----------
    corpus, fold : Manifest, Fold
        Labels, groups and parts of the clips.
    audio, video : Table or None
        Posteriors or decision values; no clip has scores of a modality that is None.
    """
    parts = parts_of(fold)
    clips = tuple(parts)
    none = np.zeros((len(clips), len(corpus.classes))), np.zeros(len(clips), np.bool_)
    of_audio, has_audio = audio.evidence(clips) if audio else none
    of_video, has_video = video.evidence(clips) if video else none
    scores = schemes.Scores(of_audio, of_video, truth_of(corpus, clips), groups_of(corpus, fold, clips), clips)
    return AlignedScores(scores, has_audio, has_video, parts)
