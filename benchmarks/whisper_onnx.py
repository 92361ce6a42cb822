"""Export a layer of Whisper's encoder as an ONNX file, as an example of a network for `sound_embeddings`.

Run: python benchmarks/whisper_onnx.py WEIGHTS OUTPUT [LAYER]; WEIGHTS is the .safetensors file that the rule
whisper_base writes, LAYER is 0 to 6 (default 3). Prints the SHA-256 of the file. The graph is written operator by
operator, without PyTorch, so that its features test the encoder of emotiw/audio/whisper.py.

The input `spectrogram` is Whisper's log-mel spectrogram, (1, 80, 2 n), of at most 30 s. The output `layer_<LAYER>` is
(1, n, 512), a vector each 20 ms. Files of the same weights are equal.
"""

import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 17, 8
HEADS = 8


class Graph:
    """Nodes and tensors of a model; every method adds some and returns the name of their output."""

    def __init__(self, arrays, heads):
        self.arrays, self.heads, self.nodes, self.tensors = arrays, heads, [], {}

    def node(self, kind, *inputs, **attributes):
        """Add an operator with one output."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, name, values):
        """Add a tensor."""
        self.tensors[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def weight(self, name, transposed=False):
        """Add weights by their name, in 32 bits."""
        values = self.arrays[name].astype(np.float32)
        return self.constant(f"{name}.T" if transposed else name, values.T if transposed else values)

    def linear(self, name, x):
        """Add x W' + b; b is optional."""
        product = self.node("MatMul", x, self.weight(f"{name}.weight", transposed=True))
        bias = f"{name}.bias"
        return self.node("Add", product, self.weight(bias)) if bias in self.arrays else product

    def gelu(self, x):
        """Add x (1 + erf(x / sqrt 2)) / 2."""
        erf = self.node("Erf", self.node("Mul", x, self.constant("sqrt_half", np.float32(np.sqrt(0.5)))))
        half = self.node("Mul", x, self.constant("half", np.float32(0.5)))
        return self.node("Mul", half, self.node("Add", erf, self.constant("one", np.float32(1))))

    def norm(self, name, x):
        """Add a layer normalisation."""
        weights = [self.weight(f"{name}.{kind}") for kind in ("weight", "bias")]
        return self.node("LayerNormalization", x, *weights, axis=-1, epsilon=1e-5)

    def attention(self, name, x):
        """Add self-attention with several heads."""
        width = len(self.arrays[f"{name}.q_proj.bias"])
        split = self.constant("heads", np.array([0, 0, self.heads, width // self.heads], np.int64))
        joined = self.constant("joined", np.array([0, 0, width], np.int64))
        scale = self.constant("scale", np.float32((width // self.heads) ** -0.5))
        queries, keys, values = (
            self.node("Reshape", self.linear(f"{name}.{kind}_proj", x), split) for kind in ("q", "k", "v")
        )
        queries, values = (self.node("Transpose", part, perm=[0, 2, 1, 3]) for part in (queries, values))
        keys = self.node("Transpose", keys, perm=[0, 2, 3, 1])
        weights = self.node("Softmax", self.node("Mul", self.node("MatMul", queries, keys), scale), axis=-1)
        heads = self.node("Transpose", self.node("MatMul", weights, values), perm=[0, 2, 1, 3])
        return self.linear(f"{name}.out_proj", self.node("Reshape", heads, joined))

    def layer(self, name, x):
        """Add a layer of the transformer."""
        x = self.node("Add", x, self.attention(f"{name}.self_attn", self.norm(f"{name}.self_attn_layer_norm", x)))
        hidden = self.gelu(self.linear(f"{name}.fc1", self.norm(f"{name}.final_layer_norm", x)))
        return self.node("Add", x, self.linear(f"{name}.fc2", hidden))

    def entry(self, spectrogram):
        """Add the convolutions and the positions."""
        maps = spectrogram
        for number, stride in ((1, 1), (2, 2)):
            weights = [self.weight(f"conv{number}.{kind}") for kind in ("weight", "bias")]
            maps = self.gelu(self.node("Conv", maps, *weights, kernel_shape=[3], pads=[1, 1], strides=[stride]))
        x = self.node("Transpose", maps, perm=[0, 2, 1])
        numbers = {name: self.constant(f"number_{name}", np.array([n], np.int64)) for name, n in (("0", 0), ("1", 1))}
        length = self.node("Gather", self.node("Shape", x), numbers["1"])
        positions = self.weight("embed_positions.weight")
        return self.node("Add", x, self.node("Slice", positions, numbers["0"], length, numbers["0"]))


def encoder(arrays, layer, heads=HEADS):
    """Bytes of the model that ends with a layer of the encoder.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Weights as in `emotiw.audio.whisper.shapes`.
    layer : int
        0: what enters the first layer; the last layer is followed by the last normalisation.
    heads : int
        Heads of the attention.
    """
    graph = Graph(arrays, heads)
    x = graph.entry("spectrogram")
    for number in range(layer):
        x = graph.layer(f"layers.{number}", x)
    if f"layers.{layer}.fc1.weight" not in arrays:
        x = graph.norm("layer_norm", x)
    output = f"layer_{layer}"
    graph.nodes.append(helper.make_node("Identity", [x], [output]))
    bands, width = arrays["conv1.weight"].shape[1], len(arrays["conv1.bias"])
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
        for name, shape in (("spectrogram", [1, bands, "columns"]), (output, [1, "frames", width]))
    ]
    made = helper.make_graph(graph.nodes, "whisper_encoder", *ends, list(graph.tensors.values()))
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return model.SerializeToString(deterministic=True)


def main():
    """Write the file and print its hash."""
    from emotiw.weights import whisper_weights  # noqa: PLC0415 - tests use `encoder` with arrays of their own

    weights, output = map(Path, sys.argv[1:3])
    data = encoder(whisper_weights.load(weights), int(sys.argv[3]) if len(sys.argv) > 3 else 3)
    output.write_bytes(data)
    print(sha256(data).hexdigest())


if __name__ == "__main__":
    main()
