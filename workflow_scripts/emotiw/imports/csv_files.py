"""Read features from text tables with a header: a row for each frame of a clip, or a row for each clip."""

import codecs
import csv
import hashlib
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO, Any, NoReturn

import numpy as np
import numpy.typing as npt

from emotiw.core.clip_suffixes import AUDIO, VIDEO
from emotiw.core.errors import FeatureError
from emotiw.imports import csv_layouts
from emotiw.imports.reading import MAX_BYTES, Content, Reading

SEPARATORS = (",", ";", "\t")
MAX_LINE = 1 << 24  # bytes; a header of a million columns is shorter
_SPAN = re.compile(r"(?:(\d+) days? )?(\d+):(\d\d):(\d\d(?:\.\d+)?)")  # of pandas


@dataclass(frozen=True)
class _Line:
    """A line of the file without its end, and its number."""

    number: int
    text: bytes


@dataclass(frozen=True)
class _Row:
    """The cells of a line, and its number."""

    number: int
    cells: list[str]


@contextmanager
def opened(path: Path, reading: Reading, only: Collection[str] = ()) -> "Iterator[_Table]":
    """Table of one clip or of several; with `only`, lines that do not hold one of these names are left out."""
    with path.open("rb") as stream:
        header = _read_line(path, 1, stream).removeprefix(codecs.BOM_UTF8)
        separator = max(SEPARATORS, key=header.decode("utf-8", "replace").count)
        names = [name.strip() for name in _cells(path, _Line(1, header.rstrip(b"\r\n")), separator)]
        columns = csv_layouts.recognised(names, reading.columns, reading.times, str(path))
        lines = list(_lines(path, stream, [name.encode() for name in only] if reading.of_all else []))
    yield _Table(path, reading, _Form(columns, separator, header), lines)


@dataclass(frozen=True)
class _Form:
    """The columns of a table, what separates its cells, and its first line."""

    columns: csv_layouts.Columns
    separator: str
    header: bytes


class _Table:
    """Lines of a table by clip."""

    def __init__(self, path: Path, reading: Reading, form: _Form, lines: Sequence[_Line]) -> None:
        self._path, self._form, self._columns = path, form, form.columns
        named = self._by_clip(lines)
        if not reading.of_all and len(named) > 1:
            few = ", ".join(sorted(named)[:3])
            raise FeatureError(
                f"{path}: has rows of {len(named)} clips ({few} ...), expected one; name the file as path"
            )
        if reading.of_all and self._columns.clip is None:
            raise FeatureError(
                f"{path}:1: has no column with the names of clips (clip; name or file of openSMILE), which a file"
                " of all clips needs; add it, or name a folder with a file for each clip"
            )
        self._lines = named if reading.of_all else {path.stem: list(lines)}
        self.clips = list(self._lines)

    def content(self, clip: str) -> Content:
        """Read the values and times of a clip."""
        lines = self._lines.get(clip, [])
        facts: dict[str, Any] = {}
        sha256 = hashlib.sha256(b"\n".join([self._form.header.strip(), *(line.text for line in lines)])).hexdigest()
        rows = [self._row(line) for line in lines]
        if self._columns.layout is csv_layouts.OPENFACE:
            rows, facts = self._longest_face(rows)
        values = [self._numbers(row) for row in rows]
        shape = len(rows), len(self._columns.values)
        return Content(np.array(values, np.float64).reshape(shape), self._times(rows), sha256, facts=facts)

    def _by_clip(self, lines: Sequence[_Line]) -> dict[str, list[_Line]]:
        position, named = self._columns.clip, dict[str, list[_Line]]()
        for line in lines if position is not None else ():
            named.setdefault(_clip(self._row(line).cells[position or 0]), []).append(line)
        return named

    def _row(self, line: _Line) -> _Row:
        cells, expected = _cells(self._path, line, self._form.separator), len(self._columns.names)
        row = _Row(line.number, cells)
        if len(cells) != expected:
            _fault(self._path, row, f"{len(cells)} values, expected {expected} as in the header")
        return row

    def _longest_face(self, rows: Sequence[_Row]) -> tuple[list[_Row], dict[str, Any]]:
        """Rows in which OpenFace has followed the face that it followed for most rows; the first of several such."""
        success, face = self._columns.of(csv_layouts.SUCCESS), self._columns.of(csv_layouts.FACE)
        seen = [row for row in rows if success is not None and self._number(row, success) == 1]
        if face is None:
            return seen, {"rows": len(rows), "successful": len(seen)}
        counts = Counter(self._number(row, face) for row in seen)
        longest = max(counts, key=lambda name: (counts[name], -name), default=None)
        facts = {"rows": len(rows), "successful": len(seen), "faces": len(counts)}
        return [row for row in seen if self._number(row, face) == longest], facts

    def _times(self, rows: Sequence[_Row]) -> npt.NDArray[np.float64] | None:
        position = self._columns.time
        if position is None:
            return None
        return np.array([self._time(row, position) for row in rows], np.float64)

    def _time(self, row: _Row, position: int) -> float:
        span = _SPAN.fullmatch(row.cells[position].strip())
        if span is None:
            return self._number(row, position)
        days, hours, minutes, seconds = span.groups(default="0")
        return 86400 * int(days) + 3600 * int(hours) + 60 * int(minutes) + float(seconds)

    def _numbers(self, row: _Row) -> list[float]:
        """Values of a row; the culprit is looked for only if there is one."""
        texts = [row.cells[i] for i in self._columns.values]
        try:
            values = list(map(float, texts))
        except ValueError:
            values = [math.nan]
        if math.isfinite(sum(values)) and "_" not in "".join(texts):
            return values
        return [self._number(row, i) for i in self._columns.values]

    def _number(self, row: _Row, position: int) -> float:
        text = row.cells[position]
        try:
            value = math.nan if "_" in text else float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            where = f"column {self._columns.names[position]!r} holds {text.strip()!r}"
            _fault(self._path, row, f"{where}, expected a finite number with a decimal point")
        return value


def _lines(path: Path, stream: IO[bytes], only: Sequence[bytes]) -> Iterator[_Line]:
    number, n_bytes = 1, 0
    while text := _read_line(path, number := number + 1, stream):
        if text.strip() and (not only or any(name in text for name in only)):
            n_bytes += len(text)
            if n_bytes > MAX_BYTES:
                raise FeatureError(f"{path}: more than {MAX_BYTES} bytes of text; save it as .npz or HDF5")
            yield _Line(number, text.rstrip(b"\r\n"))


def _read_line(path: Path, number: int, stream: IO[bytes]) -> bytes:
    text = stream.readline(MAX_LINE + 1)
    if len(text) > MAX_LINE:
        raise FeatureError(f"{path}:{number}: longer than {MAX_LINE} bytes; expected a table of text")
    if number == 1 and not text.strip():
        raise FeatureError(f"{path}:1: is empty, expected a header with the names of the columns")
    return text


def _cells(path: Path, line: _Line, separator: str) -> list[str]:
    try:
        return next(csv.reader([line.text.decode()], delimiter=separator, strict=True, skipinitialspace=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FeatureError(f"{path}:{line.number}: not a line of a table in UTF-8 ({error}); save it again") from error


@cache
def _clip(text: str) -> str:
    """Clip that a cell names: an id or the path of its file, also in quotation marks, as openSMILE writes it."""
    path = PurePosixPath(text.strip().strip("'").replace("\\", "/"))
    return path.stem if path.suffix.lower() in VIDEO | AUDIO else path.name


def _fault(path: Path, row: _Row, found: str) -> NoReturn:
    raise FeatureError(f"{path}:{row.number}: {found}; correct the line")
