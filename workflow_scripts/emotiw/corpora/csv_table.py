"""Your own clips, listed in a CSV table with the columns clip, path, label, subject, split or fold, optionally film."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from emotiw.corpora import csv_reader, subject_folds
from emotiw.corpora.interface import Candidate, Scan, Source, checked_options

COLUMN_OF_SCHEME = {"official": "split", "folds": "fold", **dict.fromkeys(subject_folds.SCHEMES, "subject")}
OPTIONAL = ("subject", "split", "fold", "film")
DEMO_TABLE = "manifest.csv"


def scan(source: Source) -> Scan:
    """Read the table; paths are relative to the root.

    The column `subject` is required only if the scheme groups by it; `film` is optional.
    """
    checked_options(source)
    path = source.root / (source.table or DEMO_TABLE)
    needed = [COLUMN_OF_SCHEME[source.scheme]] if source.scheme in COLUMN_OF_SCHEME else []
    listed = csv_reader.read(path, ("clip", "path", "label", *needed), optional=OPTIONAL)
    candidates = tuple(_candidate(source.root, f"{path}:{line}", row) for line, row in listed.rows)
    return Scan(candidates, problems=listed.problems)


def scan_demo(source: Source) -> Scan:
    """Read the table of the rendered demo corpus."""
    return replace(scan(replace(source, table=source.table or DEMO_TABLE)), synthetic=True)


def _candidate(root: Path, where: str, row: Mapping[str, str]) -> Candidate:
    optional = {name: row.get(name, "") for name in OPTIONAL}
    return Candidate(row["clip"], root / row["path"], row["label"], where, **optional)
