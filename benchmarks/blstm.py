"""CPU seconds of a training epoch: flip-padded LSTMs under the stripped trainer against packed bidirectional ones.

Run: python benchmarks/blstm.py [units a layer ...], for example `64 64`; synthetic clips of 40 to 80 frames.
"""

import sys
import time
import warnings

import numpy as np
import torch

from emotiw import blstm, training

N_CLIPS, N_INPUTS, N_CLASSES = 260, 88, 7


class Packed(torch.nn.Module):
    """Stock bidirectional LSTM over packed sequences."""

    def __init__(self, layers):
        super().__init__()
        sizes = zip([N_INPUTS, *layers], layers, strict=False)
        self.layers = torch.nn.ModuleList(torch.nn.LSTM(n, units // 2, bidirectional=True) for n, units in sizes)
        self.output = torch.nn.Linear(layers[-1], N_CLASSES)

    def forward(self, inputs, lengths, _noise=None):
        """Logits of every frame."""
        x = torch.nn.utils.rnn.pack_padded_sequence(inputs, lengths, enforce_sorted=False)
        for layer in self.layers:
            x, _ = layer(x)
        return self.output(torch.nn.utils.rnn.pad_packed_sequence(x)[0])


def epoch(model, batches):
    """CPU seconds of one epoch of steps, without a trainer."""
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-5, momentum=0.9)
    start = time.process_time()
    for inputs, lengths, labels in batches:
        optimiser.zero_grad()
        training.summed_cross_entropy(model(inputs, lengths), labels).backward()
        optimiser.step()
    return time.process_time() - start


def lightning(model, batches, recipe):
    """CPU seconds of one epoch under the trainer, validation (on one clip) included."""
    seconds = []
    clip = training.Clips([np.zeros((50, N_INPUTS), np.float32)], [0])
    for n in (1, 4):
        start = time.process_time()
        run = training._Run(model, recipe, clip, torch.Generator())
        trainer = training.trainer(training.Recipe(recipe.layers, max_epochs=n))
        trainer.fit(run, batches)
        seconds.append(time.process_time() - start)
    return (seconds[1] - seconds[0]) / 3


def main():
    """Print the median of five epochs each, in turn."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message=r".*LeafSpec", category=FutureWarning)
    layers = tuple(map(int, sys.argv[1:])) or (64,)
    rng = np.random.default_rng(0)
    features = [rng.normal(size=(n, N_INPUTS)).astype(np.float32) for n in rng.integers(40, 81, N_CLIPS)]
    clips = training.Clips(features, rng.integers(0, N_CLASSES, N_CLIPS).tolist())
    batches = training.Batches(clips, 10, torch.Generator())
    models = {"packed": Packed(layers), "flip-padded": blstm.BLSTM(N_INPUTS, layers, N_CLASSES)}
    seconds = {name: [] for name in [*models, "flip-padded, Lightning"]}
    for _ in range(5):
        for name, model in models.items():
            seconds[name].append(epoch(model, batches))
        seconds["flip-padded, Lightning"].append(lightning(models["flip-padded"], batches, training.Recipe(layers)))
    for name, values in seconds.items():
        print(f"{name:24} {np.median(values):.3f} s ({min(values):.3f} to {max(values):.3f}) for {N_CLIPS} clips")


if __name__ == "__main__":
    main()
