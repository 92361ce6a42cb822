"""Records of every selection and fit: what was selected, by which criterion, and which clips it was given.

A program records the same list of clips that it passes to a fit or a search. It stores its records, with those of the
artefacts that it read, among the facts of its own artefact; `emotiw.evaluation.ledger` collects them.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

# kinds of a record: what the selection used in addition to the features
LABELS = "labels"
NO_LABELS = "no labels"
TRANSDUCTIVE = "transductive, no labels"  # the clips to be evaluated are among those given


@dataclass(frozen=True)
class Record:
    """One selection or fit; its attributes have the names of the stored keys.

    Attributes
    ----------
    choice : str
        Name of what was selected, such as `audio/64_0: epoch`.
    chosen : JSON value
        The selected value; None where it is too large to be stored, such as a network's weights.
    criterion : str
        What it was selected by.
    clips : collection of str
        Ids of the clips that the selection was given; of the pictures, where a network was fine-tuned.
    candidates : int
        Number of values to select from; 1 where a model was fitted and nothing searched.
    kind : str
        `LABELS`, `NO_LABELS` or `TRANSDUCTIVE`.
    """

    choice: str
    chosen: Any
    criterion: str
    clips: Collection[str]
    candidates: int = 1
    kind: str = LABELS


def digest(clips: Iterable[str]) -> str:
    """SHA-256 of the sorted clip ids, one per line."""
    return hashlib.sha256("".join(f"{clip}\n" for clip in sorted(clips)).encode()).hexdigest()


def content_ids(arrays: Iterable[npt.NDArray[Any]]) -> list[str]:
    """SHA-256 of the bytes of each array: used as ids of pictures that have no names."""
    return [hashlib.sha256(array.tobytes()).hexdigest() for array in arrays]


def entry(record: Record) -> dict[str, Any]:
    """Record as JSON, with the number and the digest of the clip ids instead of the ids."""
    return {
        **{"choice": record.choice, "chosen": record.chosen, "criterion": record.criterion},
        **{"candidates": record.candidates, "kind": record.kind},
        **{"n_clips": len(record.clips), "clips_sha256": digest(record.clips)},
    }


def facts(records: Sequence[Record], *above: Mapping[str, Any]) -> dict[str, Any]:
    """Facts that hold the records and those of the artefacts above, each list of clip ids once.

    Parameters
    ----------
    records : sequence of Record
        Of this artefact.
    *above : mapping
        Facts of the artefacts that were read.

    Raises
    ------
    KeyError
        If an artefact above has no records.
    """
    clips: dict[str, list[str]] = {}
    entries: dict[str, dict[str, Any]] = {}
    for other in above:
        clips |= other["choices"]["clips"]
        entries |= {entry["choice"]: entry for entry in other["choices"]["entries"]}
    for record in records:
        entries[record.choice] = entry(record)
        clips[entries[record.choice]["clips_sha256"]] = sorted(record.clips)
    return {"choices": {"clips": clips, "entries": [entries[name] for name in sorted(entries)]}}


def renamed(facts: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Facts of an artefact with `prefix` before the name of every selection, which keeps names unique."""
    choices = facts["choices"]
    entries = [{**entry, "choice": f"{prefix}{entry['choice']}"} for entry in choices["entries"]]
    return {**facts, "choices": {**choices, "entries": entries}}


def seen(facts: Mapping[str, Any]) -> set[str]:
    """Ids of the clips whose labels were used by a selection of this artefact or of those above it."""
    choices = facts["choices"]
    return {
        clip
        for entry in choices["entries"]
        if entry["kind"] == LABELS
        for clip in choices["clips"][entry["clips_sha256"]]
    }
