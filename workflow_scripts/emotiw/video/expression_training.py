"""Training of the expression network on labels and votes at the same time, by Lightning.

Everything random is a function of (seed, step) or (seed, epoch): a run that was stopped between two steps and is
continued from its `State` ends with the same weights, bit by bit, as a run that was never stopped. The number of epochs
is fixed and the weights of the last are taken, so the validation pictures choose nothing.
"""

import math
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax

from emotiw.core.errors import FeatureError
from emotiw.core.seeds import derived_seed
from emotiw.jobs import lightning
from emotiw.video import expression_network
from emotiw.video.expression_data import Augmented, Batch, InOrder, Pictures, scaled
from emotiw.video.expression_network import ExpressionNetwork
from emotiw.video.expression_recipe import Recipe
from emotiw.video.fine_tuning_state import Session, State

LOG_EVERY = 10  # batches
CALIBRATION = 512  # pictures whose statistics the batch normalisation begins with
BETAS = {"first": "exp_avg", "second": "exp_avg_sq"}  # Adam's moments: here, and in torch


def train(
    training: Pictures, validation: Pictures, model: ExpressionNetwork, recipe: Recipe, session: Session
) -> State:
    """Train for all epochs; afterwards `model` has the last weights.

    Parameters
    ----------
    training, validation : Pictures
    model : ExpressionNetwork
        From `expression_network.pretrained`.
    recipe : Recipe
        Optimiser, schedule, augmentation.
    session : Session
        Seed, device, state to continue from, callables for states and lines of progress.

    Raises
    ------
    FeatureError
        If the loss is no longer finite.
    """
    if not session.state.model:
        expression_network.calibrate(model, scaled(training.pixels[:CALIBRATION], recipe.size_of(0)))
    run = _Run(model, recipe, session)
    while run.state.epoch < recipe.max_epochs:
        run = _Run(model, recipe, replace(session, state=run.state))
        batches = Augmented(training, recipe, session.seed, run.position)
        run.n_batches = batches.n_batches
        trainer = lightning.trainer(
            run.end - run.state.epoch, accelerator=session.accelerator, num_sanity_val_steps=0, deterministic=True
        )
        with lightning.quiet():
            warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")  # the frozen ones
            trainer.fit(run, batches, InOrder(validation, recipe, run.position))
    model.cpu().eval()
    return run.state


def losses(
    logits: Mapping[str, Tensor], labels: Tensor, shares: Tensor, *, smoothing: float = 0.0
) -> dict[str, Tensor]:
    """Mean loss of each head over a batch.

    `labels`: cross-entropy with the class indices. `votes`: -1/n sum_i sum_c s_ic log p_ic with the shares s of the
    votes, so that a picture counts as much as its votes for one of the classes.

    Parameters
    ----------
    logits : mapping of str to Tensor (n, 7)
    labels : Tensor (n,)
    shares : Tensor (n, 7)
    smoothing : float
        Share of each label that is spread over all classes.
    """
    loss_of = {"labels": cross_entropy(logits["labels"], labels, label_smoothing=smoothing)}
    if "votes" in logits:
        loss_of["votes"] = -(shares * log_softmax(logits["votes"], dim=1)).sum(dim=1).mean()
    return loss_of


class _Run(LightningModule):  # type: ignore[misc]
    """One cycle of a run: steps, validation after each epoch, progress, states."""

    def __init__(self, model: ExpressionNetwork, recipe: Recipe, session: Session) -> None:
        super().__init__()
        self.model, self.recipe, self.session, self.state = model, recipe, session, session.state
        self.n_batches, self.n_done, self.started = 0, 0.0, time.monotonic()
        self.validated: list[tuple[dict[str, Tensor], Tensor, Tensor]] = []
        if self.state.model:
            model.load_state_dict(self.state.model)
        self.cycle, self.first = recipe.cycle_of(self.state.epoch)
        model.freeze(self.cycle.frozen_blocks)
        model.train()

    def position(self) -> tuple[int, int]:
        """Finished epochs, and finished batches of the next one."""
        return self.state.epoch, self.state.batch

    @property
    def end(self) -> int:
        """Epochs that are finished when the cycle is."""
        return self.first + self.cycle.epochs

    @property
    def n_steps(self) -> int:
        """Steps of the cycle that are done."""
        return (self.state.epoch - self.first) * self.n_batches + self.state.batch

    def learning(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        """Weights that are not frozen, by name."""
        return ((name, weights) for name, weights in self.model.named_parameters() if weights.requires_grad)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW (Loshchilov and Hutter, 2019); biases and normalisations do not decay; restores its moments."""
        groups = []
        for name, weights in self.learning():
            rate = self.cycle.learning_rate * (self.recipe.head_factor if name.startswith("heads.") else 1.0)
            decay = self.recipe.weight_decay if weights.ndim > 1 else 0.0
            groups.append({"params": [weights], "base": rate, "lr": rate, "weight_decay": decay})
        optimiser = torch.optim.AdamW(groups, fused=True)
        for name, weights in self.learning() if self.state.momentum else ():
            moments = {key: self.state.momentum[f"{kind}/{name}"].to(weights.device) for kind, key in BETAS.items()}
            moments = {key: torch.empty_like(weights).copy_(values) for key, values in moments.items()}
            optimiser.state[weights] = {"step": torch.tensor(float(self.n_steps), device=weights.device), **moments}
        return optimiser

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Weighted sum of both heads' losses."""
        torch.manual_seed(derived_seed(self.session.seed, "dropout", self.state.epoch, self.state.batch))
        done = self.n_steps / (self.cycle.epochs * self.n_batches)
        for group in self.optimizers().param_groups:
            group["lr"] = group["base"] * self.recipe.rate(done)
        images, labels, shares = batch
        images = images.contiguous(memory_format=torch.channels_last)
        loss_of = losses(self.model(images), labels, shares, smoothing=self.recipe.label_smoothing)
        weight = self.recipe.vote_weight if "votes" in loss_of else 0.0
        loss = (1 - weight) * loss_of["labels"] + weight * loss_of.get("votes", torch.zeros(()))
        if not math.isfinite(loss.item()):
            raise FeatureError(
                f"expression network, seed {self.session.seed}: loss is {loss.item()} in epoch {self.state.epoch + 1},"
                f" batch {self.state.batch + 1}, expected a finite number; lower learning_rate in expression.cycles"
            )
        self.state = replace(self.state, loss_sum=self.state.loss_sum + loss.item())
        return loss

    def on_train_batch_end(self, _outputs: Any, _batch: Any, _index: int) -> None:
        """Count the batch, report progress, save the state every `checkpoint_batches` batches."""
        self.n_done += self._cost(self.state.epoch)
        self.state = replace(self.state, batch=self.state.batch + 1)
        if self.state.batch % LOG_EVERY == 0:
            self.session.tell(
                f"epoch {self.state.epoch + 1} of {self.recipe.max_epochs}, batch {self.state.batch} of"
                f" {self.n_batches}, loss {self.state.loss_sum / self.state.batch:.3f}, {self._left()} left"
            )
        if self.state.batch % self.recipe.checkpoint_batches == 0 and self.state.batch < self.n_batches:
            self.session.save(self.snapshot())

    def _cost(self, epoch: int) -> float:
        """Relative time of a batch of an epoch: the number of its pixels."""
        return float(self.recipe.size_of(epoch) ** 2)

    def _left(self) -> str:
        """Time to the end at the speed of this session."""
        epoch = self.state.epoch
        rest = sum(self._cost(later) for later in range(epoch + 1, self.recipe.max_epochs)) * self.n_batches
        rest += self._cost(epoch) * (self.n_batches - self.state.batch)
        minutes = rest / self.n_done * (time.monotonic() - self.started) / 60
        return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"

    def validation_step(self, batch: Batch, _index: int) -> None:
        """Keep the logits."""
        images, labels, shares = batch
        logits = self.model(images.contiguous(memory_format=torch.channels_last))
        self.validated.append((logits, labels, shares))

    def on_train_epoch_end(self) -> None:
        """Close the epoch; Lightning has validated by now."""
        state = self.state
        results = {
            "train_loss": state.loss_sum / self.n_batches,
            **self._validation(),
            "size": self.recipe.size_of(state.epoch),
        }
        self.validated = []
        self.session.tell(
            f"epoch {state.epoch + 1}: " + ", ".join(f"{name} {value:.4g}" for name, value in results.items())
        )
        self.session.record(state.epoch + 1, results)
        history = [*state.history, results]
        self.state = replace(state, epoch=state.epoch + 1, batch=0, loss_sum=0.0, history=history)
        if self.state.epoch < self.end:
            self.session.save(self.snapshot())
        else:  # the next cycle begins without moments
            self.state = replace(self.state, model=_copied(self.model.state_dict()), momentum={})
            self.session.save(self.state)

    def _validation(self) -> dict[str, float]:
        """Losses and accuracies on the validation pictures; a vote counts where one class has more than the others."""
        heads = self.validated[0][0]
        logits = {name: torch.cat([part[0][name] for part in self.validated]) for name in heads}
        labels, shares = (torch.cat([part[i] for part in self.validated]) for i in (1, 2))  # type: ignore[misc]
        results = {f"val_{name}_loss": float(loss) for name, loss in losses(logits, labels, shares).items()}
        results["val_accuracy"] = float((logits["labels"].argmax(1) == labels).float().mean())
        voted = shares.max(dim=1).values > 0.5
        if "votes" in logits and voted.any():
            right = logits["votes"].argmax(1) == shares.argmax(1)
            results["val_votes_accuracy"] = float(right[voted].float().mean())
        return results

    def snapshot(self) -> State:
        """Return the state with the weights and moments as they are now."""
        optimiser = self.optimizers().optimizer
        moments = {
            f"{kind}/{name}": optimiser.state[weights][key]
            for name, weights in self.learning()
            for kind, key in BETAS.items()
        }
        return replace(self.state, model=_copied(self.model.state_dict()), momentum=_copied(moments))


def _copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: values.detach().cpu().clone(memory_format=torch.contiguous_format) for name, values in tensors.items()
    }
