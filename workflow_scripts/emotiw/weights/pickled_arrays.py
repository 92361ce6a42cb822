"""Arrays read from a pickle that holds nothing else, without importing a module or running code that the file names."""

import io
import pickle
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import WeightsError

MALFORMED = (ValueError, TypeError, AttributeError, LookupError, EOFError, pickle.UnpicklingError)


def read_pickled_arrays(data: bytes) -> Any:
    """Nested dictionaries of NumPy arrays from a pickle that holds nothing else.

    The NumPy names in such a pickle are replaced by stand-ins of this module; every other name is refused.

    Raises
    ------
    WeightsError
        If the pickle looks up another name, is cut short, or holds an array that is not plain numbers.
    """
    try:
        return _plain(_ArrayUnpickler(io.BytesIO(data)).load())
    except MALFORMED as error:
        raise WeightsError(
            f"pickled weights: unreadable ({error}); expected nested dictionaries of arrays: name another file"
        ) from error


class _Type:
    """Stand-in for `numpy.dtype`, and for `numpy.ndarray` where a pickle only names it."""

    def __init__(self, name: str = "", *_: Any) -> None:
        self.name = name

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.name = f"{state[1]}{self.name}"  # byte order


class _Array:
    """Stand-in for an array that is being unpickled."""

    def __init__(self, *_: Any) -> None:
        self.values: npt.NDArray[Any] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran_order, data = state
        if dtype.name not in {"<f4", "<f8"}:
            raise ValueError(f"array of type {dtype.name!r}")
        self.values = np.frombuffer(data, dtype.name).reshape(shape, order="F" if fortran_order else "C")


class _ArrayUnpickler(pickle.Unpickler):
    NAMES: ClassVar = {
        ("numpy.core.multiarray", "_reconstruct"): _Array,
        ("numpy._core.multiarray", "_reconstruct"): _Array,
        ("numpy", "ndarray"): _Type,
        ("numpy", "dtype"): _Type,
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.NAMES[module, name]
        except KeyError:
            raise WeightsError(
                f"pickled weights: the file looks up {module}.{name}; expected plain arrays only: name another file"
            ) from None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(child) for name, child in value.items()}
    if isinstance(value, _Array) and value.values is not None:
        return value.values
    raise ValueError(f"holds a {type(value).__name__}")
