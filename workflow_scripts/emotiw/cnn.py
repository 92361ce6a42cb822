"""AlexNet's convolution layers; the feature of a face is the output of the last pooling layer, pool5."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from emotiw.errors import FeatureError

SCALED = 256  # px, the side to which a face is scaled before it is cropped; Ding et al. sec. 2.1.1
POOL5 = 256 * 6 * 6


class TorchvisionAlexNet(nn.Module):
    """Convolution layers of torchvision's AlexNet (one tower, no response normalisation).

    The input is RGB from 0 to 255, normalised here by ImageNet's mean and standard deviation.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
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
        """Return pool5, (batch, 256, 6, 6), of `images`, (batch, 3, 227, 227)."""
        maps: Tensor = self.features((images - self.mean) / self.std)
        return maps


LAYOUTS: dict[str, type[nn.Module]] = {"torchvision": TorchvisionAlexNet}


def alexnet(arrays: Mapping[str, npt.NDArray[Any]], *, layout: str) -> nn.Module:
    """AlexNet's convolution layers with given weights, ready to extract features.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Weights by the layout's names, filters as (out, in, height, width).
    layout : str
        A key of `LAYOUTS`.

    Raises
    ------
    FeatureError
        If the layout is unknown.
    """
    if layout not in LAYOUTS:
        raise FeatureError(f"cnn.layout is {layout!r}; known are {', '.join(LAYOUTS)}")
    model = LAYOUTS[layout]()
    model.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in arrays.items()})
    # 1.2 to 1.4 times as fast on a CPU as the default order of the axes
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.eval()


def pool5(chips: npt.NDArray[np.uint8], model: nn.Module, *, batch_size: int, crop: int) -> npt.NDArray[np.float32]:
    """Output of the last pooling layer, flattened as (channel, row, column).

    Every batch has `batch_size` faces, the last one filled up with black ones, because the composition of a batch
    changes results in their last digits.

    Parameters
    ----------
    chips : ndarray, shape (n, height, width, 3)
        RGB faces; each is scaled to 256 px and its centre taken.
    model : Module
        From `alexnet`.
    batch_size : int
        Faces a batch.
    crop : int
        Side of the centre in px.

    Returns
    -------
    ndarray, shape (n, 9216)

    Raises
    ------
    FeatureError
        If `chips` are not 8-bit RGB pictures.
    """
    if chips.dtype != np.uint8 or chips.ndim != 4 or chips.shape[3] != 3:
        raise FeatureError(
            f"faces are {chips.dtype} of shape {chips.shape}; expected uint8 of shape (n, height, width, 3)"
        )
    features = np.empty((len(chips), POOL5), np.float32)
    for start in range(0, len(chips), batch_size):
        rows = chips[start : start + batch_size]
        batch = np.zeros((batch_size, *chips.shape[1:]), np.uint8)
        batch[: len(rows)] = rows
        with torch.inference_mode():
            maps = model(_centres(torch.from_numpy(batch), crop))  # (batch, 256, 6, 6)
        features[start : start + len(rows)] = maps[: len(rows)].flatten(1).numpy()
    return features


def _centres(batch: Tensor, crop: int) -> Tensor:
    """Scale to 256 px and take the centre: (batch, height, width, 3) -> (batch, 3, crop, crop)."""
    images = batch.permute(0, 3, 1, 2).to(torch.float32)
    images = interpolate(images, size=(SCALED, SCALED), mode="bilinear", antialias=True, align_corners=False)
    start = (SCALED - crop) // 2
    return images[:, :, start : start + crop, start : start + crop].contiguous(memory_format=torch.channels_last)
