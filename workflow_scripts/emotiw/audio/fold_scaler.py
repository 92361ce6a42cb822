"""Standardisation statistics of a fold's training frames."""

from collections.abc import Sequence
from typing import Any

from emotiw.jobs.store import Entry
from emotiw.statistics import selection_record, standardisation
from emotiw.statistics.standardisation import Scaler


def fit(
    clips: Sequence[Entry], subjects: Sequence[str], *, feature: str, normalise: str
) -> tuple[list[Entry], dict[str, Any]]:
    """Fit the scaler of a fold.

    Parameters
    ----------
    clips : sequence of Entry
        Frame features of the usable training clips. Without any, the fold has no networks.
    subjects : sequence of str
        Subject of each clip.
    feature : str
        Name of the feature, for the record.
    normalise : str
        `blstm.normalise` of the configuration. With "subject" the frames are normalised by subject first.

    Returns
    -------
    entries : list of Entry
        `scaler`, and before it `population` where frames are normalised by subject; empty without clips.
    facts : dict
        Constant columns, numbers of clips and frames, and the ledger record.
    """
    features, entries = [clip.arrays["features"] for clip in clips], []
    if normalise == "subject" and features:
        entries.append(_entry("population", standardisation.fit_population(features, subjects)))
        features = standardisation.by_subject(features, subjects)
    scalers = [standardisation.fit_scaler(features)] if features else []
    entries += [_entry("scaler", scaler) for scaler in scalers]
    constant = [column for scaler in scalers for column in scaler.constant]
    record = selection_record.Record(
        f"{feature}: standardisation",
        None,
        "mean and deviation",
        [clip.name for clip in clips],
        kind=selection_record.NO_LABELS,
    )
    return entries, {
        "constant": constant,
        "n_constant": len(constant),
        "n_clips": len(features),
        "n_frames": sum(map(len, features)),
        **selection_record.facts([record] if features else []),
    }


def _entry(name: str, scaler: Scaler) -> Entry:
    return Entry(name, {"mean": scaler.mean, "scale": scaler.scale})
