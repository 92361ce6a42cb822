"""Standardisation of frames by statistics of the training frames, optionally after normalisation by subject."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError
from emotiw.statistics import selection_record
from emotiw.statistics.selection_record import Record

Array = npt.NDArray[Any]

# Weight, in frames, of the average training subject's statistics when a subject has a single clip: 16 s of 40 ms
# frames [ours], chosen on validation clips (docs/networks.md)
PRIOR_FRAMES = 400
COLUMNS = 64  # whose statistics are computed at a time


@dataclass(frozen=True)
class Scaler:
    """Standardisation of frames, fitted on training frames only.

    Attributes
    ----------
    mean, scale : ndarray, shape (n_features,)
        Mean and standard deviation, float64; the value and 1 for a constant column.
    constant : tuple of int
        Columns that are constant in the training frames; `standardise` sets them to 0.
    """

    mean: Array
    scale: Array
    constant: tuple[int, ...] = ()


def fit_scaler(features: Sequence[Array]) -> Scaler:
    """Mean and standard deviation of the frames of all clips.

    Parameters
    ----------
    features : sequence of ndarray, shape (n_frames, n_features)
        One array per clip.

    Raises
    ------
    FeatureError
        If there is no frame.
    """
    if not sum(map(len, features)):
        raise FeatureError("scaler: no training frame, expected at least one; check the status of the training clips")
    # some columns at a time: in float64, all frames would take several times their memory
    parts = [_of_columns(features, slice(i, i + COLUMNS)) for i in range(0, features[0].shape[1], COLUMNS)]
    mean, scale, constant = (np.concatenate(values) for values in zip(*parts, strict=True))
    return Scaler(mean, scale, tuple(np.flatnonzero(constant).tolist()))


def _of_columns(features: Sequence[Array], columns: slice) -> tuple[Array, Array, Array]:
    """Mean and deviation of some columns of all frames, and which of them are constant."""
    X = np.concatenate([F[:, columns] for F in features]).astype(np.float64)
    constant = X.min(axis=0) == X.max(axis=0)
    return np.where(constant, X[0], X.mean(axis=0)), np.where(constant, 1.0, X.std(axis=0)), constant


def standardise(features: Sequence[Array], scaler: Scaler, *, clip: float) -> list[Array]:
    """(x - mean) / scale, limited to [-clip, clip], in float32; a constant column becomes 0.

    Parameters
    ----------
    features : sequence of ndarray, shape (n_frames, n_features)
        One array per clip.
    scaler : Scaler
        Fitted on the training frames.
    clip : float
        Limit of the result, in standard deviations.
    """
    scaled = [np.clip((x - scaler.mean) / scaler.scale, -clip, clip).astype(np.float32) for x in features]
    for x in scaled:
        x[:, list(scaler.constant)] = 0
    return scaled


def record(system: str, clips: Sequence[str]) -> Record:
    """Ledger record of the normalisation by subject, which uses all clips of a subject, those of the test part too."""
    return selection_record.Record(
        f"{system}: normalisation by subject",
        None,
        "mean and deviation of each subject",
        clips,
        kind=selection_record.TRANSDUCTIVE,
    )


def by_subject(features: Sequence[Array], subjects: Sequence[str]) -> list[Array]:
    """Scale the frames of each subject to mean 0 and standard deviation 1; a column constant in a subject becomes 0.

    This uses no label, but it uses all clips of a subject, those of the test part too (transductive).

    Parameters
    ----------
    features : sequence of ndarray, shape (n_frames, n_features)
        One array per clip.
    subjects : sequence of str
        Subject of each clip.

    Returns
    -------
    list of ndarray, shape (n_frames, n_features)
        float32, in the order of `features`.
    """
    normalised: dict[int, Array] = {}
    for indices in _clips_of(subjects):
        of_subject = [features[i] for i in indices]
        scaler = fit_scaler(of_subject)
        scaled = ((x - scaler.mean) / scaler.scale for x in of_subject)
        normalised |= {i: x.astype(np.float32) for i, x in zip(indices, scaled, strict=True)}
    return [normalised[i] for i in range(len(features))]


def fit_population(features: Sequence[Array], subjects: Sequence[str]) -> Scaler:
    """Statistics of the average training subject, the prior for a subject without other clips.

    Parameters
    ----------
    features : sequence of ndarray, shape (n_frames, n_features)
        One array per clip, before `by_subject`.
    subjects : sequence of str
        Subject of each clip.

    Returns
    -------
    Scaler
        Mean over subjects of the subjects' means, and the square root of the mean of their variances.
    """
    frames = [np.concatenate([features[i] for i in indices]).astype(np.float64) for indices in _clips_of(subjects)]
    variance = np.mean([x.var(axis=0) for x in frames], axis=0)
    return Scaler(np.mean([x.mean(axis=0) for x in frames], axis=0), np.sqrt(variance))


def by_new_subject(features: Array, population: Scaler, *, prior: float = PRIOR_FRAMES) -> Array:
    """Standardise the only clip of a subject, for a network trained on frames normalised `by_subject`.

    The clip's own mean and variance would remove its emotion, the average subject's would leave the voice in. The
    mean and variance used are those of the clip's frames pooled with `prior` frames of the average subject.

    Parameters
    ----------
    features : ndarray, shape (n_frames, n_features)
        Frames of the clip.
    population : Scaler
        `fit_population` of the training clips.
    prior : float
        Weight of the average subject, in frames.

    Returns
    -------
    ndarray, shape (n_frames, n_features)
        float32.
    """
    x, n = features.astype(np.float64), len(features)
    mean = (n * x.mean(axis=0) + prior * population.mean) / (n + prior)
    population_variance = np.square(population.scale) + np.square(population.mean - mean)  # about the pooled mean
    variance = (n * np.square(x - mean).mean(axis=0) + prior * population_variance) / (n + prior)
    scaled: Array = ((x - mean) / np.sqrt(np.where(variance > 0, variance, 1.0))).astype(np.float32)
    return scaled


def _clips_of(subjects: Sequence[str]) -> list[list[int]]:
    """Group the indices of the clips by subject."""
    clips: dict[str, list[int]] = {}
    for i, subject in enumerate(subjects):
        clips.setdefault(subject, []).append(i)
    return list(clips.values())
