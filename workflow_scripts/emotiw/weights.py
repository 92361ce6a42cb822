"""Model weights as the workflow keeps them: read only when they are what their record says."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import dlib
import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from emotiw.errors import WeightsError

Weights = dict[str, npt.NDArray[np.float32]]

ALEXNET_SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "torchvision": {
        "features.0.weight": (64, 3, 11, 11),
        "features.0.bias": (64,),
        "features.3.weight": (192, 64, 5, 5),
        "features.3.bias": (192,),
        "features.6.weight": (384, 192, 3, 3),
        "features.6.bias": (384,),
        "features.8.weight": (256, 384, 3, 3),
        "features.8.bias": (256,),
        "features.10.weight": (256, 256, 3, 3),
        "features.10.bias": (256,),
    }
}
N_LANDMARKS = 5
AGAIN = "delete it and run the workflow again, or name another file under `weights` in the configuration"


def load_alexnet(path: Path, *, layout: str = "torchvision") -> Weights:
    """Read AlexNet's convolution layers.

    Raises
    ------
    WeightsError
        If the file or its record is missing, altered, of another layout, or holds values that are not finite.
    """
    data, about = _recorded(path)
    if about.get("layout") != layout:
        raise WeightsError(
            f"{path}: layout {about.get('layout')!r}, expected {layout!r}; change cnn.layout or the weights"
        )
    try:
        arrays = safetensors.numpy.load(data)
    except SafetensorError as error:
        raise WeightsError(f"{path}: unreadable ({error}); {AGAIN}") from error
    return checked(str(path), arrays, layout)


def load_landmarks(path: Path) -> Any:
    """Read the landmark model, a `dlib.shape_predictor`.

    Raises
    ------
    WeightsError
        If the file or its record is missing, altered, or not a model of five points.
    """
    _recorded(path)
    try:
        predictor = dlib.shape_predictor(str(path))
        n_points = predictor(np.zeros((8, 8), np.uint8), dlib.rectangle(0, 0, 7, 7)).num_parts
    except RuntimeError as error:
        raise WeightsError(f"{path}: not a dlib shape predictor ({error}); {AGAIN}") from error
    if n_points != N_LANDMARKS:
        raise WeightsError(f"{path}: has {n_points} landmarks, expected {N_LANDMARKS}; {AGAIN}")
    return predictor


def read_bytes(path: Path, remedy: str) -> bytes:
    """Bytes of a file, or an error that tells the `remedy`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); {remedy}") from error


def check_hash(subject: str, data: bytes, expected: str) -> None:
    """Refuse data whose SHA-256 is not the expected one."""
    found = sha256(data).hexdigest()
    if found != expected:
        raise WeightsError(f"{subject}: sha256 {found}, expected {expected}; it was altered or cut short: {AGAIN}")


def checked(subject: str, arrays: Mapping[str, Any], layout: str) -> Weights:
    """Pick the convolution layers among `arrays`, contiguous, and check their types, shapes and values."""
    checked = {}
    for name, shape in ALEXNET_SHAPES[layout].items():
        if name not in arrays:
            raise WeightsError(f"{subject}: lacks {name}; expected AlexNet in the layout {layout!r}")
        values = arrays[name]
        if values.dtype != np.float32 or values.shape != shape:
            raise WeightsError(
                f"{subject}: {name} is {values.dtype} of shape {values.shape}, expected float32 of {shape}"
            )
        if not np.isfinite(values).all():
            raise WeightsError(f"{subject}: {name} holds NaN or infinity; {AGAIN}")
        checked[name] = np.ascontiguousarray(values)
    return checked


def _recorded(path: Path) -> tuple[bytes, dict[str, Any]]:
    """Read a written file's bytes and the record beside it, and check the one by the other."""
    data = read_bytes(path, AGAIN)
    record = path.with_suffix(".json")
    try:
        about = json.loads(read_bytes(record, AGAIN))
        expected = about["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{record}: not a record of weights ({error}); {AGAIN}") from error
    check_hash(str(path), data, expected)
    return data, about
