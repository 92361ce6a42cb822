"""Scores of one fold's clips by a classifier of pooled statistics, and the facts of their artefacts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np

from emotiw.core.errors import FeatureError
from emotiw.core.status import Status
from emotiw.corpora import manifest, splits
from emotiw.corpora.manifest import Manifest, Row
from emotiw.corpora.splits import SPLITS, Fold
from emotiw.jobs import gather
from emotiw.jobs.gather import Source
from emotiw.jobs.store import Entry
from emotiw.scoring import pooled_classifiers
from emotiw.scoring.pooled_classifiers import Floats
from emotiw.statistics import absent_classes, cross_validation, pooling, selection_record, standardisation
from emotiw.statistics.cross_validation import Training
from emotiw.statistics.standardisation import Scaler

BY_SUBJECT, BY_CORPUS = "subject", "corpus"
MIN_OF_CORPUS = 20  # training clips below which the statistics of a corpus are not its own [ours]


@dataclass(frozen=True)
class System:
    """Names of a system's parts: its modality, feature and classifier."""

    modality: str
    feature: str
    classifier: str

    def __str__(self) -> str:
        return f"{self.modality}/{self.feature}/{self.classifier}"


@dataclass(frozen=True)
class Vectors:
    """One vector a clip, training clips first.

    Attributes
    ----------
    rows : list of Row
        Row of the manifest of each clip.
    parts : list of str
        Part of each clip.
    values : ndarray, shape (n_clips, n)
    population : Scaler
        The average training subject or corpus, where vectors are standardised by these; otherwise mean 0 and scale 1.
    """

    rows: list[Row]
    parts: list[str]
    values: Floats
    population: Scaler

    @property
    def clips(self) -> list[str]:
        """Ids of the clips."""
        return [row.clip for row in self.rows]

    @property
    def training(self) -> list[Row]:
        """Rows of the training clips."""
        return self.rows[: self.parts.count("train")]


@dataclass(frozen=True)
class FoldScores:
    """Scores of a fold, the classifier, and the facts of both artefacts."""

    entries: list[Entry]
    facts: dict[str, Any]
    model: list[Entry]
    model_facts: dict[str, Any]


def vectors(table: Manifest, fold: Fold, source: Source, *, normalise: str) -> Vectors:
    """Pool the frames of the usable clips of a fold; a feature of whole clips is taken as it is.

    Parameters
    ----------
    table : Manifest
        Subject of each clip, and the job that holds it.
    fold : Fold
    source : Source
        Files of the feature.
    normalise : str
        `pooled.normalise` of the configuration. With `subject`, the vectors of each subject get mean 0 and deviation 1
        first. This uses all clips of the subject, those of the test part too, without their labels. With `corpus`, each
        vector is standardised first by the training clips of its corpus. Vectors of a corpus with fewer than
        `MIN_OF_CORPUS` training clips, as one that is left out, take the statistics of the average training corpus.

    Raises
    ------
    StoreError
        If a file of features is missing or damaged, or lacks a clip.
    FeatureError
        If the clips' vectors differ in length, or a clip has no frame.
    """
    rows: list[Row] = []
    parts: list[str] = []
    values: list[Floats] = []
    for part in SPLITS:
        for clip in getattr(fold, part):
            # one clip at a time, so that memory holds vectors and not the frames of all clips
            entry = gather.load(table, source, [clip])[clip]
            if entry.status == Status.OK:
                rows.append(table.row_of_clip[clip])
                parts.append(part)
                values.append(_vector(entry))
    _check_lengths(rows, values)
    stacked = np.stack(values) if values else np.zeros((0, 0))
    made = Vectors(rows, parts, stacked, Scaler(np.zeros(stacked.shape[1]), np.ones(stacked.shape[1])))
    first = {BY_SUBJECT: _by_subject, BY_CORPUS: _by_corpus}.get(normalise) if made.training else None
    return first(made) if first else made


def scored(table: Manifest, fold: Fold, source: Source, settings: Mapping[str, Any], *, system: System) -> FoldScores:
    """Fit the classifier to the usable training clips of a fold and score all usable clips.

    Parameters
    ----------
    table : Manifest
        Labels and groups of the clips, and the job that holds each.
    fold : Fold
    source : Source
        Files of the feature, and of altered copies of its clips if the classifier is to learn from these too.
    settings : mapping
        Section `pooled` of the configuration.
    system : System
        The classifier is a key of `pooled_classifiers.FAMILIES`.

    Returns
    -------
    FoldScores
        A class without a usable training clip is left out (`absent_classes`). Without scores if fewer than two classes
        have any; the fold then has no such system.

    Raises
    ------
    StoreError, FeatureError
        As in `vectors`.
    """
    made = vectors(table, fold, source, normalise=settings["normalise"])
    names = [row.clip for row in made.training]
    lacking = splits.lacking((row.label for row in made.training), table.classes)
    facts: dict[str, Any] = {
        "classes": list(table.classes),
        "lacking": lacking,
        "scores": "decision values",
        "classifier": system.classifier,
    }
    model_facts: dict[str, Any] = {"clips": names, "classes": list(table.classes), "normalise": settings["normalise"]}
    of = absent_classes.present((row.label for row in made.training), table.classes)
    if not of:
        empty = Entry("mean", {"scores": np.zeros((0, len(table.classes)))})
        return FoldScores([empty], {**facts, "clips": [], "parts": [], **selection_record.facts([])}, [], model_facts)
    corpora = [row.corpus for row in made.training]
    training = Training.of(manifest.grouped(table, names), of, settings, corpora)
    clips = pooled_classifiers.Clips(made.values, _copies(table, made, source.copies))
    result = pooled_classifiers.clip_scores(system.classifier, clips, training, settings).among(of, table.classes)
    records = cross_validation.selection_records({str(system): result.selection}, training, "C")
    if settings["normalise"] == BY_SUBJECT:
        records.append(standardisation.record(str(system), made.clips))
    selection = cross_validation.facts({"mean": result.selection}, names)
    facts |= {
        "clips": list(compress(made.clips, result.scored)),
        "parts": list(compress(made.parts, result.scored)),
        "selection": selection,
        **selection_record.facts(records),
    }
    population = {"population_mean": made.population.mean, "population_scale": made.population.scale}
    model = Entry("pooled", {**vars(result.model), **population})
    return FoldScores(
        [Entry("mean", {"scores": result.values})], facts, [model], model_facts | {"selection": selection}
    )


def _vector(entry: Entry) -> Floats:
    values = entry.arrays["features"]
    if not values.size:
        raise FeatureError(f"{entry.name}: has no frame, expected at least one; leave the clip out")
    return pooling.pooled(values) if values.ndim == 2 else values.astype(np.float64)


def _copies(table: Manifest, made: Vectors, source: Source | None) -> Floats | None:
    """Vectors (n_train, n_copies, n) of the altered copies of the training clips; None if there are none.

    A clip that is too short for a copy of it stands for its copies itself.
    """
    if source is None or not made.training:
        return None
    entries = gather.load(table, source, [row.clip for row in made.training])
    given = [entry.arrays["features"].astype(np.float64) if entry.arrays else None for entry in entries.values()]
    n_copies = next((len(copies) for copies in given if copies is not None), 0)
    if not n_copies:
        return None
    return np.stack([np.tile(v, (n_copies, 1)) if c is None else c for c, v in zip(given, made.values, strict=False)])


def _check_lengths(rows: list[Row], values: list[Floats]) -> None:
    for row, vector in zip(rows, values, strict=True):
        if len(vector) != len(values[0]):
            raise FeatureError(
                f"{row.clip}: its vector has {len(vector)} values, that of {rows[0].clip} has {len(values[0])}; "
                "expected the same feature for all clips; delete the feature's files and run the workflow again"
            )


def _by_subject(made: Vectors) -> Vectors:
    """Standardise the vectors of each subject, and keep the statistics of the average training subject."""
    single, subjects = [vector[None] for vector in made.values], [row.subject for row in made.rows]
    n = len(made.training)
    average = standardisation.fit_population(single[:n], subjects[:n])
    scale = np.where(average.scale > 0, average.scale, 1.0)
    values = np.concatenate(standardisation.by_subject(single, subjects)).astype(np.float64)
    return Vectors(made.rows, made.parts, values, Scaler(average.mean, scale))


def _by_corpus(made: Vectors) -> Vectors:
    """Standardise each vector by the training clips of its corpus, or by the average training corpus."""
    n_training = Counter(row.corpus for row in made.training)
    own = {name for name, n in n_training.items() if n >= MIN_OF_CORPUS} or set(n_training)
    training = [(row.corpus, vector[None]) for row, vector in zip(made.training, made.values, strict=False)]
    known = [(corpus, vector) for corpus, vector in training if corpus in own]
    average = standardisation.fit_population([vector for _, vector in known], [corpus for corpus, _ in known])
    population = Scaler(average.mean, np.where(average.scale > 0, average.scale, 1.0))
    of_corpus = {name: standardisation.fit_scaler([v for corpus, v in known if corpus == name]) for name in own}
    scalers = [of_corpus.get(row.corpus, population) for row in made.rows]
    values = np.stack([(v - scaler.mean) / scaler.scale for v, scaler in zip(made.values, scalers, strict=True)])
    return Vectors(made.rows, made.parts, values, population)
