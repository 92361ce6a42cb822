"""The challenge's baseline on one per-clip feature in one fold: scores, and the facts of their artefact."""

from collections.abc import Mapping
from itertools import compress
from typing import Any

import numpy as np

from emotiw.corpora import manifest, splits
from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import Fold
from emotiw.jobs import gather
from emotiw.jobs.gather import Source
from emotiw.statistics import absent_classes, cross_validation, selection_record
from emotiw.statistics.cross_validation import Training
from emotiw.video import baselines, classifiers
from emotiw.video.classifiers import Scores


def scored(
    table: Manifest, fold: Fold, source: Source, settings: Mapping[str, Any], *, system: str
) -> tuple[Scores, dict[str, Any]]:
    """Fit the support vector machine to the usable training clips of a fold and score all usable clips.

    Parameters
    ----------
    table : Manifest
        Labels and groups of the clips, and the job that holds each.
    fold : Fold
        Division of the clips.
    source : Source
        Files of the features of whole clips.
    settings : mapping
        Section `baseline` of the configuration.
    system : str
        Name of the system, for the record.

    Returns
    -------
    scores : Scores
        A class without a usable training clip is left out (`absent_classes`). Empty if fewer than two classes have any;
        the fold then has no such baseline.
    facts : dict
        Clips, parts, classes, classes without a training clip, parameters and records; JSON values.

    Raises
    ------
    StoreError
        If a file of features is missing or damaged, or lacks a clip.
    """
    usable = gather.usable(table, fold, source)
    training_clips = [row.clip for row, part, _ in usable if part == "train"]
    lacking = splits.lacking((table.row_of_clip[clip].label for clip in training_clips), table.classes)
    scores, records = classifiers.no_scores(len(table.classes)), []
    if of := absent_classes.present((table.row_of_clip[clip].label for clip in training_clips), table.classes):
        training = Training.of(manifest.grouped(table, training_clips), of, settings)
        X = np.stack([entry.arrays["features"] for _, _, entry in usable]).astype(np.float64)
        scores = baselines.clip_scores(X, training, settings).among(of, table.classes)
        records = cross_validation.selection_records({system: scores.selection}, training, "C, gamma")
    with_score = list(compress(usable, scores.scored))
    return scores, {
        "clips": [row.clip for row, _, _ in with_score],
        "parts": [part for _, part, _ in with_score],
        "classes": list(table.classes),
        "lacking": lacking,
        "selection": cross_validation.facts({"svm": scores.selection}, training_clips),
        **selection_record.facts(records),
    }
