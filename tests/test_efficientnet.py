"""EfficientNet-Lite0's ONNX model against the same network written out in torch."""

import json
import runpy
from hashlib import sha256

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch.nn import functional

from emotiw.core.errors import WeightsError
from emotiw.corpora.manifest import Manifest
from emotiw.jobs import settings
from emotiw.jobs.identity import Stage
from emotiw.weights import efficientnet
from emotiw.workflow.plan import Plan


@pytest.fixture(scope="module")
def arrays():
    """Weights that keep the maps' size, with batch normalisation that does something."""
    rng = np.random.default_rng(0)
    found = {}
    for name, shape in efficientnet.shapes().items():
        spread = (2 / np.prod(shape[1:])) ** 0.5 if len(shape) > 1 else 0.1
        values = rng.normal(0, spread, shape)
        if name.endswith(("running_var", ".weight")) and len(shape) == 1:
            values = 1 + np.abs(values)
        found[name] = values.astype(np.float32)
    return found


@pytest.fixture(scope="module")
def data(arrays):
    return efficientnet.onnx_model("mine.pth", arrays)


class InTorch:
    """Tan and Le's network, layer by layer, with batch normalisation as such."""

    def __init__(self, arrays):
        self.arrays = {name: torch.from_numpy(values) for name, values in arrays.items()}

    def convolve(self, maps, convolution, normalisation, stride=1):
        weight = self.arrays[f"{convolution}.weight"]
        kernel, size = weight.shape[2], maps.shape[2]
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)  # TensorFlow's "same"
        maps = functional.pad(maps, (total // 2, total - total // 2) * 2)
        groups = maps.shape[1] // weight.shape[1]
        maps = functional.conv2d(maps, weight, stride=stride, groups=groups)
        names = ("running_mean", "running_var", "weight", "bias")
        return functional.batch_norm(maps, *(self.arrays[f"{normalisation}.{name}"] for name in names), eps=1e-3)

    def bottleneck(self, maps, name, expand, stride):
        entry = maps
        if expand:
            maps = functional.relu6(self.convolve(maps, f"{name}._expand_conv", f"{name}._bn0"))
        maps = functional.relu6(self.convolve(maps, f"{name}._depthwise_conv", f"{name}._bn1", stride))
        maps = self.convolve(maps, f"{name}._project_conv", f"{name}._bn2")
        return maps + entry if stride == 1 and maps.shape == entry.shape else maps

    def __call__(self, images):
        maps = functional.relu6(self.convolve(images, "_conv_stem", "_bn0", 2))
        strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
        for i, stride in enumerate(strides):
            maps = self.bottleneck(maps, f"_blocks.{i}", i > 0, stride)
        features = functional.relu6(self.convolve(maps, "_conv_head", "_bn1")).mean(dim=(2, 3))
        return features, functional.linear(features, self.arrays["_fc.weight"], self.arrays["_fc.bias"])


def test_the_model_equals_the_network_in_torch(arrays, data):
    images = np.random.default_rng(1).uniform(-1, 1, (2, 3, 224, 224)).astype(np.float32)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = InTorch(arrays)(torch.from_numpy(images))
    for found, values in zip(session.run(["features", "logits"], {"images": images}), expected, strict=True):
        assert np.abs(values.numpy()).max() > 0.1
        np.testing.assert_allclose(found, values.numpy(), atol=1e-4 * np.abs(values.numpy()).max())


def test_the_model_is_valid_and_the_same_twice(arrays, data):
    onnx.checker.check_model(data, full_check=True)
    assert efficientnet.onnx_model("mine.pth", dict(reversed(arrays.items()))) == data


def test_there_are_sixteen_blocks_and_4_6_million_weights():
    assert len(efficientnet.blocks()) == 18
    learnt = [shape for name, shape in efficientnet.shapes().items() if "running" not in name]
    assert sum(int(np.prod(shape)) for shape in learnt) == 4652008


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("_fc.bias"), "lacks _fc.bias; expected EfficientNet-Lite0"),
        (lambda a: a.update({"_bn1.bias": np.ones(1280)}), "_bn1.bias is float64 .*, expected float32"),
        (
            lambda a: a.update({"_bn1.bias": np.ones(3, np.float32)}),
            r"_bn1.bias .*\(3,\), expected float32 of \(1280,\)",
        ),
        (lambda a: a.update({"_bn1.bias": np.full(1280, np.inf, np.float32)}), "_bn1.bias holds NaN or infinity"),
    ],
    ids=["missing", "type", "shape", "not finite"],
)
def test_weights_of_another_architecture_or_type_are_refused(arrays, change, message):
    changed = dict(arrays)
    change(changed)
    with pytest.raises(WeightsError, match=rf"mine\.pth: {message}"):
        efficientnet.onnx_model("mine.pth", changed)


def test_the_program_writes_the_model_and_a_record(root, tmp_path, arrays, data):
    path, output, record = tmp_path / "mine.pth", tmp_path / "model.onnx", tmp_path / "model.json"
    torch.save({name: torch.from_numpy(values) for name, values in arrays.items()}, path)
    expected = sha256(path.read_bytes()).hexdigest()
    about = settings.load([])["weights"]["efficientnet_lite0"] | {"path": str(path)}
    stage = Stage(settings={"weights": {"efficientnet_lite0": about}}, sha256=expected)
    program = runpy.run_path(str(root / "workflow_scripts" / "efficientnet_lite0.py"))
    program["main"](["--output", str(output), "--record", str(record), "--stage", str(stage)])
    assert output.read_bytes() == data
    found = json.loads(record.read_text())
    assert found["source"] == {"file": "mine.pth", "sha256": expected}
    assert found["sha256"] == sha256(data).hexdigest()


def test_the_example_names_the_file_that_the_rule_writes(root):
    config = settings.load([root / "examples" / "embedding.yaml"])
    about = config["embeddings"]["efficientnet_lite0"]
    name = Plan(config, Manifest((), (), "csv")).weights("efficientnet_lite0")
    assert about["path"] == f"results/weights/{name}.onnx"
    assert about["size"] == efficientnet.SIZE
