"""Read the model files that the workflow has written, after checking them against the record beside each file.

AlexNet's arrays have torchvision's names, or those of Caffe's layers: `conv1.weight`, `conv1.bias`, `fc6.weight`. In
Caffe's layouts, `mean` is the mean pixel (blue, green, red; 0 to 255) that is subtracted from a picture.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import dlib
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from emotiw.core import files
from emotiw.core.errors import WeightsError

Weights = dict[str, npt.NDArray[np.float32]]
Shapes = Mapping[str, tuple[int, ...]]

_CAFFE_SHAPES: Shapes = {
    "mean": (3,),
    "conv1.weight": (96, 3, 11, 11),
    "conv1.bias": (96,),
    "conv2.weight": (256, 48, 5, 5),
    "conv2.bias": (256,),
    "conv3.weight": (384, 256, 3, 3),
    "conv3.bias": (384,),
    "conv4.weight": (384, 192, 3, 3),
    "conv4.bias": (384,),
    "conv5.weight": (256, 192, 3, 3),
    "conv5.bias": (256,),
}
ALEXNET_SHAPES: dict[str, Shapes] = {
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
    },
    "caffe": _CAFFE_SHAPES,
    "caffenet": _CAFFE_SHAPES,
}
_CAFFE_HIDDEN: Shapes = {
    "fc6.weight": (4096, 256 * 6 * 6),
    "fc6.bias": (4096,),
    "fc7.weight": (4096, 4096),
    "fc7.bias": (4096,),
}
# fully connected layers that a file may hold; without the last one, which fine-tuning replaces
CLASSIFIER_SHAPES: dict[str, Shapes] = {
    "torchvision": {
        "classifier.1.weight": (4096, 256 * 6 * 6),
        "classifier.1.bias": (4096,),
        "classifier.4.weight": (4096, 4096),
        "classifier.4.bias": (4096,),
    },
    "caffe": _CAFFE_HIDDEN,
    "caffenet": _CAFFE_HIDDEN,
}
N_LANDMARKS = 5
GET_AGAIN = "delete it and run the workflow again, or name another file under `weights` in the configuration"


def load_alexnet(path: Path, *, layout: str = "torchvision") -> Weights:
    """Read AlexNet's convolution layers, trained on ImageNet or fine-tuned.

    Raises
    ------
    WeightsError
        If the file or its record is missing, altered, of another layout, or holds values that are not finite.
    """
    return checked(str(path), _arrays(path, layout, ALEXNET_SHAPES), ALEXNET_SHAPES[layout])


def load_alexnet_classifier(path: Path, *, layout: str = "torchvision") -> Weights | None:
    """Read AlexNet's two hidden fully connected layers; None if the file has neither.

    In every layout they are named `fc6.weight`, `fc6.bias`, `fc7.weight` and `fc7.bias`.

    Raises
    ------
    WeightsError
        As in `load_alexnet`, and if the file holds only a part of these layers.
    """
    layers = checked_classifier(str(path), _arrays(path, layout, CLASSIFIER_SHAPES), layout)
    return None if layers is None else dict(zip(CLASSIFIER_SHAPES["caffe"], layers.values(), strict=True))


def load_landmarks(path: Path) -> Any:
    """Read the landmark model, a `dlib.shape_predictor`.

    Raises
    ------
    WeightsError
        If the file or its record is missing, altered, or not a model of five points.
    """
    recorded(path)
    return read_landmarks(path)


def read_landmarks(path: Path) -> Any:
    """Read a landmark model whose hash has already been checked; errors as in `load_landmarks`."""
    try:
        predictor = dlib.shape_predictor(str(path))
        n_points = predictor(np.zeros((8, 8), np.uint8), dlib.rectangle(0, 0, 7, 7)).num_parts
    except (RuntimeError, MemoryError) as error:
        raise WeightsError(f"{path}: not a dlib shape predictor ({error}); {GET_AGAIN}") from error
    if n_points != N_LANDMARKS:
        raise WeightsError(f"{path}: has {n_points} landmarks, expected {N_LANDMARKS}; {GET_AGAIN}")
    return predictor


def read_bytes(path: Path, remedy: str) -> bytes:
    """Bytes of a file; raises WeightsError with the `remedy` if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); {remedy}") from error


def check_hash(subject: str, data: bytes, expected: str) -> None:
    """Raise WeightsError if the SHA-256 of `data` is not the expected one."""
    _check_digest(subject, sha256(data).hexdigest(), expected)


def _check_digest(subject: str, actual: str, expected: str) -> None:
    if actual != expected:
        raise WeightsError(
            f"{subject}: sha256 {actual}, expected {expected}; the file was altered or cut short: {GET_AGAIN}"
        )


def checked(subject: str, arrays: Mapping[str, Any], shapes: Shapes) -> Weights:
    """Layers of `shapes` from `arrays`, contiguous; raises WeightsError on a wrong type, shape or value.

    Parameters
    ----------
    subject : str
        Name of the weights' file, for error messages.
    arrays : mapping of str to ndarray
        Content of the file.
    shapes : mapping of str to tuple of int
        Required layers and their shapes.
    """
    checked = {}
    for name, shape in shapes.items():
        if name not in arrays:
            raise WeightsError(f"{subject}: lacks {name}; expected AlexNet with {', '.join(shapes)}")
        values = arrays[name]
        if values.dtype != np.float32 or values.shape != shape:
            raise WeightsError(
                f"{subject}: {name} is {values.dtype} of shape {values.shape}, expected float32 of {shape}"
            )
        if not np.isfinite(values).all():
            raise WeightsError(f"{subject}: {name} holds NaN or infinity; {GET_AGAIN}")
        checked[name] = np.ascontiguousarray(values)
    return checked


def checked_classifier(subject: str, arrays: Mapping[str, Any], layout: str) -> Weights | None:
    """Hidden fully connected layers from `arrays`, checked as in `checked`; None if there are none."""
    shapes = CLASSIFIER_SHAPES[layout]
    return checked(subject, arrays, shapes) if set(shapes) & set(arrays) else None


def _arrays(path: Path, layout: str, shapes: Mapping[str, Shapes]) -> dict[str, Any]:
    """Arrays of AlexNet in a written file that `shapes` names for the layout."""
    record = recorded(path)
    if record.get("layout") != layout:
        raise WeightsError(
            f"{path}: layout {record.get('layout')!r}, expected {layout!r}; change cnn.layout or the weights"
        )
    try:
        with safe_open(path, framework="numpy") as stream:
            return {name: stream.get_tensor(name) for name in stream.keys() if name in shapes[layout]}
    except SafetensorError as error:
        raise WeightsError(f"{path}: unreadable ({error}); {GET_AGAIN}") from error


def recorded(path: Path) -> dict[str, Any]:
    """Record beside a written file, after checking the file's SHA-256 against it.

    Raises
    ------
    WeightsError
        If the file or its record is missing or altered.
    """
    record_path = path.with_suffix(".json")
    try:
        record: dict[str, Any] = json.loads(read_bytes(record_path, GET_AGAIN))
        expected = record["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{record_path}: not a record of weights ({error}); {GET_AGAIN}") from error
    try:
        actual = files.sha256(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); {GET_AGAIN}") from error
    _check_digest(str(path), actual, expected)
    return record
