"""Standardisation of frames, by statistics of the training frames and, where asked, of each subject before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw import choices
from emotiw.choices import Record
from emotiw.errors import FeatureError

Array = npt.NDArray[Any]


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
    return choices.Record(
        "audio: normalisation by subject", None, "mean and deviation of each subject", clips, kind=choices.TRANSDUCTIVE
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
    clips: dict[str, list[int]] = {}
    for i, subject in enumerate(subjects):
        clips.setdefault(subject, []).append(i)
    found: dict[int, Array] = {}
    for indices in clips.values():
        own = [features[i] for i in indices]
        scaler = fit_scaler(own)
        scaled = ((x - scaler.mean) / scaler.scale for x in own)
        found |= {i: x.astype(np.float32) for i, x in zip(indices, scaled, strict=True)}
    return [found[i] for i in range(len(features))]
