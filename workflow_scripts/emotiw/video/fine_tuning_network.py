"""AlexNet with fully connected layers for the classes of FER2013."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from emotiw.core.seeds import derived_seed
from emotiw.video.alexnet import POOL5, alexnet

HIDDEN_UNITS = 4096
# Caffe's bvlc_alexnet: fillers of fc6, fc7 and fc8
WEIGHT_STD, BIAS = {"fc6": 0.005, "fc7": 0.005, "fc8": 0.01}, {"fc6": 0.1, "fc7": 0.1, "fc8": 0.0}

Weights = Mapping[str, npt.NDArray[Any]]


class Classifier(nn.Module):
    """AlexNet with fully connected layers for `n_classes`; fc8 is always new, fc6 and fc7 unless they are given.

    Dropout comes after fc6 and fc7 in Caffe's layouts and before them in torchvision's.
    """

    def __init__(self, convolution: nn.Module, *, layout: str, n_classes: int) -> None:
        super().__init__()
        self.convolution = convolution
        self.fc6 = nn.Linear(POOL5, HIDDEN_UNITS)
        self.fc7 = nn.Linear(HIDDEN_UNITS, HIDDEN_UNITS)
        self.fc8 = nn.Linear(HIDDEN_UNITS, n_classes)
        self.drop = nn.Dropout(0.5)
        self.drops_first = layout == "torchvision"

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, (batch, n_classes), of RGB images from 0 to 255, (batch, 3, crop, crop)."""
        x = self.convolution(images).flatten(1)
        for layer in (self.fc6, self.fc7):
            x = torch.relu(layer(self.drop(x))) if self.drops_first else self.drop(torch.relu(layer(x)))
        logits: Tensor = self.fc8(x)
        return logits

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the fully connected layers as Caffe's fillers do."""
        with torch.no_grad():
            for name, std in WEIGHT_STD.items():
                layer = getattr(self, name)
                layer.weight.normal_(0, std, generator=generator)
                layer.bias.fill_(BIAS[name])


def classifier(arrays: Weights, head: Weights | None, *, layout: str, n_classes: int, seed: int) -> Classifier:
    """AlexNet before fine-tuning.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Convolution layers by the layout's names.
    head : mapping of str to ndarray, or None
        `fc6.weight`, `fc6.bias`, `fc7.weight`, `fc7.bias` of the pre-trained network; None: they are drawn anew.
    layout : str
        A key of `alexnet.LAYOUTS`.
    n_classes, seed : int
        Number of classes, and the seed of the new layers.
    """
    model = Classifier(alexnet(arrays, layout=layout), layout=layout, n_classes=n_classes)
    model.initialise(torch.Generator().manual_seed(derived_seed(seed, "weights")))
    if head is not None:
        model.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in head.items()}, strict=False)
    return model.to(memory_format=torch.channels_last)  # type: ignore[no-any-return, call-overload]


def convolution_arrays(model: Classifier, names: Iterable[str]) -> dict[str, npt.NDArray[np.float32]]:
    """Weights of the convolution layers called `names`, as arrays."""
    state = model.convolution.state_dict()
    return {name: state[name].detach().cpu().contiguous().numpy() for name in names}
