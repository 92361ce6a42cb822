"""Embeddings of faces by any network in an ONNX file; the configuration describes its input and output."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError, WeightsError
from emotiw.weights import onnx_network
from emotiw.weights.onnx_network import FLOAT, Model

CHANNELS = 3

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Network:
    """A loaded network.

    Attributes
    ----------
    model : Model
        Runs it.
    source, sink : str
        Names of its input and of the output that is the embedding.
    settings : mapping
        Its entry under `embeddings` in the configuration; see `config.yaml`.
    """

    model: Model
    source: str
    sink: str
    settings: Mapping[str, Any]


def read(path: Path, name: str, settings: Mapping[str, Any], *, gpu: bool = False) -> Network:
    """Read an ONNX file, and check its SHA-256 and that its input and output are as the configuration says.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        Name of the embedding.
    settings : mapping
        Its entry in the configuration.
    gpu : bool
        Whether to use a GPU where ONNX Runtime has one.

    Raises
    ------
    WeightsError
        As in `onnx_network.read`, or if its input or output is not as the configuration says.
    """
    model = onnx_network.read(path, f"embeddings.{name}", settings["sha256"], gpu=gpu)
    source = _source(model.subject, model.inputs, settings)
    return Network(model, source, model.sink(settings["output"]), settings)


def embed(chips: npt.NDArray[np.uint8], network: Network) -> Array:
    """Embedding of every face.

    Every batch has `batch_size` faces, the last one filled up with black ones, because the composition of a batch
    changes results in their last digits.

    Parameters
    ----------
    chips : ndarray, shape (n, height, width, 3)
        RGB faces.
    network : Network
        From `read`.

    Returns
    -------
    ndarray, shape (n, d)
        A map, (rows, columns, channels) in the network's order, is flattened, or averaged where `pool` is `mean`.

    Raises
    ------
    FeatureError
        If `chips` are not 8-bit RGB pictures, or the network fails on them, or its output has an unexpected shape.
    """
    if chips.dtype != np.uint8 or chips.ndim != 4 or chips.shape[3] != CHANNELS:
        raise FeatureError(
            f"faces are {chips.dtype} of shape {chips.shape}; expected uint8 of shape (n, height, width, 3)"
        )
    embeddings = [_run(batch, network) for batch in _batches(chips, network.settings["batch_size"])]
    return np.concatenate(embeddings)[: len(chips)]


def prepared(chips: npt.NDArray[np.uint8], settings: Mapping[str, Any]) -> Array:
    """Input of the network: faces scaled to its size, with its order of colours, normalised, with its order of axes.

    Parameters
    ----------
    chips : ndarray, shape (n, height, width, 3)
        RGB faces.
    settings : mapping
        `size`, `colours`, `scale`, `mean`, `std` and `layout`.

    Returns
    -------
    ndarray, shape (n, 3, size, size) or (n, size, size, 3)
    """
    size = settings["size"]
    colours = chips if settings["colours"] == "rgb" else chips[..., ::-1]
    images = colours.transpose(0, 3, 1, 2).astype(np.float32)  # (n, 3, height, width)
    rows, columns = _interpolation(images.shape[2], size), _interpolation(images.shape[3], size)
    scaled = rows @ images @ columns.T * np.float32(settings["scale"] / 255)
    mean, std = (np.array(settings[name], np.float32)[:, None, None] for name in ("mean", "std"))
    normal = ((scaled - mean) / std).astype(np.float32, copy=False)
    return np.ascontiguousarray(normal if settings["layout"] == "nchw" else normal.transpose(0, 2, 3, 1))


@cache
def _interpolation(old: int, new: int) -> Array:
    """Matrix (new, old) of bilinear interpolation from `old` to `new` samples, with a low-pass filter if it reduces."""
    ratio = old / new
    centres = (np.arange(new)[:, None] + 0.5) * ratio
    distances = np.abs(np.arange(old) + 0.5 - centres) / max(ratio, 1)
    weights = np.maximum(1 - distances, 0)
    normal: Array = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normal


def _source(subject: str, inputs: Sequence[Any], settings: Mapping[str, Any]) -> str:
    """Name of the only input, which takes batches of pictures of the configured size."""
    size = settings["size"]
    picture = [CHANNELS, size, size] if settings["layout"] == "nchw" else [size, size, CHANNELS]
    expected = [settings["batch_size"], *picture]
    fits = len(inputs) == 1 and inputs[0].type == FLOAT and len(inputs[0].shape) == len(expected)
    if not fits or any(n != m for n, m in zip(inputs[0].shape, expected, strict=True) if isinstance(n, int)):
        raise WeightsError(
            f"{subject}: takes {onnx_network.declared(inputs)}; expected one input {FLOAT} {expected}:"
            " correct its size, layout or batch_size, or export it again"
        )
    name: str = inputs[0].name
    return name


def _batches(chips: npt.NDArray[np.uint8], batch_size: int) -> Iterator[npt.NDArray[np.uint8]]:
    for start in range(0, max(len(chips), 1), batch_size):
        rows = chips[start : start + batch_size]
        batch = np.zeros((batch_size, *chips.shape[1:]), np.uint8)
        batch[: len(rows)] = rows
        yield batch


def _run(batch: npt.NDArray[np.uint8], network: Network) -> Array:
    """Embedding of one batch, (batch_size, d)."""
    feeds = {network.source: prepared(batch, network.settings)}
    output = network.model.run(network.sink, feeds, f"a batch of {len(batch)} faces")
    pool = network.settings["pool"]
    kinds = (4,) if pool == "mean" else (2, 4)
    if output.ndim not in kinds or len(output) != len(batch):
        expected = f"({len(batch)}, d)" if pool == "none" else "a map, for pool is mean"
        raise FeatureError(
            f"{network.model.subject}: its output {network.sink!r} has the shape {output.shape}, expected {expected};"
            " choose another output or pool"
        )
    if pool == "mean":
        output = output.mean(axis=(2, 3) if network.settings["layout"] == "nchw" else (1, 2))
    embeddings: Array = output.reshape(len(batch), -1)
    return embeddings
