"""Artefacts that are larger than memory: written entry by entry, and read array by array."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy.typing as npt

from emotiw.core.files import atomic
from emotiw.jobs import store
from emotiw.jobs.store import Entry, Reader


def write(
    path: Path, kind: str, entries: Iterable[Entry], *, stage: Mapping[str, Any], facts: Mapping[str, Any]
) -> None:
    """Write an artefact atomically, entry by entry: neither the entries nor the file need to fit in memory together.

    Parameters and errors as in `store.encode`, but `facts` are read after the last entry: what makes the entries may
    add some.
    """
    with atomic(path) as temporary, h5py.File(temporary, "w", libver="v110") as image:
        store.fill_file(image, kind, store.written(image, entries, kind, path), stage, facts)


@dataclass(frozen=True)
class ArrayOfEntry(Mapping[str, npt.NDArray[Any]]):
    """An array of each entry of an open artefact, by the names of the entries; read whenever it is asked for.

    Attributes
    ----------
    reader : Reader
    name : str
        Name of the array.
    """

    reader: Reader
    name: str

    def __getitem__(self, entry: str, /) -> npt.NDArray[Any]:
        """Array of an entry; errors as in `store.read`."""
        return self.reader.entry(entry).arrays[self.name]

    def __iter__(self) -> Iterator[str]:
        """Names of the entries."""
        return iter(self.reader.statuses)

    def __len__(self) -> int:
        """Count the entries."""
        return len(self.reader.statuses)
