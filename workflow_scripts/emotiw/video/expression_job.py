"""Training of the expression network as a job: from files to the arrays of the network and the facts of its making."""

from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from emotiw.core.emotions import EMOTIONS
from emotiw.statistics import selection_record
from emotiw.video import expression_network, expression_scores, expression_training
from emotiw.video.expression_data import Pictures
from emotiw.video.expression_recipe import Recipe
from emotiw.video.fine_tuning_state import Session
from emotiw.weights import half_precision
from emotiw.weights.fer2013 import Parts
from emotiw.weights.ferplus import VotedFaces
from emotiw.weights.loading import Weights


def train(
    base: Weights, parts: Parts, recipe: Recipe, session: Session
) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, Any]]:
    """Train the network.

    Parameters
    ----------
    base : mapping of str to ndarray
        Arrays of the pretrained trunk, `expression_layers.pretrained_shapes()`.
    parts : Parts
        Voted faces for training, validation and scoring.
    recipe : Recipe
    session : Session
        Seed, device, state to continue from.

    Returns
    -------
    arrays : dict of str to ndarray
        `expression_layers.trained_shapes()`, with values that float16 can hold; without the head of the votes if no
        picture has votes.
    facts : dict
        Facts of the training for the record of the new weights, as JSON values.

    Raises
    ------
    FeatureError
        If the loss is no longer finite.
    """
    training, validation = (pictures(cast("VotedFaces", part)) for part in (parts.train, parts.validation))
    model = expression_network.pretrained(base, dropout=recipe.dropout, seed=session.seed)
    if not training.shares.any():
        del model.heads["votes"]
    state = expression_training.train(training, validation, model, recipe, session)
    # rounded, so that a bundle can carry the network in half the bytes without changing an answer
    arrays = half_precision.rounded(expression_network.folded(model))
    scored = {
        name: expression_scores.accuracies(arrays, part.pixels, part.label, part.majority, size=recipe.size)
        for name, part in cast("dict[str, VotedFaces]", parts.scored).items()
    }
    seen = selection_record.content_ids(training.pixels)
    record = selection_record.Record("expression network: weights", None, "cross-entropy", seen)
    facts = {
        "classes": list(EMOTIONS),
        "size": recipe.size,
        "history": state.history,
        "accuracy": scored,
        "pictures": parts.counts,
        "choices": [selection_record.entry(record)],
        "torch": torch.__version__,
    }
    return arrays, facts


def pictures(faces: VotedFaces) -> Pictures:
    """Pictures of faces, with their labels and the shares of their votes."""
    return Pictures(faces.pixels, faces.label, faces.shares)
