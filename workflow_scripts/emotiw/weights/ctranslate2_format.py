"""Read the tensors of a model file of CTranslate2 (`model.bin`, version 6) without running any code.

All numbers are little-endian. A string is its length (uint16) and that many bytes, of which the last is zero.

    version (uint32), kind of model (string), revision (uint32)
    number of tensors (uint32); of each: name (string), rank (uint8), shape (uint32 each), type (uint8),
        number of bytes (uint32), these bytes
    number of aliases (uint32); of each: alias, name of a tensor (strings)

CTranslate2's `model_spec.py` writes the format.
"""

import math
import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import WeightsError

VERSION = 6
TYPES = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2"}  # bfloat16, 5, has no type in NumPy
MAX_TENSORS, MAX_RANK = 10_000, 4
REMEDY = "name the published `model.bin`, or a .safetensors file, under `weights` in the configuration"


def read(subject: str, data: bytes, *, kind: str) -> dict[str, npt.NDArray[np.generic]]:
    """Tensors of a model file by name: views of `data`.

    Parameters
    ----------
    subject : str
        Name of the file, for error messages.
    data : bytes
        Its content.
    kind : str
        Kind of model that the file must hold, such as `WhisperSpec`.

    Raises
    ------
    WeightsError
        If the file is of another version or kind, is cut short, goes on after its end, or contradicts itself.
    """
    stream = _Stream(subject, data)
    stream.expect("version", stream.integer("I"), VERSION)
    stream.expect("kind", stream.string(), kind)
    stream.integer("I")  # revision of the kind; what it changes shows in the tensors
    tensors: dict[str, npt.NDArray[np.generic]] = {}
    for name, values in _tensors(stream):
        if name in tensors:
            raise stream.error(f"{name} is there twice, expected once")
        tensors[name] = values
    _check_end(stream, tensors)
    return tensors


def _tensors(stream: "_Stream") -> Iterator[tuple[str, npt.NDArray[np.generic]]]:
    for _ in range(stream.count("tensors")):
        name, rank = stream.string(), stream.integer("B")
        if rank > MAX_RANK:
            raise stream.error(f"{name} has {rank} axes, expected at most {MAX_RANK}")
        shape = tuple(stream.integer("I") for _ in range(rank))
        number = stream.integer("B")
        if number not in TYPES:
            raise stream.error(f"{name} is of type {number}, expected one of {', '.join(map(str, TYPES))}")
        dtype = np.dtype(TYPES[number])
        stream.expect(f"size of {name} in bytes", stream.integer("I"), math.prod(shape) * dtype.itemsize)
        content = stream.take(math.prod(shape) * dtype.itemsize)
        yield name, np.frombuffer(content, dtype).reshape(shape)


def _check_end(stream: "_Stream", tensors: dict[str, npt.NDArray[np.generic]]) -> None:
    for _ in range(stream.count("aliases")):
        alias, name = stream.string(), stream.string()
        if name not in tensors:
            raise stream.error(f"{alias} stands for {name}, which is not there")
    if stream.position != len(stream.data):
        raise stream.error(f"{len(stream.data) - stream.position} bytes after its end, expected none")


class _Stream:
    """Bytes that are read from their start, never beyond their end."""

    def __init__(self, subject: str, data: bytes) -> None:
        self.subject, self.data, self.position = subject, memoryview(data), 0

    def error(self, found: str) -> WeightsError:
        return WeightsError(f"{self.subject}: not a model file of CTranslate2: {found}; {REMEDY}")

    def expect(self, what: str, found: object, expected: object) -> None:
        if found != expected:
            raise self.error(f"{what} {found}, expected {expected}")

    def take(self, n_bytes: int) -> memoryview:
        if n_bytes > len(self.data) - self.position:
            raise self.error(f"cut short, {n_bytes} bytes expected at {self.position} of {len(self.data)}")
        self.position += n_bytes
        return self.data[self.position - n_bytes : self.position]

    def integer(self, kind: str) -> int:
        value: int = struct.unpack(f"<{kind}", self.take(struct.calcsize(f"<{kind}")))[0]
        return value

    def count(self, what: str) -> int:
        number = self.integer("I")
        if number > MAX_TENSORS:
            raise self.error(f"{number} {what}, expected at most {MAX_TENSORS}")
        return number

    def string(self) -> str:
        content = bytes(self.take(self.integer("H")))
        text = content[:-1]
        if content[-1:] != b"\0" or not text or not text.isascii() or not text.decode().isprintable():
            raise self.error(f"{content[:80]!r} before byte {self.position} is no name")
        return text.decode()
