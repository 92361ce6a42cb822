"""Score-level fusion of audio and video by class weights (paper sec. 2.3).

Paper: three schemes, one weight for all classes, a weight per class, and a joint search of a weight per class; how
the scores were brought to one scale is not said. Here [ours]: each modality is calibrated by one temperature, the
weights lie on a grid, and accuracy, then nearness to 1/2, then likelihood decides among them. Stacked logistic
regression stands beside them for reference; it is not the paper's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from emotiw.core.errors import FeatureError
from emotiw.fusion import branch_and_bound, stacking
from emotiw.fusion.branch_and_bound import Found
from emotiw.statistics import cross_validation, metrics, selection_record
from emotiw.statistics.selection_record import Record

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

WEIGHTED = ("shared", "per_class", "joint")  # the paper's schemes 1, 2, 3
SCHEMES = (*WEIGHTED, "stacked")
SCALE_BOUNDS = (1e-2, 1e2)  # of a calibration [ours]: few, well separated clips would send it to infinity
N_COMPARED = 256  # weights whose scores are held at a time
TINY = 1e-12  # below every posterior that a network can give in float32

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
    groups : ndarray, shape (n_clips,)
        Number of the group that no fold divides (`manifest.groups`).
    clips : tuple of str
        Their ids, or nothing.
    """

    audio: Floats
    video: Floats
    truth: Ints
    groups: Ints
    clips: tuple[str, ...] = ()

    def __getitem__(self, rows: Ints) -> "Scores":
        clips = tuple(self.clips[row] for row in rows) if self.clips else ()
        return Scores(self.audio[rows], self.video[rows], self.truth[rows], self.groups[rows], clips)

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True)
class Scale:
    """Calibration of a modality, and the ids of the clips that it was fitted to."""

    value: float
    clips: tuple[str, ...]


@dataclass(frozen=True)
class Fusion:
    """What fuses two modalities.

    Attributes
    ----------
    audio_scale, video_scale : float
        Calibration of each modality.
    weights : dict of str to ndarray, shape (n_classes,)
        Audio weights of the paper's schemes.
    stacked : Stacked or None
        The logistic regression; None with clips of fewer than two classes, where the mean of both stands for it.
    """

    audio_scale: float
    video_scale: float
    weights: dict[str, Floats]
    stacked: stacking.Stacked | None = None


@dataclass(frozen=True)
class Fitted(Fusion):
    """A fusion just fitted.

    Attributes
    ----------
    joint : Found
        What the joint search proved.
    given : mapping of str to Scale
        Of `audio`, of `video`: what other clips calibrated; the clips that the schemes were fitted to did the rest.
    """

    joint: Found = field(kw_only=True)
    given: Mapping[str, Scale] = field(kw_only=True)


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
    return _best(candidates, _objectives(audio, video, truth, candidates))


def per_class_weights(audio: Floats, video: Floats, truth: Ints, step: float) -> Floats:
    """Scheme 2: w_c = R^A_c / (R^A_c + R^V_c) from the recalls of the single modalities, to the nearest grid weight.

    A class that neither modality finds, or without clips, has no ground to prefer one: w_c = 1/2.
    """
    recall_a, recall_v = (_recalls(posteriors, truth) for posteriors in (audio, video))
    total = recall_a + recall_v
    weights = np.where(total > 0, recall_a / np.where(total > 0, total, 1), 0.5)
    n_steps = len(grid(step)) - 1
    return np.where(total > 0, np.round(weights * n_steps) / n_steps, 0.5)


def joint_search(
    audio: Floats, video: Floats, truth: Ints, step: float, *, max_branches: int = branch_and_bound.MAX_BRANCHES
) -> Found:
    """Scheme 3: the best of all weights a class on the grid, by branch and bound from the best of the schemes above.

    Most clips right, then the weights nearest to 1/2 (on few clips likelihood overfits), then the greatest likelihood,
    then the smallest weight of the first class in which they differ. What is found says whether it is proven the best
    and, if not, how many clips could at most be right.
    """
    starts = np.array([scheme(audio, video, truth, step) for scheme in SEPARATE.values()])

    def likelihood(weights: Floats) -> Floats:
        blocks = np.array_split(weights, 1 + len(weights) // N_COMPARED)
        return np.array([logs for block in blocks for *_, logs in _objectives(audio, video, truth, block)])

    start = _best(starts, _objectives(audio, video, truth, starts))
    return branch_and_bound.search(
        branch_and_bound.Problem(audio, video, truth, grid(step)), start, likelihood, max_branches=max_branches
    )


SEPARATE: dict[str, Callable[[Floats, Floats, Ints, float], Floats]] = {
    "shared": shared_weights,
    "per_class": per_class_weights,
}


def fit(
    scores: Scores,
    *,
    step: float,
    given: Mapping[str, Scale] = MappingProxyType({}),
    max_branches: int = branch_and_bound.MAX_BRANCHES,
) -> Fitted:
    """Fit every scheme to clips, on which a modality is calibrated too if other clips have not done so.

    Weights are 1/2 without clips.

    Parameters
    ----------
    scores : Scores
        Of clips that neither modality was trained on.
    step : float
        Of the grid of weights.
    given : mapping of str to Scale
        Of `audio`, of `video`, of both or neither: the calibration by other clips.
    max_branches : int
        Limit of the joint search.
    """
    scale_a, scale_v = (
        given[name].value if name in given else calibration_scale(values, scores.truth)
        for name, values in (("audio", scores.audio), ("video", scores.video))
    )
    audio, video = calibrated(scores.audio, scale_a), calibrated(scores.video, scale_v)
    weights = {name: scheme(audio, video, scores.truth, step) for name, scheme in SEPARATE.items()}
    joint = joint_search(audio, video, scores.truth, step, max_branches=max_branches)
    stacked = stacking.fit(stacking.features(audio, video), scores.truth, scores.groups)
    weights["joint"] = joint.weights
    return Fitted(scale_a, scale_v, weights, stacked, joint=joint, given=given)


def records(fusion: Fitted, scores: Scores, *, step: float) -> list[Record]:
    """Record for the ledger what `fit` has chosen with the clips of `scores`."""
    n, n_classes = len(grid(step)), scores.audio.shape[1]
    most = "most clips right, then nearest to 1/2, then likeliest"
    proof = "proven" if fusion.joint.complete else f"at most {fusion.joint.upper_bound} clips could be right"
    made = {
        "shared": (fusion.weights["shared"].tolist(), most, n),
        "per_class": (fusion.weights["per_class"].tolist(), "recalls of the single modalities", 1),
        "joint": (fusion.weights["joint"].tolist(), f"{most}; {proof}", n**n_classes),
    }
    if fusion.stacked:
        choice = fusion.stacked.choice
        made["stacked: C"] = (choice.value, choice.note or cross_validation.CRITERION, len(choice.grid))
    scales = {"audio": fusion.audio_scale, "video": fusion.video_scale}
    of = {name: fusion.given.get(name, Scale(value, scores.clips)) for name, value in scales.items()}
    return [
        *(
            selection_record.Record(f"fusion/scale of {name}", it.value, "likelihood", it.clips)
            for name, it in of.items()
        ),
        *(
            selection_record.Record(f"fusion/{name}", chosen, criterion, scores.clips, candidates=candidates)
            for name, (chosen, criterion, candidates) in made.items()
        ),
    ]


def fused(fusion: Fusion, scores: Scores, scheme: str) -> Floats:
    """Fused scores of clips that have both modalities, shape (n_clips, n_classes)."""
    audio, video = calibrated(scores.audio, fusion.audio_scale), calibrated(scores.video, fusion.video_scale)
    if scheme in WEIGHTED:
        return weighted_sum(audio, video, fusion.weights[scheme])
    if fusion.stacked is None:
        return weighted_sum(audio, video, np.full(audio.shape[1], 0.5))
    return stacking.posteriors(fusion.stacked, stacking.features(audio, video), audio.shape[1])


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


def _best(candidates: Floats, objectives: list[Objective]) -> Floats:
    best: Floats = candidates[max(range(len(objectives)), key=objectives.__getitem__)]
    return best
