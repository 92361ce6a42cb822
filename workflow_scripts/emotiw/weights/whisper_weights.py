"""Weights of the encoder of Whisper-base: converted from published files, and read again.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", arXiv:2212.04356, 2022. The arrays have
the names that the package `transformers` gives them, without `model.encoder.`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from emotiw.core.errors import WeightsError
from emotiw.weights import ctranslate2_format
from emotiw.weights.loading import GET_AGAIN, Shapes, Weights, recorded

NAME = "Whisper-base, encoder"
LICENCE = "MIT (OpenAI's Whisper)"
WIDTH, HIDDEN, HEADS, LAYERS, POSITIONS, MELS = 512, 2048, 8, 6, 1500, 80
PREFIXES = ("model.encoder.", "encoder.")  # of transformers' models with a head, and without
# parts of a layer, here and in CTranslate2
NORMS = {"self_attn_layer_norm": "self_attention/layer_norm", "final_layer_norm": "ffn/layer_norm"}
LINEAR = {"self_attn.out_proj": "self_attention/linear_1", "fc1": "ffn/linear_0", "fc2": "ffn/linear_1"}

Arrays = Mapping[str, npt.NDArray[Any]]


def shapes() -> dict[str, tuple[int, ...]]:
    """Shape of each array of the encoder, by name."""
    shape_of: dict[str, tuple[int, ...]] = {
        **_weight_and_bias("conv1", WIDTH, MELS, 3),
        **_weight_and_bias("conv2", WIDTH, WIDTH, 3),
        "embed_positions.weight": (POSITIONS, WIDTH),
    }
    for layer in (f"layers.{number}" for number in range(LAYERS)):
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shape_of |= _weight_and_bias(f"{layer}.self_attn.{name}", WIDTH, WIDTH)
        del shape_of[f"{layer}.self_attn.k_proj.bias"]
        for name in NORMS:
            shape_of |= _weight_and_bias(f"{layer}.{name}", WIDTH)
        shape_of |= _weight_and_bias(f"{layer}.fc1", HIDDEN, WIDTH) | _weight_and_bias(f"{layer}.fc2", WIDTH, HIDDEN)
    return shape_of | _weight_and_bias("layer_norm", WIDTH)


def from_file(subject: str, data: bytes) -> dict[str, npt.NDArray[Any]]:
    """Arrays of the encoder, float16 or float32 as published, of a file of the whole model.

    Parameters
    ----------
    subject : str
        Name of the file: `.safetensors` is read as the package `transformers` writes it, any other as CTranslate2's.
    data : bytes
        Its content.

    Raises
    ------
    WeightsError
        If the file is damaged, or is not Whisper-base.
    """
    if PurePosixPath(subject).suffix == ".safetensors":
        return checked(subject, _from_transformers(subject, data))
    return checked(subject, _from_ctranslate2(subject, ctranslate2_format.read(subject, data, kind="WhisperSpec")))


def load(path: Path) -> Weights:
    """Read the encoder's arrays, as float32, of a file that the workflow has written.

    Raises
    ------
    WeightsError
        If the file or its record is missing or altered, or the file holds something else.
    """
    recorded(path)
    return read(path)


def read(path: Path) -> Weights:
    """Read the arrays as `load` does, of a file whose hash has been checked."""
    try:
        with safe_open(path, framework="numpy") as stream:
            arrays = {name: stream.get_tensor(name) for name in stream.keys()}
    except SafetensorError as error:
        raise WeightsError(f"{path}: unreadable ({error}); {GET_AGAIN}") from error
    return {name: values.astype(np.float32) for name, values in checked(str(path), arrays).items()}


def _weight_and_bias(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def _from_transformers(subject: str, data: bytes) -> Arrays:
    try:
        arrays = safetensors.numpy.load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:  # KeyError: a type that NumPy lacks
        raise WeightsError(f"{subject}: unreadable ({type(error).__name__}: {error}); {GET_AGAIN}") from error
    prefix = next((prefix for prefix in PREFIXES if any(name.startswith(prefix) for name in arrays)), "")
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}


def _from_ctranslate2(subject: str, tensors: Arrays) -> Arrays:
    """Arrays with this project's names; what is not of the encoder is left out."""
    given = {name.removeprefix("encoder/"): values for name, values in tensors.items() if name.startswith("encoder/")}
    heads = given.pop("num_heads", np.zeros(()))
    if heads.shape or heads != HEADS:
        raise WeightsError(f"{subject}: num_heads is {heads}, expected {HEADS}; name Whisper-base")
    names = dict(_names_in_ctranslate2())
    arrays = {name: given[other] for name, other in names.items() if other in given}
    for number in range(LAYERS):
        arrays |= _projections(subject, given, number)
    used = {*names.values(), *(f"layer_{n}/self_attention/linear_0/{kind}" for n in range(LAYERS) for kind in KINDS)}
    return arrays | {name: values for name, values in given.items() if name not in used}


KINDS = ("weight", "bias")


def _names_in_ctranslate2() -> Iterator[tuple[str, str]]:
    """Name of an array here, and below `encoder/` in CTranslate2; without those of queries, keys and values."""
    yield "embed_positions.weight", "position_encodings/encodings"
    for name in ("conv1", "conv2"):
        yield from ((f"{name}.{kind}", f"{name}/{kind}") for kind in KINDS)
    norms = {"layer_norm": "layer_norm"}
    for number in range(LAYERS):
        norms |= {f"layers.{number}.{name}": f"layer_{number}/{other}" for name, other in NORMS.items()}
        for name, other in LINEAR.items():
            yield from ((f"layers.{number}.{name}.{kind}", f"layer_{number}/{other}/{kind}") for kind in KINDS)
    for name, other in norms.items():
        yield f"{name}.weight", f"{other}/gamma"
        yield f"{name}.bias", f"{other}/beta"


def _projections(subject: str, given: Arrays, number: int) -> dict[str, npt.NDArray[Any]]:
    """Projections to queries, keys and values, which CTranslate2 keeps as one; the bias of the keys is zero."""
    arrays = {}
    for kind in KINDS:
        name = f"layer_{number}/self_attention/linear_0/{kind}"
        joined = given.get(name, np.zeros(0))
        if len(joined.shape) == 0 or len(joined) != 3 * WIDTH:
            raise WeightsError(f"{subject}: {name} is of shape {joined.shape}, expected {3 * WIDTH} rows; {GET_AGAIN}")
        for projection, values in zip(("q_proj", "k_proj", "v_proj"), np.split(joined, 3), strict=True):
            arrays[f"layers.{number}.self_attn.{projection}.{kind}"] = values
    if arrays.pop(f"layers.{number}.self_attn.k_proj.bias").any():
        raise WeightsError(f"{subject}: the keys of layer {number} have a bias, expected none; name Whisper-base")
    return arrays


def checked(subject: str, arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
    """Arrays of an encoder in the order of `shapes`, contiguous.

    Parameters
    ----------
    subject : str
        Name of the weights' file, for error messages.
    arrays : mapping of str to ndarray
        Content of the file.

    Raises
    ------
    WeightsError
        On a wrong name, type, shape or value.
    """
    expected: Shapes = shapes()
    if wrong := sorted(set(expected) ^ set(arrays)):
        raise WeightsError(f"{subject}: lacks or adds {', '.join(wrong[:3])}; expected {NAME}; name such a file")
    for name, shape in expected.items():
        values = arrays[name]
        if values.dtype not in (np.float16, np.float32) or values.shape != shape:
            found = f"{name} is {values.dtype} of shape {values.shape}"
            raise WeightsError(f"{subject}: {found}, expected float16 or float32 of {shape}; name Whisper-base")
        if not np.isfinite(values).all():
            raise WeightsError(f"{subject}: {name} holds NaN or infinity; {GET_AGAIN}")
    return {name: np.ascontiguousarray(arrays[name]) for name in expected}
