"""The selection ledger: the parts of its fold that each choice of a run used; using the test part is an error."""

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
OUTSIDE = "outside the corpus"  # key in place of a part


def gather(folds: Mapping[str, Fold], tables: Iterable[Table]) -> list[dict[str, Any]]:
    """Ledger entries of all choices recorded in the artefacts of a run, sorted by fold and name.

    Parameters
    ----------
    folds : mapping of str to Fold
        Folds of the protocol.
    tables : iterable of Table
        Score tables; their facts hold `choices`, including those of the artefacts that they were computed from.

    Raises
    ------
    StoreError
        If a table has no record, its record contradicts itself or names a clip that is not in the fold, or a choice
        used a clip of the fold's test part.
    """
    entries: dict[tuple[str, str], dict[str, Any]] = {}
    for table in tables:
        if "choices" not in table.facts:
            raise StoreError(f"{table.path}: records no choices; {AGAIN}")
        parts = score_tables.parts_of(folds[table.fold])
        for entry in table.facts["choices"]["entries"]:
            n_clips = _clips_by_part(table, entry, parts)
            entries[table.fold, entry["choice"]] = {"fold": table.fold, **entry, "parts": n_clips}
    return [entries[key] for key in sorted(entries)]


def outside(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Ledger entries of choices in the records of model weights, made with pictures outside the corpus."""
    choices = [
        entry
        for record in records
        for source in (record, record.get("origin", {}))
        for entry in source.get("choices", ())
    ]
    entries = [{"fold": EVERY_FOLD, **entry, "parts": {OUTSIDE: entry["n_clips"]}} for entry in choices]
    return sorted(entries, key=lambda entry: entry["choice"])


def summary(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Count the choices, and those that used each part; `passed` if none that used labels used a test clip."""
    fitted = [
        entry for entry in entries if entry["kind"] != selection_record.TRANSDUCTIVE or "test" not in entry["parts"]
    ]
    n_choices = Counter(part for entry in fitted for part in entry["parts"])
    return {
        "n_choices": len(entries),
        "splits_seen": dict(sorted(n_choices.items())),
        "n_transductive": len(entries) - len(fitted),
        "passed": "test" not in n_choices,
    }


def _clips_by_part(table: Table, entry: Mapping[str, Any], parts: Mapping[str, str]) -> dict[str, int]:
    """Check an entry, and count the clips of each part that the choice used."""
    subject = f"{table.path}: {entry['choice']!r}, fold {table.fold}"
    clips = table.facts["choices"]["clips"].get(entry["clips_sha256"], ())
    if selection_record.digest(clips) != entry["clips_sha256"] or len(clips) != entry["n_clips"]:
        raise StoreError(f"{subject}: its {entry['n_clips']} clips do not match its digest; {AGAIN}")
    if unknown := [clip for clip in clips if clip not in parts]:
        raise StoreError(f"{subject}: used clip {unknown[0]!r}, which is not in the fold; {AGAIN}")
    n_clips = Counter(parts[clip] for clip in clips)
    if n_clips["test"] and entry["kind"] != selection_record.TRANSDUCTIVE:
        first = next(clip for clip in clips if parts[clip] == "test")
        raise StoreError(
            f"{subject}: used {n_clips['test']} test clips (the first: {first!r}), expected none of the test part; the"
            " scores of this run are invalid: correct the code that selects these clips, and run the workflow again"
        )
    return dict(sorted(n_clips.items()))
