"""The manifest, the table of clips that every job reads: a CSV file and a JSON file with the facts of the whole corpus.

`emotiw.corpora.inventory.refresh` makes it from a corpus; programs that only read it do not import that module.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
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
    """One clip. Every value is text, empty if unknown.

    Attributes
    ----------
    clip : str
        Id of the clip, safe as a file name.
    path : str
        Path of its file, absolute or relative to the working directory.
    label : str
        Emotion, `?` if it is hidden.
    subject : str
        Person who is seen or heard; the clip's own id if unknown.
    split, fold : str
        Part under official splits, or name of the fold; the other is empty, except where one corpus after another is
        left out (`splits.folds`).
    sha256, job, size : str
        SHA-256 of the file, name of the job that computes its features, size of the file in bytes.
    format, duration_s, width, height, fps, rate_hz, channels : str
        Facts of the header: container format, length in s, size in px, frames a second, sampling rate in Hz, channels.
    film : str
        Film or broadcast that the clip is cut from; empty if unknown or none.
    corpus : str
        Entry of section `corpora`; empty in a run of one corpus, whose table lacks the column.
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
    corpus: str = ""

    def has(self, modality: str) -> bool:
        """Whether the file has a stream of a modality, `video` or `audio`; true if its header could not be read."""
        facts = (self.width, self.height, self.fps) if modality == "video" else (self.rate_hz, self.channels)
        return not self.format or any(facts)


COLUMNS_OF_SEVERAL = tuple(field.name for field in fields(Row))
COLUMNS = COLUMNS_OF_SEVERAL[:-1]
# dataclasses.astuple copies deeply and is ten times slower
_VALUES = {columns: attrgetter(*columns) for columns in (COLUMNS, COLUMNS_OF_SEVERAL)}


@dataclass(frozen=True)
class Manifest:
    """All clips of a run, sorted by id, with the ordered label set and the protocol.

    `notes` are lines for the report: what was left out, and what is unusual but no error. `everything`: whether a last
    fold trains on nearly all clips and tests none (`splits.folds`). `label_sets`: classes of each of several corpora.
    """

    rows: tuple[Row, ...]
    classes: tuple[str, ...]
    corpus: str
    synthetic: bool = False
    scheme: str = splits.OFFICIAL
    notes: tuple[str, ...] = ()
    everything: bool = False
    label_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def row_of_clip(self) -> dict[str, Row]:
        """Row of each clip, by its id."""
        return {row.clip: row for row in self.rows}

    @cached_property
    def jobs(self) -> frozenset[str]:
        """Names of the jobs."""
        return frozenset(row.job for row in self.rows)

    @cached_property
    def jobs_with(self) -> dict[str, frozenset[str]]:
        """Jobs with a clip that has a stream of `video`, and of `audio`."""
        return {
            modality: frozenset(row.job for row in self.rows if row.has(modality)) for modality in ("video", "audio")
        }


_METADATA = tuple(field.name for field in fields(Manifest))[1:-2]


_OF_SEVERAL = ("everything", "label_sets")


def folds(manifest: Manifest) -> dict[str, Fold]:
    """Folds of the manifest's protocol by name: the sorted clip ids of their three parts."""
    clips, parts, names = ([getattr(row, column) for row in manifest.rows] for column in ("clip", "split", "fold"))
    return splits.folds(clips, parts, names, everything=manifest.everything)


def groups(manifest: Manifest, clips: Iterable[str]) -> dict[str, str]:
    """Group of each clip: clips of a group share a subject, film or content, directly or through other clips.

    No group is divided between inner folds, as no subject, film or content is divided between splits.
    """
    # numbered, so that a group is named by its smallest subject, which does not depend on the other keys
    keys = {
        row.clip: [f"{i} {wall.key(row)}" for i, wall in enumerate(leakage.WALLS) if wall.key(row)]
        for row in map(manifest.row_of_clip.__getitem__, clips)
    }
    return splits.connected_groups(keys)


def grouped(manifest: Manifest, clips: Sequence[str]) -> list[tuple[str, str, str]]:
    """Id, label and group of each clip, as `cross_validation.Training.of` takes them."""
    group = groups(manifest, clips)
    return [(clip, manifest.row_of_clip[clip].label, group[clip]) for clip in clips]


def held_out(manifest: Manifest, fold: Fold, n_parts: int) -> dict[str, Fold]:
    """Inner folds of a fold of the manifest's protocol by name (see `splits.held_out`); no group is divided."""
    labels = {clip: manifest.row_of_clip[clip].label for clip in fold.train}
    return splits.held_out(fold, groups(manifest, fold.train), labels, n_parts)


def fold(manifest: Manifest, name: str) -> Fold:
    """Fold of this name: one of the manifest's protocol, or an inner fold of one of these.

    Raises
    ------
    ManifestError
        If there is no such fold.
    """
    by_name = folds(manifest)
    outer, part, n_parts = splits.split_inner_name(name)
    if part and outer in by_name:
        by_name = held_out(manifest, by_name[outer], n_parts)
    if name not in by_name:
        raise ManifestError(f"fold {name!r}: not in the manifest; expected one of {', '.join(by_name) or 'none'}")
    return by_name[name]


def read(path: Path) -> Manifest:
    """Read a manifest that `write` has written.

    Raises
    ------
    ManifestError
        If one of the two files is missing, or the table has changed since the JSON file was written.
    """
    remedy = "run the workflow to make it"
    try:
        data = path.read_bytes()
        metadata = json.loads(sidecar(path).read_bytes())
        fields_of_manifest: dict[str, Any] = {
            name: tuple(value) if isinstance(value := metadata[name], list) else value for name in _METADATA
        }
        fields_of_manifest["everything"] = metadata.get("everything", False)
        sets = metadata.get("label_sets", {})
        fields_of_manifest["label_sets"] = {name: tuple(labels) for name, labels in sets.items()}
    except FileNotFoundError as error:
        raise ManifestError(f"{error.filename}: missing; {remedy}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"{sidecar(path)}: unreadable ({error!r}); delete it and {remedy}") from error
    if metadata.get("sha256") != hashlib.sha256(data).hexdigest():
        raise ManifestError(f"{path}: altered since {sidecar(path).name} was written; delete both and {remedy}")
    header, *rows = table_rows(data)
    if tuple(header) not in _VALUES:
        raise ManifestError(
            f"{path}: columns {', '.join(header)}, expected {', '.join(COLUMNS)}; delete it and {remedy}"
        )
    return Manifest(tuple(Row(*row) for row in rows), **fields_of_manifest)


def write(path: Path, manifest: Manifest) -> None:
    """Write the table and its JSON file, each atomically and only if its content has changed."""
    columns = COLUMNS_OF_SEVERAL if any(row.corpus for row in manifest.rows) else COLUMNS
    data = table_bytes([columns, *map(_VALUES[columns], sorted(manifest.rows, key=lambda row: row.clip))])
    metadata = {name: getattr(manifest, name) for name in _METADATA} | {"sha256": hashlib.sha256(data).hexdigest()}
    # only where they apply, so that the file of a run of one corpus stays the same
    metadata |= {name: value for name in _OF_SEVERAL if (value := getattr(manifest, name))}
    write_if_new(path, data)
    write_if_new(sidecar(path), f"{json.dumps(metadata, indent=2, sort_keys=True, ensure_ascii=False)}\n".encode())


def sidecar(path: Path) -> Path:
    """Path of the JSON file beside a manifest's table."""
    return path.with_suffix(".json")


def table_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    """CSV of rows of text, in UTF-8; line ends within a value survive."""
    stream = io.StringIO(newline="")
    plain = csv.writer(stream, lineterminator="\n")
    # the csv module does not quote a lone carriage return and reads it back as the end of a row
    quoted = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        (quoted if any("\r" in value for value in row) else plain).writerow(row)
    return stream.getvalue().encode()


def table_rows(data: bytes) -> list[list[str]]:
    """Rows of a CSV in UTF-8, with or without a byte-order mark; every value stays text."""
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))) or [[]]


def write_if_new(path: Path, data: bytes) -> None:
    """Write `data` atomically unless the file already holds it, so that its date changes only with its content."""
    if not path.is_file() or path.read_bytes() != data:
        write_atomic(path, data)
