"""Pictures for the expression network: scaled and, for training, turned, shifted, scaled, mirrored and lit at random.

A batch is a function of (seed, epoch, number of the batch), so that a run can be continued in the middle of an epoch.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from emotiw.core.seeds import derived_seed
from emotiw.video.expression_recipe import Augmentation, Recipe

Pixels = npt.NDArray[np.uint8]
Batch = tuple[Tensor, Tensor, Tensor]  # images (n, 1, size, size), class indices (n,), shares of the votes (n, 7)
WHITE = 255.0


@dataclass(frozen=True)
class Pictures:
    """Pictures and what their annotators say.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (n, height, width)
    labels : ndarray of int, shape (n,)
        Class indices.
    shares : ndarray of float32, shape (n, 7)
        Share of the votes for each class; zeros: there are no votes.
    """

    pixels: Pixels
    labels: npt.NDArray[np.int64]
    shares: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, rows: npt.NDArray[np.int64], images: Tensor) -> Batch:
        """Images with the labels and votes of these rows."""
        return images, torch.from_numpy(self.labels[rows]), torch.from_numpy(self.shares[rows])


def scaled(pixels: Pixels, size: int) -> Tensor:
    """Grey pictures scaled to `size` px by bilinear interpolation: (n, height, width) -> (n, 1, size, size)."""
    images = torch.from_numpy(np.ascontiguousarray(pixels))[:, None].to(torch.float32)
    return interpolate(images, size=(size, size), mode="bilinear", align_corners=False)


def augmented(pixels: Pixels, size: int, settings: Augmentation, rng: np.random.Generator) -> Tensor:
    """Grey pictures scaled to `size` px, turned, shifted, scaled, half of them mirrored, and lit otherwise.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, height, width)
    size : int
    settings : Augmentation
        Widths of the uniform distributions.
    rng : Generator

    Returns
    -------
    Tensor, shape (n, 1, size, size)
        Grey levels from 0 to 255.
    """
    images = torch.from_numpy(np.ascontiguousarray(pixels))[:, None].to(torch.float32)
    shape = [len(images), 1, size, size]
    grid = affine_grid(_motions(len(images), settings, rng), shape, align_corners=False)
    moved = grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    contrast, brightness = _drawn(rng, len(images), math.log(settings.contrast)), settings.brightness
    factor = torch.exp(contrast)[:, None, None, None]
    offset = _drawn(rng, len(images), brightness)[:, None, None, None]
    mean = moved.mean(dim=(2, 3), keepdim=True)
    return ((moved - mean) * factor + mean + offset).clamp_(0, WHITE)


def _motions(n: int, settings: Augmentation, rng: np.random.Generator) -> Tensor:
    """Matrices (n, 2, 3) from a picture's coordinates, -1 to 1, to those of the picture that it is taken from."""
    angle = _drawn(rng, n, math.radians(settings.rotation_deg))
    factor = torch.exp(_drawn(rng, n, math.log(settings.scale)))
    mirror = torch.from_numpy(np.where(rng.random(n) < settings.mirrored, -1.0, 1.0).astype(np.float32))
    cosine, sine = factor * torch.cos(angle), factor * torch.sin(angle)
    x, y = (_drawn(rng, n, 2 * settings.shift) for _ in range(2))
    rows = [torch.stack([cosine * mirror, -sine, x], dim=1), torch.stack([sine * mirror, cosine, y], dim=1)]
    return torch.stack(rows, dim=1)


def _drawn(rng: np.random.Generator, n: int, width: float) -> Tensor:
    return torch.from_numpy(rng.uniform(-width, width, n).astype(np.float32))


class InOrder:
    """Batches of all pictures, in their order, of the size of the present epoch."""

    def __init__(self, pictures: Pictures, recipe: Recipe, position: Callable[[], tuple[int, int]]) -> None:
        self.pictures, self.recipe, self.position = pictures, recipe, position

    def __iter__(self) -> Iterator[Batch]:
        size, n_images = self.recipe.size_of(self.position()[0]), self.recipe.batch_size
        for start in range(0, len(self.pictures), n_images):
            rows = np.arange(start, min(start + n_images, len(self.pictures)))
            yield self.pictures.batch(rows, scaled(self.pictures.pixels[rows], size))


class Augmented:
    """Batches of augmented pictures, in an order drawn anew for each epoch; an incomplete last batch is left out.

    Attributes
    ----------
    n_batches : int
        Batches of a whole epoch.
    """

    def __init__(self, pictures: Pictures, recipe: Recipe, seed: int, position: Callable[[], tuple[int, int]]) -> None:
        self.pictures, self.recipe, self.seed, self.position = pictures, recipe, seed, position
        self.n_batches = max(len(pictures) // recipe.batch_size, 1)

    def __iter__(self) -> Iterator[Batch]:
        epoch, first = self.position()
        order = np.random.default_rng(derived_seed(self.seed, "order", epoch)).permutation(len(self.pictures))
        size = self.recipe.size_of(epoch)
        for i in range(first, self.n_batches):
            rng = np.random.default_rng(derived_seed(self.seed, "augmentation", epoch, i))
            rows = order[i * self.recipe.batch_size : (i + 1) * self.recipe.batch_size]
            images = augmented(self.pictures.pixels[rows], size, self.recipe.augmentation, rng)
            yield self.pictures.batch(rows, images)
