"""Score-level fusion of audio and video by class weights (Ding et al., ICMI 2016).

The fused score of class c is::

    S_c = w_c A_c + (1 - w_c) V_c

with A_c the audio posterior, V_c the calibrated video posterior, and w = [w_1 .. w_n] the audio weights, 0 <= w_c <= 1.
The predicted class is argmax_c S_c. The equation is `weighted_sum`.

Paper: three schemes; one weight for all classes (`shared_weights`), a weight per class (`per_class_weights`), and a
joint search of a weight per class (`joint_search`). How the scores were brought to one scale is not said. Here [ours]:
each modality is calibrated by one temperature, the weights lie on a grid, and candidates are compared by accuracy, then
nearness to 1/2, then likelihood. Stacked logistic regression and the product rule are not in the paper.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError
from emotiw.fusion import branch_and_bound, stacking
from emotiw.fusion.branch_and_bound import SearchResult
from emotiw.statistics import absent_classes, metrics
from emotiw.statistics.softmax import softmax

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

WEIGHTED = ("shared", "per_class", "joint")  # the paper's schemes 1, 2, 3
PRODUCT = "product"  # the product rule, which has no weights
SCHEMES = (*WEIGHTED, "stacked", PRODUCT)
AUTO = "auto"  # the weighted scheme that is chosen by cross-validation (`choice`)
SCALE_BOUNDS = (1e-2, 1e2)  # limits of a calibration scale [ours]: without them it is infinite for separable clips
N_COMPARED = 256  # candidate weights whose fused scores are held in memory at a time
TINY = 1e-12  # lower limit of a posterior before its logarithm is taken

Objective = tuple[float, ...]


@dataclass(frozen=True)
class Scores:
    """Scores of both modalities for the same clips, with their labels and groups.

    Attributes
    ----------
    audio, video : ndarray, shape (n_clips, n_classes)
        Log posteriors or decision values, larger for likelier classes.
    truth : ndarray, shape (n_clips,)
        Index of the true class.
    groups : ndarray, shape (n_clips,)
        Number of each clip's group; cross-validation does not divide a group (`manifest.groups`).
    clips : tuple of str
        Clip ids; may be empty.
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
    """Calibration scale of a modality, and the ids of the clips it was fitted on."""

    value: float
    clips: tuple[str, ...]


@dataclass(frozen=True)
class Fusion:
    """Calibration and weights of a fusion.

    Attributes
    ----------
    audio_scale, video_scale : float
        Calibration scale of each modality (`calibrated`).
    weights : dict of str to ndarray, shape (n_classes,)
        Audio weights w of each of the paper's schemes.
    stacked : Stacked or None
        The stacked regression; None if it was fitted on fewer than two classes, then the mean of both is used.
    prior : ndarray or None, shape (n_classes,)
        Share of each class among the training clips, for the product rule; None: uniform.
    fused_scales : mapping of str to float
        Calibration scale of each scheme's posteriors (`fused_posteriors`); 1 for a scheme that is not in it.
    """

    audio_scale: float
    video_scale: float
    weights: dict[str, Floats]
    stacked: stacking.Stacked | None = None
    prior: Floats | None = None
    fused_scales: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class FittedFusion(Fusion):
    """A fusion, with the result of its joint search and the origin of its calibrations.

    Attributes
    ----------
    joint : SearchResult
    scales : mapping of str to Scale
        By modality (`audio`, `video`), the calibrations that were fitted on other clips, not on those of the schemes.
    """

    joint: SearchResult = field(kw_only=True)
    scales: Mapping[str, Scale] = field(kw_only=True)


def log_posteriors(posteriors: Floats) -> Floats:
    """Logarithm of posteriors: `calibrated` with scale 1 returns the posteriors themselves.

    Raises
    ------
    FeatureError
        If a row is not a distribution.
    """
    if not (np.all(posteriors >= 0) and np.allclose(posteriors.sum(1), 1, atol=1e-3)):
        raise FeatureError("posteriors: a row is negative or does not sum to 1; give class probabilities")
    return np.asarray(np.log(np.maximum(posteriors, TINY)), np.float64)


def calibrated(scores: Floats, scale: float) -> Floats:
    """Posteriors softmax(scale * scores), shape (n_clips, n_classes); scale = 1 / temperature."""
    return softmax(scale * scores)


def calibration_scale(scores: Floats, truth: Ints, *, smoothing: float = 0.0, weights: Floats | None = None) -> float:
    """Positive scale a that maximises the likelihood of the true classes under softmax(a * scores); 1 without clips.

    With `smoothing`, a share of each label, from 0 to 1, is spread over all classes, so that the scale stays finite.
    Guo et al., "On calibration of modern neural networks", ICML 2017 (temperature scaling; scale = 1 / temperature).
    """
    scores, truth, weights = absent_classes.named(scores, truth, weights)
    if not len(truth):
        return 1.0
    from scipy import optimize, special  # noqa: PLC0415 - 0.5 s that a prediction does without

    def loss(log_scale: float) -> float:
        logs = special.log_softmax(np.exp(log_scale) * scores, axis=1)
        smooth = (1 - smoothing) * logs[np.arange(len(truth)), truth] + smoothing * logs.mean(1)
        return -float(np.average(smooth, weights=weights))

    bounds = tuple(np.log(SCALE_BOUNDS))
    minimum = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(minimum.x))


def weighted_sum(audio: Floats, video: Floats, weights: Floats) -> Floats:
    """Fused scores S_c = w_c A_c + (1 - w_c) V_c (Ding et al., ICMI 2016, fusion equation).

    Parameters
    ----------
    audio : ndarray, shape (n_clips, n_classes)
        A_c: audio posterior of each class.
    video : ndarray, shape (n_clips, n_classes)
        V_c: video posterior of each class, on the same scale.
    weights : ndarray, shape (n_classes,)
        w_c: audio weight of each class, in [0, 1].

    Returns
    -------
    ndarray, shape (n_clips, n_classes)
        S_c; the predicted class is argmax_c S_c.
    """
    return weights * audio + (1 - weights) * video


def product_rule(audio: Floats, video: Floats, prior: Floats) -> Floats:
    """Fused posteriors by the product rule, S_c = A_c V_c / p_c over its sum (Kittler et al., TPAMI 20, 1998, eq. 7).

    By Bayes' rule these are the posteriors given both modalities, if the modalities are independent given the class.

    Parameters
    ----------
    audio, video : ndarray, shape (n_clips, n_classes)
        A_c and V_c: calibrated posteriors.
    prior : ndarray, shape (n_classes,)
        p_c: share of each class among the training clips; a class without any gets the posterior 0.

    Returns
    -------
    ndarray, shape (n_clips, n_classes)
        Each row sums to 1.
    """
    logs = np.log(np.maximum(audio, TINY)) + np.log(np.maximum(video, TINY)) - np.log(np.where(prior > 0, prior, 1.0))
    return softmax(np.where(prior > 0, logs, -np.inf))


def grid(step: float) -> Floats:
    """Grid of weights from 0 to 1, both included, `step` apart or slightly less."""
    return np.linspace(0.0, 1.0, round(1 / step) + 1)


def shared_weights(audio: Floats, video: Floats, truth: Ints, step: float) -> Floats:
    """Scheme 1, one weight for all classes (Ding et al., ICMI 2016).

    ::

        w_1 = ... = w_n = argmax_w #{k : argmax_c [w A_kc + (1 - w) V_kc] = y_k},  w on the grid

    Ties: least distance from 1/2, then greatest likelihood [ours].

    Parameters
    ----------
    audio, video : ndarray, shape (n_clips, n_classes)
        A_kc, V_kc: posteriors of clip k and class c.
    truth : ndarray, shape (n_clips,)
        y_k: index of the true class.
    step : float
        Distance of neighbouring weights on the grid.

    Returns
    -------
    ndarray, shape (n_classes,)
        The weight, repeated for each class.
    """
    n_classes = audio.shape[1]
    candidates = np.repeat(grid(step)[:, None], n_classes, axis=1)
    return _best(candidates, _objectives(audio, video, truth, candidates))


def per_class_weights(audio: Floats, video: Floats, truth: Ints, step: float) -> Floats:
    """Scheme 2, a weight per class from the recalls of the single modalities (Ding et al., ICMI 2016).

    ::

        w_c = R^A_c / (R^A_c + R^V_c),  rounded to the grid [ours in detail]

    w_c = 1/2 for a class that neither modality recognises or that has no clips.

    Parameters
    ----------
    audio, video : ndarray, shape (n_clips, n_classes)
        Posteriors; R^A_c and R^V_c are the recalls of class c by the argmax of each.
    truth : ndarray, shape (n_clips,)
        Index of the true class.
    step : float
        Distance of neighbouring weights on the grid.

    Returns
    -------
    ndarray, shape (n_classes,)
        w_c.
    """
    recall_a, recall_v = (_recalls(posteriors, truth) for posteriors in (audio, video))
    total = recall_a + recall_v
    weights = np.where(total > 0, recall_a / np.where(total > 0, total, 1), 0.5)
    n_steps = len(grid(step)) - 1
    return np.where(total > 0, np.round(weights * n_steps) / n_steps, 0.5)


def joint_search(
    audio: Floats, video: Floats, truth: Ints, step: float, *, max_branches: int = branch_and_bound.MAX_BRANCHES
) -> SearchResult:
    """Scheme 3, joint search of a weight per class (Ding et al., ICMI 2016).

    ::

        w = argmax_w #{k : argmax_c [w_c A_kc + (1 - w_c) V_kc] = y_k},  every w_c on the grid

    Exact, by branch and bound from the better of schemes 1 and 2 [ours]. Ties: least distance from 1/2 (on few clips
    likelihood overfits), then greatest likelihood, then the smallest weight of the first class in which they differ.

    Parameters
    ----------
    audio, video : ndarray, shape (n_clips, n_classes)
        A_kc, V_kc: posteriors of clip k and class c.
    truth : ndarray, shape (n_clips,)
        y_k: index of the true class.
    step : float
        Distance of neighbouring weights on the grid.
    max_branches : int
        The search ends without proof after this many bounds.

    Returns
    -------
    SearchResult
        The weights, whether they are proven the best and, if not, an upper bound of the correct clips.
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
    scales: Mapping[str, Scale] = MappingProxyType({}),
    max_branches: int = branch_and_bound.MAX_BRANCHES,
) -> FittedFusion:
    """Fit every scheme, and the calibration of each modality that is not in `scales`.

    Without clips all weights are 1/2.

    Parameters
    ----------
    scores : Scores
        Scores of clips that neither modality was trained on.
    step : float
        Distance of neighbouring weights on the grid.
    scales : mapping of str to Scale
        By modality (`audio`, `video`), calibrations that were fitted on other clips.
    max_branches : int
    """
    fitted = fit_weights(scores, step=step, scales=scales, max_branches=max_branches)
    audio, video = calibrated(scores.audio, fitted.audio_scale), calibrated(scores.video, fitted.video_scale)
    stacked = stacking.fit(stacking.features(audio, video), scores.truth, scores.groups)
    return replace(fitted, stacked=stacked)


def fit_weights(
    scores: Scores, *, step: float, scales: Mapping[str, Scale], max_branches: int = branch_and_bound.MAX_BRANCHES
) -> FittedFusion:
    """Fit the weighted schemes and the calibrations as `fit` does, and no stacked regression."""
    values = {"audio": scores.audio, "video": scores.video}
    scale_a, scale_v = (
        scales[name].value if name in scales else calibration_scale(values[name], scores.truth) for name in values
    )
    audio, video = calibrated(scores.audio, scale_a), calibrated(scores.video, scale_v)
    weights = {name: scheme(audio, video, scores.truth, step) for name, scheme in SEPARATE.items()}
    joint = joint_search(audio, video, scores.truth, step, max_branches=max_branches)
    weights["joint"] = joint.weights
    return FittedFusion(scale_a, scale_v, weights, joint=joint, scales=scales)


def fused(fusion: Fusion, scores: Scores, scheme: str) -> Floats:
    """Fused scores of clips that have both modalities by a scheme, (n_clips, n_classes); the largest decides."""
    audio, video = calibrated(scores.audio, fusion.audio_scale), calibrated(scores.video, fusion.video_scale)
    if scheme in fusion.weights:
        return weighted_sum(audio, video, fusion.weights[scheme])
    if scheme == PRODUCT:
        return product_rule(audio, video, np.ones(audio.shape[1]) if fusion.prior is None else fusion.prior)
    if fusion.stacked is None:
        return weighted_sum(audio, video, np.full(audio.shape[1], 0.5))
    return stacking.posteriors(fusion.stacked, stacking.features(audio, video), audio.shape[1])


def completed(scores: Floats, available: Bools, fallback: Floats) -> Floats:
    """Rows of `scores` for the clips that are `available`, else of `fallback`; shape (n_clips, n_classes)."""
    return np.where(available[:, None], scores, fallback)


def class_prior(truth: Ints, n_classes: int) -> Floats:
    """Share of each class among clips, shape (n_classes,); uniform without clips."""
    counts = np.bincount(truth, minlength=n_classes)
    return counts / counts.sum() if len(truth) else np.full(n_classes, 1 / n_classes)


def source_names(has_audio: Bools, has_video: Bools) -> list[str]:
    """Source of each clip's fused scores: `fusion`, `audio` or `video` alone, or the class `prior`."""
    names = {(True, True): "fusion", (True, False): "audio", (False, True): "video", (False, False): "prior"}
    return [names[bool(a), bool(v)] for a, v in zip(has_audio, has_video, strict=True)]


def _recalls(posteriors: Floats, truth: Ints) -> Floats:
    """Recall of each class, 0 for a class without clips."""
    return np.nan_to_num(metrics.recalls(metrics.confusion_matrix(truth, posteriors.argmax(1), posteriors.shape[1])))


def _objectives(audio: Floats, video: Floats, truth: Ints, candidates: Floats) -> list[Objective]:
    """Objective of each candidate (n_candidates, n_classes): correct clips, -distance from 1/2, log-likelihood."""
    sums = weighted_sum(audio, video, candidates[:, None, :])  # (candidates, clips, classes)
    right = (sums.argmax(2) == truth).sum(1)
    likelihood = np.maximum(sums[:, np.arange(len(truth)), truth] / np.maximum(sums.sum(2), TINY), TINY)
    # rounded, so that the last bit of a sum does not decide a tie
    logs = np.round(np.log(likelihood).sum(1), 9)
    away = np.round(np.abs(candidates - 0.5).sum(1), 9)
    return [(float(n), -float(far), float(log)) for n, log, far in zip(right, logs, away, strict=True)]


def _best(candidates: Floats, objectives: list[Objective]) -> Floats:
    return np.asarray(candidates[max(range(len(objectives)), key=objectives.__getitem__)])
