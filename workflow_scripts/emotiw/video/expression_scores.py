"""Posteriors of the expression network, and how often they are right on FER2013."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from emotiw.video.expression_data import scaled
from emotiw.video.expression_network import ExpressionNetwork, mean_features, trained

BATCH = 64

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


def posteriors(model: ExpressionNetwork, pixels: Pixels, size: int, *, mirrored: bool) -> dict[str, Floats]:
    """Posteriors of each head, (n, 7), of grey pictures.

    Parameters
    ----------
    model : ExpressionNetwork
        From `expression_network.trained`.
    pixels : ndarray of uint8, shape (n, height, width)
    size : int
        Side in px to which the pictures are scaled.
    mirrored : bool
        Whether the mean feature of a picture and its mirror image is classified, instead of that of the picture.
    """
    batches = []
    with torch.inference_mode():
        for start in range(0, len(pixels), BATCH):
            images = scaled(pixels[start : start + BATCH], size)
            features = mean_features(model, images, mirrored=mirrored)
            batches.append({name: torch.softmax(head(features), dim=1) for name, head in model.heads.items()})
    return {name: torch.cat([batch[name] for batch in batches]).double().numpy() for name in model.heads}


def accuracies(
    arrays: Mapping[str, npt.NDArray[Any]], pixels: Pixels, labels: Ints, majority: Ints, *, size: int
) -> dict[str, float]:
    """Share of pictures whose class each head gives, by head and with or without mirroring.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        `expression_layers.trained_shapes()`.
    pixels : ndarray of uint8, shape (n, height, width)
    labels : ndarray of int, shape (n,)
        Class of each picture, with which the head of the labels is compared.
    majority : ndarray of int, shape (n,)
        Class that has the most votes, with which the head of the votes is compared; -1: none, the picture is left out.
    size : int
        Side in px to which the pictures are scaled.

    Returns
    -------
    dict of str to float
        `labels`, `labels_mirrored`, `votes`, `votes_mirrored`, and the numbers of pictures, `n_labels` and `n_votes`.
    """
    model, voted = trained(arrays), majority >= 0
    results: dict[str, float] = {"n_labels": len(labels), "n_votes": int(voted.sum())}
    for mirrored in (False, True):
        scores = posteriors(model, pixels, size, mirrored=mirrored)
        suffix = "_mirrored" if mirrored else ""
        results[f"labels{suffix}"] = float((scores["labels"].argmax(axis=1) == labels).mean())
        if "votes" in scores and voted.any():
            right = scores["votes"].argmax(axis=1) == majority
            results[f"votes{suffix}"] = float(right[voted].mean())
    return results
