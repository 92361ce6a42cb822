"""Bidirectional long short-term memory networks (BLSTM) over the frames of a clip (Ding et al., ICMI 2016).

With x_t the features of frame t of a clip of T frames, layer l = 1 .. L, and h^0_t = x_t::

    a^l_t = LSTM(h^(l-1)_1 .. h^(l-1)_t)      forward in time          `PeepholeLSTM` or `PlainLSTM`
    b^l_t = LSTM(h^(l-1)_T .. h^(l-1)_t)      backward in time
    h^l_t = [a^l_t; b^l_t]                    concatenation
    p_t   = softmax(V h^L_t + d)              posteriors of frame t    `BLSTM`, `frame_posteriors`
    S     = 1/T sum_t p_t                     score of the clip        `clip_scores`

Tensors are time-major: (n_frames, n_clips, n). Clips of a batch are padded at their end; padding affects neither the
posteriors of real frames nor the loss.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from emotiw.audio.peephole_lstm import PeepholeLSTM
from emotiw.audio.permutation import permute
from emotiw.core.errors import FeatureError
from emotiw.jobs import devices
from emotiw.statistics.absent_classes import ABSENT

Array = npt.NDArray[Any]

BATCH_SIZE = 50  # clips per batch in prediction; fixed, because the composition of a batch changes float32 results


@dataclass(frozen=True)
class Noise:
    """Random regularisation during training.

    Attributes
    ----------
    generator : torch.Generator
        Source of all random numbers.
    inputs : float
        Standard deviation of the Gaussian noise added to the inputs.
    dropout : float
        Share of each layer's outputs that is set to 0.
    """

    generator: torch.Generator
    inputs: float = 0.0
    dropout: float = 0.0

    def add_to(self, inputs: Tensor) -> Tensor:
        """Add Gaussian noise to inputs."""
        if not self.inputs:
            return inputs
        noise = torch.randn(inputs.shape, generator=self.generator)  # drawn on the CPU, so that devices get the same
        return inputs + self.inputs * noise.to(inputs.device)

    def drop(self, outputs: Tensor) -> Tensor:
        """Set outputs to 0 at random and scale the others by 1 / (1 - dropout), which keeps the expectation."""
        if not self.dropout:
            return outputs
        kept = torch.empty_like(outputs, device="cpu").bernoulli_(1 - self.dropout, generator=self.generator)
        return outputs * kept.to(outputs.device) / (1 - self.dropout)


class PlainLSTM(nn.Module):
    """Two unidirectional LSTMs of torch, which have no peepholes.

    Both read padded tensors, the backward one from the last real frame of each clip to the first. On a CPU torch
    computes this 3 to 5 times faster than packed sequences, with the same result (`benchmarks/blstm.py cells`).

    Parameters
    ----------
    n_inputs : int
        Values per frame.
    n_units : int
        Units per direction.
    """

    def __init__(self, n_inputs: int, n_units: int) -> None:
        super().__init__()
        self.ahead, self.back = nn.LSTM(n_inputs, n_units), nn.LSTM(n_inputs, n_units)

    def forward(self, x: Tensor, rows: Tensor) -> Tensor:
        """Compute both directions, as `PeepholeLSTM.forward`."""
        return torch.cat([self.ahead(x)[0], permute(self.back(permute(x, rows))[0], rows)], dim=2)


class BLSTM(nn.Module):
    """Bidirectional LSTM layers and a linear output layer for every frame.

    Parameters
    ----------
    n_inputs : int
        Features per frame.
    layers : sequence of int
        Units of each layer, both directions together.
    n_classes : int
        Number of outputs.
    peepholes : bool
        Whether the gates have peephole connections to the cell state, as in CURRENNT.

    Raises
    ------
    FeatureError
        If there is no layer, or a layer's units are not a positive even number.
    """

    def __init__(self, n_inputs: int, layers: Sequence[int], n_classes: int, *, peepholes: bool = True) -> None:
        super().__init__()
        if not layers or any(units < 2 or units % 2 for units in layers):
            raise FeatureError(
                f"BLSTM {list(layers)}: layers must be positive even numbers, half of the units for each direction"
            )
        layer = PeepholeLSTM if peepholes else PlainLSTM
        self.layers = nn.ModuleList(layer(n, units // 2) for n, units in pairwise([n_inputs, *layers]))
        self.output = nn.Linear(layers[-1], n_classes)

    def forward(self, inputs: Tensor, rows: Tensor, noise: Noise | None = None) -> Tensor:
        """Logits V h^L_t + d of every frame, shape (n_frames, n_clips, n_classes).

        Parameters
        ----------
        inputs : Tensor, shape (n_frames, n_clips, n_inputs)
            Padded features.
        rows : Tensor, shape (n_frames * n_clips,)
            Order that reverses each clip (`reversal`).
        noise : Noise or None
            Regularisation, in training only.
        """
        x = noise.add_to(inputs) if noise else inputs
        for layer in self.layers:
            x = layer(x, rows)  # (n_frames, n_clips, units)
            x = noise.drop(x) if noise else x
        logits: Tensor = self.output(x)
        return logits


def reversal(lengths: Tensor, n_frames: int) -> Tensor:
    """Order of the rows of a flattened (n_frames * n_clips, n) tensor that reverses the real frames of every clip.

    Frame t of a clip of T frames goes to T - 1 - t; padding stays in place. Applied twice it is the identity.
    """
    time = torch.arange(n_frames)[:, None]
    flipped = torch.where(time < lengths, lengths - 1 - time, time)  # (n_frames, n_clips)
    return (flipped * len(lengths) + torch.arange(len(lengths))).flatten()


def initialise(model: BLSTM, *, init_range: float, generator: torch.Generator) -> BLSTM:
    """Draw every weight and bias uniformly from [-init_range, init_range], as CURRENNT does.

    CURRENNT has one bias per gate; torch's LSTM has two that are added, so the second is held at 0.
    """
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if ".bias_hh" in name:
                weights.zero_().requires_grad_(False)
            else:
                weights.uniform_(-init_range, init_range, generator=generator)
    return model


def among_all_classes(model: BLSTM, of: Sequence[str], classes: Sequence[str]) -> BLSTM:
    """Network of all classes with the weights of one that was trained among the classes `of`.

    Each other class has no weights and the bias `ABSENT`, so that its posterior is 0.
    """
    if list(of) == list(classes):
        return model
    trained, places = model.output, [list(classes).index(name) for name in of]
    output = nn.Linear(trained.in_features, len(classes))
    with torch.no_grad():
        output.weight.zero_()[places] = trained.weight
        output.bias.fill_(ABSENT)[places] = trained.bias
    model.output = output
    return model


def tensors(model: BLSTM, **fitted: Mapping[str, Array]) -> dict[str, Tensor]:
    """Tensors of a model file: the network's weights, and its standardisation arrays as `scaler.mean` and so on."""
    standardisation = {
        f"{name}.{key}": np.array(values) for name, arrays in fitted.items() for key, values in arrays.items()
    }
    return {**model.state_dict(), **{name: torch.from_numpy(values) for name, values in standardisation.items()}}


def padded(features: Sequence[Array]) -> tuple[Tensor, Tensor]:
    """Pad clips with 0 at their end: one tensor (n_frames, n_clips, n_features), and the lengths (n_clips,)."""
    tensors = [torch.from_numpy(np.asarray(x, np.float32)) for x in features]
    return nn.utils.rnn.pad_sequence(tensors), torch.tensor([len(x) for x in features])


def length_batches(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Divide the indices of clips into batches of `size`, from short to long, so that there is little padding."""
    order = np.argsort(lengths, kind="stable").tolist()
    return [order[start : start + size] for start in range(0, len(order), size)]


@torch.inference_mode()
def frame_posteriors(model: BLSTM, features: Sequence[Array]) -> list[Array]:
    """Posteriors of each frame, p_t = softmax(V h^L_t + d).

    Parameters
    ----------
    features : sequence of ndarray, shape (n_frames, n_inputs)
        One array per clip.

    Returns
    -------
    list of ndarray, shape (n_frames, n_classes)
        float32, in the order of `features`.
    """
    posteriors: dict[int, Array] = {}
    device = devices.device_of(model)
    for batch in length_batches([len(x) for x in features], BATCH_SIZE):
        inputs, lengths = padded([features[i] for i in batch])
        logits = model(inputs.to(device), reversal(lengths, len(inputs)).to(device))
        values = torch.softmax(logits, dim=2).cpu().numpy()
        posteriors |= {i: values[: len(features[i]), column] for column, i in enumerate(batch)}
    return [posteriors[i] for i in range(len(features))]


def clip_scores(posteriors: Sequence[Array]) -> Array:
    """Clip scores S = 1/T sum_t p_t, the mean of the frame posteriors (Ding et al., ICMI 2016).

    Parameters
    ----------
    posteriors : sequence of ndarray, shape (n_frames, n_classes)
        p_t of the T frames of each clip, one array per clip.

    Returns
    -------
    ndarray, shape (n_clips, n_classes)
        S of each clip, float64.
    """
    return np.array([np.mean(p, axis=0, dtype=np.float64) for p in posteriors])
