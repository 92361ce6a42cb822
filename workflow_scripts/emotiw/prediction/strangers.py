"""Calibration of a bundle by the clips of corpora that were left out of training [ours].

A model is more confident on the corpora that it was trained on than on people, rooms and languages that it has not met.
The posteriors of a bundle are therefore calibrated by the scores of its siblings, models of the same recipe, each on
the corpus that it was not trained on::

    P_c = p_c^a / sum_c p_c^a,  a = 1 / temperature

Each corpus counts alike, however many clips it has. A posterior below `min_confidence` is called uncertain: it is the
smallest threshold at which the clips above it are right as often as was asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import Fold
from emotiw.fusion import schemes, score_tables
from emotiw.fusion.schemes import Floats, Ints
from emotiw.jobs import store
from emotiw.statistics.calibration import accuracy_by_confidence

FEWEST = 0.05  # share of the clips that must be left above the threshold


@dataclass(frozen=True)
class LeftOut:
    """Posteriors of clips by models that were not trained on their corpus.

    Attributes
    ----------
    posteriors : ndarray, shape (n_clips, n_classes)
        Of the fusion, or of one modality where a clip has one.
    sources : ndarray of str, shape (n_clips,)
        `fusion`, `video` or `audio`.
    truth : ndarray, shape (n_clips,)
        Index of the true class.
    corpora : ndarray of str, shape (n_clips,)
        Corpus that was left out.
    """

    posteriors: Floats
    sources: npt.NDArray[np.str_]
    truth: Ints
    corpora: npt.NDArray[np.str_]

    @property
    def weights(self) -> Floats:
        """Weight of each clip; those of a corpus sum to 1."""
        names, counts = np.unique(self.corpora, return_counts=True)
        return 1.0 / counts[np.searchsorted(names, self.corpora)]


def tested(corpus: Manifest, folds: Mapping[str, Fold], tables: Sequence[store.Artefact]) -> LeftOut:
    """Collect the scored test clips of folds that leave a corpus out.

    Parameters
    ----------
    corpus : Manifest
    folds : mapping of str to Fold
        Folds that test clips.
    tables : sequence of Artefact
        Score tables of the fusion, one a fold, with the entry `fusion`.
    """
    table_of = {table.stage["fold"]: table for table in tables}
    rows, sources, truth, names = [], [], [], []
    for name, fold in folds.items():
        facts = table_of[name].facts
        row_of = {clip: i for i, clip in enumerate(facts["clips"])}
        scores = table_of[name].entries["fusion"].arrays["scores"]
        for clip, label in zip(fold.test, score_tables.truth_of(corpus, fold.test), strict=True):
            if label >= 0 and facts["sources"][clip] in ("fusion", "video", "audio"):
                rows.append(scores[row_of[clip]])
                sources.append(facts["sources"][clip])
                truth.append(label)
                names.append(name)
    n_classes = len(corpus.classes)
    posteriors = np.array(rows, np.float64).reshape(-1, n_classes)
    return LeftOut(posteriors, np.array(sources, str), np.array(truth, np.int64), np.array(names, str))


def calibration(clips: LeftOut, accuracy: float) -> dict[str, Any]:
    """Scales and threshold as the index of a bundle holds them.

    Parameters
    ----------
    clips : LeftOut
    accuracy : float
        Share of the clips above the threshold that must be right.

    Returns
    -------
    dict
        `scales`, 1 / temperature of the posteriors of `video`, `audio` and `fusion`; `min_confidence`, None if no
        threshold suffices; `accuracy`, `corpora` and `n_clips`.
    """
    scales = {name: _scale(clips, clips.sources == name) for name in ("video", "audio", "fusion")}
    confident = np.zeros(len(clips.truth))
    for name, scale in scales.items():
        of = clips.sources == name
        confident[of] = schemes.calibrated(schemes.log_posteriors(clips.posteriors[of]), scale).max(axis=1, initial=0)
    right = clips.posteriors.argmax(axis=1) == clips.truth if len(clips.truth) else np.zeros(0, bool)
    return {
        "scales": scales,
        "min_confidence": threshold(confident, right, clips.weights, accuracy),
        "accuracy": accuracy,
        "corpora": sorted(set(clips.corpora.tolist())),
        "n_clips": len(clips.truth),
    }


def threshold(confidence: Floats, right: npt.NDArray[np.bool_], weights: Floats, accuracy: float) -> float | None:
    """Smallest confidence at which clips of at least this confidence reach an accuracy; None if there is none.

    Parameters
    ----------
    confidence, weights : ndarray, shape (n_clips,)
    right : ndarray of bool, shape (n_clips,)
    accuracy : float
        Weighted share that must be right. Thresholds that leave less than `FEWEST` of the weight are not considered.
    """
    coverage, reached, thresholds = accuracy_by_confidence(confidence, right, weights)
    enough = np.flatnonzero((reached >= accuracy) & (coverage >= FEWEST))
    return float(thresholds[enough[-1]]) if len(enough) else None


def _scale(clips: LeftOut, of: npt.NDArray[np.bool_]) -> float:
    logs = schemes.log_posteriors(clips.posteriors[of])
    return schemes.calibration_scale(logs, clips.truth[of], weights=clips.weights[of])
