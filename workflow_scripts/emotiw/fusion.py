"""Score-level fusion of audio and video by class weights (paper sec. 2.3).

Paper: three schemes, one weight for all classes, a weight per class, and a joint search of a weight per class; how
the scores were brought to one scale is not said. Here [ours]: each modality is calibrated by one temperature, the
weights lie on a grid, and accuracy, then nearness to 1/2, then likelihood decides among them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.model_selection import GroupKFold

from emotiw import metrics
from emotiw.errors import FeatureError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SCALE_BOUNDS = (1e-2, 1e2)  # of a calibration [ours]: few, well separated clips would send it to infinity
TINY = 1e-12  # below every posterior that a network can give in float32
NEAREST_FIRST, LIKELIEST_FIRST = (0, 1, 2), (0, 2, 1)  # orders of the objectives
MAX_SWEEPS = 100

Objective = tuple[float, ...]


@dataclass(frozen=True)
class Scores:
    """Scores of both modalities of the same clips, with what is needed to fit a fusion to them.

    Attributes
    ----------
    audio, video : ndarray, shape (n_clips, n_classes)
        Log posteriors or decision values, larger for likelier classes.
    truth : ndarray, shape (n_clips,)
        Index of the true class.
    subjects : ndarray, shape (n_clips,)
        Number of the subject.
    """

    audio: Floats
    video: Floats
    truth: Ints
    subjects: Ints

    def __getitem__(self, rows: Ints) -> "Scores":
        return Scores(self.audio[rows], self.video[rows], self.truth[rows], self.subjects[rows])


@dataclass(frozen=True)
class Fusion:
    """A fitted fusion: the scale of each modality and the audio weights of each scheme, shape (n_classes,)."""

    audio_scale: float
    video_scale: float
    weights: dict[str, Floats]


def log_posteriors(posteriors: Floats) -> Floats:
    """Logarithm of posteriors, the scores whose calibration with scale 1 changes nothing.

    Raises
    ------
    FeatureError
        If a row is not a distribution.
    """
    if not (np.all(posteriors >= 0) and np.allclose(posteriors.sum(1), 1, atol=1e-3)):
        raise FeatureError("posteriors: a row is negative or does not sum to 1; give class probabilities")
    return np.asarray(np.log(np.maximum(posteriors, TINY)), np.float64)


def calibrated(scores: Floats, scale: float) -> Floats:
    """Posteriors softmax(scale * scores) of scores, shape (n_clips, n_classes)."""
    return np.asarray(softmax(scale * scores, axis=1), np.float64)


def calibration_scale(scores: Floats, truth: Ints) -> float:
    """Positive scale whose softmax(scale * scores) gives the true classes the greatest likelihood; 1 without clips.

    References
    ----------
    Guo et al., "On calibration of modern neural networks", ICML 2017 (temperature scaling; scale = 1 / temperature).
    """
    if not len(truth):
        return 1.0
    rows = np.arange(len(truth))

    def loss(log_scale: float) -> float:
        return -float(log_softmax(np.exp(log_scale) * scores, axis=1)[rows, truth].mean())

    found = minimize_scalar(loss, bounds=tuple(np.log(SCALE_BOUNDS)), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def weighted_sum(audio: Floats, video: Floats, weights: Floats) -> Floats:
    """Fused scores S_c = w_c A_c + (1 - w_c) V_c, shape (n_clips, n_classes)."""
    return weights * audio + (1 - weights) * video


def grid(step: float) -> Floats:
    """Weights from 0 to 1, `step` apart or slightly closer so that both ends are among them."""
    return np.linspace(0.0, 1.0, round(1 / step) + 1)


def shared_weights(audio: Floats, video: Floats, truth: Ints, step: float) -> Floats:
    """Scheme 1: the one weight of the grid that is best for all classes, repeated for each class."""
    n_classes = audio.shape[1]
    candidates = np.repeat(grid(step)[:, None], n_classes, axis=1)
    return _best(candidates, _objectives(audio, video, truth, candidates))[0]


def per_class_weights(audio: Floats, video: Floats, truth: Ints, step: float) -> Floats:
    """Scheme 2: w_c = R^A_c / (R^A_c + R^V_c) from the recalls of the single modalities, to the nearest grid weight.

    A class that neither modality finds, or without clips, has no ground to prefer one: w_c = 1/2.
    """
    recall_a, recall_v = (_recalls(posteriors, truth) for posteriors in (audio, video))
    total = recall_a + recall_v
    weights = np.where(total > 0, recall_a / np.where(total > 0, total, 1), 0.5)
    n_steps = len(grid(step)) - 1
    return np.where(total > 0, np.round(weights * n_steps) / n_steps, 0.5)


def joint_weights(audio: Floats, video: Floats, truth: Ints, step: float) -> Floats:
    """Scheme 3: coordinate ascent over a weight per class on the grid.

    Starts at the weights of schemes 1 and 2, at 1/2, at audio alone and at video alone; every sweep sets each class's
    weight in turn to the best of the grid, once breaking ties by nearness to 1/2 and once by likelihood. The best end
    is kept: most clips right, then the weights nearest 1/2 (on few clips likelihood overfits), then the greatest
    likelihood, then the earliest start.
    """
    n_classes = audio.shape[1]
    starts = [scheme(audio, video, truth, step) for scheme in (shared_weights, per_class_weights)]
    starts += [np.full(n_classes, value) for value in (0.5, 1.0, 0.0)]
    guides = (NEAREST_FIRST, LIKELIEST_FIRST)
    ends = [_ascent(audio, video, truth, start, grid(step), guide) for guide in guides for start in starts]
    candidates = np.array(ends)
    return _best(candidates, _objectives(audio, video, truth, candidates))[0]


SCHEMES: dict[str, Callable[[Floats, Floats, Ints, float], Floats]] = {
    "shared": shared_weights,
    "per_class": per_class_weights,
    "joint": joint_weights,
}


def fit(scores: Scores, *, step: float) -> Fusion:
    """Calibrate both modalities and choose the weights of every scheme on the same clips; 1/2 without clips."""
    scale_a, scale_v = (calibration_scale(values, scores.truth) for values in (scores.audio, scores.video))
    audio, video = calibrated(scores.audio, scale_a), calibrated(scores.video, scale_v)
    weights = {name: scheme(audio, video, scores.truth, step) for name, scheme in SCHEMES.items()}
    return Fusion(scale_a, scale_v, weights)


def fused(fusion: Fusion, scores: Scores, scheme: str) -> Floats:
    """Fused scores of clips that have both modalities, shape (n_clips, n_classes)."""
    audio, video = calibrated(scores.audio, fusion.audio_scale), calibrated(scores.video, fusion.video_scale)
    return weighted_sum(audio, video, fusion.weights[scheme])


def optimism(scores: Scores, *, step: float, n_folds: int) -> dict[str, dict[str, float]] | None:
    """How much each scheme's accuracy on the clips it was fitted to exceeds its cross-validated accuracy.

    The folds are of whole subjects, and every fold fits temperatures and weights anew. None with fewer than two
    subjects.
    """
    n_folds = min(n_folds, len(np.unique(scores.subjects)))
    if n_folds < 2:
        return None
    whole = fit(scores, step=step)
    right = {scheme: 0 for scheme in SCHEMES}
    for train, test in GroupKFold(n_folds).split(scores.audio, groups=scores.subjects):
        fitted = fit(scores[train], step=step)
        for scheme in SCHEMES:
            right[scheme] += _n_right(fitted, scores[test], scheme)
    n = len(scores.truth)
    report = {}
    for scheme in SCHEMES:
        resubstitution, validated = _n_right(whole, scores, scheme) / n, right[scheme] / n
        report[scheme] = {
            "resubstitution": resubstitution,
            "cross_validated": validated,
            "optimism": resubstitution - validated,
        }
    return report


def completed(scores: Floats, has: Bools, fallback: Floats) -> Floats:
    """Rows of `scores` where the clip `has` them, else the rows of `fallback`; shape (n_clips, n_classes)."""
    return np.where(has[:, None], scores, fallback)


def class_prior(truth: Ints, n_classes: int) -> Floats:
    """Share of each class among clips, shape (n_classes,); uniform without clips."""
    counts = np.bincount(truth, minlength=n_classes)
    return counts / counts.sum() if len(truth) else np.full(n_classes, 1 / n_classes)


def source_names(has_audio: Bools, has_video: Bools) -> list[str]:
    """Say where each clip's fused scores come from: `fusion`, `audio` or `video` alone, or the training `prior`."""
    names = {(True, True): "fusion", (True, False): "audio", (False, True): "video", (False, False): "prior"}
    return [names[bool(a), bool(v)] for a, v in zip(has_audio, has_video, strict=True)]


def _n_right(fusion: Fusion, scores: Scores, scheme: str) -> int:
    return int((fused(fusion, scores, scheme).argmax(1) == scores.truth).sum())


def _recalls(posteriors: Floats, truth: Ints) -> Floats:
    """Recall of each class, 0 for a class without clips."""
    recalls = metrics.recalls(metrics.confusion_matrix(truth, posteriors.argmax(1), posteriors.shape[1]))
    return np.nan_to_num(recalls)


def _objectives(audio: Floats, video: Floats, truth: Ints, candidates: Floats) -> list[Objective]:
    """Clips right, minus the distance from 1/2, log-likelihood: of each of (n_candidates, n_classes) weights."""
    sums = weighted_sum(audio, video, candidates[:, None, :])  # (candidates, clips, classes)
    right = (sums.argmax(2) == truth).sum(1)
    likelihood = np.maximum(sums[:, np.arange(len(truth)), truth] / np.maximum(sums.sum(2), TINY), TINY)
    # rounded, so that a last bit of a sum cannot decide
    logs = np.round(np.log(likelihood).sum(1), 9)
    away = np.round(np.abs(candidates - 0.5).sum(1), 9)
    return [(float(n), -float(far), float(log)) for n, log, far in zip(right, logs, away, strict=True)]


def _best(
    candidates: Floats, objectives: list[Objective], guide: tuple[int, ...] = NEAREST_FIRST
) -> tuple[Floats, Objective]:
    ranked = [tuple(values[i] for i in guide) for values in objectives]
    index = max(range(len(ranked)), key=ranked.__getitem__)
    return candidates[index], ranked[index]


def _ascent(  # noqa: PLR0913, PLR0917 - the problem, where to start and what to prefer
    audio: Floats, video: Floats, truth: Ints, start: Floats, steps: Floats, guide: tuple[int, ...]
) -> Floats:
    weights, best = _best(start[None], _objectives(audio, video, truth, start[None]), guide)
    for _ in range(MAX_SWEEPS):
        before = best
        for c in range(len(weights)):
            candidates = np.repeat(weights[None], len(steps), axis=0)
            candidates[:, c] = steps
            found, objective = _best(candidates, _objectives(audio, video, truth, candidates), guide)
            if objective > best:
                weights, best = found, objective
        if best == before:
            break
    return weights
