"""Ways to store the aligned faces (chips) of clips: CPU time of writing and reading, and size.

Run: python benchmarks/chips.py PATHS [--repeats 3], where PATHS are artefacts of the stage `faces` of a run. Every way
stores and reads the chips of every file in turn; printed are the medians over the files of CPU milliseconds a face
(the least of the repeats) and of the size as a share of the pixels. `before` is how schema 1 stored them, `rows` is how
they are stored now. zstd is measured by pyarrow if that is installed, without HDF5: a bound for what a plug-in of HDF5
could do.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from emotiw.jobs import differences, store

try:
    import pyarrow
except ImportError:
    pyarrow = None

FACES = 5  # in a chunk of 256 kB, as in the store
GZIP, LZF = {"compression": 1}, {"compression": "lzf"}


@dataclass
class Way:
    """A way to store: what is done before and after, and options of HDF5."""

    before: Callable[[Any], Any] = lambda chips: chips
    after: Callable[[Any], Any] = lambda stored: stored
    options: Any = None


def between_columns(chips):
    """Each column minus the one before it."""
    return np.diff(chips, axis=2, prepend=np.uint8(0))


def columns_summed(stored):
    """Undo `between_columns`."""
    return np.cumsum(stored, axis=2, dtype=np.uint8)


ROWS = (differences.between_rows, differences.summed)
WAYS = {
    "before": Way(options=GZIP),
    "rows": Way(*ROWS, GZIP),
    "columns": Way(between_columns, columns_summed, GZIP),
    "lzf": Way(options=LZF),
    "rows, lzf": Way(*ROWS, LZF),
    "not compressed": Way(options={}),
}


def in_hdf5(chips, way):
    """CPU seconds of writing and of reading, and bytes."""
    start = time.process_time()
    with h5py.File("chips", "w", driver="core", backing_store=False, libver="v110") as file:
        stored = way.before(chips)
        file.create_dataset("chips", data=stored, chunks=(FACES, *chips.shape[1:]), fletcher32=True, **way.options)
        file.flush()
        image = file.id.get_file_image()
    wrote = time.process_time()
    with h5py.File(h5py.h5f.open_file_image(image), "r") as file:
        found = way.after(file["chips"][()])
    read = time.process_time()
    assert np.array_equal(found, chips)
    return wrote - start, read - wrote, len(image)


def by_zstd(chips, level):
    """CPU seconds of compressing and decompressing differences between rows by zstd, and bytes."""
    codec = pyarrow.Codec("zstd", level)
    start = time.process_time()
    stored = differences.between_rows(chips)
    parts = [codec.compress(stored[i : i + FACES], asbytes=True) for i in range(0, len(stored), FACES)]
    wrote = time.process_time()
    sizes = [stored[i : i + FACES].nbytes for i in range(0, len(stored), FACES)]
    found = b"".join(codec.decompress(part, n, asbytes=True) for part, n in zip(parts, sizes, strict=True))
    found = differences.summed(np.frombuffer(found, np.uint8).reshape(chips.shape).copy())
    read = time.process_time()
    assert np.array_equal(found, chips)
    return wrote - start, read - wrote, sum(map(len, parts))


def calls():
    """Every way that can be measured here, by name."""
    found = {name: lambda chips, way=way: in_hdf5(chips, way) for name, way in WAYS.items()}
    levels = (1, 3) if pyarrow and pyarrow.Codec.is_available("zstd") else ()
    return found | {f"rows, zstd {level}": lambda chips, level=level: by_zstd(chips, level) for level in levels}


def main():
    """Print a row for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    ways, rows = calls(), {}
    for path in args.paths:
        for entry in store.read(path, "faces").entries.values():
            chips = entry.arrays.get("chips", ())
            for name, call in ways.items() if len(chips) else ():
                wrote, read, size = np.min([call(chips) for _ in range(args.repeats)], axis=0)
                row = [1e3 * wrote / len(chips), 1e3 * read / len(chips), size / chips.nbytes]
                rows.setdefault(name, []).append(row)
    print(f"{'way':18s}{'write, ms':>10s}{'read, ms':>10s}{'size':>7s}   of {len(rows['before'])} clips")
    for name, values in rows.items():
        wrote, read, size = np.median(values, axis=0)
        print(f"{name:18s}{wrote:10.3f}{read:10.3f}{size:7.3f}")


if __name__ == "__main__":
    main()
