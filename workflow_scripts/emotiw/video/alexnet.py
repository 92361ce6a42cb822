"""AlexNet's convolution layers in its published variants; the paper's feature of a face is the last pooling's output.

Maps are in channels_last: ONNX Runtime was less than 1.25 times as fast as torch (`benchmarks/cnn.py`). To extract
features on a CPU, `on_device` computes most convolutions with fewer multiplications (`winograd`).
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from emotiw.core.errors import FeatureError
from emotiw.jobs import devices
from emotiw.video import winograd

SCALED = 256  # px, the side to which a face is scaled before it is cropped; Ding et al. 2016
POOL5 = 256 * 6 * 6  # values of the last pooling layer, in every layout
FILLED = 4  # the last batch of a clip is filled up to a multiple of this many faces


class LocalResponseNorm(nn.Module):
    r"""Normalisation across `size` neighbouring channels, as `torch.nn.LocalResponseNorm` and as in Caffe.

    .. math::
        y_c = x_c \left(1 + \frac{\alpha}{n} \sum_{|c' - c| \le n / 2} x_{c'}^2\right)^{-\beta}

    Sums of shifted squares are three to six times as fast as torch's pooling where channels are innermost.
    """

    def __init__(self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75) -> None:
        super().__init__()
        self.size, self.alpha, self.beta = size, alpha, beta

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise `maps`, (batch, channels, height, width)."""
        squares = maps * maps
        sums = squares.clone()
        for shift in range(1, self.size // 2 + 1):
            sums[:, shift:] += squares[:, :-shift]
            sums[:, :-shift] += squares[:, shift:]
        return sums.mul_(self.alpha / self.size).add_(1).pow_(-self.beta).mul_(maps)


class TorchvisionAlexNet(nn.Module):
    """Convolution layers of torchvision's AlexNet (one tower, no response normalisation).

    The input is RGB from 0 to 255, normalised here by ImageNet's mean and standard deviation.

    Parameters
    ----------
    layer : str
        The layer whose output is returned, a key of `ENDS`; that of a convolution includes its ReLU.
    """

    ENDS: ClassVar[dict[str, int]] = {"pool1": 3, "pool2": 6, "conv3": 8, "conv4": 10, "conv5": 12, "pool5": 13}
    mean: Tensor
    std: Tensor

    def __init__(self, layer: str = "pool5") -> None:
        super().__init__()
        self.end = self.ENDS[layer]
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1) * 255, persistent=False)
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the layer's maps, for pool5 (batch, 256, 6, 6), of `images`, (batch, 3, 227, 227)."""
        maps: Tensor = self.features[: self.end]((images - self.mean) / self.std)
        return maps


class CaffeAlexNet(nn.Module):
    """Convolution layers of Caffe's bvlc_alexnet: filters in two groups, normalisation before pooling.

    The input is RGB from 0 to 255; the channels are reversed here and the mean pixel (blue, green, red), which
    comes with the weights, is subtracted.

    Parameters
    ----------
    layer : str
        The layer whose output is returned, a key of `ENDS`; that of a convolution includes its ReLU.
    """

    AFTER: ClassVar = ("relu", "norm", "pool")  # conv1 and conv2
    ENDS: ClassVar[dict[str, int]] = {"pool1": 4, "pool2": 8, "conv3": 10, "conv4": 12, "conv5": 14, "pool5": 15}
    mean: Tensor

    def __init__(self, layer: str = "pool5") -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))
        self.conv1 = nn.Conv2d(3, 96, kernel_size=11, stride=4)
        self.conv2 = nn.Conv2d(96, 256, kernel_size=5, padding=2, groups=2)
        self.conv3 = nn.Conv2d(256, 384, kernel_size=3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, kernel_size=3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, kernel_size=3, padding=1, groups=2)
        self.relu = nn.ReLU(inplace=True)
        self.norm = LocalResponseNorm()
        self.pool = nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)  # Caffe rounds sizes up
        steps = ("conv1", *self.AFTER, "conv2", *self.AFTER, "conv3", "relu", "conv4", "relu", "conv5", "relu", "pool")
        self.steps = steps[: self.ENDS[layer]]

    def forward(self, images: Tensor) -> Tensor:
        """Return the layer's maps, for pool5 (batch, 256, 6, 6), of `images`, (batch, 3, 227, 227)."""
        maps = images.flip(1) - self.mean.view(3, 1, 1)
        for step in self.steps:
            maps = getattr(self, step)(maps)
        return maps


class CaffeNet(CaffeAlexNet):
    """Convolution layers of Caffe's bvlc_reference_caffenet: pooling before normalisation."""

    AFTER: ClassVar = ("relu", "pool", "norm")
    ENDS: ClassVar[dict[str, int]] = {**CaffeAlexNet.ENDS, "pool1": 3, "pool2": 7}


LAYOUTS: dict[str, type[TorchvisionAlexNet] | type[CaffeAlexNet]] = {
    "torchvision": TorchvisionAlexNet,
    "caffe": CaffeAlexNet,
    "caffenet": CaffeNet,
}


def alexnet(arrays: Mapping[str, npt.NDArray[Any]], *, layout: str, layer: str = "pool5") -> nn.Module:
    """AlexNet's convolution layers with given weights, ready to extract features.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Weights by the layout's names, filters as (out, in, height, width).
    layout : str
        A key of `LAYOUTS`.
    layer : str
        The layer whose output the network returns, a key of the layout's `ENDS`.

    Raises
    ------
    FeatureError
        If the layout or the layer is unknown.
    """
    if layout not in LAYOUTS:
        raise FeatureError(f"cnn.layout is {layout!r}; expected one of {', '.join(LAYOUTS)}")
    if layer not in LAYOUTS[layout].ENDS:
        raise FeatureError(f"cnn.layer is {layer!r}; expected one of {', '.join(LAYOUTS[layout].ENDS)}")
    model = LAYOUTS[layout](layer)
    model.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in arrays.items()})
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.eval()


class InBfloat16(nn.Module):
    """A network whose convolutions are computed in bfloat16, by torch's automatic casts; the output is float32."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Output of the network for `images`."""
        with torch.autocast(images.device.type, torch.bfloat16):
            maps: Tensor = self.network(images)
        return maps.to(torch.float32)


def on_device(model: nn.Module, device: torch.device, precision: str = "float32") -> nn.Module:
    """Make the network ready for a device, and check that its output on a GPU equals the CPU's up to rounding.

    On a CPU, in float32, convolutions of stride 1 are computed with fewer multiplications (`winograd`); values then
    differ by at most 1e-5 of the largest one.

    Parameters
    ----------
    model : Module
        From `alexnet`; it is not changed.
    device : torch.device
        Where it is to compute.
    precision : str
        `float32` or `bfloat16`.

    Raises
    ------
    FeatureError
        If its outputs for a fixed picture differ by more than `agreement.AGREEMENT` times the largest of them.
    """
    picture = torch.rand((1, 3, 227, 227), generator=torch.Generator().manual_seed(0)) * 255
    moved = devices.moved("AlexNet", model, device, lambda network: [_output(network, picture)])
    if precision == "bfloat16":
        return InBfloat16(moved)
    return winograd.with_fewer_multiplications(deepcopy(moved)) if device.type == "cpu" else moved


def features(chips: npt.NDArray[np.uint8], model: nn.Module, *, batch_size: int, crop: int) -> npt.NDArray[np.float32]:
    """Feature of a face: f = vec(pool5(x)), 256 x 6 x 6 = 9216 values (Ding et al. 2016).

    x is the face scaled to 256 px and cropped at its centre, pool5 AlexNet's last pooling layer (or the layer that the
    network ends with), vec flattens (channel, row, column).

    Every batch has `batch_size` faces, because the size of a batch changes results in their last digits; the last one
    is filled up with black faces to a multiple of `FILLED`.

    Parameters
    ----------
    chips : ndarray, shape (n, height, width, 3)
        RGB faces; each is scaled to 256 px and its centre taken.
    model : Module
        From `alexnet`, or faster from `on_device`.
    batch_size : int
        Number of faces per batch.
    crop : int
        Side of the centre in px.

    Returns
    -------
    ndarray, shape (n, d)
        d is 9216 for pool5.

    Raises
    ------
    FeatureError
        If `chips` are not 8-bit RGB pictures.
    """
    if chips.dtype != np.uint8 or chips.ndim != 4 or chips.shape[3] != 3:
        raise FeatureError(
            f"faces are {chips.dtype} of shape {chips.shape}; expected uint8 of shape (n, height, width, 3)"
        )
    batches = []
    for start in range(0, max(len(chips), 1), batch_size):
        rows = chips[start : start + batch_size]
        size = min(batch_size, -(-max(len(rows), 1) // FILLED) * FILLED)
        batch = np.zeros((size, *chips.shape[1:]), np.uint8)
        batch[: len(rows)] = rows
        maps = _output(model, _centres(torch.from_numpy(batch), crop))  # (batch, channels, rows, columns)
        batches.append(maps[: len(rows)].flatten(1).numpy())
    return np.concatenate(batches)


def _output(model: nn.Module, images: Tensor) -> Tensor:
    """Output of the network, on the CPU; on a GPU in full precision by deterministic algorithms."""
    with torch.inference_mode(), devices.exact():
        maps: Tensor = model(images.to(devices.device_of(model)))
        return maps.cpu()


def _centres(batch: Tensor, crop: int) -> Tensor:
    """Scale to 256 px and take the centre: (batch, height, width, 3) -> (batch, 3, crop, crop)."""
    images = batch.permute(0, 3, 1, 2).to(torch.float32)
    reduced = (
        max(images.shape[2:]) > SCALED
    )  # the low-pass filter changes nothing when a picture is enlarged, and takes twice the time
    images = interpolate(images, size=(SCALED, SCALED), mode="bilinear", antialias=reduced, align_corners=False)
    start = (SCALED - crop) // 2
    return images[:, :, start : start + crop, start : start + crop].contiguous(memory_format=torch.channels_last)
