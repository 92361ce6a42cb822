"""Fine-tuning of AlexNet on FER2013 with the recipe of Ding et al. (2016), by Lightning.

Everything random is a function of (seed, step) or (seed, epoch): a run that was stopped between two steps and is
continued from its `State` ends with the same weights, bit by bit, as a run that was never stopped.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.nn.functional import cross_entropy

from emotiw.core.errors import FeatureError
from emotiw.core.seeds import derived_seed
from emotiw.jobs import lightning
from emotiw.statistics import selection_record
from emotiw.video.fine_tuning_data import CentreCrops, Pictures, RandomCrops
from emotiw.video.fine_tuning_network import Classifier
from emotiw.video.fine_tuning_state import Recipe, Session, State

BIAS_FACTOR = 2.0  # Caffe: biases learn at twice the rate and do not decay
LOG_EVERY = 20  # batches


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
        Seed, device, state to continue from, callables for states and lines of progress.

    Raises
    ------
    FeatureError
        If the loss is no longer finite.
    """
    run = _Run(model.train(), recipe, session)
    batches = RandomCrops(training, recipe, session.seed, run.position)
    run.n_batches = batches.n_batches
    if not run.finished:
        trainer = lightning.trainer(
            recipe.max_epochs - run.state.epoch,
            accelerator=session.accelerator,
            precision=recipe.precision,
            num_sanity_val_steps=0,
            deterministic=True,
        )
        with lightning.quiet():
            trainer.fit(run, batches, CentreCrops(validation, recipe))
    model.cpu().load_state_dict(run.state.best)
    return run.state


def records(state: State, training: Pictures, validation: Pictures) -> list[selection_record.Record]:
    """Record what `train` fitted and selected: weights by the training pictures, the epoch by the validation ones."""
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
    """Share of pictures that the network classifies correctly by their centre crops."""
    model.eval()
    with torch.inference_mode():
        n_correct = sum(
            int((model(images).argmax(1) == labels).sum()) for images, labels in CentreCrops(pictures, recipe)
        )
    return n_correct / len(pictures[1])


class _Run(LightningModule):  # type: ignore[misc]
    """One run: steps, validation after each epoch, early stopping, the best weights."""

    def __init__(self, model: Classifier, recipe: Recipe, session: Session) -> None:
        super().__init__()
        self.model, self.recipe, self.session = model, recipe, session
        self.state, self.n_batches = session.state, 0
        self.n_correct, self.val_loss, self.n_val, self.n_train, self.started = 0, 0.0, 0, 0, time.monotonic()
        if self.state.model:
            model.load_state_dict(self.state.model)

    @property
    def finished(self) -> bool:
        """Whether early stopping or the last epoch has been reached."""
        state = self.state
        return state.epoch >= self.recipe.max_epochs or state.epoch - state.best_epoch >= self.recipe.patience

    def position(self) -> tuple[int, int]:
        """Finished epochs, and finished batches of the next one."""
        return self.state.epoch, self.state.batch

    @property
    def decay(self) -> float:
        """Factor of all learning rates in this epoch."""
        return self.recipe.decay_factor ** (self.state.epoch // self.recipe.decay_every)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """SGD as in Caffe: V = mu V + grad + decay W, W -= rate V; restores the velocities V of a continued run."""
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
        """Mean cross-entropy of a batch, -1/n sum_i log softmax(z_i)[y_i], with logits z and class indices y."""
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
        """Count the batch, report progress, save the state every `checkpoint_batches` batches."""
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
        """Count the pictures that are classified correctly."""
        images, labels = batch
        logits = self.model(images).float()
        self.n_correct += int((logits.argmax(1) == labels).sum())
        self.val_loss += float(cross_entropy(logits, labels, reduction="sum"))
        self.n_val += len(labels)

    def on_train_epoch_end(self) -> None:
        """Close the epoch: history, best weights, early stopping; Lightning has validated by now."""
        state = self.state
        results = {
            "train_loss": state.loss_sum / self.n_pictures,
            "val_loss": self.val_loss / self.n_val,
            "val_accuracy": self.n_correct / self.n_val,
            "learning_rate": self.recipe.learning_rate * self.decay,
        }
        self.n_correct, self.val_loss, self.n_val = 0, 0.0, 0
        self.session.tell(
            f"epoch {state.epoch + 1}: " + ", ".join(f"{name} {value:.4g}" for name, value in results.items())
        )
        self.session.record(state.epoch + 1, results)
        history = [*state.history, results]
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
