"""The expression network: a residual trunk, pretrained on face recognition, with a head for each kind of label.

A picture is grey, 0 to 255. The feature of a face is the mean of the trunk's last maps over the picture (256 values);
each head is one linear layer on it. In training each convolution is followed by batch normalisation, which is folded
into the convolution when the network is written; a network that is used has convolutions alone.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d, pad

from emotiw.core.emotions import EMOTIONS
from emotiw.core.seeds import derived_seed
from emotiw.weights import expression_layers
from emotiw.weights.expression_layers import HEADS, WIDTH

# dlib subtracts a mean pixel (red, green, blue) and divides by 256; a grey picture has three equal colours
MEAN, DIVISOR = (122.782, 117.001, 104.298), 256.0
HEAD_STD = 0.01  # of the first weights of the heads: small, so that training begins at equal posteriors
MOMENTUM = 0.1  # of the running statistics of the batch normalisation

Arrays = Mapping[str, npt.NDArray[Any]]


class Convolution(nn.Module):
    """A convolution, with batch normalisation while the network is trained."""

    def __init__(self, shape: tuple[int, ...], *, stride: int, padding: int, normalised: bool) -> None:
        super().__init__()
        filters, inputs, kernel = shape[:3]
        self.convolution = nn.Conv2d(inputs, filters, kernel, stride, padding)
        self.normalisation = nn.BatchNorm2d(filters, momentum=MOMENTUM) if normalised else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps (batch, filters, height, width)."""
        output: Tensor = self.normalisation(self.convolution(maps))
        return output


class Block(nn.Module):
    """Two convolutions whose output is added to their input, as dlib's `ares` and `ares_down`.

    Where the first convolution halves the picture, the input is averaged over squares of 2 x 2 px and padded with
    zeros to the shape of the output.
    """

    def __init__(self, inputs: int, filters: int, halves: bool, *, normalised: bool) -> None:
        super().__init__()
        shape, kernel = (filters, inputs, expression_layers.KERNEL), expression_layers.KERNEL
        self.first = Convolution(
            shape, stride=2 if halves else 1, padding=0 if halves else kernel // 2, normalised=normalised
        )
        self.second = Convolution((filters, filters, kernel), stride=1, padding=kernel // 2, normalised=normalised)
        self.halves = halves

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps (batch, filters, height, width)."""
        output = self.second(torch.relu(self.first(maps)))
        return torch.relu(_joined(avg_pool2d(maps, 2), output) if self.halves else output + maps)


def _joined(shortcut: Tensor, output: Tensor) -> Tensor:
    """Sum of maps of different sizes; the smaller are padded with zeros at the right, the bottom and the end."""
    height, width = (max(shortcut.shape[axis], output.shape[axis]) for axis in (2, 3))
    more = output.shape[1] - shortcut.shape[1]
    shortcut = pad(shortcut, (0, width - shortcut.shape[3], 0, height - shortcut.shape[2], 0, more))
    return shortcut + pad(output, (0, width - output.shape[3], 0, height - output.shape[2]))


class ExpressionNetwork(nn.Module):
    """Trunk and heads.

    Parameters
    ----------
    normalised : bool
        Whether batch normalisation follows each convolution, as in training.
    dropout : float
        Share of the feature's values that are set to zero before the heads, in training.
    """

    def __init__(self, *, normalised: bool, dropout: float = 0.0) -> None:
        super().__init__()
        shape = (expression_layers.STEM, 1, expression_layers.STEM_KERNEL)
        self.stem = Convolution(shape, stride=2, padding=0, normalised=normalised)
        self.blocks = nn.Sequential(*(Block(*block, normalised=normalised) for block in expression_layers.blocks()))
        self.drop = nn.Dropout(dropout)
        self.heads: Any = nn.ModuleDict({name: nn.Linear(WIDTH, len(EMOTIONS)) for name in HEADS})
        self.frozen: list[nn.Module] = []

    def freeze(self, n_blocks: int | None) -> None:
        """Keep the stem and the first `n_blocks` blocks as they are, statistics included; None: freeze nothing."""
        self.requires_grad_(True)
        self.frozen = [] if n_blocks is None else [self.stem, *list(self.blocks)[:n_blocks]]
        for module in self.frozen:
            module.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all but the frozen layers."""
        super().train(mode)
        for module in self.frozen:
            module.eval()
        return self

    def features(self, images: Tensor) -> Tensor:
        """Features (batch, 256) of grey images from 0 to 255, (batch, 1, height, width)."""
        maps = max_pool2d(torch.relu(self.stem(images)), 3, 2)
        features: Tensor = self.blocks(maps).mean(dim=(2, 3))
        return features

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Logits of each head, (batch, 7)."""
        features = self.drop(self.features(images))
        return {name: head(features) for name, head in self.heads.items()}


def pretrained(arrays: Arrays, *, dropout: float, seed: int) -> ExpressionNetwork:
    """Network before training: the trunk of dlib's network, on grey pictures, and heads of small random weights.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        `expression_layers.pretrained_shapes()`.
    dropout : float
    seed : int
    """
    model = ExpressionNetwork(normalised=True, dropout=dropout)
    with torch.no_grad():
        for name, layer in _layers(model):
            weight, bias = (torch.from_numpy(np.array(arrays[f"{name}.{kind}"])) for kind in ("weight", "bias"))
            if name == "stem":
                weight, bias = _on_grey(weight, bias)
            layer.convolution.weight.copy_(weight)
            layer.convolution.bias.copy_(bias)
            layer.normalisation.weight.copy_(torch.from_numpy(np.array(arrays[f"{name}.scale"])))
            layer.normalisation.bias.copy_(torch.from_numpy(np.array(arrays[f"{name}.shift"])))
        generator = torch.Generator().manual_seed(derived_seed(seed, "heads"))
        for _, head in _heads(model):
            head.weight.normal_(0, HEAD_STD, generator=generator)
            head.bias.zero_()
    return model.to(memory_format=torch.channels_last)  # type: ignore[no-any-return, call-overload]


def _on_grey(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Turn filters of colour pictures, (p - MEAN) / 256, into filters of grey pictures from 0 to 255."""
    offset = (weight.sum(dim=(2, 3)) * torch.tensor(MEAN)).sum(dim=1)
    return weight.sum(dim=1, keepdim=True) / DIVISOR, bias - offset / DIVISOR


def calibrate(model: ExpressionNetwork, images: Tensor) -> None:
    """Set each batch normalisation's statistics to those of `images`, and its weights so that nothing changes."""

    def adopt(layer: Any, inputs: tuple[Tensor]) -> None:
        mean, variance = inputs[0].mean(dim=(0, 2, 3)), inputs[0].var(dim=(0, 2, 3), unbiased=False)
        layer.running_mean.copy_(mean)
        layer.running_var.copy_(variance)
        layer.bias.add_(layer.weight * mean)
        layer.weight.mul_(torch.sqrt(variance + layer.eps))

    hooks = [layer.normalisation.register_forward_pre_hook(adopt) for _, layer in _layers(model)]
    with torch.no_grad():
        model.eval()(images)
    for hook in hooks:
        hook.remove()


def folded(model: ExpressionNetwork) -> dict[str, npt.NDArray[np.float32]]:
    """Arrays of a trained network, batch normalisation folded into the convolutions in float64."""
    arrays: dict[str, Tensor] = {}
    for name, layer in _layers(model):
        norm = layer.normalisation
        scale = (norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)).detach()
        weight = layer.convolution.weight.detach().double() * scale[:, None, None, None]
        bias = (layer.convolution.bias.double() - norm.running_mean.double()) * scale + norm.bias.double()
        arrays |= {f"{name}.weight": weight, f"{name}.bias": bias.detach()}
    for name, head in _heads(model):
        arrays |= {f"{name}.weight": head.weight.detach(), f"{name}.bias": head.bias.detach()}
    return {name: values.float().contiguous().cpu().numpy() for name, values in arrays.items()}


def trained(arrays: Arrays) -> ExpressionNetwork:
    """Network for use, from the arrays of `folded`; a head that is missing is left out."""
    model = ExpressionNetwork(normalised=False)
    for name in [name for name in HEADS if f"{name}.weight" not in arrays]:
        del model.heads[name]
    with torch.no_grad():
        for name, layer in chain(_convolutions(model), model.heads.items()):
            for kind in ("weight", "bias"):
                getattr(layer, kind).copy_(torch.from_numpy(np.array(arrays[f"{name}.{kind}"])))
    return model.eval().to(memory_format=torch.channels_last)  # type: ignore[no-any-return, call-overload]


def mean_features(model: ExpressionNetwork, images: Tensor, *, mirrored: bool) -> Tensor:
    """Features of images (n, 1, size, size), or the mean of their features and those of their mirror images."""
    images = images.contiguous(memory_format=torch.channels_last)
    features = model.features(images)
    return (features + model.features(images.flip(3))) / 2 if mirrored else features


def _layers(model: ExpressionNetwork) -> Iterator[tuple[str, Any]]:
    yield "stem", model.stem
    for number, block in enumerate(model.blocks):
        yield f"blocks.{number}.0", block.first
        yield f"blocks.{number}.1", block.second


def _heads(model: ExpressionNetwork) -> Iterator[tuple[str, Any]]:
    yield from model.heads.items()


def _convolutions(model: ExpressionNetwork) -> Iterator[tuple[str, Any]]:
    yield from ((name, layer.convolution) for name, layer in _layers(model))
