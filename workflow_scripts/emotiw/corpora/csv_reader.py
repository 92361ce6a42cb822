"""Read CSV tables that come with a corpus, as text with the line number of every row.

Spreadsheets write tables in several ways: with semicolons or tabs, with a first line `sep=;`, with blank rows and empty
cells behind a row, with capitals in the names of columns. All of these are read.
"""

import csv
import difflib
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


SEPARATORS = (",", ";", "\t")
TOLD = "sep="  # begins a first line that names the separator, as spreadsheets write it


def read(
    path: Path,
    required: Sequence[str],
    *,
    optional: Sequence[str] = (),
    encodings: Sequence[str] = ("utf-8-sig",),
) -> Table:
    """Read a CSV file; every value stays text (`001`, `NA` and `null` too).

    Parameters
    ----------
    path : Path
        The table, with or without a byte-order mark.
    required : sequence of str
        Columns that the table must have, whatever the case of their letters.
    optional : sequence of str
        Other columns whose names may be written in another case.
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
    first, _, rest = text.partition("\n")
    told = first.strip().strip('"').casefold()
    n_before = 1 if told.startswith(TOLD) else 0
    separator = told[len(TOLD) :] or "\t" if n_before else _separator(first, required)
    if len(separator) != 1:
        return Table((), (), (*problems, f"{path}:1: {first.strip()!r} names no separator of one character; remove it"))
    lines = csv.reader(io.StringIO(rest if n_before else text, newline=""), strict=True, delimiter=separator)
    columns: list[str] = []
    rows: list[tuple[int, dict[str, str]]] = []
    line = n_before + 1
    try:
        columns = _named(next(lines, []), (*required, *optional))
        problems += _check_columns(f"{path}:{line}", columns, required)
        line = n_before + lines.line_num + 1
        for cells in lines:
            filled = _filled(cells, len(columns))
            if len(filled) == len(columns):
                rows.append((line, dict(zip(columns, filled, strict=True))))
            elif filled:
                problems.append(f"{path}:{line}: {len(cells)} values, expected {len(columns)} as in the first line")
            line = n_before + lines.line_num + 1
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


def _separator(header: str, required: Sequence[str]) -> str:
    """Separator with which most of the required columns are found; a comma if several do alike."""

    def found(separator: str) -> int:
        names = {name.strip().strip('"').casefold() for name in header.split(separator)}
        return sum(name.casefold() in names for name in required)

    return max(SEPARATORS, key=found)


def _named(columns: Sequence[str], known: Sequence[str]) -> list[str]:
    """Columns of the table, known ones as they are known; empty ones behind the last are dropped."""
    of_folded = {name.casefold(): name for name in known}
    named = [name if name in known else of_folded.get(name.strip().casefold(), name) for name in columns]
    while named and not named[-1].strip():
        named.pop()
    return named


def _filled(cells: list[str], n: int) -> list[str]:
    """Cells of a row without empty ones behind the last column; nothing of a row that is empty."""
    if not any(cell.strip() for cell in cells):
        return []
    return cells[:n] if len(cells) > n and not any(cell.strip() for cell in cells[n:]) else cells


def _check_columns(where: str, columns: Sequence[str], required: Sequence[str]) -> list[str]:
    absent = [name for name in required if name not in columns]
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    problems = []
    if absent:
        hints = [f"; is {close[0]!r} meant for {name}?" for name in absent if (close := _like(name, columns))]
        found = ", ".join(columns) or "none"
        problems.append(f"{where}: absent columns {', '.join(absent)}; found {found}{''.join(hints)}")
    if twice:
        problems.append(f"{where}: columns given twice: {', '.join(twice)}; keep one")
    return problems


def _like(name: str, columns: Sequence[str]) -> list[str]:
    return difflib.get_close_matches(name, [column for column in columns if column], n=1)
