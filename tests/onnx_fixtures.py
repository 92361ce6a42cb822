"""Tiny ONNX networks, made here."""

from hashlib import sha256

from onnx import TensorProto, helper

FLOAT = TensorProto.FLOAT
SIZE = 16


def model(nodes, inputs, outputs, tensors=(), domains=("",)):
    """Bytes of a model; inputs and outputs are (name, type, shape)."""
    values = [[helper.make_tensor_value_info(*value) for value in side] for side in (inputs, outputs)]
    graph = helper.make_graph(nodes, "g", *values, list(tensors))
    operators = [helper.make_opsetid(name, 17 if not name else 1) for name in domains]
    return helper.make_model(graph, opset_imports=operators, ir_version=8).SerializeToString()


def averages(*, batch="batch", layout="nchw", kind=FLOAT):
    """A network whose `features` are each channel's mean, (batch, 3), and whose `maps` are 2 x 2 means of quarters."""
    half = SIZE // 2
    shape = [batch, 3, SIZE, SIZE] if layout == "nchw" else [batch, SIZE, SIZE, 3]
    perm = [0, 1, 2, 3] if layout == "nchw" else [0, 3, 1, 2]
    back = [0, 1, 2, 3] if layout == "nchw" else [0, 2, 3, 1]
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=FLOAT),
        helper.make_node("Transpose", ["floats"], ["first"], perm=perm),
        helper.make_node("GlobalAveragePool", ["first"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("AveragePool", ["first"], ["quarters"], kernel_shape=[half, half], strides=[half, half]),
        helper.make_node("Transpose", ["quarters"], ["maps"], perm=back),
        helper.make_node("Cast", ["features"], ["integers"], to=TensorProto.INT64),
        helper.make_node("Squeeze", ["pooled", "last"], ["columns"]),
        helper.make_node("Concat", ["features", "features"], ["twice"], axis=0),
    ]
    last = helper.make_tensor("last", TensorProto.INT64, [1], [3])
    outputs = [("features", FLOAT, [batch, 3]), ("maps", FLOAT, None), ("integers", TensorProto.INT64, None)]
    outputs += [("columns", FLOAT, None), ("twice", FLOAT, None)]
    return model(nodes, [("images", kind, shape)], outputs, [last])


def settings(data, **changed):
    """Configuration of an embedding by the network `data`."""
    return {
        "path": "tiny.onnx",
        "sha256": sha256(data).hexdigest(),
        "size": SIZE,
        "layout": "nchw",
        "colours": "rgb",
        "scale": 1,
        "mean": [0.5, 0.25, 0.0],
        "std": [0.5, 1.0, 2.0],
        "output": None,
        "pool": "none",
        "batch_size": 4,
    } | changed
