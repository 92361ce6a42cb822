"""Scores of several networks: their means, the best network, and the metrics of an architecture's restarts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

RULE = "least cross-entropy of the clips' mean posteriors"  # criterion of the best network


def mean_scores(scores: Mapping[str, Array]) -> dict[str, Array]:
    """Mean clip scores of the networks of each architecture, and of all networks as `mean`.

    Parameters
    ----------
    scores : mapping of str to ndarray, shape (n_clips, n_classes)
        Scores by name of the network: architecture, "_", repeat.
    """
    groups: dict[str, list[Array]] = {}
    for name, values in scores.items():
        groups.setdefault(_architecture(name), []).append(values)
    groups["mean"] = list(scores.values())
    return {name: np.mean(group, axis=0) for name, group in groups.items()}


def mean_frame_posteriors(posteriors: Iterable[Array]) -> Array:
    """Mean over several networks of the frame posteriors of one clip.

    Parameters
    ----------
    posteriors : iterable of ndarray, shape (n_frames, n_classes)
        One array per network.

    Returns
    -------
    ndarray, shape (n_frames, n_classes), float32
        Its mean over the frames is the mean of the networks' clip scores.
    """
    networks = list(posteriors)
    return np.asarray(np.sum(networks, axis=0, dtype=np.float64) / len(networks), np.float32)


def best(networks: Mapping[str, Mapping[str, Any]]) -> str:
    """Name of the best network by `RULE`; the first network if none has a validation loss."""
    return min(networks, key=lambda name: (networks[name]["validation"] or {"clip_loss": 0})["clip_loss"])


def restarts(networks: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Summarise the validation metrics of the restarts of each architecture.

    Parameters
    ----------
    networks : mapping of str to mapping
        By network (architecture, "_", repeat), its `validation` as returned by `training.evaluate`, or None.

    Returns
    -------
    dict of str to dict
        By architecture the number of networks `n`, the `best` by `RULE`, and the `mean` and sample standard deviation
        `std` of each validation metric (`std` is None for a single network; both are None without validation).
    """
    groups: dict[str, dict[str, Mapping[str, Any]]] = {}
    for name, network in networks.items():
        groups.setdefault(_architecture(name), {})[name] = network
    return {
        architecture: {"n": len(group), "best": best(group), **_mean_and_std(_validations(group.values()))}
        for architecture, group in groups.items()
    }


def _architecture(network: str) -> str:
    return network.rpartition("_")[0]


def _validations(networks: Iterable[Mapping[str, Any]]) -> list[Mapping[str, float]]:
    return [network["validation"] for network in networks if network["validation"]]


def _mean_and_std(validations: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float | None] | None]:
    values = {key: [float(metrics[key]) for metrics in validations] for key in (validations or [{}])[0]}
    mean: dict[str, float | None] = {key: float(np.mean(v)) for key, v in values.items()}
    std = {key: float(np.std(v, ddof=1)) if len(v) > 1 else None for key, v in values.items()}
    return {"mean": mean or None, "std": std or None}
