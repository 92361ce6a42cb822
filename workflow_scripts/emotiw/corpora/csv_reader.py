"""CSV tables of others, read as text with the line of every row."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotiw.core.errors import ManifestError


@dataclass(frozen=True)
class Table:
    """A table's columns, its rows with the line each begins at, and what is wrong with it."""

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
        Columns that must be there.
    encodings : sequence of str
        Tried in this order; bytes that the last cannot decode are a problem of the table.

    Raises
    ------
    ManifestError
        If there is no such file.
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
            found = data[error.start : error.end]
            problems.append(
                f"{path}:{line}: {found!r} is not {encoding.removesuffix('-sig').upper()}; save the table as UTF-8"
            )
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
