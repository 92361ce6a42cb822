"""What readers of imported files take and return: how to read a file, and what it holds of a clip."""

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError
from emotiw.core.status import Status

KINDS = {"frame": "frame_features", "clip": "clip_features"}  # kind of the artefact (`kinds.KINDS`), by level
AXES = {"frame": "(frames, values)", "clip": "(values,)"}
MAX_BYTES = 1 << 30  # of the values of one clip
VALUES, TIMES = "features", "time"  # names of the arrays of a clip, where the configuration gives no others


@dataclass(frozen=True)
class Reading:
    """How the files of an import are read: those of its settings that decide the values.

    Attributes
    ----------
    level : str
        `frame` or `clip`.
    of_all : bool
        Whether one file holds all clips; otherwise each clip has a file of its own.
    array, times : str or None
        Names of the arrays of values and times in an archive or HDF5 file, or of the column of times.
    columns : tuple of str
        Patterns of the columns that hold the values; empty: those that the format usually has.
    frame_step_s : float or None
        Time in s between two frames whose times are not read; the first is at 0.
    """

    level: str
    of_all: bool
    array: str | None = None
    times: str | None = None
    columns: tuple[str, ...] = ()
    frame_step_s: float | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any], *, of_all: bool) -> "Reading":
        """Make it from the settings of an import."""
        names = {key.name for key in fields(cls)}
        given = {key: value for key, value in settings.items() if key in names and value is not None}
        return cls(**given | {"of_all": of_all, "columns": tuple(given.get("columns", ()))})


@dataclass(frozen=True)
class Content:
    """What a file holds of one clip.

    Attributes
    ----------
    values : ndarray, shape (n_frames, n_values) or (n_values,), or None
        None if the clip has a status and no values.
    times : ndarray, shape (n_frames,), or None
        In s.
    sha256 : str
        Hash of the part of the file that was read.
    status : Status
    facts : dict
        Small JSON values.
    """

    values: npt.NDArray[Any] | None
    times: npt.NDArray[Any] | None
    sha256: str
    status: Status = Status.OK
    facts: dict[str, Any] = field(default_factory=dict)


class File(Protocol):
    """An open file with features of one clip or of several."""

    @property
    def clips(self) -> Collection[str]:
        """Names of the clips in it; of a file of one clip, the name of the file without its suffix."""

    def content(self, clip: str) -> Content:
        """Read what it holds of a clip; FeatureError if this is damaged or no table of numbers."""


Opened = AbstractContextManager[File]


def chosen(names: Sequence[str], reading: Reading, subject: str) -> tuple[str, str | None]:
    """Names of the arrays that hold the values and the times of a clip, of all its arrays.

    Raises
    ------
    FeatureError
        If it is not clear which array holds the values, or the array of times that the configuration names is missing.
    """
    times = reading.times or TIMES
    if reading.times and times not in names:
        raise FeatureError(f"{subject}: has no array {times!r}, but {_listed(names)}; correct times")
    others = [name for name in names if name != times]
    wanted = reading.array or (VALUES if VALUES in others else others[0] if len(others) == 1 else VALUES)
    if wanted not in names:
        raise FeatureError(f"{subject}: has no array {wanted!r}, but {_listed(names)}; set array to one of them")
    return wanted, times if times in names else None


def check_numbers(dtype: np.dtype[Any], shape: Sequence[int], subject: str) -> None:
    """Raise FeatureError unless an array of this type and shape holds numbers, and at most `MAX_BYTES` of them."""
    if dtype.hasobject:
        raise FeatureError(f"{subject}: is an array of objects, which is a pickle and never opened; save numbers")
    if dtype.kind not in "fiu" or dtype.itemsize > np.dtype(np.float64).itemsize:
        raise FeatureError(f"{subject}: is {dtype}, expected integers, float16, float32 or float64")
    n_bytes = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or n_bytes > MAX_BYTES:
        raise FeatureError(
            f"{subject}: declares the shape {tuple(shape)}, {n_bytes} bytes; expected at most {MAX_BYTES} a clip"
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
