"""The table of clips that every job reads: a CSV file and, beside it, a JSON file with what holds for all rows.

How the table is made from a corpus: see `emotiw.corpora.inventory.refresh`, which no program that reads it imports.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any

from emotiw.core.errors import ManifestError
from emotiw.core.files import write_atomic
from emotiw.corpora import leakage, splits
from emotiw.corpora.splits import Fold


@dataclass(frozen=True)
class Row:
    """One clip; every value is text, empty where unknown.

    Attributes
    ----------
    clip : str
        Its id, safe as a file name.
    path : str
        Its file, absolute or relative to the working directory.
    label : str
        Its emotion, `?` where hidden.
    subject : str
        Who is seen or heard; the clip's own id where that is not known.
    split, fold : str
        Its part under official splits, or the name of its fold; one of the two is empty.
    sha256, job, size : str
        Hash of the file's bytes, the job that computes its features, the file's bytes.
    format, duration_s, width, height, fps, rate_hz, channels : str
        Media facts.
    film : str
        Film or broadcast that the clip is cut from, empty where it is not known or there is none.
    """

    clip: str
    path: str
    label: str
    subject: str
    split: str = ""
    fold: str = ""
    sha256: str = ""
    job: str = ""
    size: str = ""
    format: str = ""
    duration_s: str = ""
    width: str = ""
    height: str = ""
    fps: str = ""
    rate_hz: str = ""
    channels: str = ""
    film: str = ""


COLUMNS = tuple(field.name for field in fields(Row))
_values = attrgetter(*COLUMNS)  # dataclasses.astuple copies deeply and is ten times slower


@dataclass(frozen=True)
class Manifest:
    """All clips of a run, sorted by id, with the ordered label set and the protocol.

    `notes` are lines for the report: what was left out, and what is odd but no error.
    """

    rows: tuple[Row, ...]
    classes: tuple[str, ...]
    corpus: str
    synthetic: bool = False
    scheme: str = splits.OFFICIAL
    notes: tuple[str, ...] = ()

    @cached_property
    def row_of_clip(self) -> dict[str, Row]:
        """Row of each clip, by its id."""
        return {row.clip: row for row in self.rows}


_OF_ALL = tuple(field.name for field in fields(Manifest))[1:]


def folds(manifest: Manifest) -> dict[str, Fold]:
    """Folds of the manifest's protocol by name: the sorted clip ids of their three parts."""
    rows = manifest.rows
    return splits.folds([row.clip for row in rows], [row.split for row in rows], [row.fold for row in rows])


def groups(manifest: Manifest, clips: Iterable[str]) -> dict[str, str]:
    """Group of each of the clips: those of a group share a subject, film or content, directly or through others.

    Folds inside a part divide no group, as splits divide no subject, film or content.
    """
    # numbered, so that a group is called by its least subject, which other content does not change
    keys = {
        row.clip: [f"{i} {wall.key(row)}" for i, wall in enumerate(leakage.WALLS) if wall.key(row)]
        for row in map(manifest.row_of_clip.__getitem__, clips)
    }
    return splits.joined(keys)


def grouped(manifest: Manifest, clips: Sequence[str]) -> list[tuple[str, str, str]]:
    """Id, label and group of each of the clips, as `selection.Training.of` takes them."""
    group = groups(manifest, clips)
    return [(clip, manifest.row_of_clip[clip].label, group[clip]) for clip in clips]


def held_out(manifest: Manifest, fold: Fold, n_parts: int) -> dict[str, Fold]:
    """Folds inside a fold of the manifest's protocol by name, as `splits.held_out`; no group is divided."""
    labels = {clip: manifest.row_of_clip[clip].label for clip in fold.train}
    return splits.held_out(fold, groups(manifest, fold.train), labels, n_parts)


def fold(manifest: Manifest, name: str) -> Fold:
    """Fold of this name, of the manifest's protocol or inside one of these.

    Raises
    ------
    ManifestError
        If there is none.
    """
    found = folds(manifest)
    outer, part, n_parts = splits.inside(name)
    if part and outer in found:
        found = held_out(manifest, found[outer], n_parts)
    if name not in found:
        raise ManifestError(f"fold {name!r}: there is none; expected one of {', '.join(found) or 'none'}")
    return found[name]


def read(path: Path) -> Manifest:
    """Read a manifest that `write` has written.

    Raises
    ------
    ManifestError
        If a file of the two is missing, or the table is not the one that the JSON file was written with.
    """
    again = "run the workflow to make it"
    try:
        data = path.read_bytes()
        about = json.loads(sidecar(path).read_bytes())
        of_all: dict[str, Any] = {
            name: tuple(value) if isinstance(value := about[name], list) else value for name in _OF_ALL
        }
    except FileNotFoundError as error:
        raise ManifestError(f"{error.filename}: missing; {again}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"{sidecar(path)}: unreadable ({error!r}); delete it and {again}") from error
    if about.get("sha256") != hashlib.sha256(data).hexdigest():
        raise ManifestError(f"{path}: altered since {sidecar(path).name} was written; delete both and {again}")
    header, *rows = table_rows(data)
    if tuple(header) != COLUMNS:
        raise ManifestError(
            f"{path}: columns {', '.join(header)}, expected {', '.join(COLUMNS)}; delete it and {again}"
        )
    return Manifest(tuple(Row(*row) for row in rows), **of_all)


def write(path: Path, manifest: Manifest) -> None:
    """Write the table and its JSON file, each atomically and only if its content is new."""
    data = table_bytes([COLUMNS, *(_values(row) for row in sorted(manifest.rows, key=lambda row: row.clip))])
    about = {name: getattr(manifest, name) for name in _OF_ALL} | {"sha256": hashlib.sha256(data).hexdigest()}
    write_if_new(path, data)
    write_if_new(sidecar(path), f"{json.dumps(about, indent=2, sort_keys=True, ensure_ascii=False)}\n".encode())


def sidecar(path: Path) -> Path:
    """Path of the JSON file beside a manifest's table."""
    return path.with_suffix(".json")


def table_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    """CSV of rows of text, in UTF-8; line ends within a value survive."""
    stream = io.StringIO(newline="")
    plain = csv.writer(stream, lineterminator="\n")
    # the csv module leaves a lone carriage return unquoted, and would read it back as the end of a row
    quoted = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        (quoted if any("\r" in value for value in row) else plain).writerow(row)
    return stream.getvalue().encode()


def table_rows(data: bytes) -> list[list[str]]:
    """Rows of a CSV in UTF-8, with or without a byte-order mark; every value stays text."""
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))) or [[]]


def write_if_new(path: Path, data: bytes) -> None:
    """Write `data` atomically unless the file holds just that already, so that its date tells of changes only."""
    if not path.is_file() or path.read_bytes() != data:
        write_atomic(path, data)
