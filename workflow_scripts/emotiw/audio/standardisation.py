"""Standardisation of frames, by statistics of the training frames and, where asked, of each subject before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError
from emotiw.statistics import selection_record
from emotiw.statistics.selection_record import Record

Array = npt.NDArray[Any]

# Frames of the population that are joined with those of a subject of whom one clip is heard: 16 s of 40 ms [ours],
# chosen on validation clips (docs/networks.md)
PRIOR_FRAMES = 400


@dataclass(frozen=True)
class Scaler:
    """Standardisation of frames, fitted on training frames only.

    Attributes
    ----------
    mean, scale : ndarray, shape (n_features,)
        Mean and standard deviation, float64; of a constant column its value and 1.
    constant : tuple of int
        Columns that did not vary, which `standardise` sets to 0.
    """

    mean: Array
    scale: Array
    constant: tuple[int, ...] = ()


def fit_scaler(features: Sequence[Array]) -> Scaler:
    """Mean and standard deviation of the frames of all clips.

    Parameters
    ----------
    features : sequence of ndarray, shape (n_frames, n_features)
        One array a clip.

    Raises
    ------
    FeatureError
        If there is no frame.
    """
    if not sum(map(len, features)):
        raise FeatureError("scaler: no training frame, expected at least one; check the status of the training clips")
    X = np.concatenate(features).astype(np.float64)
    constant = X.min(axis=0) == X.max(axis=0)
    mean, scale = np.where(constant, X[0], X.mean(axis=0)), np.where(constant, 1.0, X.std(axis=0))
    return Scaler(mean, scale, tuple(np.flatnonzero(constant).tolist()))


def standardise(features: Sequence[Array], scaler: Scaler, *, clip: float) -> list[Array]:
    """(x - mean) / scale, limited to [-clip, clip], in float32; a constant column becomes 0.

    Parameters
    ----------
    features : sequence of ndarray, shape (n_frames, n_features)
        One array a clip.
    scaler : Scaler
        Of the training frames.
    clip : float
        Limit in standard deviations.
    """
    scaled = [np.clip((x - scaler.mean) / scaler.scale, -clip, clip).astype(np.float32) for x in features]
    for x in scaled:
        x[:, list(scaler.constant)] = 0
    return scaled


def record(clips: Sequence[str]) -> Record:
    """Record for the ledger the normalisation by subject of `clips`, those that are to be judged included."""
    return selection_record.Record(
        "audio: normalisation by subject",
        None,
        "mean and deviation of each subject",
        clips,
        kind=selection_record.TRANSDUCTIVE,
    )


def by_subject(features: Sequence[Array], subjects: Sequence[str]) -> list[Array]:
    """Give the frames of every subject mean 0 and deviation 1; a column that does not vary in a subject becomes 0.

    No label is looked at, but all clips of a subject are, those that are to be judged included.

    Parameters
    ----------
    features : sequence of ndarray, shape (n_frames, n_features)
        One array a clip.
    subjects : sequence of str
        Of each clip.
    """
    found: dict[int, Array] = {}
    for indices in _clips_of(subjects):
        own = [features[i] for i in indices]
        scaler = fit_scaler(own)
        scaled = ((x - scaler.mean) / scaler.scale for x in own)
        found |= {i: x.astype(np.float32) for i, x in zip(indices, scaled, strict=True)}
    return [found[i] for i in range(len(features))]


def fit_population(features: Sequence[Array], subjects: Sequence[str]) -> Scaler:
    """Average training subject, all that is known of a subject before a clip is heard.

    Parameters
    ----------
    features : sequence of ndarray, shape (n_frames, n_features)
        One array a clip, as `by_subject` takes them.
    subjects : sequence of str
        Of each clip.

    Returns
    -------
    Scaler
        Mean over the subjects of their means, and the root of that of their variances.
    """
    frames = [np.concatenate([features[i] for i in indices]).astype(np.float64) for indices in _clips_of(subjects)]
    variance = np.mean([x.var(axis=0) for x in frames], axis=0)
    return Scaler(np.mean([x.mean(axis=0) for x in frames], axis=0), np.sqrt(variance))


def by_new_subject(features: Array, population: Scaler, *, prior: float = PRIOR_FRAMES) -> Array:
    """Standardise the frames of one clip, all that is known of its subject, for a network that learnt `by_subject`.

    A clip's own mean and variance hide what is said in it, and the population's hide who speaks: between them stand the
    moments of the clip's frames joined with `prior` of the population's.

    Parameters
    ----------
    features : ndarray, shape (n_frames, n_features)
    population : Scaler
        `fit_population` of the training clips.
    prior : float
        Frames.
    """
    x, n = features.astype(np.float64), len(features)
    mean = (n * x.mean(axis=0) + prior * population.mean) / (n + prior)
    theirs = np.square(population.scale) + np.square(population.mean - mean)  # about the common mean
    variance = (n * np.square(x - mean).mean(axis=0) + prior * theirs) / (n + prior)
    scaled: Array = ((x - mean) / np.sqrt(np.where(variance > 0, variance, 1.0))).astype(np.float32)
    return scaled


def _clips_of(subjects: Sequence[str]) -> list[list[int]]:
    """Group the indices of the clips by subject."""
    clips: dict[str, list[int]] = {}
    for i, subject in enumerate(subjects):
        clips.setdefault(subject, []).append(i)
    return list(clips.values())
