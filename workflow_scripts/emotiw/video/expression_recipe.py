"""Recipe of the training of the expression network."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self


@dataclass(frozen=True)
class Augmentation:
    """Bounds of what is done to a picture at random; `expression.augmentation` of the configuration explains each."""

    rotation_deg: float
    scale: float
    shift: float
    mirrored: float
    contrast: float
    brightness: float


@dataclass(frozen=True)
class Phase:
    """Epochs in which the pictures have one size, in px."""

    epochs: int
    size: int


@dataclass(frozen=True)
class Cycle:
    """Phases in which the learning rate rises and falls once; the optimiser begins anew.

    Attributes
    ----------
    learning_rate : float
        The largest.
    frozen_blocks : int or None
        Residual blocks after the first convolution that do not learn; None: all layers learn.
    phases : tuple of Phase
    """

    learning_rate: float
    frozen_blocks: int | None
    phases: tuple[Phase, ...]

    @property
    def epochs(self) -> int:
        """Epochs of all phases."""
        return sum(phase.epochs for phase in self.phases)


@dataclass(frozen=True)
class Recipe:
    """How the network is trained; the section `expression` of the configuration gives and explains each value."""

    cycles: tuple[Cycle, ...]
    batch_size: int
    head_factor: float
    warm_up: float
    weight_decay: float
    dropout: float
    label_smoothing: float
    vote_weight: float
    augmentation: Augmentation
    checkpoint_batches: int

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Recipe of the section `expression`."""
        names = {field.name for field in fields(cls)}
        values = {name: value for name, value in settings.items() if name in names}
        cycles = tuple(
            Cycle(**{**cycle, "phases": tuple(Phase(**phase) for phase in cycle["phases"])})
            for cycle in settings["cycles"]
        )
        return cls(**{**values, "cycles": cycles, "augmentation": Augmentation(**settings["augmentation"])})

    @property
    def max_epochs(self) -> int:
        """Epochs of all cycles."""
        return sum(cycle.epochs for cycle in self.cycles)

    @property
    def size(self) -> int:
        """Side of the pictures of the last phase, in px, and so of the pictures that the network is used on."""
        return self.cycles[-1].phases[-1].size

    def cycle_of(self, epoch: int) -> tuple[Cycle, int]:
        """Cycle of an epoch, counted from 0, and the first epoch of this cycle."""
        first = 0
        for cycle in self.cycles:
            if epoch < first + cycle.epochs:
                return cycle, first
            first += cycle.epochs
        return self.cycles[-1], first - self.cycles[-1].epochs

    def size_of(self, epoch: int) -> int:
        """Side of the pictures of an epoch, counted from 0, in px."""
        cycle, first = self.cycle_of(epoch)
        for phase in cycle.phases:
            first += phase.epochs
            if epoch < first:
                return phase.size
        return self.size

    def rate(self, done: float) -> float:
        """Learning rate, relative to the largest, when a share `done` of the steps of a cycle is done.

        It rises linearly over the share `warm_up` of the steps, and falls as half a cosine to zero.
        """
        if done < self.warm_up:
            return done / self.warm_up
        return (1 + math.cos(math.pi * (done - self.warm_up) / (1 - self.warm_up))) / 2
