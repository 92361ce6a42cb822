"""Faces per second of AlexNet's pool5 on one thread: torch, channels_last, `winograd`, ONNX Runtime, in turn.

Run: python benchmarks/cnn.py [repeats]; random weights and faces. Prints CPU milliseconds per face (median), faces
per CPU second, the speed as a multiple of torch's default order of axes, and the largest difference from double
precision as a share of the largest value; then the same for ways to normalise and to scale the faces and, for each way
to run the network, whether a face's features depend on the other faces of its batch; last, for each convolution and
side of the tiles of `winograd`. bfloat16 is left out where the processor does not compute it.
"""

import copy
import io
import sys
import time
import warnings
from unittest import mock

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.nn.functional import interpolate

from emotiw.jobs import devices
from emotiw.video import alexnet, winograd
from emotiw.weights.loading import ALEXNET_SHAPES

CROP, CHIP = 227, 128


class TorchNorm(nn.LocalResponseNorm):
    """torch's own normalisation with AlexNet's constants."""

    def __init__(self):
        super().__init__(5)


class BandNorm(nn.Module):
    """The sum over neighbouring channels as a convolution by a banded matrix."""

    def forward(self, maps):
        """Normalise (batch, channels, height, width)."""
        channels = torch.arange(maps.shape[1])
        band = ((channels[:, None] - channels).abs() <= 2).to(maps.dtype)[:, :, None, None] * (1e-4 / 5)
        scale = nn.functional.conv2d(maps * maps, band, torch.ones(len(channels), dtype=maps.dtype))
        return scale.pow_(-0.75).mul_(maps)


def network(layout, norm=None):
    """AlexNet with random weights of a size that keeps values in range."""
    rng = np.random.default_rng(0)
    arrays = {
        name: rng.normal(0, 1 / np.sqrt(np.prod(shape[1:]) or 1), shape).astype(np.float32)
        for name, shape in ALEXNET_SHAPES[layout].items()
    }
    model = alexnet.alexnet(arrays, layout=layout)
    if norm is not None:
        model.norm = norm
    return model


def contiguous(model):
    """Run the network with torch's default order of axes."""
    model = model.to(memory_format=torch.contiguous_format)
    return lambda images: model(images.contiguous())


def onnx(model, batch_size):
    """Run the network by ONNX Runtime on one thread."""
    file = io.BytesIO()
    images = torch.zeros(batch_size, 3, CROP, CROP)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (images,), file, dynamo=False, opset_version=17, input_names=["images"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(session.run(None, {"images": images.contiguous().numpy()})[0])


def ways(layout, batch_size):
    """Every way to run a layout, by name."""
    runs = {
        "torch": contiguous(network(layout)),
        "channels_last": network(layout),
        "fewer multiplications": alexnet.on_device(network(layout), devices.CPU),
        "ONNX Runtime": onnx(network(layout), batch_size),
    }
    if torch.cpu._is_avx512_bf16_supported():
        runs["bfloat16"] = alexnet.on_device(network(layout), devices.CPU, "bfloat16")
    if layout != "torchvision":
        runs |= {
            "torch, LocalResponseNorm": contiguous(network(layout, TorchNorm())),
            "channels_last, LocalResponseNorm": network(layout, TorchNorm()),
            "channels_last, banded convolution": network(layout, BandNorm()),
            "ONNX Runtime, LRN": onnx(network(layout, TorchNorm()), batch_size),
        }
    return runs


def compare(calls, argument, repeats, n_faces):
    """Median CPU ms a face of each call, made in turn, and its output."""
    outputs = {name: call(argument) for name, call in calls.items()}
    seconds = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.process_time()
            call(argument)
            seconds[name].append(time.process_time() - start)
    return {name: 1000 * np.median(values) / n_faces for name, values in seconds.items()}, outputs


def show(title, took, outputs, expected):
    """Print the figures of one comparison; the first way is the unit of speed."""
    print(title)
    unit = next(iter(took.values()))
    for name, ms in took.items():
        error = float((outputs[name].double() - expected).abs().max() / expected.abs().max())
        print(f"  {name:34} {ms:6.2f} ms {1000 / ms:6.0f} faces/s  x{unit / ms:4.2f}  error {error:.1e}")


def composition(run, images):
    """Largest relative change of a face's features with black faces beside it, and at another place of its batch."""
    together, alone = run(images), images.clone()
    alone[1:] = 0
    scale = together.abs().max()
    other = (run(alone)[0] - together[0]).abs().max() / scale
    moved = (run(images.flip(0)).flip(0) - together).abs().max() / scale
    return f"other faces {float(other):.1e}, other place {float(moved):.1e}"


def scaling(chips):
    """Ways to scale the faces to 256 px and take the centre."""

    def with_low_pass(batch):
        images = batch.permute(0, 3, 1, 2).to(torch.float32)
        images = interpolate(images, size=(256, 256), mode="bilinear", antialias=True, align_corners=False)
        start = (256 - CROP) // 2
        return images[:, :, start : start + CROP, start : start + CROP].contiguous(memory_format=torch.channels_last)

    matrix = interpolate(torch.eye(chips.shape[1])[None, None], (256, chips.shape[1]), mode="bilinear")[0, 0]
    matrix = matrix[(256 - CROP) // 2 :][:CROP]

    def centre_only(batch):
        images = matrix @ batch.permute(0, 3, 1, 2).to(torch.float32) @ matrix.T
        return images.contiguous(memory_format=torch.channels_last)

    return {"antialias": with_low_pass, "ours": lambda batch: alexnet._centres(batch, CROP), "matrices": centre_only}


def tiles(repeats, n_faces=16):
    """Print a comparison of the sides of tiles for each convolution of stride 1."""
    for layer, maps in {3: (64, 27), 6: (192, 13), 8: (384, 13), 10: (256, 13)}.items():
        convolution = network("torchvision").features[layer]
        images = torch.rand(n_faces, maps[0], maps[1], maps[1]).to(memory_format=torch.channels_last)
        calls, side = {"direct": convolution}, convolution.kernel_size[0]
        for outputs in (2, 3, 4, 5, 7) if side == 3 else (2, 3, 4):
            with mock.patch.dict(winograd.OUTPUTS, {side: outputs}):
                calls[f"tiles of {outputs} x {outputs} outputs"] = winograd.WinogradConv2d(convolution)
        took, outputs = compare(calls, images, repeats, n_faces)
        expected = copy.deepcopy(convolution).double()(images.double())
        show(f"convolution {layer}, batch {n_faces}", took, outputs, expected)


def main():
    """Print every comparison."""
    torch.set_num_threads(1)
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    rng = np.random.default_rng(1)
    with torch.inference_mode():
        for layout in alexnet.LAYOUTS:
            for batch_size in (1, 16, 64):
                shape = (batch_size, CHIP, CHIP, 3)
                images = alexnet._centres(torch.from_numpy(rng.integers(0, 256, shape, dtype=np.uint8)), CROP)
                calls = ways(layout, batch_size)
                took, outputs = compare(calls, images, repeats, batch_size)
                expected = network(layout).double()(images.double())
                show(f"{layout}, batch {batch_size}", took, outputs, expected)
                if batch_size == 16:
                    for name, run in calls.items():
                        print(f"  {name:34} changes by {composition(run, images)}")
        for side in (CHIP, 192):
            chips = torch.from_numpy(rng.integers(0, 256, (16, side, side, 3), dtype=np.uint8))
            calls = scaling(chips)
            took, outputs = compare(calls, chips, repeats, len(chips))
            show(f"scaling of {side} px, batch 16", took, outputs, calls["antialias"](chips).double())
        tiles(repeats)


if __name__ == "__main__":
    main()
