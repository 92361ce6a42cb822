"""Arrays in half precision: rounded where a network is written, stored in half the bytes, widened where it is read."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]


def rounded(arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    """Arrays of float32 with values that float16 can hold; one that exceeds its range becomes infinite."""
    with np.errstate(over="ignore"):
        return {name: values.astype(np.float16).astype(np.float32) for name, values in arrays.items()}


def narrowed(arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    """Arrays as float16 if none of them loses anything by it, else as they are."""
    if all(
        values.dtype == np.float32 and np.array_equal(rounded({"": values})[""], values) for values in arrays.values()
    ):
        return {name: values.astype(np.float16) for name, values in arrays.items()}
    return dict(arrays)


def widened(arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    """Arrays with those of float16 as float32."""
    return {
        name: values.astype(np.float32) if values.dtype == np.float16 else values for name, values in arrays.items()
    }
