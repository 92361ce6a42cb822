"""The selection ledger: for every choice of a run which part of its fold it saw; a run that saw its test part fails."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from emotiw.core.errors import StoreError
from emotiw.corpora.splits import Fold
from emotiw.fusion import score_tables
from emotiw.fusion.score_tables import Table
from emotiw.statistics import selection_record

AGAIN = "run the workflow again"
EVERY_FOLD = "every fold"
OUTSIDE = "outside the corpus"  # takes the place of a part


def gather(folds: Mapping[str, Fold], tables: Iterable[Table]) -> list[dict[str, Any]]:
    """Entries of all choices that the artefacts of a run record, by fold and name.

    Parameters
    ----------
    folds : mapping of str to Fold
        Of the protocol.
    tables : iterable of Table
        Score tables with their `choices` and those of the artefacts above them.

    Raises
    ------
    StoreError
        If a table records nothing, its record contradicts itself or names a clip that is not in the fold, or a choice
        has seen a clip of the fold's test part.
    """
    entries: dict[tuple[str, str], dict[str, Any]] = {}
    for table in tables:
        if "choices" not in table.facts:
            raise StoreError(f"{table.path}: records no choices; {AGAIN}")
        parts = score_tables.parts_of(folds[table.fold])
        for entry in table.facts["choices"]["entries"]:
            seen = _checked(table, entry, parts)
            entries[table.fold, entry["choice"]] = {"fold": table.fold, **entry, "parts": seen}
    return [entries[key] for key in sorted(entries)]


def outside(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Entries of the choices that records of model weights tell of: made with pictures that are not of the corpus."""
    made = [
        entry
        for record in records
        for about in (record, record.get("origin", {}))
        for entry in about.get("choices", ())
    ]
    found = [{"fold": EVERY_FOLD, **entry, "parts": {OUTSIDE: entry["n_clips"]}} for entry in made]
    return sorted(found, key=lambda entry: entry["choice"])


def summary(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Count the choices, and by part those that saw clips of it; no test clip is among those that saw labels."""
    fitted = [
        entry for entry in entries if entry["kind"] != selection_record.TRANSDUCTIVE or "test" not in entry["parts"]
    ]
    seen = Counter(part for entry in fitted for part in entry["parts"])
    return {
        "n_choices": len(entries),
        "splits_seen": dict(sorted(seen.items())),
        "n_transductive": len(entries) - len(fitted),
        "passed": "test" not in seen,
    }


def _checked(table: Table, entry: Mapping[str, Any], parts: Mapping[str, str]) -> dict[str, int]:
    """Clips of each part that a choice saw."""
    subject = f"{table.path}: {entry['choice']!r}, fold {table.fold}"
    clips = table.facts["choices"]["clips"].get(entry["clips_sha256"], ())
    if selection_record.digest(clips) != entry["clips_sha256"] or len(clips) != entry["n_clips"]:
        raise StoreError(f"{subject}: its {entry['n_clips']} clips are not those of its digest; {AGAIN}")
    if strangers := [clip for clip in clips if clip not in parts]:
        raise StoreError(f"{subject}: saw clip {strangers[0]!r}, which is not in the fold; {AGAIN}")
    seen = Counter(parts[clip] for clip in clips)
    if seen["test"] and entry["kind"] != selection_record.TRANSDUCTIVE:
        first = next(clip for clip in clips if parts[clip] == "test")
        raise StoreError(
            f"{subject}: was made with {seen['test']} test clips (the first: {first!r}), expected none of the test"
            " part; the scores of this run are void: mend what hands these clips over, and run it again"
        )
    return dict(sorted(seen.items()))
