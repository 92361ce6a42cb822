"""The HDF5 schema that all artefacts share; a file is written whole or not at all, and checked whenever it is read.

A file holds one group per entry (a clip, a kernel, a model) and a checksummed `meta` dataset with everything that is
not an array. `kinds.KINDS` lists the datasets of each kind of artefact with their type, shape and unit.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from emotiw.core.errors import StoreError
from emotiw.core.files import write_atomic
from emotiw.core.status import Status
from emotiw.jobs import differences
from emotiw.jobs.kinds import KINDS, version

AGAIN = "delete it and run the workflow again"
MAX_BYTES = 1 << 34  # largest size of a dataset
CHUNK_BYTES = 1 << 18
_IMAGES = count()  # names of files in memory: one may be open while the entries of another are made

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Entry:
    """One group of an artefact.

    Attributes
    ----------
    name : str
        Clip id, or the name of a kernel or model.
    arrays : mapping of str to ndarray
        The datasets that `KINDS` lists; may be empty if `status` is not `ok`.
    status : Status
        What is wrong with the clip, if anything.
    facts : dict
        Small JSON values (counts, rates, reasons).
    """

    name: str
    arrays: Arrays = field(default_factory=dict)
    status: Status = Status.OK
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Artefact:
    """A file's content: its stage (identity of the computation), its facts, the entries read, every entry's status."""

    kind: str
    stage: dict[str, Any]
    facts: dict[str, Any]
    entries: dict[str, Entry]
    statuses: dict[str, Status]


def write(
    path: Path, kind: str, entries: Iterable[Entry], *, stage: Mapping[str, Any], facts: Mapping[str, Any] | None = None
) -> None:
    """Write the bytes of `encode` to `path` atomically; parameters and errors as in `encode`."""
    write_atomic(path, encode(kind, entries, stage=stage, facts=facts, subject=path))


def encode(
    kind: str,
    entries: Iterable[Entry],
    *,
    stage: Mapping[str, Any],
    facts: Mapping[str, Any] | None = None,
    subject: Path | str = "artefact",
) -> bytes:
    """Bytes of an artefact with these entries; equal content gives equal bytes. `subject` names the artefact in errors.

    Raises
    ------
    StoreError
        If an array is not what `KINDS[kind]` says, is not finite, or a name occurs twice.
    """
    return _image(kind, lambda image: written(image, entries, kind, subject), stage, facts or {})


def join(
    kind: str, artefacts: Iterable[bytes], *, stage: Mapping[str, Any], facts: Mapping[str, Any] | None = None
) -> bytes:
    """Bytes of an artefact with the entries of several artefacts made by `encode`; no data is compressed again."""

    def fill(image: h5py.File) -> Iterator[tuple[str, Any]]:
        for data in artefacts:
            with h5py.File(h5py.h5f.open_file_image(data), "r") as part:
                entries = json.loads(part["meta"][()].tobytes())["entries"]
                for name, record in entries.items():
                    _check_new(image, name, "artefact")
                    image.copy(part[name], image, name)
                    yield name, record

    return _image(kind, fill, stage, facts or {})


def written(image: h5py.File, entries: Iterable[Entry], kind: str, subject: Path | str) -> Iterator[tuple[str, Any]]:
    """Write entries; the name of each, and its record in `meta`."""
    for entry in entries:
        _check_new(image, entry.name, subject)
        _write_entry(image, subject, kind, entry)
        yield entry.name, {"status": entry.status.value, "facts": entry.facts}


def _image(
    kind: str,
    fill: Callable[[h5py.File], Iterator[tuple[str, Any]]],
    stage: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> bytes:
    """Bytes of a file whose groups `fill` writes; `fill` yields the name of each group and its record in `meta`."""
    with h5py.File(f"image-{next(_IMAGES)}", "w", driver="core", backing_store=False, libver="v110") as image:
        fill_file(image, kind, fill(image), stage, facts)
        image.flush()
        return bytes(image.id.get_file_image())


def fill_file(
    image: h5py.File,
    kind: str,
    records: Iterable[tuple[str, Any]],
    stage: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> None:
    """Write what `records` writes when it is iterated, and then `meta`."""
    of_entries = dict(records)
    meta = {"stage": dict(stage), "facts": dict(facts), "entries": of_entries}
    encoded = json.dumps(meta, sort_keys=True, allow_nan=False).encode()
    image.create_dataset("meta", data=np.frombuffer(encoded, np.uint8), chunks=(len(encoded),), fletcher32=True)
    image.attrs["schema_version"] = version(kind)
    image.attrs["kind"] = np.bytes_(kind)  # of fixed length: HDF5 has no checksums for texts of variable length
    image.attrs["complete"] = True


def _check_new(image: h5py.File, name: str, subject: Path | str) -> None:
    if name in image:
        raise StoreError(f"{subject}: entry {name!r} occurs twice; names must be unique")


def read(path: Path, kind: str, *, names: Iterable[str] | None = None) -> Artefact:
    """Read an artefact, whole or the entries called `names`.

    Raises
    ------
    StoreError
        If the file is missing, incomplete, altered, of another kind or schema, or holds a value that is not finite.
    """
    with Reader(path, kind) as reader:
        return reader.artefact(reader.statuses if names is None else names)


class Reader:
    """An open artefact that reads single entries on request; a context manager. Errors as in `read`.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        Kind that the file must have.

    Attributes
    ----------
    stage, facts, statuses
        As in `Artefact`.
    """

    def __init__(self, path: Path, kind: str) -> None:
        self._path, self._kind = path, kind
        with _explained(path):
            self._stream = h5py.File(path, "r")
        try:
            with _explained(path):
                meta = _meta(self._stream, path, kind)
                self._entries = meta["entries"]
                self.stage, self.facts = meta["stage"], meta["facts"]
                self.statuses = {name: Status(record["status"]) for name, record in self._entries.items()}
        except StoreError:
            self._stream.close()
            raise

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def artefact(self, names: Iterable[str]) -> Artefact:
        """Artefact with the entries of these names."""
        entries = {name: self.entry(name) for name in names}
        return Artefact(self._kind, self.stage, self.facts, entries, self.statuses)

    def entry(self, name: str) -> Entry:
        """Entry of this name."""
        with _explained(self._path):
            if name not in self._entries:
                raise StoreError(f"{self._path}: holds no entry {name!r}; {AGAIN}")
            record = self._entries[name]
            arrays = _read_arrays(self._stream, self._path, self._kind, name)
            status = text(self._stream[name], "status")
            if status != record["status"] or (not arrays and status == Status.OK):
                raise StoreError(f"{self._path}: {name} contradicts its own record; {AGAIN}")
            return Entry(name, arrays, Status(record["status"]), record["facts"])


def narrowed(entries: Iterable[Entry], storage: str) -> Iterator[Entry]:
    """Entries whose `features` are converted to the type `storage`: `float32` or `float16`.

    Half precision changes a value by a factor of at most 1 +- 2**-11, or by at most 3e-8 if the value is below 6e-5.

    Raises
    ------
    StoreError
        If a value is too large for the type.
    """
    for entry in entries:
        arrays = dict(entry.arrays)
        if "features" in arrays:
            arrays["features"] = narrow(arrays["features"], np.dtype(storage), f"{entry.name}/features")
        yield replace(entry, arrays=arrays)


def narrow(values: npt.NDArray[Any], dtype: np.dtype[Any], subject: str = "features") -> npt.NDArray[Any]:
    """Convert values to a narrower type; errors as in `narrowed`. `subject` names the values in errors."""
    largest, limit = np.abs(values).max(initial=0), np.finfo(dtype).max
    if largest > limit:
        raise StoreError(f"{subject}: {largest:g} is above {limit:g}, the largest {dtype}; set the storage to float32")
    return values.astype(dtype)


def kind_of(path: Path) -> str:
    """Return the kind of an artefact, one of `KINDS`; errors as in `read`."""
    with _explained(path), h5py.File(path, "r") as stream:
        kind = text(stream, "kind")
        if kind not in KINDS:
            raise StoreError(f"{path}: is of the unknown kind {kind!r}, expected one of {', '.join(KINDS)}; {AGAIN}")
        return kind


def text(group: h5py.Group, name: str) -> str:
    """Attribute of a file or group as text; "None" if there is none."""
    value = group.attrs.get(name)
    return value.decode() if isinstance(value, bytes) else str(value)


def statuses(path: Path, kind: str) -> dict[str, Status]:
    """Status of every entry of an artefact, by name, without reading an array; errors as in `read`."""
    return read(path, kind, names=()).statuses


def _write_entry(image: h5py.File, subject: Path | str, kind: str, entry: Entry) -> None:
    group = image.create_group(entry.name)
    group.attrs["status"] = np.bytes_(entry.status.value)
    if not entry.arrays and entry.status != Status.OK:
        return
    _check(f"{subject}: {entry.name}", kind, entry.arrays)
    for name, spec in KINDS[kind].items():
        values = np.ascontiguousarray(entry.arrays[name])
        options: dict[str, Any] = {}
        if values.size:
            rows = max(1, CHUNK_BYTES // max(1, values[0].nbytes))
            options = {"chunks": (min(rows, len(values)), *values.shape[1:]), "compression": 1, "fletcher32": True}
        stored = differences.between_rows(values) if spec.rows else values
        dataset = group.create_dataset(name, data=stored, **options)
        dataset.attrs.update({key: np.bytes_(value.encode()) for key, value in spec.attributes.items()})


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn every error of reading into a StoreError."""
    try:
        yield
    except FileNotFoundError:
        raise StoreError(f"{path}: missing; run the workflow to make it") from None
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise StoreError(f"{path}: unreadable ({error}); {AGAIN}") from error


def _meta(stream: h5py.File, path: Path, kind: str) -> dict[str, Any]:
    if not stream.attrs.get("complete", False):
        raise StoreError(f"{path}: incomplete; {AGAIN}")
    actual, actual_kind = stream.attrs["schema_version"], text(stream, "kind")
    if actual_kind != kind or actual not in (1, version(kind)):
        raise StoreError(
            f"{path}: is {actual_kind!r} of schema {actual}, expected {kind!r} of {version(kind)}; {AGAIN}"
        )
    meta: dict[str, Any] = json.loads(_dataset(stream, "meta", path)[()].tobytes())
    return meta


def _read_arrays(stream: h5py.File, path: Path, kind: str, name: str) -> Arrays:
    group = stream[_hard_link(stream, name, path)]
    if not len(group):
        return {}
    unknown = sorted(set(group) ^ set(KINDS[kind]))
    if unknown:
        raise StoreError(f"{path}: {name} has other datasets than {kind!r} ({', '.join(unknown)}); {AGAIN}")
    datasets = {key: _dataset(group, key, path) for key in KINDS[kind]}
    _check_layout(f"{path}: {name}", kind, datasets)
    arrays = {
        key: differences.read(dataset).astype(KINDS[kind][key].dtype, copy=False) for key, dataset in datasets.items()
    }
    _check(f"{path}: {name}", kind, arrays)
    return arrays


def _hard_link(parent: h5py.Group, name: str, path: Path) -> str:
    if not isinstance(parent.get(name, getlink=True), h5py.HardLink):
        raise StoreError(f"{path}: {name!r} is a link, expected data of this file; {AGAIN}")
    return name


def _dataset(parent: h5py.Group, name: str, path: Path) -> h5py.Dataset:
    dataset = parent[_hard_link(parent, name, path)]
    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise StoreError(f"{path}: {name!r} is not plain data of this file; {AGAIN}")
    if dataset.dtype.hasobject or dataset.nbytes > MAX_BYTES:
        raise StoreError(
            f"{path}: {name!r} is {dataset.dtype} of {dataset.nbytes} bytes, expected numbers, at most"
            f" {MAX_BYTES} bytes; {AGAIN}"
        )
    return dataset


def _check_layout(subject: str, kind: str, arrays: Mapping[str, Any]) -> None:
    sizes: dict[str, int] = {}
    for name, spec in KINDS[kind].items():
        values = arrays[name]
        if values.dtype not in {np.dtype(spec.dtype), np.dtype(spec.narrow or spec.dtype)}:
            raise StoreError(f"{subject}/{name}: dtype {values.dtype}, expected {np.dtype(spec.dtype)}")
        expected = [sizes.get(axis, axis) if isinstance(axis, str) else axis for axis in spec.shape]
        fits = len(values.shape) == len(expected) and all(
            isinstance(size, str) or size == n for size, n in zip(expected, values.shape, strict=True)
        )
        if not fits:
            raise StoreError(f"{subject}/{name}: shape {values.shape}, expected {tuple(expected)}")
        sizes.update((axis, n) for axis, n in zip(spec.shape, values.shape, strict=True) if isinstance(axis, str))


def _check(subject: str, kind: str, arrays: Arrays) -> None:
    missing = sorted(set(KINDS[kind]) ^ set(arrays))
    if missing:
        raise StoreError(f"{subject}: has other arrays than {kind!r} ({', '.join(missing)})")
    _check_layout(subject, kind, arrays)
    for name, values in arrays.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise StoreError(f"{subject}/{name}: holds NaN or infinity")
