"""Training of a network with CURRENNT's semantics, by Lightning.

Loss of a batch, the sum of the cross-entropies of its frames (`summed_cross_entropy`)::

    E = - sum_k sum_t log p_kt(y_k)

with p_kt(c) the posterior of class c in frame t of clip k, and y_k the class of the clip, which is the label of each of
its frames. Gradient descent with momentum, for every weight w (`optimiser: sgd`)::

    v <- m v + dE/dw        w <- w - r v

with m = `momentum` and r = `learning_rate`. Because E is a sum, a step grows with the number of frames of the batch.
Within the LSTM layers, CURRENNT limits each delta to [-1, 1] (`peephole_lstm.backward`).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
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
from emotiw.core.progress import Epochs, Progress, ignore, ignore_epoch
from emotiw.jobs import devices, lightning
from emotiw.statistics import selection_record
from emotiw.statistics.selection_record import Record

PADDING = -100  # label of the padding
ONE_STEP = range(1)  # data loader for Lightning: one step per epoch

# inputs (n_frames, n_clips, n_inputs), order that reverses each clip (`reversal`), labels (n_frames, n_clips)
Batch = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Clips:
    """Features and labels of the clips of one part of a fold.

    Attributes
    ----------
    features : sequence of ndarray, shape (n_frames, n_inputs)
        Standardised features, one array per clip.
    labels : sequence of int
        Class index of each clip, and of each of its frames.
    names : sequence of str
        Clip ids.
    """

    features: Sequence[npt.NDArray[Any]]
    labels: Sequence[int]
    names: Sequence[str] = ()


@dataclass(frozen=True)
class Recipe:
    """Architecture and training of a network.

    Section `blstm` of the configuration explains each value and holds the defaults.
    """

    layers: tuple[int, ...]
    peepholes: bool
    optimiser: str
    learning_rate: float
    schedule: str
    momentum: float
    weight_decay: float
    dropout: float
    class_weights: bool
    label_smoothing: float
    input_noise: float
    init_range: float
    gradient_clip: float | None
    batch_size: int
    patience: int
    max_epochs: int

    @classmethod
    def from_settings(cls, layers: Sequence[int], settings: Mapping[str, Any]) -> "Recipe":
        """Recipe of an architecture with the values of section `blstm`.

        Parameters
        ----------
        layers : sequence of int
            Units of each layer.
        settings : mapping
            Section `blstm`; keys that are not of the recipe are ignored.
        """
        return cls(tuple(layers), **{field.name: settings[field.name] for field in fields(cls)[1:]})

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch; epochs count from 0."""
        fraction = epoch / self.max_epochs if self.schedule == "cosine" else 0
        return self.learning_rate * (1 + math.cos(math.pi * fraction)) / 2

    @property
    def architecture(self) -> str:
        """Name of the architecture: the units of the layers, joined by "-"."""
        return "-".join(map(str, self.layers))


@dataclass(frozen=True)
class Session:
    """Seed and device of a training, and the function that is told its progress.

    Attributes
    ----------
    seed : int
        Seed of the weights, the order of the batches, noise and dropout; at most 63 bits.
    device : torch.device
        CPU or GPU.
    tell, record : callable
        Called after an epoch: with a line of progress, at most every few seconds; with number and metrics (`Epochs`).
    """

    seed: int
    device: torch.device = devices.CPU
    tell: Callable[[str], None] = ignore
    record: Epochs = ignore_epoch


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes
    ----------
    model : BLSTM
        The network with the weights of the best epoch, on the CPU.
    history : list of dict
        Per epoch: `train_loss` and `val_loss` (mean cross-entropy of a frame), and `val_accuracy` (of the clips).
    best_epoch : int
        Epoch with the least `val_loss`, from 1; 0 if no epoch improved on the initial weights.
    validation : dict
        Validation metrics of the best weights (`evaluate`).
    """

    model: BLSTM
    history: list[dict[str, float]]
    best_epoch: int
    validation: dict[str, float]

    @property
    def facts(self) -> dict[str, Any]:
        """Summary of the training, as JSON values."""
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
    """Select the clips that have features and a label among `classes` (not a hidden one)."""
    names = [clip for clip in clips if clip in features and labels[clip] in classes]
    return Clips([features[clip] for clip in names], [classes.index(labels[clip]) for clip in names], names)


def records(network: str, trained: Trained, training: Clips, validation: Clips) -> list[Record]:
    """Ledger records of a training: the weights, and the epoch chosen on the validation clips."""
    n_epochs = len(trained.history)
    return [
        selection_record.Record(f"{network}: weights", None, "cross-entropy of the frames", training.names),
        selection_record.Record(
            f"{network}: epoch",
            trained.best_epoch,
            "least cross-entropy of the frames",
            validation.names,
            candidates=n_epochs + 1,
        ),
    ]


def train(training: Clips, validation: Clips, recipe: Recipe, *, n_classes: int, session: Session) -> Trained:
    """Train a network from random weights until its validation loss stops falling.

    Parameters
    ----------
    training, validation : Clips
        Neither may be empty.
    recipe : Recipe
        Architecture, optimiser, regularisation and early stopping.
    n_classes : int
        Number of classes.
    session : Session
        Seed, device, and callable for lines of progress.

    Raises
    ------
    FeatureError
        If a part is empty, if a loss is not finite, or if the logits or gradients of the first batch on a GPU differ
        from the CPU's.
    """
    for name, part in {"training": training, "validation": validation}.items():
        if not part.features:
            raise FeatureError(
                f"network {recipe.architecture}: no labelled {name} clip with sound, expected at least one; check the"
                " split and the statuses"
            )
    generator = torch.Generator().manual_seed(session.seed)
    model = BLSTM(training.features[0].shape[1], recipe.layers, n_classes, peepholes=recipe.peepholes)
    initialise(model, init_range=recipe.init_range, generator=generator)
    batches = Batches(training, recipe.batch_size, generator)
    first = partial(_first_step, batch=batches.batches[0])
    model = devices.moved(f"network {recipe.architecture}", model, session.device, first)
    run = _Run(model, recipe, batches, validation, generator)
    run.record = session.record
    run.class_weights = class_weights(training, n_classes) if recipe.class_weights else None
    run.progress = Progress("epoch", recipe.max_epochs, session.tell)
    with lightning.quiet(), devices.exact():
        run.validate()
        accelerator = "cpu" if session.device.type == "cpu" else "gpu"
        lightning.trainer(recipe.max_epochs, accelerator=accelerator).fit(run, ONE_STEP)
    model.cpu().load_state_dict(run.best)
    return Trained(model, run.history, run.best_epoch, run.validation_of_best)


def _first_step(model: BLSTM, batch: Batch) -> list[Tensor]:
    """Logits of a batch, and the gradients of its loss for each weight."""
    inputs, rows, labels = (values.to(devices.device_of(model)) for values in batch)
    logits = model(inputs, rows)
    weights = [p for p in model.parameters() if p.requires_grad]
    return [logits, *torch.autograd.grad(summed_cross_entropy(logits, labels), weights)]


class Batches:
    """Batches of clips of similar length, in a new random order in each iteration.

    By default CURRENNT keeps the order from short to long; here batches are shuffled [ours].
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
    """Weight of each class, inverse to its number of frames and with a mean of 1 over all frames; 0 without frames."""
    n_frames = np.bincount(list(clips.labels), [len(x) for x in clips.features], n_classes)
    present = n_frames > 0
    weights = np.where(present, n_frames.sum() / (present.sum() * np.maximum(1, n_frames)), 0)
    return torch.from_numpy(weights.astype(np.float32))


def summed_cross_entropy(
    logits: Tensor, labels: Tensor, *, weights: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """Loss of a batch, the sum over its real frames: E = - sum_k sum_t sum_c q_kc u_c log p_kt(c).

    p_kt is the softmax of the logits of frame t of clip k, u_c the weight of class c, and q_kc the label: 1 - s + s / n
    for the clip's class and s / n for the others, with s = `smoothing` and n classes. With the defaults u_c = 1 and
    s = 0, this is the loss of the module's docstring.

    Parameters
    ----------
    logits : Tensor, shape (n_frames, n_clips, n_classes)
        Logits of every frame.
    labels : Tensor, shape (n_frames, n_clips)
        Class indices; `PADDING` where there is no frame.
    weights : Tensor, shape (n_classes,), or None
        u_c; None means 1 for each class.
    smoothing : float
        s: share of each label that is spread over all classes.
    """
    options: dict[str, Any] = {"ignore_index": PADDING, "reduction": "sum", "label_smoothing": smoothing}
    return cross_entropy(logits.flatten(0, 1), labels.flatten(), weights, **options)


def evaluate(model: BLSTM, clips: Clips) -> dict[str, float]:
    """Mean cross-entropy of the frames and of the clip scores, and accuracy of the clip scores."""
    posteriors = frame_posteriors(model, clips.features)
    scores = clip_scores(posteriors)
    true_of_frames = np.concatenate([p[:, label] for p, label in zip(posteriors, clips.labels, strict=True)])
    true_of_clips = scores[np.arange(len(scores)), list(clips.labels)]
    return {
        "frame_loss": _cross_entropy(true_of_frames),
        "clip_loss": _cross_entropy(true_of_clips),
        "accuracy": float(np.mean(scores.argmax(axis=1) == np.array(clips.labels))),
    }


class _Run(LightningModule):  # type: ignore[misc]
    """Training of one network: steps, validation after each epoch, early stopping, the best weights.

    One epoch is one step of Lightning's manual optimisation, over all batches (`ONE_STEP`). The usual form, one
    `training_step` per batch, gives the same weights bit by bit, but takes 17 % more CPU time for a layer of 64 units
    (nothing measurable for the largest networks), measured by `benchmarks/blstm.py lightning` (docs/networks.md).
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
        self.record: Epochs = ignore_epoch
        self.progress = Progress("epoch", recipe.max_epochs, ignore)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Make the optimiser: gradient descent with momentum, or Adam with decoupled weight decay."""
        weights = [p for p in self.model.parameters() if p.requires_grad]
        rate, decay = self.recipe.learning_rate, self.recipe.weight_decay
        if self.recipe.optimiser == "adam":
            return torch.optim.AdamW(weights, lr=rate, weight_decay=decay, fused=True)
        momentum = self.recipe.momentum
        return torch.optim.SGD(weights, lr=rate, momentum=momentum, weight_decay=decay, fused=True)

    def training_step(self, _step: int, _index: int) -> None:
        """Update the weights once per batch, for all batches."""
        optimiser = self.optimizers(use_pl_optimizer=False)
        for group in optimiser.param_groups:
            group["lr"] = self.recipe.rate(len(self.history))
        device = devices.device_of(self.model)
        weights = None if self.class_weights is None else self.class_weights.to(device)
        for batch in self.batches:
            inputs, rows, labels = (values.to(device) for values in batch)
            logits = self.model(inputs, rows, self.noise)
            loss = summed_cross_entropy(logits, labels, weights=weights, smoothing=self.recipe.label_smoothing)
            value = loss.item()
            self.check("training", value)
            self.loss += value
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if self.recipe.gradient_clip:
                clip_grad_value_(self.model.parameters(), self.recipe.gradient_clip)
            optimiser.step()

    def on_train_epoch_end(self) -> None:
        """Validate, report, and stop after `patience` epochs without improvement."""
        self.history.append({"train_loss": self.loss / self.batches.n_frames})
        self.loss = 0.0
        metrics = self.validate()
        self.history[-1] |= {"val_loss": metrics["frame_loss"], "val_accuracy": metrics["accuracy"]}
        self.trainer.should_stop = len(self.history) - self.best_epoch >= self.recipe.patience
        self.record(len(self.history), self.history[-1])
        results = ", ".join(f"{name} {value:.4g}" for name, value in self.history[-1].items())
        self.progress.done(
            len(self.history), f"{results}, best epoch {self.best_epoch}", last=bool(self.trainer.should_stop)
        )

    def validate(self) -> dict[str, float]:
        """Validate, and keep the weights if they are the best so far."""
        metrics = evaluate(self.model, self.validation)
        self.check("validation", metrics["frame_loss"])
        if metrics["frame_loss"] < self.best_loss:
            self.best_loss, self.best_epoch = metrics["frame_loss"], len(self.history)
            self.best = {name: values.cpu().clone() for name, values in self.model.state_dict().items()}
            self.validation_of_best = metrics
        return metrics

    def check(self, part: str, loss: float) -> None:
        """Check that a loss is finite; FeatureError otherwise."""
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
    # a posterior that underflowed to 0 costs 87 nats instead of infinity
    return float(-np.log(np.maximum(posteriors.astype(np.float64), np.finfo(np.float32).tiny)).mean())
