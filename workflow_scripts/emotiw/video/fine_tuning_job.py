"""Fine-tuning as a job: from a file of weights and FER2013's parts to new weights and the facts of their training."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.emotions import EMOTIONS
from emotiw.statistics import selection_record
from emotiw.video import fine_tuning, fine_tuning_network
from emotiw.video.fine_tuning_state import Recipe, Session
from emotiw.weights import loading
from emotiw.weights.fer2013 import Parts


def fine_tune(
    weights: Path, parts: Parts, recipe: Recipe, session: Session
) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, Any]]:
    """Fine-tune AlexNet.

    Parameters
    ----------
    weights : Path
        AlexNet's layers, trained on ImageNet.
    parts : Parts
        Pictures for training, for early stopping and for scoring.
    recipe : Recipe
        Optimiser, schedule, early stopping.
    session : Session
        Seed, device, state to continue from.

    Returns
    -------
    arrays : dict of str to ndarray
        Convolution layers of the best epoch, by the layout's names.
    facts : dict
        Facts of the training for the record of the new weights, as JSON values.

    Raises
    ------
    WeightsError
        If the file is not AlexNet of this layout.
    FeatureError
        If the loss is no longer finite.
    """
    arrays = loading.load_alexnet(weights, layout=recipe.layout)
    head = loading.load_alexnet_classifier(weights, layout=recipe.layout)
    model = fine_tuning_network.classifier(
        arrays, head, layout=recipe.layout, n_classes=len(EMOTIONS), seed=session.seed
    )
    training, validation = parts.train.pictures, parts.validation.pictures
    state = fine_tuning.train(training, validation, model, recipe, session)
    facts = {
        "started_from": weights.stem,
        "fully_connected_layers": "fresh" if head is None else "pre-trained, the last one fresh",
        "precision": recipe.precision,
        "history": state.history,
        "best_epoch": state.best_epoch,
        "accuracy": {name: fine_tuning.accuracy(model, part.pictures, recipe) for name, part in parts.scored.items()},
        "pictures": parts.counts,
        "choices": [selection_record.entry(record) for record in fine_tuning.records(state, training, validation)],
    }
    return fine_tuning_network.convolution_arrays(model, loading.ALEXNET_SHAPES[recipe.layout]), facts
