"""Embeddings of faces by any network in an ONNX file; the configuration describes its input and output."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from onnx import TensorProto
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

from emotiw.core.errors import FeatureError, WeightsError

# exceptions of ONNX and ONNX Runtime, which have no common base
REFUSED = (
    *(RuntimeError, ValueError, DecodeError),
    *(runtime_errors.Fail, runtime_errors.InvalidArgument, runtime_errors.InvalidGraph),
    *(runtime_errors.InvalidProtobuf, runtime_errors.NotImplemented, runtime_errors.RuntimeException),
)
FLOAT = "tensor(float)"
CHANNELS = 3
QUIET = 4  # ONNX Runtime's log level; errors are raised anyway

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Network:
    """A loaded network.

    Attributes
    ----------
    subject : str
        File and its name in the configuration, for error messages.
    session : InferenceSession
        Runs it on one thread of the CPU.
    source, sink : str
        Names of its input and of the output that is the embedding.
    settings : mapping
        Its entry under `embeddings` in the configuration; see `config.yaml`.
    """

    subject: str
    session: Any
    source: str
    sink: str
    settings: Mapping[str, Any]


def read(path: Path, name: str, settings: Mapping[str, Any]) -> Network:
    """Read an ONNX file, and check its SHA-256 and that its input and output are as the configuration says.

    No other file is read: a model that keeps tensors in other files is refused, and libraries of custom operators are
    not loaded.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        Name of the embedding.
    settings : mapping
        Its entry in the configuration.

    Raises
    ------
    WeightsError
        If the file cannot be read, has another SHA-256, is no model of this machine's ONNX Runtime, or has another
        input or output than the configuration says.
    """
    subject = f"{path} (embeddings.{name})"
    data = _checked_bytes(path, subject, name, settings["sha256"])
    try:
        _refuse_other_files(subject, onnx.load_model_from_string(data))
        session = onnxruntime.InferenceSession(data, _options(), providers=["CPUExecutionProvider"])
    except REFUSED as error:
        raise WeightsError(
            f"{subject}: not a model that ONNX Runtime {onnxruntime.__version__} can run"
            f" ({' '.join(str(error).split())}); export it again, as one file of standard operators"
        ) from error
    source = _source(subject, session.get_inputs(), settings)
    return Network(subject, session, source, _sink(subject, session.get_outputs(), settings["output"]), settings)


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


def _checked_bytes(path: Path, subject: str, name: str, expected: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{subject}: cannot be read ({error.strerror}); correct embeddings.{name}.path in the configuration"
        ) from error
    digest = sha256(data).hexdigest()
    if digest != expected:
        raise WeightsError(
            f"{subject}: sha256 {digest}, expected {expected}; it is another file or was altered or cut short:"
            f" get it again, or correct embeddings.{name}.sha256 in the configuration"
        )
    return data


def _refuse_other_files(subject: str, model: Any) -> None:
    for tensor in _tensors(model):
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            place = {entry.key: entry.value for entry in tensor.external_data}.get("location", "another file")
            raise WeightsError(
                f"{subject}: keeps the tensor {tensor.name!r} in {place!r}; refused, because its checksum does not"
                " cover that file: save the model with all its tensors inside"
            )


def _tensors(message: Any) -> Iterator[Any]:
    """Every tensor of a model: in initialisers, attributes, subgraphs and functions."""
    if isinstance(message, TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for child in value if field.is_repeated else [value]:
                yield from _tensors(child)


def _options() -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = QUIET
    return options


def _source(subject: str, inputs: Sequence[Any], settings: Mapping[str, Any]) -> str:
    """Name of the only input, which takes batches of pictures of the configured size."""
    declared = ", ".join(f"{value.name}: {value.type} {_shape(value)}" for value in inputs)
    size = settings["size"]
    picture = [CHANNELS, size, size] if settings["layout"] == "nchw" else [size, size, CHANNELS]
    expected = [settings["batch_size"], *picture]
    fits = len(inputs) == 1 and inputs[0].type == FLOAT and len(inputs[0].shape) == len(expected)
    if not fits or any(n != m for n, m in zip(inputs[0].shape, expected, strict=True) if isinstance(n, int)):
        raise WeightsError(
            f"{subject}: takes {declared or 'nothing'}; expected one input {FLOAT} {expected}:"
            " correct its size, layout or batch_size, or export it again"
        )
    name: str = inputs[0].name
    return name


def _sink(subject: str, outputs: Sequence[Any], name: str | None) -> str:
    """Name of the configured output, or of the first."""
    output_of_name = {value.name: value for value in outputs}
    selected = next(iter(output_of_name), "") if name is None else name
    if selected not in output_of_name:
        known = ", ".join(output_of_name)
        raise WeightsError(f"{subject}: has no output {selected!r}; expected one of {known}: correct its output")
    if (kind := output_of_name[selected].type) != FLOAT:
        raise WeightsError(
            f"{subject}: its output {selected!r} is {kind}, expected {FLOAT}; choose another output or export it again"
        )
    return selected


def _shape(value: Any) -> list[Any]:
    return [axis if isinstance(axis, int) else str(axis or "?") for axis in value.shape]


def _batches(chips: npt.NDArray[np.uint8], batch_size: int) -> Iterator[npt.NDArray[np.uint8]]:
    for start in range(0, max(len(chips), 1), batch_size):
        rows = chips[start : start + batch_size]
        batch = np.zeros((batch_size, *chips.shape[1:]), np.uint8)
        batch[: len(rows)] = rows
        yield batch


def _run(batch: npt.NDArray[np.uint8], network: Network) -> Array:
    """Embedding of one batch, (batch_size, d)."""
    try:
        (output,) = network.session.run([network.sink], {network.source: prepared(batch, network.settings)})
    except REFUSED as error:
        raise FeatureError(
            f"{network.subject}: fails on a batch of {len(batch)} faces ({' '.join(str(error).split())});"
            " correct its settings, or export it again"
        ) from error
    pool = network.settings["pool"]
    kinds = (4,) if pool == "mean" else (2, 4)
    if output.ndim not in kinds or len(output) != len(batch):
        expected = f"({len(batch)}, d)" if pool == "none" else "a map, for pool is mean"
        raise FeatureError(
            f"{network.subject}: its output {network.sink!r} has the shape {output.shape}, expected {expected};"
            " choose another output or pool"
        )
    if pool == "mean":
        output = output.mean(axis=(2, 3) if network.settings["layout"] == "nchw" else (1, 2))
    embeddings: Array = output.reshape(len(batch), -1)
    return embeddings
