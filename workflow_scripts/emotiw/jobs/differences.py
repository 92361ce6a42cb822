"""Differences between the rows of pictures, which compress better and faster than the pictures themselves.

`benchmarks/chips.py` measures it.
"""

from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

DIFFERENCES = "differences_between"  # attribute of a dataset that holds differences

Pictures = npt.NDArray[np.uint8]


def between_rows(pictures: Pictures) -> Pictures:
    """Each row minus the one above it, modulo 256; the first row stays. Shape (n, height, ...)."""
    return np.diff(pictures, axis=1, prepend=np.uint8(0))


def summed(differences: Pictures) -> Pictures:
    """Pictures with these differences: the inverse of `between_rows`, in place."""
    for row in range(1, differences.shape[1]):  # faster than numpy's cumulative sum, by ten times
        differences[:, row] += differences[:, row - 1]
    return differences


def read(dataset: h5py.Dataset) -> npt.NDArray[Any]:
    """Values of a dataset of pictures or of others; what is stored as differences is summed."""
    values: npt.NDArray[Any] = dataset[()]
    return summed(values) if DIFFERENCES in dataset.attrs and values.ndim > 1 else values
