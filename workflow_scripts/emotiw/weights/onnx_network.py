"""Networks in ONNX files: one file of known SHA-256, opened by ONNX Runtime on one thread of the CPU or on a GPU."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper

from emotiw.core import agreement
from emotiw.core.errors import FeatureError, WeightsError

FLOAT = "tensor(float)"
QUIET = 4  # ONNX Runtime's log level; errors are raised anyway
CPU, GPU = "CPUExecutionProvider", "CUDAExecutionProvider"
# full precision, and convolutions by an algorithm that is not chosen by measuring times
EXACT = {"use_tf32": "0", "cudnn_conv_algo_search": "DEFAULT"}


class Model:
    """A model that ONNX Runtime has opened.

    Parameters
    ----------
    subject : str
        File and its name in the configuration, for error messages.
    session : InferenceSession
        Runs it.
    reference : InferenceSession or None
        Runs it on the CPU; the first output of a session on a GPU is compared with it.
    """

    def __init__(self, subject: str, session: Any, reference: Any = None) -> None:
        self.subject, self.session, self.reference = subject, session, reference

    @property
    def inputs(self) -> Sequence[Any]:
        """Declared inputs: name, type and shape of each."""
        inputs: Sequence[Any] = self.session.get_inputs()
        return inputs

    def sink(self, name: str | None) -> str:
        """Name of the configured output, or of the first.

        Raises
        ------
        WeightsError
            If there is no such output, or it is not of 32-bit floating-point numbers.
        """
        output_of_name = {value.name: value for value in self.session.get_outputs()}
        selected = next(iter(output_of_name), "") if name is None else name
        if selected not in output_of_name:
            known = ", ".join(output_of_name)
            raise WeightsError(
                f"{self.subject}: has no output {selected!r}; expected one of {known}: correct its output"
            )
        if (kind := output_of_name[selected].type) != FLOAT:
            raise WeightsError(
                f"{self.subject}: its output {selected!r} is {kind}, expected {FLOAT};"
                " choose another output or export it again"
            )
        return selected

    def run(self, sink: str, feeds: Mapping[str, npt.NDArray[Any]], what: str) -> npt.NDArray[Any]:
        """Compute an output.

        Parameters
        ----------
        sink : str
            Name of the output.
        feeds : mapping of str to ndarray
            Inputs by name.
        what : str
            What is given to the network, for error messages.

        Raises
        ------
        FeatureError
            If the network fails, or if the first output of a GPU differs from the CPU's.
        """
        output = self._run(self.session, sink, feeds, what)
        if self.reference is not None:
            agreement.check(self.subject, output, self._run(self.reference, sink, feeds, what), GPU)
            self.reference = None
        return output

    def _run(self, session: Any, sink: str, feeds: Mapping[str, npt.NDArray[Any]], what: str) -> npt.NDArray[Any]:
        try:
            (output,) = session.run([sink], dict(feeds))
        except _refused() as error:
            raise FeatureError(
                f"{self.subject}: fails on {what} ({' '.join(str(error).split())});"
                " correct its settings, or export it again"
            ) from error
        result: npt.NDArray[Any] = output
        return result


def read(path: Path, key: str, expected: str, *, gpu: bool = False) -> Model:
    """Read an ONNX file and check its SHA-256.

    No other file is read: a model that keeps tensors in other files is refused, and libraries of custom operators are
    not loaded.

    Parameters
    ----------
    path : Path
        The file.
    key : str
        Key of the network in the configuration, such as `embeddings.my_network`.
    expected : str
        SHA-256 of the file.
    gpu : bool
        Whether to use a GPU where ONNX Runtime has one (`device`).

    Raises
    ------
    WeightsError
        If the file cannot be read, has another SHA-256, or is no model of this machine's ONNX Runtime.
    """
    subject = f"{path} ({key})"
    data = _checked_bytes(path, subject, key, expected)
    try:
        _refuse_other_files(subject, onnx.load_model_from_string(data))
        reference = _session(data, [CPU])
        if device(gpu=gpu) == "cpu":
            return Model(subject, reference)
        return Model(subject, _session(data, [(GPU, EXACT), CPU]), reference)
    except _refused() as error:
        raise WeightsError(
            f"{subject}: not a model that ONNX Runtime {_runtime().__version__} can run"
            f" ({' '.join(str(error).split())}); export it again, as one file of standard operators"
        ) from error


def device(*, gpu: bool) -> str:
    """Where ONNX Runtime computes: `cpu`, or its provider for NVIDIA's GPUs if `gpu` and it works on this machine."""
    return GPU if gpu and _gpu_works() else "cpu"


def shape(value: Any) -> list[Any]:
    """Return the declared shape of an input or output: a number or a name for each axis."""
    return [axis if isinstance(axis, int) else str(axis or "?") for axis in value.shape]


def declared(inputs: Sequence[Any]) -> str:
    """Describe inputs, for error messages: name, type and shape of each."""
    return ", ".join(f"{value.name}: {value.type} {shape(value)}" for value in inputs) or "nothing"


def _runtime() -> Any:
    """ONNX Runtime, imported at its first use, because its import starts a thread and programs are forked before."""
    import onnxruntime  # noqa: PLC0415

    return onnxruntime


@cache
def _refused() -> tuple[type[Exception], ...]:
    """Exceptions of ONNX and ONNX Runtime for a file or an input; they have no common base."""
    _runtime()
    from onnxruntime.capi import onnxruntime_pybind11_state as errors  # noqa: PLC0415

    return (
        *(RuntimeError, ValueError, DecodeError),
        *(errors.Fail, errors.InvalidArgument, errors.InvalidGraph),
        *(errors.InvalidProtobuf, errors.NotImplemented, errors.RuntimeException),
    )


@cache
def _gpu_works() -> bool:
    """Whether a session really gets the GPU's provider; a build for GPUs falls back to the CPU where there is none."""
    if GPU not in _runtime().get_available_providers():
        return False
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return GPU in _session(model.SerializeToString(), [(GPU, EXACT), CPU]).get_providers()


def _session(data: bytes, providers: Sequence[Any]) -> Any:
    options = _runtime().SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = QUIET
    return _runtime().InferenceSession(data, options, providers=list(providers))


def _checked_bytes(path: Path, subject: str, key: str, expected: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{subject}: cannot be read ({error.strerror}); correct {key}.path in the configuration"
        ) from error
    digest = sha256(data).hexdigest()
    if digest != expected:
        raise WeightsError(
            f"{subject}: sha256 {digest}, expected {expected}; it is another file or was altered or cut short:"
            f" get it again, or correct {key}.sha256 in the configuration"
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
