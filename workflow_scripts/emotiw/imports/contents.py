"""Open a file of features of any known format, and make a clip's entry of what it holds."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError
from emotiw.core.status import Status
from emotiw.imports import csv_files, hdf5_files, numpy_files
from emotiw.imports.reading import AXES, TIMES, VALUES, Content, Opened, Reading
from emotiw.jobs.store import Entry

OPENERS = {
    ".npy": numpy_files.opened_array,
    ".npz": numpy_files.opened_archive,
    ".h5": hdf5_files.opened,
    ".hdf5": hdf5_files.opened,
    ".csv": csv_files.opened,
}


def opened(path: Path, reading: Reading, only: Collection[str] = ()) -> Opened:
    """Context with the open file.

    Parameters
    ----------
    path : Path
        A file with one of the suffixes of `OPENERS`.
    reading : Reading
    only : collection of str
        Clips that will be read; empty: all.

    Raises
    ------
    FeatureError
        If the file is damaged or of another format than its suffix says.
    """
    opener: Any = OPENERS[path.suffix.lower()]
    context: Opened = opener(path, reading, only)
    return context


def entry(clip: str, content: Content, reading: Reading, subject: str) -> Entry:
    """Entry of what a file holds of a clip, with the values in the file's precision, but at most float32.

    Parameters
    ----------
    clip : str
        Id of the clip.
    content : Content
    reading : Reading
    subject : str
        File, for errors.

    Raises
    ------
    FeatureError
        If the values have another shape than the level asks for, are not finite or too large for float32, or there is
        no time for each frame, or the times do not increase.
    """
    if content.values is None:
        return Entry(clip, status=content.status, facts=content.facts)
    values = _shaped(content.values, reading.level, subject)
    if not values.size:
        return without(clip, "no frames", content.facts)
    arrays = {VALUES: _stored(values, subject)}
    if reading.level == "frame":
        arrays[TIMES] = _times(content, len(values), reading, subject)
    return Entry(clip, arrays, content.status, content.facts)


def without(clip: str, reason: str, facts: dict[str, Any] | None = None) -> Entry:
    """Entry of a clip of which nothing was found."""
    return Entry(clip, status=Status.NO_FEATURE, facts=(facts or {}) | {"reason": reason})


def _shaped(values: npt.NDArray[Any], level: str, subject: str) -> npt.NDArray[Any]:
    """Values of shape (frames, values) or (values,), as the level asks for; a single row is a vector."""
    wanted = 2 if level == "frame" else 1
    found = values[0] if level == "clip" and values.ndim == 2 and len(values) == 1 else values
    if level == "clip" and values.ndim == 2 and not len(values):
        found = values.reshape(0)
    if found.ndim != wanted or (not found.shape[-1] and len(found)):
        raise FeatureError(
            f"{subject}: has the shape {values.shape}, expected {AXES[level]}; correct level or the file"
        )
    return found


def _stored(values: npt.NDArray[Any], subject: str) -> npt.NDArray[Any]:
    """Values as float32, or as float16 where that loses nothing."""
    if not np.isfinite(values).all():
        first = [int(i) for i in np.argwhere(~np.isfinite(values))[0]]
        raise FeatureError(f"{subject}: holds {values[tuple(first)]} at {first}, expected finite numbers; correct it")
    with np.errstate(over="ignore"):
        narrow, narrower = values.astype(np.float32), values.astype(np.float16)
    if not np.isfinite(narrow).all():
        raise FeatureError(f"{subject}: holds {np.abs(values).max():g}, too large for float32; scale the values")
    return narrower if np.array_equal(narrower, narrow) else narrow


def _times(content: Content, n_frames: int, reading: Reading, subject: str) -> npt.NDArray[np.float64]:
    if reading.frame_step_s is not None:
        return np.arange(n_frames, dtype=np.float64) * reading.frame_step_s
    if content.times is None:
        raise FeatureError(f"{subject}: has no times; add them (array or column {TIMES!r}) or set frame_step_s")
    times = content.times.astype(np.float64)
    if times.shape != (n_frames,) or not np.isfinite(times).all():
        raise FeatureError(
            f"{subject}: has times of shape {times.shape}, expected a finite one for each of {n_frames} frames; correct"
            " the file or set frame_step_s"
        )
    steps = np.diff(times)
    if steps.size and (steps.min() < 0 or not steps.any()):
        i = int(steps.argmin()) + 1
        raise FeatureError(
            f"{subject}: has times that do not increase (frame {i - 1} at {times[i - 1]:g} s, frame {i} at"
            f" {times[i]:g} s); sort the frames or set frame_step_s"
        )
    return times
