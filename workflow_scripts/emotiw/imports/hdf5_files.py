"""Read HDF5 files of features: those of this project, and plain datasets of numbers from any program."""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy.typing as npt

from emotiw.core.errors import FeatureError, StoreError
from emotiw.imports.numpy_files import digest
from emotiw.imports.reading import KINDS, TIMES, VALUES, Content, Reading, check_numbers, chosen
from emotiw.jobs import kinds, store

_DAMAGED = (OSError, KeyError, RuntimeError, ValueError, TypeError)


@contextmanager
def opened(path: Path, reading: Reading, only: Collection[str] = ()) -> "Iterator[_Plain | _Artefact]":
    """HDF5 file of one clip or of several; files of this project always name their clips."""
    with _explained(path):
        stream = h5py.File(path, "r")
    with stream:
        with _explained(path):
            kind = store.text(stream, "kind")
            names = list(stream)
        if kind not in kinds.KINDS:
            yield _Plain(path, stream, names, reading)
            return
        if kind != KINDS[reading.level]:
            raise FeatureError(f"{path}: holds {kind}, expected {KINDS[reading.level]}; correct level or path")
        with _explained(path):
            reader = store.Reader(path, kind)
        with reader:
            yield _Artefact(reader)


class _Artefact:
    """Entries of a file of this project, each with its status and facts."""

    def __init__(self, reader: store.Reader) -> None:
        self._reader, self.clips = reader, list(reader.statuses)

    def content(self, clip: str) -> Content:
        """Read the entry of a clip."""
        try:
            entry = self._reader.entry(clip)
        except StoreError as error:
            raise FeatureError(str(error)) from error
        arrays = [(name, entry.arrays[name]) for name in (VALUES, TIMES) if name in entry.arrays]
        sha256 = digest(arrays, json.dumps([entry.status, entry.facts], sort_keys=True))
        return Content(entry.arrays.get(VALUES), entry.arrays.get(TIMES), sha256, entry.status, entry.facts)


class _Plain:
    """Datasets of the only clip, or a dataset or a group of datasets of each clip."""

    def __init__(self, path: Path, stream: h5py.File, names: Sequence[str], reading: Reading) -> None:
        self._path, self._stream, self._reading = path, stream, reading
        self.clips = names if reading.of_all else [path.stem]

    def content(self, clip: str) -> Content:
        """Read the datasets of a clip."""
        with _explained(self._path):
            group, subject = self._stream, str(self._path)
            if self._reading.of_all:
                self._check_link(group, clip)
                if not isinstance(group[clip], h5py.Group):
                    values = self._numbers(group, clip)
                    return Content(values, None, digest([("", values)]))
                group, subject = group[clip], f"{subject}: {clip}"
            chosen_values, times = chosen(list(group), self._reading, subject)
            arrays = [(name, self._numbers(group, name)) for name in (chosen_values, times) if name is not None]
            return Content(arrays[0][1], arrays[1][1] if times is not None else None, digest(arrays))

    def _numbers(self, parent: h5py.Group, name: str) -> npt.NDArray[Any]:
        self._check_link(parent, name)
        dataset, subject = parent[name], f"{self._path}: {parent.name.rstrip('/')}/{name}"
        if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual or dataset.shape is None:
            raise FeatureError(f"{subject}: is no plain dataset of this file; copy the numbers themselves into it")
        check_numbers(dataset.dtype, dataset.shape, subject)
        values: npt.NDArray[Any] = dataset[()]
        return values

    def _check_link(self, parent: h5py.Group, name: str) -> None:
        """Refuse a link, which could lead to another file."""
        if not isinstance(parent.get(name, getlink=True), h5py.HardLink):
            raise FeatureError(
                f"{self._path}: {name!r} is a link, expected data of this file; copy the numbers into it"
            )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise FeatureError(str(error)) from error
    except _DAMAGED as error:
        raise FeatureError(f"{path}: not a readable HDF5 file ({error}); save it again") from error
