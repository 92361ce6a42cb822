"""Files of features in every format, with one content."""

import h5py
import numpy as np

from emotiw.imports.reading import Reading
from emotiw.jobs import store

FRAME, CLIP = Reading("frame", of_all=False), Reading("clip", of_all=False)
CLIPS = ("a", "b-1", "c.d")
FORMATS = ("npz", "h5", "csv", "artefact")


def values(clip, level="frame", dtype=np.float32):
    """Features of a clip, and the times of their frames."""
    rng = np.random.default_rng(CLIPS.index(clip))
    n = 4 + CLIPS.index(clip)
    shape = (n, 3) if level == "frame" else (3,)
    return rng.standard_normal(shape).astype(dtype), np.arange(n) / 25 + 0.1


def table(path, rows, header, separator=","):
    """Write a table of text; numbers are written so that they are read back exactly."""
    lines = [separator.join(map(str, header)), *(separator.join(str(cell) for cell in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def csv_rows(clip, level, *, named):
    features, times = values(clip, level)
    rows = np.atleast_2d(features).tolist()
    start = [[clip] if named else [] for _ in rows]
    if level == "frame":
        start = [[*cells, time] for cells, time in zip(start, times.tolist(), strict=True)]
    return [[*cells, *row] for cells, row in zip(start, rows, strict=True)]


def header(level, *, named):
    return [*(["clip"] if named else []), *(["time"] if level == "frame" else []), "x", "y", "z"]


def write_one(folder, clip, form, level="frame"):
    """Write a file of one clip."""
    features, times = values(clip, level)
    arrays = {"features": features, "time": times} if level == "frame" else {"features": features}
    if form == "npz":
        np.savez(path := folder / f"{clip}.npz", **arrays)
    elif form == "h5":
        with h5py.File(path := folder / f"{clip}.h5", "w") as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array, compression="gzip")
    elif form == "csv":
        rows = csv_rows(clip, level, named=False)
        path = table(folder / f"{clip}.csv", rows, header(level, named=False))
    else:
        path = folder / f"{clip}.h5"
        store.write(path, f"{level}_features", [store.Entry(clip, arrays)], stage={})
    return path


def write_all(folder, form, level="frame"):
    """Write one file of all clips."""
    named = {}
    for clip in CLIPS:
        features, times = values(clip, level)
        named[clip] = {"features": features, "time": times} if level == "frame" else {"features": features}
    if form == "npz":
        flat = {f"{clip}/{name}": array for clip, arrays in named.items() for name, array in arrays.items()}
        np.savez(path := folder / "all.npz", **flat)
    elif form == "h5":
        with h5py.File(path := folder / "all.h5", "w") as file:
            for clip, arrays in named.items():
                for name, array in arrays.items():
                    file[f"{clip}/{name}"] = array
    elif form == "csv":
        rows = [row for clip in CLIPS for row in csv_rows(clip, level, named=True)]
        path = table(folder / "all.csv", rows, header(level, named=True))
    else:
        path = folder / "all.h5"
        entries = [store.Entry(clip, arrays) for clip, arrays in named.items()]
        store.write(path, f"{level}_features", entries, stage={})
    return path
