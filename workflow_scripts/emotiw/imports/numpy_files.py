"""Read NumPy's files: one array (.npy), or an archive of arrays (.npz). Pickled objects are never opened."""

import hashlib
import math
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError
from emotiw.imports.reading import Content, Reading, check_numbers, chosen

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_DAMAGED = (ValueError, EOFError, OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)
SUFFIX = ".npy"


@contextmanager
def opened_array(path: Path, reading: Reading, only: Collection[str] = ()) -> "Iterator[_Array]":
    """File of one array, which holds one clip."""
    if reading.of_all:
        raise FeatureError(
            f"{path}: an .npy file names no clips; expected a folder of such files, or one .npz, HDF5 or CSV file"
        )
    yield _Array(path)


@contextmanager
def opened_archive(path: Path, reading: Reading, only: Collection[str] = ()) -> "Iterator[_Archive]":
    """Archive of the arrays of one clip, or of several clips."""
    with _explained(path):
        archive = zipfile.ZipFile(path)
    with archive:
        yield _Archive(path, archive, reading)


def read_array(stream: IO[bytes], n_bytes: int, subject: str) -> npt.NDArray[Any]:
    """Read an array in NumPy's format from a stream of `n_bytes` bytes.

    Raises
    ------
    FeatureError
        If it is in another format, holds no numbers, or is larger or smaller than its header says.
    """
    try:
        version = np.lib.format.read_magic(stream)
        if version not in _HEADERS:
            raise FeatureError(f"{subject}: NumPy's format {version}, expected (1, 0) or (2, 0); save it again")
        shape, fortran_order, dtype = _HEADERS[version](stream)
    except (ValueError, EOFError) as error:
        raise FeatureError(f"{subject}: not an array in NumPy's format ({error}); save it with numpy.save") from error
    check_numbers(dtype, shape, subject)
    expected, found = math.prod(shape) * dtype.itemsize, n_bytes - stream.tell()
    if found != expected:
        raise FeatureError(f"{subject}: {found} bytes follow its header, expected {expected}; get the file again")
    flat = np.frombuffer(stream.read(expected), dtype)
    return flat.reshape(shape, order="F" if fortran_order else "C")


class _Array:
    def __init__(self, path: Path) -> None:
        self._path, self.clips = path, [path.stem]

    def content(self, clip: str) -> Content:
        """Read the only array."""
        with self._path.open("rb") as stream:
            values = read_array(stream, self._path.stat().st_size, str(self._path))
        return Content(values, None, digest([("", values)]))


class _Archive:
    """Members `name` of the only clip, or members `clip` or `clip/name` of each clip."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, reading: Reading) -> None:
        self._path, self._archive, self._reading = path, archive, reading
        self._members: dict[str, dict[str, zipfile.ZipInfo]] = {}
        for info in archive.infolist():
            name = info.filename.removesuffix(SUFFIX)
            clip, _, name = name.partition("/") if reading.of_all else (path.stem, "/", name)
            arrays = self._members.setdefault(clip, {})
            if name in arrays:
                raise FeatureError(f"{path}: holds the array {info.filename!r} twice; save it again")
            arrays[name] = info
        self.clips = list(self._members)

    def content(self, clip: str) -> Content:
        """Read the arrays of a clip."""
        subject = f"{self._path}: {clip}" if self._reading.of_all else str(self._path)
        members = self._members.get(clip, {})
        values, times = chosen(list(members), self._reading, subject)
        arrays = [(name, self._read(members[name])) for name in (values, times) if name is not None]
        return Content(arrays[0][1], arrays[1][1] if times is not None else None, digest(arrays))

    def _read(self, info: zipfile.ZipInfo) -> npt.NDArray[Any]:
        with _explained(self._path), self._archive.open(info) as stream:
            return read_array(stream, info.file_size, f"{self._path}: {info.filename}")


def digest(arrays: Sequence[tuple[str, npt.NDArray[Any]]], text: str = "") -> str:
    """SHA-256 of a text and of arrays: names, types, shapes and values, whatever their order in memory."""
    hashed = hashlib.sha256(text.encode())
    for name, values in arrays:
        hashed.update(f"{name}\0{values.dtype.str}\0{values.shape}\0".encode())
        hashed.update(np.ascontiguousarray(values).tobytes())
    return hashed.hexdigest()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise FeatureError(f"{path}: not a readable archive of arrays ({error}); save it with numpy.savez") from error
