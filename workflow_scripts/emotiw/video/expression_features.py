"""Features of the expression network for aligned faces, which are framed as the pictures of FER2013 are.

FER2013's pictures are grey, 48 px wide and cut closer than a chip. So the middle of a chip is cut out, reduced to 48 px
and enlarged to the size that the network was trained with, as the pictures of its training were.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from emotiw.core import agreement
from emotiw.core.errors import FeatureError
from emotiw.video.expression_data import WHITE
from emotiw.video.expression_network import ExpressionNetwork, mean_features, trained
from emotiw.video.grey import LUMA
from emotiw.weights.expression_layers import PICTURE, WIDTH

CHANNELS = 3

Chips = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Use:
    """How the network is used; the section `expression` of the configuration gives and explains each value."""

    size: int
    chip_share: float
    chip_shift: float
    mirror: bool
    chips_per_batch: int


def describer(
    arrays: Mapping[str, npt.NDArray[Any]], size: int, settings: Mapping[str, Any], device: torch.device
) -> Callable[[Chips], npt.NDArray[np.float32]]:
    """Return the function that computes the features of chips, on a device that was compared with the CPU.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        `expression_layers.trained_shapes()`.
    size : int
        Side in px of the pictures that the network was trained on last.
    settings : mapping
        Section `expression`; other settings than those of the use are ignored.
    device : torch.device

    Raises
    ------
    FeatureError
        If the device's features of a fixed picture differ from the CPU's by more than rounding.
    """
    names = {field.name for field in fields(Use)}
    use = Use(**{name: value for name, value in settings.items() if name in names}, size=size)
    model = trained(arrays)
    moved = deepcopy(model).to(device)
    picture = torch.rand((1, 1, size, size), generator=torch.Generator().manual_seed(0)) * WHITE
    with torch.inference_mode():
        output, expected = moved.features(picture.to(device)).cpu().numpy(), model.features(picture).numpy()
    agreement.check("expression network", output, expected, str(device))
    return partial(features, model=moved, use=use)


def features(chips: Chips, model: ExpressionNetwork, use: Use) -> npt.NDArray[np.float32]:
    """Features of every face.

    Every batch has `chips_per_batch` faces, the last one filled up with black ones, because the composition of a batch
    changes results in their last digits.

    Parameters
    ----------
    chips : ndarray, shape (n, height, width, 3)
        RGB faces.
    model : ExpressionNetwork
        From `expression_network.trained`.
    use : Use

    Returns
    -------
    ndarray, shape (n, 256)

    Raises
    ------
    FeatureError
        If `chips` are not 8-bit RGB pictures with equal sides.
    """
    if chips.dtype != np.uint8 or chips.ndim != 4 or chips.shape[3] != CHANNELS or chips.shape[1] != chips.shape[2]:
        raise FeatureError(
            f"faces are {chips.dtype} of shape {chips.shape}; expected uint8 of shape (n, side, side, 3)"
        )
    device = next(model.parameters()).device
    described = np.empty((len(chips), WIDTH), np.float32)
    with torch.inference_mode():
        for start in range(0, len(chips), use.chips_per_batch):
            part = chips[start : start + use.chips_per_batch]
            batch = np.zeros((use.chips_per_batch, *chips.shape[1:]), np.uint8)
            batch[: len(part)] = part
            found = mean_features(model, framed(batch, use).to(device), mirrored=use.mirror)
            described[start : start + len(part)] = found[: len(part)].cpu().numpy()
    return described


def framed(chips: Chips, use: Use) -> Tensor:
    """Grey pictures of chips, framed as FER2013's: (n, side, side, 3) -> (n, 1, size, size), 0 to 255."""
    side = chips.shape[1]
    luma = torch.from_numpy(chips @ np.array(LUMA, np.float32))[:, None]
    margin, shift = round((1 - use.chip_share) / 2 * side), round(use.chip_shift * side)
    left, right, top, bottom = margin, margin, margin + shift, margin - shift
    cut = luma[:, :, max(top, 0) : side - max(bottom, 0), max(left, 0) : side - max(right, 0)]
    # where the frame reaches beyond the chip, the chip's last line is repeated
    outside = [max(-edge, 0) for edge in (left, right, top, bottom)]
    picture = pad(cut, outside, mode="replicate")
    small = interpolate(picture, size=(PICTURE, PICTURE), mode="bilinear", align_corners=False, antialias=True)
    large = interpolate(small, size=(use.size, use.size), mode="bilinear", align_corners=False)
    return large.clamp_(0, WHITE)
