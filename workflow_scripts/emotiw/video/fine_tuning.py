"""Fine-tuning of AlexNet on FER2013 with the recipe of Ding et al. (2016), section 2.1.1, by Lightning.

Everything random is a function of (seed, step) or (seed, epoch): a run that was stopped between two steps and goes on
from its `State` ends with the same weights, bit by bit, as one that was never stopped.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from emotiw.core.errors import FeatureError
from emotiw.core.seeds import derived_seed
from emotiw.jobs import lightning
from emotiw.statistics import selection_record
from emotiw.video.alexnet import POOL5, SCALED, alexnet

HIDDEN_UNITS = 4096
# Caffe's bvlc_alexnet: fillers of fc6, fc7 and fc8; biases learn at twice the rate and do not decay
WEIGHT_STD, BIAS = {"fc6": 0.005, "fc7": 0.005, "fc8": 0.01}, {"fc6": 0.1, "fc7": 0.1, "fc8": 0.0}
BIAS_FACTOR = 2.0
LOG_EVERY = 20  # batches

Pixels = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Weights = Mapping[str, npt.NDArray[Any]]
Pictures = tuple[Pixels, Ints]  # (n, height, width) and the index of the class of each, (n,)


@dataclass(frozen=True)
class Recipe:
    """How the network is trained; section `fine_tuning` of the configuration tells the meaning of each value."""

    layout: str = "torchvision"
    crop: int = 227
    batch_size: int = 128
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 5e-4
    last_layer_factor: float = 4.0
    decay_every: int = 10
    decay_factor: float = 0.1
    max_epochs: int = 30
    patience: int = 10
    precision: str = "32-true"
    checkpoint_batches: int = 100


@dataclass(frozen=True)
class State:
    """Where a run stands after a step: enough to go on exactly.

    Attributes
    ----------
    epoch, batch : int
        Epochs finished, and batches done of the next one.
    history : list of dict
        Of each finished epoch: `train_loss`, `val_loss`, `val_accuracy`, `learning_rate`.
    loss_sum : float
        Of the pictures of the unfinished epoch.
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
        """Epoch of the highest validation accuracy, from 1; of equal ones the first. 0 before any."""
        accuracies = [epoch["val_accuracy"] for epoch in self.history]
        return accuracies.index(max(accuracies)) + 1 if accuracies else 0


def _silent(_: Any) -> None:
    pass


@dataclass(frozen=True)
class Session:
    """What a run needs beside pictures, network and recipe.

    Attributes
    ----------
    seed : int
        Of the order of the pictures, their crops and mirrors, and of dropout.
    accelerator : str
        Of Lightning: cpu, gpu or auto.
    state : State
        From which to go on; by default from the beginning.
    save : callable
        Called with the state every `checkpoint_batches` batches and after every epoch.
    tell : callable
        Called with a line of progress.
    """

    seed: int
    accelerator: str = "cpu"
    state: State = field(default_factory=State)
    save: Callable[[State], None] = _silent
    tell: Callable[[str], None] = _silent


class Classifier(nn.Module):
    """AlexNet with fully connected layers for `n_classes`; fc6 and fc7 start fresh unless given, fc8 always does.

    Dropout stands after fc6 and fc7 in Caffe's layouts, before them in torchvision's.
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


def classifier(arrays: Weights, head: Weights | None, recipe: Recipe, *, n_classes: int, seed: int) -> Classifier:
    """AlexNet before fine-tuning.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Convolution layers by the layout's names.
    head : mapping of str to ndarray, or None
        `fc6.weight`, `fc6.bias`, `fc7.weight`, `fc7.bias` of the pre-trained network; None: they start fresh.
    recipe : Recipe
    n_classes, seed : int
        Classes, and the seed of the fresh layers.
    """
    model = Classifier(alexnet(arrays, layout=recipe.layout), layout=recipe.layout, n_classes=n_classes)
    model.initialise(torch.Generator().manual_seed(derived_seed(seed, "weights")))
    if head is not None:
        model.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in head.items()}, strict=False)
    return model.to(memory_format=torch.channels_last)  # type: ignore[no-any-return, call-overload]


def train(training: Pictures, validation: Pictures, model: Classifier, recipe: Recipe, session: Session) -> State:
    """Train until the validation accuracy stops rising; afterwards `model` has the weights of the best epoch.

    Parameters
    ----------
    training, validation : (pixels, labels)
        uint8 (n, height, width), and class indices (n,).
    model : Classifier
        Before fine-tuning.
    recipe : Recipe
        Optimiser, schedule, early stopping.
    session : Session
        Seed, device, where to begin, whom to tell.

    Raises
    ------
    FeatureError
        If the loss is no longer finite.
    """
    run = _Run(model.train(), recipe, session)
    if not run.finished:
        trainer = lightning.trainer(
            recipe.max_epochs - run.state.epoch,
            accelerator=session.accelerator,
            precision=recipe.precision,
            num_sanity_val_steps=0,
            deterministic=True,
        )
        with lightning.quiet():
            trainer.fit(run, _Training(training, recipe, run), _Batches(validation, recipe))
    model.cpu().load_state_dict(run.state.best)
    return run.state


def records(state: State, training: Pictures, validation: Pictures) -> list[selection_record.Record]:
    """Record for the ledger what the pictures that `train` was given decided: weights, and the epoch to stop at."""
    network = "AlexNet fine-tuned"
    return [
        selection_record.Record(
            f"{network}: weights", None, "cross-entropy", selection_record.content_ids(training[0])
        ),
        selection_record.Record(
            f"{network}: epoch",
            state.best_epoch,
            "accuracy",
            selection_record.content_ids(validation[0]),
            candidates=state.epoch,
        ),
    ]


def accuracy(model: Classifier, pictures: Pictures, recipe: Recipe) -> float:
    """Share of pictures, by their centre crops, that the network classifies rightly."""
    model.eval()
    with torch.inference_mode():
        right = sum(int((model(images).argmax(1) == labels).sum()) for images, labels in _Batches(pictures, recipe))
    return right / len(pictures[1])


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


class _Batches:
    """Centre crops of all pictures, in their order."""

    def __init__(self, pictures: Pictures, recipe: Recipe) -> None:
        self.pixels, self.labels = pictures
        self.size, self.crop = recipe.batch_size, recipe.crop

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(self.labels), self.size):
            rows = slice(start, start + self.size)
            corner = np.full(len(self.labels[rows]), (SCALED - self.crop) // 2, np.int64)
            images = scaled_crops(self.pixels[rows], corner, corner, corner < 0, self.crop)
            yield images, torch.from_numpy(self.labels[rows])


class _Training:
    """Random crops and mirrors of all pictures in the random order of an epoch, from where the run stands."""

    def __init__(self, pictures: Pictures, recipe: Recipe, run: "_Run") -> None:
        self.pixels, self.labels = pictures
        self.recipe, self.seed, self.run = recipe, run.session.seed, run
        run.n_batches = math.ceil(len(self.labels) / recipe.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        epoch, first = self.run.state.epoch, self.run.state.batch
        order = np.random.default_rng(derived_seed(self.seed, "order", epoch)).permutation(len(self.labels))
        for i in range(first, self.run.n_batches):
            rng = np.random.default_rng(derived_seed(self.seed, "crops", epoch, i))
            rows = order[i * self.recipe.batch_size : (i + 1) * self.recipe.batch_size]
            top, left = rng.integers(0, SCALED - self.recipe.crop + 1, (2, len(rows)))
            mirror = rng.random(len(rows)) < 0.5
            images = scaled_crops(self.pixels[rows], top, left, mirror, self.recipe.crop)
            yield images, torch.from_numpy(self.labels[rows])


class _Run(LightningModule):  # type: ignore[misc]
    """One run: steps, validation after each epoch, early stopping, the best weights."""

    def __init__(self, model: Classifier, recipe: Recipe, session: Session) -> None:
        super().__init__()
        self.model, self.recipe, self.session = model, recipe, session
        self.state, self.n_batches = session.state, 0
        self.right, self.val_loss, self.n_val, self.n_train, self.started = 0, 0.0, 0, 0, time.monotonic()
        if self.state.model:
            model.load_state_dict(self.state.model)

    @property
    def finished(self) -> bool:
        """Whether early stopping or the last epoch has been reached."""
        state = self.state
        return state.epoch >= self.recipe.max_epochs or state.epoch - state.best_epoch >= self.recipe.patience

    @property
    def decay(self) -> float:
        """By what all learning rates are multiplied in this epoch."""
        return self.recipe.decay_factor ** (self.state.epoch // self.recipe.decay_every)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """SGD with Caffe's rates; the velocities of an earlier part of the run are put back."""
        recipe = self.recipe
        groups = []
        for name, weights in self.model.named_parameters():
            rate = recipe.learning_rate * (recipe.last_layer_factor if name.startswith("fc8.") else 1.0)
            bias = name.endswith(".bias")
            decay = 0.0 if bias else recipe.weight_decay
            groups.append({"params": [weights], "base": rate * (BIAS_FACTOR if bias else 1.0), "weight_decay": decay})
        for group in groups:
            group["lr"] = group["base"]
        optimiser = torch.optim.SGD(groups, momentum=recipe.momentum)
        for name, weights in self.model.named_parameters():
            if name in self.state.momentum:
                optimiser.state[weights]["momentum_buffer"] = self.state.momentum[name].to(weights.device)
        return optimiser

    def on_train_epoch_start(self) -> None:
        """Set the learning rates of the epoch."""
        for group in self.optimizers().param_groups:
            group["lr"] = group["base"] * self.decay

    def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
        """Mean cross-entropy of a batch."""
        torch.manual_seed(derived_seed(self.session.seed, "dropout", self.state.epoch, self.state.batch))
        images, labels = batch
        loss = cross_entropy(self.model(images), labels)
        if not math.isfinite(loss.item()):
            raise FeatureError(
                f"fine-tuning, seed {self.session.seed}: loss is {loss.item()} in epoch {self.state.epoch + 1}, batch"
                f" {self.state.batch + 1}, expected a finite number; lower fine_tuning.learning_rate"
            )
        self.n_train += len(labels)
        self.state = replace(self.state, loss_sum=self.state.loss_sum + loss.item() * len(labels))
        return loss

    def on_train_batch_end(self, _outputs: Any, _batch: Any, _index: int) -> None:
        """Count the batch, tell the progress, save now and then."""
        self.state = replace(self.state, batch=self.state.batch + 1)
        if self.state.batch % LOG_EVERY == 0:
            rate = self.n_train / (time.monotonic() - self.started)
            self.session.tell(
                f"epoch {self.state.epoch + 1} of at most {self.recipe.max_epochs}, batch {self.state.batch} of"
                f" {self.n_batches}, {rate:.0f} faces/s"
            )
        if self.state.batch % self.recipe.checkpoint_batches == 0 and self.state.batch < self.n_batches:
            self.session.save(self.snapshot())

    def validation_step(self, batch: tuple[Tensor, Tensor], _index: int) -> None:
        """Count the right answers."""
        images, labels = batch
        logits = self.model(images).float()
        self.right += int((logits.argmax(1) == labels).sum())
        self.val_loss += float(cross_entropy(logits, labels, reduction="sum"))
        self.n_val += len(labels)

    def on_train_epoch_end(self) -> None:
        """Close the epoch: history, best weights, early stopping; Lightning has validated by now."""
        state = self.state
        found = {
            "train_loss": state.loss_sum / self.n_pictures,
            "val_loss": self.val_loss / self.n_val,
            "val_accuracy": self.right / self.n_val,
            "learning_rate": self.recipe.learning_rate * self.decay,
        }
        self.right, self.val_loss, self.n_val = 0, 0.0, 0
        self.session.tell(
            f"epoch {state.epoch + 1}: " + ", ".join(f"{name} {value:.4g}" for name, value in found.items())
        )
        history = [*state.history, found]
        self.state = replace(state, epoch=state.epoch + 1, batch=0, loss_sum=0.0, history=history)
        if self.state.best_epoch == self.state.epoch:
            self.state = replace(self.state, best=_copied(self.model.state_dict()))
        self.session.save(self.snapshot())
        self.trainer.should_stop = self.finished

    @property
    def n_pictures(self) -> int:
        """Pictures of an epoch."""
        return len(self.trainer.train_dataloader.labels)

    def snapshot(self) -> State:
        """Return the state with the weights and velocities as they are now."""
        optimiser = self.optimizers().optimizer
        velocities = {
            name: optimiser.state[weights]["momentum_buffer"]
            for name, weights in self.model.named_parameters()
            if optimiser.state[weights].get("momentum_buffer") is not None
        }
        return replace(self.state, model=_copied(self.model.state_dict()), momentum=_copied(velocities))


def _copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: values.detach().cpu().clone(memory_format=torch.contiguous_format) for name, values in tensors.items()
    }


def convolution_arrays(model: Classifier, names: Iterable[str]) -> dict[str, npt.NDArray[np.float32]]:
    """Weights of the convolution layers called `names`, as arrays."""
    state = model.convolution.state_dict()
    return {name: state[name].detach().cpu().contiguous().numpy() for name in names}
