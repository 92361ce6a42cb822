"""Weights of dlib's network for face recognition, read from dlib's own file.

A residual network, trained by its author on three million faces: King, "High quality face recognition with deep metric
learning", 2017. Its first 27 convolutions are used here (`expression_layers`). dlib writes layer after layer from the
picture on: the name of the layer's kind, its parameters as a tensor, its settings. A convolution's tensor is its
filters and then its biases, that of `affine_`, a batch normalisation with fixed statistics, its factors and then its
offsets.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import WeightsError
from emotiw.weights.expression_layers import layers, pretrained_shapes
from emotiw.weights.loading import GET_AGAIN, Weights
from emotiw.weights.written import checked_arrays

NAME = "dlib's network for face recognition, convolution layers"
LICENCE = "CC0-1.0 (dlib-models)"
TENSOR_VERSION = 2
WIDEST = 8  # bytes of dlib's largest integer


def from_dlib(subject: str, data: bytes) -> Weights:
    """Arrays of `expression_layers.pretrained_shapes` from the content of `dlib_face_recognition_resnet_model_v1.dat`.

    Parameters
    ----------
    subject : str
        Name of the file, for error messages.
    data : bytes
        Its content.

    Raises
    ------
    WeightsError
        If it is damaged or holds another network, or values that are not finite.
    """
    arrays: Weights = {}
    place = 0
    for name, shape in layers():
        filters, place = _tensor(subject, data, place, b"con_4")
        affine, place = _tensor(subject, data, place, b"affine_")
        n_values, n_filters = int(np.prod(shape)), shape[0]
        if len(filters) != n_values + n_filters or len(affine) != 2 * n_filters:
            raise WeightsError(
                f"{subject}: {name} has {len(filters)} and {len(affine)} values, expected {n_values + n_filters} and"
                f" {2 * n_filters}: another network; name dlib_face_recognition_resnet_model_v1.dat"
            )
        arrays[f"{name}.weight"], arrays[f"{name}.bias"] = filters[:n_values].reshape(shape), filters[n_values:]
        arrays[f"{name}.scale"], arrays[f"{name}.shift"] = affine[:n_filters], affine[n_filters:]
    if wrong := [name for name, values in arrays.items() if not np.isfinite(values).all()]:
        raise WeightsError(f"{subject}: {wrong[0]} holds NaN or infinity; {GET_AGAIN}")
    return {name: np.ascontiguousarray(values, np.float32) for name, values in arrays.items()}


def load(path: Path) -> Weights:
    """Read the arrays of a file that the workflow has written.

    Raises
    ------
    WeightsError
        If the file or its record is missing or altered, or the file holds something else.
    """
    return checked_arrays(path, NAME, pretrained_shapes())


def _tensor(subject: str, data: bytes, place: int, kind: bytes) -> tuple[npt.NDArray[Any], int]:
    """Values of the next layer of a kind, and the place after them."""
    found = data.find(bytes([1, len(kind)]) + kind, place)
    if found < 0:
        raise WeightsError(
            f"{subject}: has no layer {kind.decode()!r} after byte {place}; expected"
            " dlib_face_recognition_resnet_model_v1.dat; name it"
        )
    place = found + 2 + len(kind)
    header = []
    for _ in range(5):  # version, and a tensor's four sizes
        value, place = _integer(subject, data, place)
        header.append(value)
    n_values = int(np.prod(header[1:]))
    if header[0] != TENSOR_VERSION or n_values <= 0 or place + 4 * n_values > len(data):
        raise WeightsError(f"{subject}: cut short or damaged at byte {place}; {GET_AGAIN}")
    return np.frombuffer(data, "<f4", n_values, place), place + 4 * n_values


def _integer(subject: str, data: bytes, place: int) -> tuple[int, int]:
    """Read dlib's integer: a byte with the number of bytes (and the sign), and these bytes, the lowest first."""
    n_bytes = data[place] if place < len(data) else 0
    if not 0 < n_bytes <= WIDEST or place + 1 + n_bytes > len(data):
        raise WeightsError(f"{subject}: cut short or damaged at byte {place}; {GET_AGAIN}")
    return int.from_bytes(data[place + 1 : place + 1 + n_bytes], "little"), place + 1 + n_bytes
