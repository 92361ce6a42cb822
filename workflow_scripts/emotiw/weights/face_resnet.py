"""Weights of dlib's network for face recognition, read from dlib's own file.

A residual network of 27 convolutions up to the layers used here (He et al., "Deep Residual Learning for Image
Recognition", CVPR 2016, with half the filters), trained by its author on three million faces: King, "High quality face
recognition with deep metric learning", 2017. dlib writes layer after layer from the picture on: the name of the
layer's kind, its parameters as a tensor, its settings. A convolution's tensor is its filters and then its biases, that
of `affine_`, a batch normalisation with fixed statistics, its factors and then its offsets.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import WeightsError
from emotiw.weights.loading import GET_AGAIN, Weights
from emotiw.weights.written import checked_arrays

NAME = "dlib's network for face recognition, convolution layers"
LICENCE = "CC0-1.0 (dlib-models)"
STEM, STEM_KERNEL = 32, 7  # filters, px
KERNEL = 3  # px
# residual blocks of each level, filters of each convolution, whether the first block halves the picture
LEVELS = ((3, 32, False), (4, 64, True), (3, 128, True), (3, 256, True))
TENSOR_VERSION = 2
WIDEST = 8  # bytes of dlib's largest integer

Shapes = Mapping[str, tuple[int, ...]]


def layers() -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Name of each convolution, and its shape: (filters, inputs, height, width)."""
    yield "stem", (STEM, 3, STEM_KERNEL, STEM_KERNEL)
    for block, (inputs, filters, _) in enumerate(blocks()):
        yield f"blocks.{block}.0", (filters, inputs, KERNEL, KERNEL)
        yield f"blocks.{block}.1", (filters, filters, KERNEL, KERNEL)


def blocks() -> Iterator[tuple[int, int, bool]]:
    """Yield the inputs and filters of each residual block, and whether it halves the picture."""
    inputs = STEM
    for n_blocks, filters, halves in LEVELS:
        for number in range(n_blocks):
            yield inputs, filters, halves and number == 0
            inputs = filters


def shapes() -> dict[str, tuple[int, ...]]:
    """Shape of each array, by name: filters and biases, factors and offsets."""
    shape_of: dict[str, tuple[int, ...]] = {}
    for name, shape in layers():
        shape_of |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
        shape_of |= {f"{name}.scale": shape[:1], f"{name}.shift": shape[:1]}
    return shape_of


def from_dlib(subject: str, data: bytes) -> Weights:
    """Arrays of `shapes` from the content of `dlib_face_recognition_resnet_model_v1.dat`.

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
    return checked_arrays(path, NAME, shapes())


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
