"""Bidirectional long short-term memory networks over the frames of a clip (paper sec. 2.2.3).

Tensors are time-major: (n_frames, n_clips, n). Clips of one batch are padded at their end; what is padded reaches
neither the posteriors of real frames nor the loss.
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
from emotiw.core.errors import FeatureError

Array = npt.NDArray[Any]

RULE = "least cross-entropy of the clips' mean posteriors"  # by which the best network is chosen
BATCH_SIZE = 50  # of prediction; fixed, because the composition of a batch changes float32 results


@dataclass(frozen=True)
class Noise:
    """What is random while training.

    Attributes
    ----------
    generator : torch.Generator
        All that is random is drawn from it.
    inputs : float
        Standard deviation of the Gaussian noise on the inputs.
    dropout : float
        Share of a layer's outputs that is set to 0.
    """

    generator: torch.Generator
    inputs: float = 0.0
    dropout: float = 0.0

    def shake(self, inputs: Tensor) -> Tensor:
        """Add noise to inputs."""
        return inputs + self.inputs * torch.randn(inputs.shape, generator=self.generator) if self.inputs else inputs

    def drop(self, outputs: Tensor) -> Tensor:
        """Set outputs to 0 at random, the rest so much larger that the expectation stays."""
        if not self.dropout:
            return outputs
        return (
            outputs
            * torch.empty_like(outputs).bernoulli_(1 - self.dropout, generator=self.generator)
            / (1 - self.dropout)
        )


class PlainLSTM(nn.Module):
    """Two one-way LSTMs of torch, which have no peepholes.

    Both read padded tensors, the reverse one from the last real frame of each clip to its first: torch computes that
    3 to 5 times faster on a CPU than packed sequences, with the same result.

    Parameters
    ----------
    n_inputs : int
        Values of a frame.
    n_units : int
        Of each direction.
    """

    def __init__(self, n_inputs: int, n_units: int) -> None:
        super().__init__()
        self.ahead, self.back = nn.LSTM(n_inputs, n_units), nn.LSTM(n_inputs, n_units)

    def forward(self, x: Tensor, rows: Tensor) -> Tensor:
        """As `PeepholeLSTM.forward`."""
        return torch.cat([self.ahead(x)[0], _permute(self.back(_permute(x, rows))[0], rows)], dim=2)


class BLSTM(nn.Module):
    """Bidirectional layers and a linear output for every frame.

    Parameters
    ----------
    n_inputs : int
        Features of a frame.
    layers : sequence of int
        Units of each layer, both directions together.
    n_classes : int
        Outputs.
    peepholes : bool
        Whether the gates see the states, as in CURRENNT.

    Raises
    ------
    FeatureError
        If there is no layer, or one cannot be halved.
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
        """Logits of every frame, shape (n_frames, n_clips, n_classes).

        Parameters
        ----------
        inputs : Tensor, shape (n_frames, n_clips, n_inputs)
            Padded features.
        rows : Tensor, shape (n_frames * n_clips,)
            What `reversal` returns for the clips.
        noise : Noise or None
            For training.
        """
        x = noise.shake(inputs) if noise else inputs
        for layer in self.layers:
            x = layer(x, rows)  # (n_frames, n_clips, units)
            x = noise.drop(x) if noise else x
        logits: Tensor = self.output(x)
        return logits


def reversal(lengths: Tensor, n_frames: int) -> Tensor:
    """Order of the rows of a flattened (n_frames * n_clips, n) tensor that reverses the real frames of every clip.

    Frame t of a clip of L frames goes to L - 1 - t; padding stays. Applied twice it is the identity.
    """
    time = torch.arange(n_frames)[:, None]
    flipped = torch.where(time < lengths, lengths - 1 - time, time)  # (n_frames, n_clips)
    return (flipped * len(lengths) + torch.arange(len(lengths))).flatten()


class _Permutation(torch.autograd.Function):
    """Permute rows by an involution, which is its own gradient; torch's own gradient of indexing adds row by row."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        return values.flatten(0, 1).index_select(0, rows).view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (rows,) = ctx.saved_tensors
        return gradient.flatten(0, 1).index_select(0, rows).view_as(gradient), None


def _permute(values: Tensor, rows: Tensor) -> Tensor:
    permuted: Tensor = _Permutation.apply(values, rows)  # type: ignore[no-untyped-call]
    return permuted


def initialise(model: BLSTM, *, init_range: float, generator: torch.Generator) -> BLSTM:
    """Draw every weight and bias uniformly from [-init_range, init_range], as CURRENNT does.

    CURRENNT has one bias a gate and torch's LSTM adds two: the second is held at 0.
    """
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if ".bias_hh" in name:
                weights.zero_().requires_grad_(False)
            else:
                weights.uniform_(-init_range, init_range, generator=generator)
    return model


def tensors(model: BLSTM, **fitted: Mapping[str, Array]) -> dict[str, Tensor]:
    """Weights of a network and, as `scaler.mean` and so on, the arrays that standardise its inputs."""
    arrays = {f"{name}.{key}": np.array(values) for name, them in fitted.items() for key, values in them.items()}
    return {**model.state_dict(), **{name: torch.from_numpy(values) for name, values in arrays.items()}}


def padded(features: Sequence[Array]) -> tuple[Tensor, Tensor]:
    """Clips of different lengths as one tensor (n_frames, n_clips, n_features), 0 at their ends, and their lengths."""
    tensors = [torch.from_numpy(np.asarray(x, np.float32)) for x in features]
    return nn.utils.rnn.pad_sequence(tensors), torch.tensor([len(x) for x in features])


def length_batches(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Divide the indices of clips into batches of `size`, from short to long, so that little is padded."""
    order = np.argsort(lengths, kind="stable").tolist()
    return [order[start : start + size] for start in range(0, len(order), size)]


@torch.inference_mode()
def frame_posteriors(model: BLSTM, features: Sequence[Array]) -> list[Array]:
    """Posterior of each class in each frame: the softmax of the logits.

    Parameters
    ----------
    features : sequence of ndarray, shape (n_frames, n_inputs)
        One array a clip.

    Returns
    -------
    list of ndarray, shape (n_frames, n_classes)
        float32, in the order of `features`.
    """
    posteriors: dict[int, Array] = {}
    for batch in length_batches([len(x) for x in features], BATCH_SIZE):
        inputs, lengths = padded([features[i] for i in batch])
        values = torch.softmax(model(inputs, reversal(lengths, len(inputs))), dim=2).numpy()
        posteriors |= {i: values[: len(features[i]), column] for column, i in enumerate(batch)}
    return [posteriors[i] for i in range(len(features))]


def clip_scores(posteriors: Sequence[Array]) -> Array:
    """Score of each class in each clip: the mean of its frame posteriors (paper sec. 2.2.3).

    Parameters
    ----------
    posteriors : sequence of ndarray, shape (n_frames, n_classes)
        One array a clip.

    Returns
    -------
    ndarray, shape (n_clips, n_classes)
        float64.
    """
    return np.array([np.mean(p, axis=0, dtype=np.float64) for p in posteriors])


def mean_scores(scores: Mapping[str, Array]) -> dict[str, Array]:
    """Mean of the clip scores of the networks of each architecture, and `mean`, that of all.

    Parameters
    ----------
    scores : mapping of str to ndarray, shape (n_clips, n_classes)
        By network: architecture, "_", repeat.
    """
    groups: dict[str, list[Array]] = {}
    for name, values in scores.items():
        groups.setdefault(name.rpartition("_")[0], []).append(values)
    groups["mean"] = list(scores.values())
    return {name: np.mean(group, axis=0) for name, group in groups.items()}


def best(networks: Mapping[str, Mapping[str, Any]]) -> str:
    """Name of the best of some networks by `RULE`; the first in a fold in which nothing could be validated."""
    return min(networks, key=lambda name: (networks[name]["validation"] or {"clip_loss": 0})["clip_loss"])


def restarts(networks: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Summarise what the restarts of each architecture reach on the validation clips.

    Parameters
    ----------
    networks : mapping of str to mapping
        By network (architecture, "_", repeat), its `validation` as `training.evaluate` returns it, or None.

    Returns
    -------
    dict of str to dict
        By architecture the number of networks `n`, the `best` by `RULE`, and of each value of `validation` its `mean`
        and standard deviation `std` (of the sample; None of a single network); both None where nothing was validated.
    """
    groups: dict[str, dict[str, Mapping[str, Any]]] = {}
    for name, about in networks.items():
        groups.setdefault(name.rpartition("_")[0], {})[name] = about
    found = {}
    for architecture, group in groups.items():
        validations = [about["validation"] for about in group.values() if about["validation"]]
        values = {key: [float(v[key]) for v in validations] for key in (validations or [{}])[0]}
        found[architecture] = {
            "n": len(group),
            "best": best(group),
            "mean": {key: float(np.mean(v)) for key, v in values.items()} or None,
            "std": {key: float(np.std(v, ddof=1)) if len(v) > 1 else None for key, v in values.items()} or None,
        }
    return found
