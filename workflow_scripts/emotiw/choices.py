"""What was chosen or fitted, and the ids of the clips that it was given: the records that the ledger is made of.

A program makes a record of the very clips that it hands to a fit or a search, and keeps its records, with those of the
artefacts that it read, among the facts of its own artefact; `emotiw.ledger` gathers them.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
        Ids of the clips that it was made with.
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
        sha256 = digest(it.clips)
        clips[sha256] = sorted(it.clips)
        entries[it.choice] = {
            **{"choice": it.choice, "chosen": it.chosen, "criterion": it.criterion, "candidates": it.candidates},
            **{"kind": it.kind, "n_clips": len(it.clips), "clips_sha256": sha256},
        }
    return {"choices": {"clips": clips, "entries": [entries[name] for name in sorted(entries)]}}
