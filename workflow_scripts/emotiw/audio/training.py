"""Training of a network with CURRENNT's semantics, by Lightning."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_value_

from emotiw.audio.blstm import BLSTM, Noise, clip_scores, frame_posteriors, initialise, length_batches, padded, reversal
from emotiw.core.errors import FeatureError
from emotiw.jobs import lightning
from emotiw.statistics import selection_record
from emotiw.statistics.selection_record import Record

PADDING = -100  # label of a frame that is no frame
ONE_STEP = range(1)  # what Lightning walks through in an epoch; of a list it would walk through what is in its items

# inputs of shape (n_frames, n_clips, n_inputs), what reverses each clip (`reversal`), labels of (n_frames, n_clips)
Batch = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Clips:
    """Features and labels of the clips of one part.

    Attributes
    ----------
    features : sequence of ndarray, shape (n_frames, n_inputs)
        One array a clip, standardised.
    labels : sequence of int
        Index of the class of each clip, and of each of its frames.
    names : sequence of str
        Their ids.
    """

    features: Sequence[npt.NDArray[Any]]
    labels: Sequence[int]
    names: Sequence[str] = ()


@dataclass(frozen=True)
class Recipe:
    """How a network is built and trained; section `blstm` of the configuration tells the meaning of each value."""

    layers: tuple[int, ...]
    peepholes: bool = True
    optimiser: str = "sgd"
    learning_rate: float = 1e-5
    schedule: str = "constant"
    momentum: float = 0.9
    weight_decay: float = 0.0
    dropout: float = 0.0
    class_weights: bool = False
    label_smoothing: float = 0.0
    input_noise: float = 0.0
    init_range: float = 0.1
    gradient_clip: float | None = None
    batch_size: int = 10
    patience: int = 20
    max_epochs: int = 500

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch, from 0."""
        fraction = epoch / self.max_epochs if self.schedule == "cosine" else 0
        return self.learning_rate * (1 + math.cos(math.pi * fraction)) / 2

    @property
    def architecture(self) -> str:
        """Units of the layers, joined by "-"."""
        return "-".join(map(str, self.layers))


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes
    ----------
    model : BLSTM
        With the weights of the best epoch.
    history : list of dict
        Of each epoch: `train_loss` and `val_loss` (mean cross-entropy of a frame) and `val_accuracy` (of the clips).
    best_epoch : int
        The epoch with the least `val_loss`, from 1; 0 if none improved on the initial weights.
    validation : dict
        What `evaluate` finds for the best weights.
    """

    model: BLSTM
    history: list[dict[str, float]]
    best_epoch: int
    validation: dict[str, float]

    @property
    def facts(self) -> dict[str, Any]:
        """What a reader of the result wants to know of the training."""
        return {
            "history": self.history,
            "best_epoch": self.best_epoch,
            "improved": self.best_epoch > 0,
            "validation": self.validation,
            "n_parameters": sum(p.numel() for p in self.model.parameters() if p.requires_grad),
        }


def labelled(
    features: Mapping[str, npt.NDArray[Any]], labels: Mapping[str, str], clips: Iterable[str], classes: Sequence[str]
) -> Clips:
    """Select those of `clips` that have features and whose label is a class (not hidden)."""
    chosen = [clip for clip in clips if clip in features and labels[clip] in classes]
    return Clips([features[clip] for clip in chosen], [classes.index(labels[clip]) for clip in chosen], chosen)


def records(network: str, trained: Trained, training: Clips, validation: Clips) -> list[Record]:
    """Record for the ledger what the clips that `train` was given have decided: weights, and the epoch to stop at."""
    n_epochs, name = len(trained.history), f"audio/{network}"
    return [
        selection_record.Record(f"{name}: weights", None, "cross-entropy of the frames", training.names),
        selection_record.Record(
            f"{name}: epoch",
            trained.best_epoch,
            "least cross-entropy of the frames",
            validation.names,
            candidates=n_epochs + 1,
        ),
    ]


def train(training: Clips, validation: Clips, recipe: Recipe, *, n_classes: int, seed: int) -> Trained:
    """Train a network from random weights until its validation loss stops falling.

    The loss of a batch is the sum of the cross-entropies of its frames, so a step grows with the batch's length.

    Parameters
    ----------
    training, validation : Clips
        Both not empty.
    recipe : Recipe
        Network, optimiser, regularisation and early stopping.
    n_classes : int
        Number of labels.
    seed : int
        Of the weights, the order of the batches, noise and dropout; at most 63 bits.

    Raises
    ------
    FeatureError
        If a part is empty, or the loss is no longer finite.
    """
    for name, part in {"training": training, "validation": validation}.items():
        if not part.features:
            raise FeatureError(
                f"network {recipe.architecture}: no labelled {name} clip with sound, expected at least one; check the"
                " split and the statuses"
            )
    generator = torch.Generator().manual_seed(seed)
    model = BLSTM(training.features[0].shape[1], recipe.layers, n_classes, peepholes=recipe.peepholes)
    initialise(model, init_range=recipe.init_range, generator=generator)
    run = _Run(model, recipe, Batches(training, recipe.batch_size, generator), validation, generator)
    run.class_weights = class_weights(training, n_classes) if recipe.class_weights else None
    run.validate()
    with lightning.quiet():
        lightning.trainer(recipe.max_epochs).fit(run, ONE_STEP)
    model.load_state_dict(run.best)
    return Trained(model, run.history, run.best_epoch, run.validation_of_best)


class Batches:
    """Batches of clips of similar length, in a new random order each time they are walked through.

    CURRENNT keeps the order from short to long unless told to shuffle; here it is shuffled [ours].
    """

    def __init__(self, clips: Clips, size: int, generator: torch.Generator) -> None:
        lengths = [len(x) for x in clips.features]
        self.batches = [_batch(clips, indices) for indices in length_batches(lengths, size)]
        self.n_frames = sum(lengths)
        self.generator = generator

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        for i in torch.randperm(len(self), generator=self.generator).tolist():
            yield self.batches[i]


def class_weights(clips: Clips, n_classes: int) -> Tensor:
    """Weight of each class: inverse to its number of frames, with a mean of 1 over all frames; 0 without frames."""
    n_frames = np.bincount(list(clips.labels), [len(x) for x in clips.features], n_classes)
    present = n_frames > 0
    weights = np.where(present, n_frames.sum() / (present.sum() * np.maximum(1, n_frames)), 0)
    return torch.from_numpy(weights.astype(np.float32))


def summed_cross_entropy(
    logits: Tensor, labels: Tensor, *, weights: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """Sum of the cross-entropies of the real frames of a batch.

    Parameters
    ----------
    logits : Tensor, shape (n_frames, n_clips, n_classes)
        Of every frame.
    labels : Tensor, shape (n_frames, n_clips)
        `PADDING` where there is no frame.
    weights : Tensor, shape (n_classes,), or None
        Of the classes; None: all 1.
    smoothing : float
        Share of each label that is spread over all classes.
    """
    options: dict[str, Any] = {"ignore_index": PADDING, "reduction": "sum", "label_smoothing": smoothing}
    return cross_entropy(logits.flatten(0, 1), labels.flatten(), weights, **options)


def evaluate(model: BLSTM, clips: Clips) -> dict[str, float]:
    """Validate: mean cross-entropy of the frames, and of the clips by their mean posteriors, and their accuracy."""
    posteriors = frame_posteriors(model, clips.features)
    scores = clip_scores(posteriors)
    of_frames = np.concatenate([p[:, label] for p, label in zip(posteriors, clips.labels, strict=True)])
    of_clips = scores[np.arange(len(scores)), list(clips.labels)]
    return {
        "frame_loss": _cross_entropy(of_frames),
        "clip_loss": _cross_entropy(of_clips),
        "accuracy": float(np.mean(scores.argmax(axis=1) == np.array(clips.labels))),
    }


class _Run(LightningModule):  # type: ignore[misc]
    """One run: steps, validation after each epoch, early stopping, the best weights.

    To Lightning an epoch is one step of manual optimisation over all batches (`ONE_STEP`): what it does around a step
    takes a quarter of the time that a small network needs for a batch.
    """

    automatic_optimization = False

    def __init__(
        self, model: BLSTM, recipe: Recipe, batches: Batches, validation: Clips, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.model, self.recipe, self.batches, self.validation = model, recipe, batches, validation
        self.noise = Noise(generator, recipe.input_noise, recipe.dropout)
        self.history: list[dict[str, float]] = []
        self.best, self.best_loss, self.best_epoch = {}, math.inf, 0  # type: dict[str, Tensor], float, int
        self.validation_of_best: dict[str, float] = {}
        self.loss = 0.0
        self.class_weights: Tensor | None = None

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Stochastic gradient descent, or Adam with decoupled weight decay."""
        weights = [p for p in self.model.parameters() if p.requires_grad]
        rate, decay = self.recipe.learning_rate, self.recipe.weight_decay
        if self.recipe.optimiser == "adam":
            return torch.optim.AdamW(weights, lr=rate, weight_decay=decay, fused=True)
        momentum = self.recipe.momentum
        return torch.optim.SGD(weights, lr=rate, momentum=momentum, weight_decay=decay, fused=True)

    def training_step(self, _step: int, _index: int) -> None:
        """Descend once for each batch."""
        optimiser = self.optimizers(use_pl_optimizer=False)
        for group in optimiser.param_groups:
            group["lr"] = self.recipe.rate(len(self.history))
        for inputs, rows, labels in self.batches:
            logits = self.model(inputs, rows, self.noise)
            loss = summed_cross_entropy(
                logits, labels, weights=self.class_weights, smoothing=self.recipe.label_smoothing
            )
            value = loss.item()
            self.check("training", value)
            self.loss += value
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if self.recipe.gradient_clip:
                clip_grad_value_(self.model.parameters(), self.recipe.gradient_clip)
            optimiser.step()

    def on_train_epoch_end(self) -> None:
        """Validate, and stop if nothing has improved for long enough."""
        self.history.append({"train_loss": self.loss / self.batches.n_frames})
        self.loss = 0.0
        found = self.validate()
        self.history[-1] |= {"val_loss": found["frame_loss"], "val_accuracy": found["accuracy"]}
        self.trainer.should_stop = len(self.history) - self.best_epoch >= self.recipe.patience

    def validate(self) -> dict[str, float]:
        """Validate, and keep the weights if they are the best so far."""
        found = evaluate(self.model, self.validation)
        self.check("validation", found["frame_loss"])
        if found["frame_loss"] < self.best_loss:
            self.best_loss, self.best_epoch = found["frame_loss"], len(self.history)
            self.best = {name: values.clone() for name, values in self.model.state_dict().items()}
            self.validation_of_best = found
        return found

    def check(self, part: str, loss: float) -> None:
        """Refuse to go on with a loss that is no number."""
        if not math.isfinite(loss):
            raise FeatureError(
                f"network {self.recipe.architecture}, seed {self.noise.generator.initial_seed()}: {part} loss is {loss}"
                f" after {len(self.history)} epochs at learning rate {self.recipe.learning_rate:g}, expected a finite"
                " number; lower blstm.learning_rate or blstm.gradient_clip"
            )


def _batch(clips: Clips, indices: Sequence[int]) -> Batch:
    inputs, lengths = padded([clips.features[i] for i in indices])
    real = torch.arange(len(inputs))[:, None] < lengths
    labels = torch.tensor([clips.labels[i] for i in indices])
    return inputs, reversal(lengths, len(inputs)), torch.where(real, labels, PADDING)


def _cross_entropy(posteriors: npt.NDArray[Any]) -> float:
    # a posterior that underflowed counts 87 nats, not infinity
    return float(-np.log(np.maximum(posteriors.astype(np.float64), np.finfo(np.float32).tiny)).mean())
