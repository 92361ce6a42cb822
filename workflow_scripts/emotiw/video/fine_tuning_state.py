"""Recipe, session and state of a fine-tuning run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from torch import Tensor

from emotiw.core.progress import Epochs, ignore_epoch


@dataclass(frozen=True)
class Recipe:
    """How the network is trained; sections `cnn` and `fine_tuning` of the configuration give and explain each value."""

    layout: str
    crop: int
    batch_size: int
    learning_rate: float
    momentum: float
    weight_decay: float
    last_layer_factor: float
    decay_every: int
    decay_factor: float
    max_epochs: int
    patience: int
    precision: str
    checkpoint_batches: int

    @classmethod
    def of(cls, cnn: Mapping[str, Any], fine_tuning: Mapping[str, Any]) -> Self:
        """Recipe of two sections of the configuration: layout and crop of `cnn`, the rest of `fine_tuning`."""
        names = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in {**cnn, **fine_tuning}.items() if name in names})


@dataclass(frozen=True)
class State:
    """State of a run after a step: enough to continue it exactly.

    Attributes
    ----------
    epoch, batch : int
        Finished epochs, and finished batches of the next epoch.
    history : list of dict
        For each finished epoch: `train_loss`, `val_loss`, `val_accuracy`, `learning_rate`.
    loss_sum : float
        Sum of the losses of the pictures of the unfinished epoch.
    model, momentum, best : dict of str to Tensor
        Weights, the optimiser's velocities by the weights' names, and the weights of the best epoch.
    """

    epoch: int = 0
    batch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    loss_sum: float = 0.0
    model: dict[str, Tensor] = field(default_factory=dict)
    momentum: dict[str, Tensor] = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)

    @property
    def best_epoch(self) -> int:
        """First epoch with the highest validation accuracy, counted from 1; 0 before the end of the first epoch."""
        accuracies = [epoch["val_accuracy"] for epoch in self.history]
        return accuracies.index(max(accuracies)) + 1 if accuracies else 0


def _ignore(_: Any) -> None:
    pass


@dataclass(frozen=True)
class Session:
    """Seed, device and state of a run, and the functions that save states and report progress.

    Attributes
    ----------
    seed : int
        Seed of the order of the pictures, of their crops and mirroring, and of dropout.
    accelerator : str
        Lightning's accelerator: cpu, gpu or auto.
    state : State
        State to continue from; by default the beginning.
    save : callable
        Called with the state every `checkpoint_batches` batches and after every epoch.
    tell : callable
        Called with a line of progress.
    record : callable
        Called after each epoch with its number, from 1, and its metrics.
    """

    seed: int
    accelerator: str = "cpu"
    state: State = field(default_factory=State)
    save: Callable[[State], None] = _ignore
    tell: Callable[[str], None] = _ignore
    record: Epochs = ignore_epoch
