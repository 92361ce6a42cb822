"""Check the file of a dlib shape predictor before dlib reads it, because dlib crashes on a wrong index.

A file is a sequence of integers. Each is a byte with its sign (bit 7) and size (bits 0 to 3), followed by that many
bytes, least significant first. A real number is two integers, mantissa and exponent. Source: `shape_predictor.h` and
`serialize.h` of dlib.
"""

from hashlib import sha256

from emotiw.core.errors import WeightsError

FLOAT = 2  # integers of a real number
# SHA-256 of files that passed the check, which takes a second of Python: dlib's published model of five landmarks
KNOWN = frozenset({"c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888"})


class _Integers:
    """Reader of the integers of a file, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._starts, self._next = data, _starts(data), 0

    def signed(self) -> int:
        """Read the next integer."""
        start = self._starts[self._next]
        self._next += 1
        value = int.from_bytes(self._data[start + 1 : start + 1 + (self._data[start] & 15)], "little")
        return -value if self._data[start] & 0x80 else value

    def count(self) -> int:
        """Read a number of elements, each of at least one integer."""
        value = self.signed()
        if not 0 <= value <= len(self._starts) - self._next:
            raise ValueError(f"{value} elements announced, but only {len(self._starts) - self._next} integers follow")
        return value

    def column(self) -> int:
        """Skip a column of real numbers; return its length."""
        rows, columns = abs(self.signed()), abs(self.signed())
        if columns != 1:
            raise ValueError(f"a matrix of {rows} x {columns}, expected a column")
        self.skip(rows * FLOAT)
        return rows

    def skip(self, n: int) -> None:
        """Skip `n` integers."""
        if n > len(self._starts) - self._next:
            raise ValueError("the file ends early")
        self._next += n

    @property
    def left(self) -> int:
        """Number of integers that were not read yet."""
        return len(self._starts) - self._next


def check(subject: str, data: bytes) -> None:
    """Raise WeightsError if the numbers and indices of a shape predictor do not fit each other.

    A file of `KNOWN` is not read.

    Raises
    ------
    WeightsError
        With `subject` and what was found.
    """
    if sha256(data).hexdigest() in KNOWN:
        return
    try:
        _check(_Integers(data))
    except (ValueError, IndexError) as error:
        raise WeightsError(
            f"{subject}: not a shape predictor that is safe to read ({error}); expected one that dlib wrote:"
            " copy the bundle anew, or export it again"
        ) from error


def _starts(data: bytes) -> list[int]:
    """Position of the first byte of each integer."""
    starts, position, n = [], 0, len(data)
    while position < n:
        starts.append(position)
        position += 1 + (data[position] & 15)
    if position != n:
        raise ValueError("the file ends within a number")
    return starts


def _check(numbers: _Integers) -> None:
    if (version := numbers.signed()) != 1:
        raise ValueError(f"version {version}, expected 1")
    size = numbers.column()
    if size % 2 or not size:
        raise ValueError(f"{size} coordinates")
    highest = [max((_tree(numbers, size) for _ in range(numbers.count())), default=-1) for _ in range(numbers.count())]
    anchors = [_indices(numbers, size // 2) for _ in range(numbers.count())]
    deltas = []
    for _ in range(numbers.count()):
        deltas.append(numbers.count())
        numbers.skip(deltas[-1] * 2 * FLOAT)
    if not len(highest) == len(anchors) == len(deltas) or anchors != deltas:
        raise ValueError(f"{len(highest)} cascades with {anchors[:3]} anchors and {deltas[:3]} offsets")
    if any(pixel >= n for pixel, n in zip(highest, deltas, strict=True)):
        raise ValueError("a tree compares a pixel that does not exist")
    if numbers.left:
        raise ValueError(f"{numbers.left} integers follow the end of the model")


def _tree(numbers: _Integers, size: int) -> int:
    """Read a tree; return the highest index of a pixel that it compares."""
    highest = -1
    n_splits = numbers.count()
    for _ in range(n_splits):
        pair = numbers.signed(), numbers.signed()
        if min(pair) < 0:
            raise ValueError(f"pixels {pair}")
        highest = max(highest, *pair)
        numbers.skip(FLOAT)
    n_leaves = numbers.count()
    if n_leaves != n_splits + 1 or n_leaves & n_splits:  # not a complete binary tree
        raise ValueError(f"a tree of {n_splits} splits and {n_leaves} leaves")
    for _ in range(n_leaves):
        if (n_values := numbers.column()) != size:
            raise ValueError(f"a leaf of {n_values} values, expected {size}")
    return highest


def _indices(numbers: _Integers, n: int) -> int:
    """Read indices, all of them below `n`; return their number."""
    length = numbers.count()
    for _ in range(length):
        if not 0 <= (index := numbers.signed()) < n:
            raise ValueError(f"landmark {index} of {n}")
    return length
