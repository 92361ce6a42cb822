"""Read arrays of given shapes from a safetensors file that the workflow has written."""

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from emotiw.core.errors import WeightsError
from emotiw.weights.loading import GET_AGAIN, Weights, recorded


def checked_arrays(
    path: Path, name: str, shapes: Mapping[str, tuple[int, ...]], *, optional: Collection[str] = ()
) -> Weights:
    """Arrays of a file, checked against its record, in the order of `shapes`.

    Parameters
    ----------
    path : Path
    name : str
        Name of the network, for error messages.
    shapes : mapping of str to tuple of int
        Arrays that the file holds, and their shapes.
    optional : collection of str
        Those that may be missing.

    Raises
    ------
    WeightsError
        If the file or its record is missing or altered, or an array is missing, or has another shape or type, or
        values that are not finite.
    """
    recorded(path)
    try:
        with safe_open(path, framework="numpy") as stream:
            arrays = {key: stream.get_tensor(key) for key in stream.keys()}
    except SafetensorError as error:
        raise WeightsError(f"{path}: unreadable ({error}); {GET_AGAIN}") from error
    return checked(str(path), arrays, name, shapes, optional=optional)


def checked(
    subject: str, arrays: Weights, name: str, shapes: Mapping[str, tuple[int, ...]], *, optional: Collection[str] = ()
) -> Weights:
    """Arrays in the order of `shapes`, contiguous; parameters and errors as in `checked_arrays`."""
    if missing := [key for key in shapes if key not in arrays and key not in optional]:
        raise WeightsError(f"{subject}: lacks {missing[0]}; expected {name}; {GET_AGAIN}")
    for key, values in arrays.items():
        shape = shapes.get(key)
        if values.dtype != np.float32 or values.shape != shape:
            found = f"{key} is {values.dtype} of shape {values.shape}"
            raise WeightsError(f"{subject}: {found}, expected {f'float32 of {shape}' if shape else 'no such array'}")
        if not np.isfinite(values).all():
            raise WeightsError(f"{subject}: {key} holds NaN or infinity; {GET_AGAIN}")
    return {key: np.ascontiguousarray(arrays[key]) for key in shapes if key in arrays}
