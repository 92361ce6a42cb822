"""Batches of FER2013's pictures: scaled, cropped and, for training, mirrored and in random order.

Paper: 48 x 48 grey pictures are scaled to 256 x 256 x 3; crops of 227 and mirroring. A batch is a function of (seed,
epoch, number of the batch), so that a run can be continued in the middle of an epoch.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from emotiw.core.seeds import derived_seed
from emotiw.video.alexnet import SCALED
from emotiw.video.fine_tuning_state import Recipe

Pixels = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Pictures = tuple[Pixels, Ints]  # (n, height, width) and the class index of each picture, (n,)


def scaled_crops(pixels: Pixels, top: Ints, left: Ints, mirror: npt.NDArray[np.bool_], crop: int) -> Tensor:
    """Scale grey pictures to 256 px and crop them: (n, height, width) -> (n, 3, crop, crop), 0 to 255.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, height, width)
    top, left : ndarray of int, shape (n,)
        Corner of each crop in px.
    mirror : ndarray of bool, shape (n,)
        Whether each is mirrored.
    crop : int
        Side in px.
    """
    images = torch.from_numpy(np.ascontiguousarray(pixels))[:, None].to(torch.float32)
    images = interpolate(images, size=(SCALED, SCALED), mode="bilinear", align_corners=False)
    crops = torch.empty(len(images), 1, crop, crop)
    for i, (y, x, flip) in enumerate(zip(top.tolist(), left.tolist(), mirror.tolist(), strict=True)):
        part = images[i, :, y : y + crop, x : x + crop]
        crops[i] = part.flip(-1) if flip else part
    return crops.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


class CentreCrops:
    """Batches of centre crops of all pictures, in their order."""

    def __init__(self, pictures: Pictures, recipe: Recipe) -> None:
        self.pixels, self.labels = pictures
        self.size, self.crop = recipe.batch_size, recipe.crop

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(self.labels), self.size):
            rows = slice(start, start + self.size)
            corner = np.full(len(self.labels[rows]), (SCALED - self.crop) // 2, np.int64)
            images = scaled_crops(self.pixels[rows], corner, corner, corner < 0, self.crop)
            yield images, torch.from_numpy(self.labels[rows])


class RandomCrops:
    """Batches of random crops, half of them mirrored, of all pictures in an order drawn anew for each epoch.

    Attributes
    ----------
    n_batches : int
        Batches of a whole epoch.
    """

    def __init__(self, pictures: Pictures, recipe: Recipe, seed: int, position: Callable[[], tuple[int, int]]) -> None:
        self.pixels, self.labels = pictures
        self.recipe, self.seed, self.position = recipe, seed, position
        self.n_batches = math.ceil(len(self.labels) / recipe.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        epoch, first = self.position()
        order = np.random.default_rng(derived_seed(self.seed, "order", epoch)).permutation(len(self.labels))
        for i in range(first, self.n_batches):
            rng = np.random.default_rng(derived_seed(self.seed, "crops", epoch, i))
            rows = order[i * self.recipe.batch_size : (i + 1) * self.recipe.batch_size]
            top, left = rng.integers(0, SCALED - self.recipe.crop + 1, (2, len(rows)))
            mirror = rng.random(len(rows)) < 0.5
            images = scaled_crops(self.pixels[rows], top, left, mirror, self.recipe.crop)
            yield images, torch.from_numpy(self.labels[rows])
