"""Write a feature of a run as NumPy archives, one a clip, which any program can read and `imports` takes back."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from emotiw.core.errors import ConfigError
from emotiw.core.files import write_atomic
from emotiw.core.status import Status
from emotiw.imports.reading import KINDS
from emotiw.jobs import store


def export(source: Path, target: Path) -> tuple[int, int]:
    """Write `target/<clip>.npz` for each clip of a feature whose status is `ok`.

    An archive holds `features`, float32 of shape (n_frames, n_values) or (n_values,), and of a frame feature `time` in
    s, float64 of shape (n_frames,). Values that a run keeps in half precision are the same numbers in float32.

    Parameters
    ----------
    source : Path
        Folder of the feature, `results/<run>/features/<feature>`.
    target : Path
        Folder to write to, which must be new or empty.

    Returns
    -------
    tuple of int
        Number of clips written, and number of clips without a feature.

    Raises
    ------
    ConfigError
        If `source` holds no features, or `target` is not empty.
    StoreError
        If a file of features is damaged.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(f"{target}: is no empty folder, so old files could stay; name a new folder")
    files = sorted(source.glob("*.h5"))
    if not files:
        raise ConfigError(f"{source}: holds no .h5 files; expected a folder such as results/demo/features/cnn")
    n_written = n_without = 0
    for entry in _entries(files):
        if entry.status == Status.OK:
            stream = io.BytesIO()
            arrays: dict[str, Any] = dict(entry.arrays)
            np.savez(stream, **arrays)
            write_atomic(target / f"{entry.name}.npz", stream.getvalue())
        n_written += entry.status == Status.OK
        n_without += entry.status != Status.OK
    return n_written, n_without


def _entries(files: list[Path]) -> Iterator[store.Entry]:
    for path in files:
        kind = _kind(path)
        if kind not in KINDS.values():
            raise ConfigError(f"{path}: holds {kind}, expected {' or '.join(KINDS.values())}; name a feature's folder")
        with store.Reader(path, kind) as reader:
            yield from map(reader.entry, reader.statuses)


def _kind(path: Path) -> str:
    try:
        with h5py.File(path, "r") as stream:
            return store.text(stream, "kind")
    except OSError as error:
        raise ConfigError(f"{path}: not a file of this project ({error}); name a feature's folder") from error
