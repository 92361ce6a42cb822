"""Scores of one fold's clips by the mean of posteriors that a network outside the corpus gives each frame."""

from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError
from emotiw.core.status import Status
from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import SPLITS, Fold
from emotiw.jobs import gather
from emotiw.jobs.gather import Source
from emotiw.jobs.store import Entry
from emotiw.statistics import selection_record

Floats = npt.NDArray[np.float64]


def scored(
    table: Manifest, fold: Fold, source: Source, *, feature: str, columns: list[str]
) -> tuple[Entry, dict[str, Any]]:
    """Mean of the frame posteriors of every usable clip of a fold; nothing is trained on the corpus.

    Parameters
    ----------
    table : Manifest
        Classes of the corpus, and the job that holds each clip.
    fold : Fold
    source : Source
        Files of the posteriors.
    feature : str
        Name of the feature, for errors.
    columns : list of str
        Class of each column of the posteriors.

    Raises
    ------
    FeatureError
        If no column is a class of the corpus, or a clip has no frame.
    StoreError
        If a file of features is missing or damaged, or lacks a clip.
    """
    parts = [(clip, part) for part in SPLITS for clip in getattr(fold, part)]
    entries = gather.load(table, source, [clip for clip, _ in parts])
    usable = [(clip, part) for clip, part in parts if entries[clip].status == Status.OK]
    means = [_mean(entries[clip]) for clip, _ in usable]
    scores = aligned(np.array(means).reshape(len(means), len(columns)), columns, table.classes, feature=feature)
    return Entry("mean", {"scores": scores}), {
        "clips": [clip for clip, _ in usable],
        "parts": [part for _, part in usable],
        "classes": list(table.classes),
        "scores": "posteriors",
        "classifier": "average",
        **selection_record.facts([]),
    }


def _mean(entry: Entry) -> Floats:
    frames = entry.arrays["features"]
    if not len(frames):
        raise FeatureError(f"{entry.name}: has no frame, expected at least one; leave the clip out")
    return np.asarray(frames.mean(axis=0, dtype=np.float64))


def aligned(posteriors: Floats, columns: list[str], classes: tuple[str, ...], *, feature: str) -> Floats:
    """Posteriors of the corpus's classes: columns by name, 0 for a class without a column, scaled to a sum of 1.

    Parameters
    ----------
    posteriors : ndarray, shape (n_clips, n_columns)
    columns : list of str
        Class of each column.
    classes : tuple of str
        Classes of the corpus.
    feature : str
        Name of the feature, for the error.

    Returns
    -------
    ndarray, shape (n_clips, n_classes)
        Uniform over the classes with a column where their posteriors sum to 0.

    Raises
    ------
    FeatureError
        If no column is a class of the corpus.
    """
    known = [i for i, name in enumerate(classes) if name in columns]
    if not known:
        raise FeatureError(
            f"{feature}: posteriors of {', '.join(columns)}, none of which is a class of the corpus"
            f" ({', '.join(classes)}); take another classifier than `average`"
        )
    scores = np.zeros((len(posteriors), len(classes)))
    scores[:, known] = posteriors[:, [columns.index(classes[i]) for i in known]]
    sums = scores.sum(axis=1, keepdims=True)
    uniform = np.isin(np.arange(len(classes)), known) / len(known)
    return np.where(sums > 0, scores / np.where(sums > 0, sums, 1.0), uniform)
