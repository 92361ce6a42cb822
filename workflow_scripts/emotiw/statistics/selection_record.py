"""What was chosen or fitted, and the ids of the clips that it was given: the records that the ledger is made of.

A program makes a record of the very clips that it hands to a fit or a search, and keeps its records, with those of the
artefacts that it read, among the facts of its own artefact; `emotiw.evaluation.ledger` gathers them.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

LABELS = "labels"  # what a choice may have looked at
NO_LABELS = "no labels"
TRANSDUCTIVE = "transductive, no labels"  # the clips that are to be judged included
KINDS = (LABELS, NO_LABELS, TRANSDUCTIVE)


@dataclass(frozen=True)
class Record:
    """A choice.

    Attributes
    ----------
    choice : str
        What was chosen, such as `audio/64_0: epoch`.
    chosen : JSON value
        Which it is; None where it is not said in a few numbers, as of a network's weights.
    criterion : str
        By what.
    clips : collection of str
        Ids of the clips that it was made with; of a network that was fine-tuned, those of the pictures.
    candidates : int
        How many there were to choose from; 1 where a model was fitted and nothing searched.
    kind : str
        One of `KINDS`.
    """

    choice: str
    chosen: Any
    criterion: str
    clips: Collection[str]
    candidates: int = 1
    kind: str = LABELS


def digest(clips: Iterable[str]) -> str:
    """SHA-256 of the sorted clip ids, one a line."""
    return hashlib.sha256("".join(f"{clip}\n" for clip in sorted(clips)).encode()).hexdigest()


def content_ids(arrays: Iterable[npt.NDArray[Any]]) -> list[str]:
    """SHA-256 of the bytes of each array: ids of pictures, which have none of their own."""
    return [hashlib.sha256(array.tobytes()).hexdigest() for array in arrays]


def entry(record: Record) -> dict[str, Any]:
    """Put a record into JSON, with the number and digest of its ids in their place."""
    return {
        **{"choice": record.choice, "chosen": record.chosen, "criterion": record.criterion},
        **{"candidates": record.candidates, "kind": record.kind},
        **{"n_clips": len(record.clips), "clips_sha256": digest(record.clips)},
    }


def facts(records: Sequence[Record], *above: Mapping[str, Any]) -> dict[str, Any]:
    """Make facts of records and of those in the facts of the artefacts above, each list of ids once.

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
    for it in records:
        made = entry(it)
        clips[made["clips_sha256"]] = sorted(it.clips)
        entries[it.choice] = made
    return {"choices": {"clips": clips, "entries": [entries[name] for name in sorted(entries)]}}


def renamed(facts: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Facts of an artefact with `prefix` before the name of every choice, to stand beside others' of the same names."""
    made = facts["choices"]
    entries = [{**entry, "choice": f"{prefix}{entry['choice']}"} for entry in made["entries"]]
    return {**facts, "choices": {**made, "entries": entries}}


def seen(facts: Mapping[str, Any]) -> set[str]:
    """Ids of the clips whose labels the choices of an artefact, or of those above it, have looked at."""
    made = facts["choices"]
    return {
        clip for entry in made["entries"] if entry["kind"] == LABELS for clip in made["clips"][entry["clips_sha256"]]
    }
