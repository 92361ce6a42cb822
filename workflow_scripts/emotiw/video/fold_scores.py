"""Scores of all clips of one fold by one classifier on the kernels of one feature, and the facts of their artefacts."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np

from emotiw.corpora import manifest, splits
from emotiw.corpora.manifest import Manifest
from emotiw.statistics import absent_classes, cross_validation, selection_record
from emotiw.statistics.cross_validation import Training
from emotiw.video import classifiers, kernel_scoring
from emotiw.video.classifiers import Matrix, Scores
from emotiw.video.kernel_scoring import Kernels


@dataclass(frozen=True)
class FoldKernels:
    """Kernels of a fold, as their file holds them.

    Attributes
    ----------
    facts : mapping
        Facts of the file.
    matrices : mapping of str to ndarray
        Matrix of each kernel; it may be read whenever it is asked for.
    """

    facts: Mapping[str, Any]
    matrices: Mapping[str, Matrix]


@dataclass(frozen=True)
class FoldScores:
    """Scores of a fold by one classifier, and the facts of their artefacts.

    Attributes
    ----------
    scores : dict of str to Scores
        By kernel, and as `mean` by the mean of the kernels' decision values.
    facts : dict
        Facts of the scores' artefact: clips, parts, classes, parameters, records; JSON.
    model_facts : dict
        Facts of the artefact that holds the coefficients; JSON.
    """

    scores: dict[str, Scores]
    facts: dict[str, Any]
    model_facts: dict[str, Any]


def scored(
    table: Manifest, kernels: FoldKernels, video: Mapping[str, Any], *, system: str, classifier: str
) -> FoldScores:
    """Fit the classifier to each kernel's training clips and score all clips.

    A class without a usable training clip is left out (`absent_classes`).

    Parameters
    ----------
    table : Manifest
        Labels and groups of the training clips; the labels of the others are not read.
    kernels : FoldKernels
        Training clips first; without a training clip nothing is scored.
    video : mapping
        Section `video` of the configuration.
    system, classifier : str
        Name of the system, for the records, and of its classifier, a key of `classifiers.FAMILIES`.

    Raises
    ------
    FeatureError
        If the classifier cannot be fitted.
    """
    clips, parts = kernels.facts["clips"], kernels.facts["parts"]
    training_clips = [clip for clip, part in zip(clips, parts, strict=True) if part == "train"]
    records: list[selection_record.Record] = []
    scores = dict.fromkeys([*kernels.matrices, "mean"], classifiers.no_scores(len(table.classes)))
    if training_clips:
        labels = [table.row_of_clip[clip].label for clip in training_clips]
        of = absent_classes.present(labels, table.classes) or table.classes
        training = Training.of(manifest.grouped(table, training_clips), of, video)
        landmarks = kernels.facts.get("landmarks")
        rows = None if landmarks is None else np.flatnonzero(np.isin(clips, landmarks))
        given = Kernels(kernels.matrices, len(training_clips), len(clips), rows)
        scored_kernels = kernel_scoring.feature_scores(classifier, video, given, training)
        scores = {name: values.among(of, table.classes) for name, values in scored_kernels.items()}
        selections = {f"{system}/{name}": values.selection for name, values in scores.items()}
        records = cross_validation.selection_records(selections, training, classifiers.family(classifier).parameter)
    has_score = scores["mean"].scored
    selection = cross_validation.facts({name: values.selection for name, values in scores.items()}, training_clips)
    facts = {
        "clips": list(compress(clips, has_score)),
        "parts": list(compress(parts, has_score)),
        "classes": list(table.classes),
        "lacking": splits.lacking((table.row_of_clip[clip].label for clip in training_clips), table.classes),
        "scores": "decision values",
        "classifier": classifier,
        "n_components": {name: values.n_components for name, values in scores.items()},
        "selection": selection,
        **selection_record.facts(records, kernels.facts),
    }
    # the clips that the coefficients belong to
    model_facts = {
        "clips": kernels.facts.get("landmarks", training_clips),
        "classes": list(table.classes),
        "selection": selection,
    }
    return FoldScores(scores, facts, model_facts)
