"""Read CSV tables that come with a corpus, as text with the line number of every row."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotiw.core.errors import ManifestError


@dataclass(frozen=True)
class Table:
    """A table: its columns, its rows with the line at which each begins, and its problems."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, str]], ...]
    problems: tuple[str, ...]


def read(path: Path, required: Sequence[str], *, encodings: Sequence[str] = ("utf-8-sig",)) -> Table:
    """Read a CSV file; every value stays text (`001`, `NA` and `null` too).

    Parameters
    ----------
    path : Path
        The table, with or without a byte-order mark.
    required : sequence of str
        Columns that the table must have.
    encodings : sequence of str
        Encodings to try, in this order; it is a problem of the table if the last one fails too.

    Raises
    ------
    ManifestError
        If the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror}; set corpus.root and corpus.table to a CSV file") from error
    text, problems = _decode(path, data, encodings)
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: list[str] = []
    rows: list[tuple[int, dict[str, str]]] = []
    line = 1
    try:
        columns = next(lines, [])
        problems += _check_columns(path, columns, required)
        line = lines.line_num + 1
        for cells in lines:
            if len(cells) == len(columns):
                rows.append((line, dict(zip(columns, cells, strict=True))))
            elif cells:
                problems.append(f"{path}:{line}: {len(cells)} values, expected {len(columns)} as in the first line")
            line = lines.line_num + 1
    except csv.Error as error:
        problems.append(f"{path}:{line}: not CSV: {error}")
    return Table(tuple(columns), tuple(rows) if set(required) <= set(columns) else (), tuple(problems))


def _decode(path: Path, data: bytes, encodings: Sequence[str]) -> tuple[str, list[str]]:
    problems = []
    for encoding in encodings:
        try:
            return data.decode(encoding), []
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            undecodable = data[error.start : error.end]
            name = encoding.removesuffix("-sig").upper()
            problems.append(f"{path}:{line}: {undecodable!r} is not {name}; save the table as UTF-8")
    return data.decode(encodings[-1], "replace"), problems[-1:]


def _check_columns(path: Path, columns: Sequence[str], required: Sequence[str]) -> list[str]:
    absent = [name for name in required if name not in columns]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    problems = []
    if absent:
        problems.append(f"{path}:1: absent columns {', '.join(absent)}; found {', '.join(columns) or 'none'}")
    if twice:
        problems.append(f"{path}:1: columns given twice: {', '.join(twice)}; keep one")
    return problems
