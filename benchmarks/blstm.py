"""Training of BLSTMs: the cells against each other, Lightning's share, and sixty networks against the obvious loop.

Run one of

    python benchmarks/blstm.py cells        # ms a batch: torch's LSTM, peepholes, a plain loop, packed sequences
    python benchmarks/blstm.py lightning    # one step of Lightning per epoch, against its usual step per batch
    python benchmarks/blstm.py sixty        # six architectures against the obvious loop on half of AFEW, for sixty

All with one thread, on synthetic clips of 40 to 80 frames of 88 values.
"""

import functools
import io
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from per_batch_training import BestWeights, PerBatch, Repeatable
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from emotiw.audio import blstm, permutation, training
from emotiw.jobs import lightning as without_extras
from emotiw.jobs import runtime, settings

ARCHITECTURES = ((64,), (128,), (64, 64), (128, 64), (128, 128), (156, 300, 102))
N_INPUTS, N_CLASSES, SEED = 88, 7, 2016
N_TRAINING, N_VALIDATION, N_EPOCHS = 386, 192, 10  # at 20 epochs roundings have grown: losses differ by up to 0.04
AFEW = {"clips": 773, "repeats": 10}

# networks whose forms of training are compared: layers, peepholes, epochs, pairs of runs
FORMS = (((64,), True, 10, 9), ((64,), False, 10, 9), ((156, 300, 102), True, 2, 5))

Trained = tuple[float, list[tuple[float, float]], dict[str, torch.Tensor]]  # CPU s, losses of the epochs, weights
Results = dict[tuple[int, ...], tuple[float, float, list[float]]]  # CPU s, wall s, losses of the epochs


def clips(n: int, seed: int) -> training.Clips:
    """Clips of noise with a trace of their class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, N_CLASSES, n).tolist()
    lengths = rng.integers(40, 81, n)
    return training.Clips(
        [rng.normal(y / 20, 1, (t, N_INPUTS)).astype(np.float32) for y, t in zip(labels, lengths, strict=True)], labels
    )


def network(layers: tuple[int, ...], *, peepholes: bool) -> tuple[blstm.BLSTM, torch.Generator]:
    """Make a network and the generator that made its weights."""
    generator = torch.Generator().manual_seed(SEED)
    model = blstm.BLSTM(N_INPUTS, layers, N_CLASSES, peepholes=peepholes)
    return blstm.initialise(model, init_range=0.1, generator=generator), generator


def recipe_of(layers: tuple[int, ...], **changes: Any) -> training.Recipe:
    """Recipe with the values of config.yaml but for `changes`."""
    return replace(training.Recipe.from_settings(layers, settings.load([])["blstm"]), **changes)


def median_ms(work: Callable[[], None], n: int = 9) -> float:
    """Median CPU time of a call, after one to warm up."""
    work()
    found = []
    for _ in range(n):
        start = time.process_time()
        work()
        found.append(1e3 * (time.process_time() - start))
    return float(np.median(found))


class PlainLoop(nn.Module):
    """The peephole equations as a loop of torch operations, differentiated by torch."""

    def __init__(self, n_inputs: int, units: int) -> None:
        super().__init__()
        n = units // 2
        self.sizes, self.peepholes = (n_inputs, n), nn.Parameter(torch.empty(2, 3, n).uniform_(-0.1, 0.1))
        self.into = nn.ModuleList(nn.Linear(n_inputs, 4 * n) for _ in range(2))
        self.again = nn.ModuleList(nn.Linear(n, 4 * n, bias=False) for _ in range(2))

    def one_way(self, x: torch.Tensor, d: int) -> torch.Tensor:
        """Run one direction."""
        h = c = x.new_zeros(x.shape[1], self.sizes[1])
        pi, pf, po = self.peepholes[d]
        outputs = []
        for projected in self.into[d](x):
            i, f, g, o = (projected + self.again[d](h)).chunk(4, dim=1)
            c = torch.sigmoid(f + pf * c) * c + torch.sigmoid(i + pi * c) * torch.tanh(g)
            h = torch.sigmoid(o + po * c) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs)

    def forward(self, x: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """As `PeepholeLSTM.forward`."""
        back = permutation.permute(self.one_way(permutation.permute(x, rows), 1), rows)
        return torch.cat([self.one_way(x, 0), back], dim=2)


class Packed(nn.Module):
    """Stock bidirectional LSTM over packed sequences."""

    def __init__(self, layers: tuple[int, ...]) -> None:
        super().__init__()
        sizes = zip([N_INPUTS, *layers], layers, strict=False)
        self.layers = nn.ModuleList(nn.LSTM(n, units // 2, bidirectional=True) for n, units in sizes)
        self.output = nn.Linear(layers[-1], N_CLASSES)

    def forward(self, inputs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Logits of every frame."""
        x = nn.utils.rnn.pack_padded_sequence(inputs, lengths, enforce_sorted=False)
        for layer in self.layers:
            x, _ = layer(x)
        logits: torch.Tensor = self.output(nn.utils.rnn.pad_packed_sequence(x)[0])
        return logits

    @classmethod
    def like(cls, model: blstm.BLSTM, layers: tuple[int, ...]) -> "Packed":
        """Make one with the weights of a BLSTM without peepholes."""
        packed = cls(layers)
        for stock, layer in zip(packed.layers, model.layers, strict=True):
            back = {f"{name}_reverse": values for name, values in layer.back.state_dict().items()}
            stock.load_state_dict({**layer.ahead.state_dict(), **back})
            for name, weights in stock.named_parameters():
                weights.requires_grad_("bias_hh" not in name)
        packed.output.load_state_dict(model.output.state_dict())
        return packed


def cells() -> None:
    """Print ms a batch of ten clips of 51 to 60 frames, forward and backward."""
    lengths, labels = torch.arange(51, 61), torch.randint(N_CLASSES, (60, 10))
    x = torch.randn(60, 10, N_INPUTS)
    rows = blstm.reversal(lengths, len(x))
    print(f"{'layers':>12} {'torch':>7} {'peepholes':>10} {'loop':>7} {'packed':>7}  CPU ms a batch; over torch's")
    for layers in ARCHITECTURES:
        fused, peepholes = (network(layers, peepholes=use)[0] for use in (False, True))
        loop = network(layers, peepholes=True)[0]
        loop.layers = nn.ModuleList(PlainLoop(n, units) for n, units in zip([N_INPUTS, *layers], layers, strict=False))

        def step(model: nn.Module, clips: torch.Tensor = rows) -> Callable[[], None]:
            return lambda: training.summed_cross_entropy(model(x, clips), labels).backward()

        ms = [median_ms(work) for work in (*map(step, (fused, peepholes, loop)), step(Packed(layers), lengths))]
        print(f"{'-'.join(map(str, layers)):>12} {ms[0]:7.2f} {ms[1]:10.2f} {ms[2]:7.1f} {ms[3]:7.1f}", end="  ")
        print(" ".join(f"{value / ms[0]:.2f}" for value in ms))


def per_batch(recipe: training.Recipe) -> Trained:
    """Train in Lightning's usual form."""
    learnt, checked = clips(N_TRAINING, 0), clips(N_VALIDATION, 1)
    start = time.process_time()
    model, generator = network(recipe.layers, peepholes=recipe.peepholes)
    batches = training.Batches(learnt, recipe.batch_size, generator)
    of_validation = []
    for indices in blstm.length_batches([len(x) for x in checked.features], blstm.BATCH_SIZE):
        inputs, lengths = blstm.padded([checked.features[i] for i in indices])
        of_validation.append((inputs, blstm.reversal(lengths, len(inputs)), indices, lengths.tolist()))
    run, best = PerBatch(model, recipe, checked, generator), BestWeights()
    trainer = without_extras.trainer(recipe.max_epochs, num_sanity_val_steps=0)
    trainer.callbacks += [EarlyStopping("val_loss", patience=recipe.patience), best]
    trainer.validate(run, Repeatable(of_validation), verbose=False)  # the initial weights may be the best
    trainer.fit(run, batches, Repeatable(of_validation))
    seconds = time.process_time() - start
    losses = [(train / batches.n_frames, validation) for train, validation in run.losses[1:]]
    return seconds, losses, best.weights


def per_epoch(recipe: training.Recipe) -> Trained:
    """Train as the library does: one step of Lightning per epoch."""
    learnt, checked = clips(N_TRAINING, 0), clips(N_VALIDATION, 1)
    start = time.process_time()
    trained = training.train(learnt, checked, recipe, n_classes=N_CLASSES, session=training.Session(SEED))
    seconds = time.process_time() - start
    return seconds, [(e["train_loss"], e["val_loss"]) for e in trained.history], trained.model.state_dict()


def lightning() -> None:
    """Print what Lightning's usual form costs against one step per epoch, trained in turn.

    Both must give the same losses and weights, bit by bit.
    """
    for layers, peepholes, n_epochs, n_pairs in FORMS:
        recipe = recipe_of(layers, peepholes=peepholes, max_epochs=n_epochs, patience=n_epochs)
        ratios, epochs = [], []
        for pair in range(n_pairs + 1):  # the first warms up
            forms = [per_epoch, per_batch]
            results = {form: form(recipe) for form in (forms if pair % 2 else forms[::-1])}
            (own_s, losses, weights), (usual_s, other_losses, other_weights) = results[per_epoch], results[per_batch]
            assert losses == other_losses
            assert all(torch.equal(weights[name], other_weights[name]) for name in weights)
            ratios, epochs = [*ratios, usual_s / own_s], [*epochs, own_s / n_epochs]
        median, (low, high) = np.median(ratios[1:]), np.quantile(ratios[1:], (0.25, 0.75))
        print(
            f"{'-'.join(map(str, layers)):>11}, {'peepholes' if peepholes else 'torch'}: an epoch of"
            f" {np.median(epochs[1:]):.2f} CPU s; a step per batch takes {median:.3f} times that (quartiles {low:.3f}"
            f" to {high:.3f}, {n_pairs} pairs); losses and weights are the same bits",
            flush=True,
        )


class Obvious(LightningModule):
    """What one writes first: packed sequences, Lightning's defaults."""

    def __init__(self, model: Packed) -> None:
        super().__init__()
        self.model, self.losses, self.sums = model, [], []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """CURRENNT's descent."""
        return torch.optim.SGD([p for p in self.parameters() if p.requires_grad], lr=1e-5, momentum=0.9)

    def _loss(self, batch: training.Batch) -> torch.Tensor:
        inputs, lengths, labels = batch
        return cross_entropy(
            self.model(inputs, lengths).flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="sum"
        )

    def training_step(self, batch: training.Batch, _index: int) -> torch.Tensor:
        """Loss of a batch."""
        loss = self._loss(batch)
        self.sums.append((loss.item(), int(batch[1].sum())))
        self.log("train_loss", loss, batch_size=10)
        return loss

    def validation_step(self, batch: training.Batch, _index: int) -> None:
        """Loss of a batch of validation clips."""
        self.log("val_loss", self._loss(batch), batch_size=10)

    def on_train_epoch_end(self) -> None:
        """Keep the mean loss of a frame."""
        loss, n_frames = map(sum, zip(*self.sums, strict=True))
        self.losses.append(loss / n_frames)
        self.sums.clear()


class Order:
    """Batches of indices in the order of `training.Batches`."""

    def __init__(self, part: training.Clips, generator: torch.Generator) -> None:
        self.batches = blstm.length_batches([len(x) for x in part.features], 10)
        self.generator = generator

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self):
        for i in torch.randperm(len(self), generator=self.generator).tolist():
            yield self.batches[i]


def obvious(layers: tuple[int, ...]) -> tuple[float, list[float]]:
    """CPU seconds and loss of every epoch of the obvious loop."""
    learnt, checked = clips(N_TRAINING, 0), clips(N_VALIDATION, 1)
    model, generator = network(layers, peepholes=False)

    def loader(part: training.Clips, batches) -> DataLoader:
        def collate(indices: list[int]) -> training.Batch:
            inputs, _, labels = training._batch(part, indices)
            return inputs, (labels != training.PADDING).sum(dim=0), labels

        return DataLoader(range(len(part.labels)), batch_sampler=batches, collate_fn=collate)

    of_validation = blstm.length_batches([len(x) for x in checked.features], 10)
    run = Obvious(Packed.like(model, layers))
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        start = time.process_time()
        Trainer(max_epochs=N_EPOCHS, default_root_dir=folder, accelerator="cpu").fit(
            run, loader(learnt, Order(learnt, generator)), loader(checked, of_validation)
        )
        return time.process_time() - start, run.losses


def ours(layers: tuple[int, ...], *, peepholes: bool = False) -> tuple[float, list[float]]:
    """CPU seconds and loss of every epoch of the library's training."""
    recipe = recipe_of(layers, peepholes=peepholes, max_epochs=N_EPOCHS)
    learnt, checked = clips(N_TRAINING, 0), clips(N_VALIDATION, 1)
    start = time.process_time()
    trained = training.train(learnt, checked, recipe, n_classes=N_CLASSES, session=training.Session(SEED))
    return time.process_time() - start, [epoch["train_loss"] for epoch in trained.history]


def plain() -> None:
    """One thread, no remarks."""
    runtime.prepare()
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")


def quiet() -> None:
    """As `plain`, and with the memory of the program that trains."""
    plain()
    runtime.keep_memory()


def sixty() -> None:
    """Print CPU and wall seconds of both, and their ratio; imports, which both need, do not count.

    Those that are compared train in turn, each in a process of its own: the machine's speed drifts within minutes.
    """
    works = {"obvious": obvious, "ours": ours, "peepholes": functools.partial(ours, peepholes=True)}
    with ExitStack() as stack:
        pools = {name: stack.enter_context(processes(1, plain if name == "obvious" else quiet)) for name in works}
        found: dict[str, Results] = {name: {} for name in works}
        for layers in ((8,), *ARCHITECTURES):  # the first only to import and to warm up
            for name, pool in pools.items():
                start = time.perf_counter()
                seconds, losses = pool.submit(works[name], layers).result()
                found[name][layers] = seconds, time.perf_counter() - start, losses
    for name in ("ours", "peepholes"):
        report(found["obvious"], found[name], wall_of_two(works[name]), same=name == "ours")


def processes(n: int, initialise: Callable[[], None]) -> ProcessPoolExecutor:
    """Make processes that share nothing with this one."""
    return ProcessPoolExecutor(n, get_context("spawn"), initialise)


def wall_of_two(work: Callable[[tuple[int, ...]], Any]) -> float:
    """Wall seconds of two processes for all architectures."""
    with processes(2, quiet) as pool:
        list(pool.map(time.sleep, [0.5] * 2))  # both are there
        list(pool.map(work, [(8,)] * 2))  # and have imported
        start = time.perf_counter()
        list(pool.map(work, ARCHITECTURES[::-1]))  # the longest first
        return time.perf_counter() - start


def report(slow: Results, fast: Results, wall_of_fast: float, *, same: bool) -> None:
    """Print a table of both; `same` if it is the same network, and so has the same losses."""
    print(f"{'the same network' if same else 'peepholes'}: CPU s for {N_EPOCHS} epochs of {N_TRAINING} clips")
    for layers in ARCHITECTURES:
        (a, _, losses), (b, _, ours) = slow[layers], fast[layers]
        gap = max(abs(x - y) for x, y in zip(losses, ours, strict=True))
        end = f", losses differ by {gap:.1e}" if same else ""
        print(f"  {'-'.join(map(str, layers)):>12} obvious {a:6.2f}, ours {b:6.2f}: {a / b:.1f} times{end}")
    cpu = [sum(table[layers][0] for layers in ARCHITECTURES) for table in (slow, fast)]
    wall = sum(slow[layers][1] for layers in ARCHITECTURES)
    print(f"  CPU {cpu[0]:.1f} and {cpu[1]:.1f} s: {cpu[0] / cpu[1]:.2f} times")
    print(f"  wall {wall:.1f} s in one process, {wall_of_fast:.1f} s in two: {wall / wall_of_fast:.2f} times")
    scale = AFEW["clips"] / N_TRAINING * AFEW["repeats"] / N_EPOCHS * 100 / 3600
    print(f"  sixty models of 100 epochs on {AFEW['clips']} clips: {scale * cpu[0]:.1f} and {scale * cpu[1]:.1f} CPU h")


if __name__ == "__main__":
    quiet()
    {"cells": cells, "lightning": lightning, "sixty": sixty}[sys.argv[1]]()
