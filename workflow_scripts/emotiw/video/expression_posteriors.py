"""Posteriors that a head of the expression network gives its features."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError
from emotiw.statistics.softmax import softmax

HEADS = {"labels": ("labels",), "votes": ("votes",), "mean": ("labels", "votes")}


def posteriors(
    features: npt.NDArray[np.float32], arrays: Mapping[str, npt.NDArray[Any]], head: str
) -> npt.NDArray[np.float32]:
    """Softmax of a head, or the mean of those of both heads.

    Parameters
    ----------
    features : ndarray, shape (n, 256)
    arrays : mapping of str to ndarray
        Arrays of the network; `labels.weight` (7, 256) and `labels.bias` (7,), and those of the head `votes`.
    head : str
        `labels`, `votes` or `mean`. A network that was trained without votes has the head `labels` alone, which is
        then also what `mean` gives.

    Returns
    -------
    ndarray, shape (n, 7)

    Raises
    ------
    FeatureError
        If the features have another width, or the network lacks the head.
    """
    names = [name for name in HEADS[head] if f"{name}.weight" in arrays]
    if not names:
        raise FeatureError(
            f"expression.head: the network has no head {head!r}, because it was trained without votes; set it to"
            " labels, or set expression.votes.path and train again"
        )
    width = arrays[f"{names[0]}.weight"].shape[1]
    if features.ndim != 2 or features.shape[1] != width:
        raise FeatureError(
            f"features of shape {features.shape}, expected (n, {width}); delete them and run the workflow again"
        )
    return np.asarray(np.mean([_of_head(features, arrays, name) for name in names], axis=0), np.float32)


def _of_head(features: npt.NDArray[np.float32], arrays: Mapping[str, npt.NDArray[Any]], name: str) -> Any:
    weight, bias = (arrays[f"{name}.{kind}"].astype(np.float64) for kind in ("weight", "bias"))
    return softmax(features.astype(np.float64) @ weight.T + bias)
