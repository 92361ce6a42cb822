"""Tiny ONNX networks of sound, made here."""

from hashlib import sha256

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from onnx_fixtures import FLOAT, model

KERNEL, STRIDE = 400, 320  # of the network on the waveform, as in wav2vec 2.0 and HuBERT


def strided(*, length="t", layout="nt"):
    """A network whose vectors are (mean, first sample) of windows of 400 samples, one each 320 samples.

    Outputs: `ntd`, `ndt`, `td`, `dt`; `nd` and `d`, the means over time; `roots`, not numbers where a sample is
    negative; `integers`.
    """
    kernel = np.zeros((2, 1, KERNEL), np.float32)
    kernel[0], kernel[1, 0, 0] = 1 / KERNEL, 1
    tensors = [numpy_helper.from_array(kernel, "kernel")]
    tensors += [
        numpy_helper.from_array(np.array(values, np.int64), name)
        for name, values in {"three": [1, 1, -1], "first": [0]}.items()
    ]
    nodes = [
        helper.make_node("Reshape", ["sound", "three"], ["samples"]),
        helper.make_node("Conv", ["samples", "kernel"], ["ndt"], strides=[STRIDE]),
        helper.make_node("Transpose", ["ndt"], ["ntd"], perm=[0, 2, 1]),
        helper.make_node("Squeeze", ["ntd", "first"], ["td"]),
        helper.make_node("Squeeze", ["ndt", "first"], ["dt"]),
        helper.make_node("ReduceMean", ["ndt"], ["nd"], axes=[2], keepdims=0),
        helper.make_node("Squeeze", ["nd", "first"], ["d"]),
        helper.make_node("Sqrt", ["ntd"], ["roots"]),
        helper.make_node("Cast", ["ntd"], ["integers"], to=TensorProto.INT64),
    ]
    size = {"n": 1, "c": 1, "t": length}
    outputs = [(name, FLOAT, None) for name in ("ntd", "ndt", "td", "dt", "nd", "d", "roots")]
    return model(
        nodes,
        [("sound", FLOAT, [size[axis] for axis in layout])],
        [*outputs, ("integers", TensorProto.INT64, None)],
        tensors,
    )


def identity(layout, bands=80, columns="t"):
    """A network that gives its spectrogram back as (1, d, t), whatever the order of its input's axes."""
    size = {"n": 1, "c": 1, "f": bands, "t": columns}
    turned = [axis for axis in layout if axis in "ft"] == ["t", "f"]
    shape = numpy_helper.from_array(np.array([1, -1, bands] if turned else [1, bands, -1], np.int64), "shape")
    nodes = [helper.make_node("Reshape", ["spectrogram", "shape"], ["same"])]
    perm = [0, 2, 1] if turned else [0, 1, 2]
    nodes.append(helper.make_node("Transpose", ["same"], ["ndt"], perm=perm))
    return model(nodes, [("spectrogram", FLOAT, [size[axis] for axis in layout])], [("ndt", FLOAT, None)], [shape])


def masked(mask=TensorProto.INT64, length=TensorProto.INT64):
    """A network with a mask and a length: `nd` is the sum of the mask, the length, and the sum of the sound."""
    one = numpy_helper.from_array(np.array([1, 1], np.int64), "square")
    nodes = [
        helper.make_node("Cast", ["mask"], ["ones"], to=FLOAT),
        helper.make_node("ReduceSum", ["ones"], ["sum"], keepdims=1),
        helper.make_node("Cast", ["length"], ["count"], to=FLOAT),
        helper.make_node("Reshape", ["count", "square"], ["counted"]),
        helper.make_node("ReduceSum", ["sound"], ["total"], keepdims=1),
        helper.make_node("Concat", ["sum", "counted", "total"], ["nd"], axis=1),
    ]
    inputs = [("sound", FLOAT, [1, "t"]), ("mask", mask, [1, "t"]), ("length", length, [1])]
    return model(nodes, inputs, [("nd", FLOAT, None)], [one])


def settings(data, **changed):
    """Configuration of the network `data` on the waveform."""
    return {
        "path": "tiny.onnx",
        "sha256": sha256(data).hexdigest(),
        "input": "waveform",
        "log_mel": None,
        "normalise": "none",
        "layout": "nt",
        "mask": None,
        "length": None,
        "piece_s": 30.0,
        "padded": False,
        "shortest_s": 0.025,
        "output": "ntd",
        "level": "frame",
        "output_layout": "ntd",
        "step_s": 0.02,
        "frame_length_s": None,
        "storage": "float32",
    } | changed


MEL = {"input": "log_mel", "log_mel": "whisper", "layout": "nft", "output": "ndt", "output_layout": "ndt"}
MEL |= {"step_s": 0.01, "shortest_s": 0.01}
CLIP = {"level": "clip", "output": "nd", "output_layout": "nd", "step_s": None}
