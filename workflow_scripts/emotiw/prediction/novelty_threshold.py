"""The distance from the training clips (`novelty`) from which on a prediction says that a clip is unlike them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.status import Status
from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import Fold
from emotiw.evaluation.systems import System
from emotiw.jobs import gather, stages
from emotiw.jobs.gather import Source
from emotiw.prediction.bundle_models import FoldModel, Models
from emotiw.prediction.models import PooledModel
from emotiw.prediction.novelty import SHARE

Floats = npt.NDArray[np.float64]


def threshold(distances: Mapping[str, Floats]) -> float | None:
    """Distance that `SHARE` of the clips of left-out corpora do not exceed, each corpus counting alike.

    Parameters
    ----------
    distances : mapping of str to ndarray, shape (n_clips,)
        Distances of the clips of each corpus.
    """
    known = [values for values in distances.values() if len(values)]
    if not known:
        return None
    values = np.concatenate(known)
    weights = np.concatenate([np.full(len(of), 1 / len(of)) for of in known])
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(reached, SHARE - 1e-12)])


def of_left_out(
    corpus: Manifest, folds: Mapping[str, Fold], models: Models, source: Source, system: System
) -> dict[str, Any] | None:
    """Threshold of a feature, as the index of a bundle holds it; None without a classifier of pooled frames.

    Parameters
    ----------
    corpus, folds : Manifest, mapping of str to Fold
        Folds that leave a corpus out.
    models : Models
        Those of these folds.
    source : Source
        Files of the feature.
    system : System
        Of the one feature.
    """
    if stages.CLASSIFIERS[system.classifier].stage != "pooled_scores":
        return None
    distances = {}
    for name, fold in folds.items():
        fitted = models.artefact(FoldModel(name, system.features[0], system).key())
        if fitted.entries:
            entries = gather.load(corpus, source, fold.test).values()
            frames = [entry.arrays["features"] for entry in entries if entry.status == Status.OK]
            model = PooledModel.of(fitted.entries["pooled"].arrays)
            distances[name] = np.array([model.distance(of) for of in frames])
    found = threshold(distances)
    return None if found is None else {"threshold": found, "n_clips": sum(map(len, distances.values()))}
