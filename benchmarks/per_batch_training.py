"""The training of `emotiw.audio.training` in Lightning's usual form, for `blstm.py lightning`."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from emotiw.audio import blstm, training


class Repeatable:
    """A data loader over given batches."""

    def __init__(self, batches: list[Any]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)


class PerBatch(LightningModule):
    """The library's training in Lightning's usual form: one `training_step` per batch, automatic optimisation."""

    def __init__(
        self, model: blstm.BLSTM, recipe: training.Recipe, validation: training.Clips, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.model, self.recipe, self.validation = model, recipe, validation
        self.noise = blstm.Noise(generator, recipe.input_noise, recipe.dropout)
        self.losses: list[tuple[float, float]] = []  # of training and of validation, an epoch
        self.loss, self.posteriors = 0.0, {}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Gradient descent with momentum, as the library's."""
        weights = [p for p in self.model.parameters() if p.requires_grad]
        return torch.optim.SGD(weights, lr=self.recipe.learning_rate, momentum=self.recipe.momentum, fused=True)

    def training_step(self, batch: training.Batch, _index: int) -> torch.Tensor:
        """Loss of a batch, checked as the library does."""
        inputs, rows, labels = batch
        loss = training.summed_cross_entropy(self.model(inputs, rows, self.noise), labels)
        value = loss.item()
        assert math.isfinite(value)
        self.loss += value
        return loss

    def validation_step(self, batch: Any, _index: int) -> None:
        """Frame posteriors of a batch of validation clips."""
        inputs, rows, indices, lengths = batch
        values = torch.softmax(self.model(inputs, rows), dim=2).numpy()
        self.posteriors |= {i: values[:n, column] for column, (i, n) in enumerate(zip(indices, lengths, strict=True))}

    def on_validation_epoch_end(self) -> None:
        """Cross-entropy of the validation frames, and accuracy of the clips."""
        posteriors = [self.posteriors.pop(i) for i in range(len(self.validation.labels))]
        labels = self.validation.labels
        loss = training._cross_entropy(np.concatenate([p[:, y] for p, y in zip(posteriors, labels, strict=True)]))
        np.mean(blstm.clip_scores(posteriors).argmax(1) == np.array(labels))
        self.losses.append((self.loss, loss))
        self.loss = 0.0
        self.log("val_loss", torch.tensor(loss, dtype=torch.float64))


class BestWeights(Callback):
    """Keeps the weights of the least validation loss in memory; a checkpoint would be a file an epoch."""

    def __init__(self) -> None:
        self.loss, self.weights = math.inf, {}

    def on_validation_end(self, _trainer: Trainer, module: PerBatch) -> None:
        """Copy the weights if they are the best so far."""
        if module.losses[-1][1] < self.loss:
            self.loss = module.losses[-1][1]
            self.weights = {name: values.clone() for name, values in module.model.state_dict().items()}
