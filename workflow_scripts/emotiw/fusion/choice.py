"""Choice of the fusion's scheme and shrinkage by cross-validation on the clips that the weights are fitted on [ours].

Shrinkage draws the weights of the schemes per_class and joint towards the one weight of scheme shared::

    w_c(s) = (1 - s) w_c + s w_shared,  0 <= s <= 1

With s = 0 the weights are the paper's, with s = 1 they are those of scheme shared. Both the scheme and s can be chosen:
by the accuracy in repeated folds that do not divide a group, in each of which all schemes are fitted again. Of equals,
the simplest is chosen: one weight, then weights from recalls, then searched weights; and the largest s.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from sklearn.model_selection import GroupKFold

from emotiw.core.errors import FeatureError
from emotiw.fusion import branch_and_bound, schemes
from emotiw.fusion.schemes import AUTO, WEIGHTED, FittedFusion, Floats, Fusion, Ints, Scale, Scores

MAX_BRANCHES = 1_000_000  # limit of a joint search within a cross-validation fold
FACTORS = (1.0, 0.75, 0.5, 0.25, 0.0)  # values of s to choose from
SHRUNK = ("per_class", "joint")


@dataclass(frozen=True)
class Method:
    """How a fusion is fitted.

    Attributes
    ----------
    step : float
        Distance of neighbouring weights on the grid.
    scheme : str
        One of `schemes.WEIGHTED`, `product`, or `auto`.
    shrinkage : float or 'auto'
        s of the schemes per_class and joint.
    n_folds, n_repeats : int
        Folds of cross-validation, and divisions into folds.
    prior : ndarray or None, shape (n_classes,)
        Share of each class among the training clips, for the product rule; None: uniform.
    """

    step: float
    scheme: str = "joint"
    shrinkage: float | str = 0.0
    n_folds: int = 5
    n_repeats: int = 5
    prior: Floats | None = None

    @property
    def factors(self) -> tuple[float, ...]:
        """Values of s that are tried: `FACTORS`, or the given one."""
        return FACTORS if self.shrinkage == AUTO else (float(self.shrinkage),)

    @classmethod
    def of(cls, settings: Mapping[str, Any], prior: Floats | None = None) -> Self:
        """Read a method from the section `fusion` of the configuration."""
        folds = settings["cv_folds"], settings["cv_repeats"]
        return cls(settings["grid_step"], settings["scheme"], settings["shrinkage"], *folds, prior)


@dataclass(frozen=True)
class Chosen:
    """A fusion with the scheme and the shrinkage that were chosen or given.

    Attributes
    ----------
    fusion : FittedFusion
        Its weights are shrunk; with `scheme: auto`, those of the chosen scheme are its weights `auto` too.
    unshrunk : FittedFusion
        Weights as fitted.
    scheme : str
        The given or chosen scheme; never `auto`.
    shrinkage : dict of str to float
        s of the schemes per_class and joint.
    accuracies : dict of str to tuple of float
        Cross-validated accuracy of each scheme with each of `factors`; empty if nothing was chosen.
    factors : tuple of float
        Values of s that were tried.
    """

    fusion: FittedFusion
    unshrunk: FittedFusion
    scheme: str
    shrinkage: dict[str, float]
    accuracies: dict[str, tuple[float, ...]]
    factors: tuple[float, ...]

    @property
    def facts(self) -> dict[str, Any]:
        """The choice as JSON values."""
        return {
            "scheme": self.scheme,
            "shrinkage": self.shrinkage,
            "factors": list(self.factors) if self.accuracies else [],
            "cross_validated": {name: list(values) for name, values in self.accuracies.items()},
        }


def fit(
    scores: Scores,
    method: Method,
    *,
    scales: Mapping[str, Scale] = MappingProxyType({}),
    max_branches: int = branch_and_bound.MAX_BRANCHES,
) -> Chosen:
    """Fit all schemes, and choose scheme and shrinkage where the method says `auto`.

    Where the groups cannot be divided into folds, the simplest is taken: scheme shared, s = 1.

    Parameters
    ----------
    scores : Scores
        Scores of clips that neither modality was trained on.
    method : Method
    scales, max_branches
        As in `schemes.fit`.

    Raises
    ------
    FeatureError
        If a score is not finite.
    """
    if not (np.isfinite(scores.audio).all() and np.isfinite(scores.video).all()):
        raise FeatureError(f"scores of {len(scores)} clips for the fusion: not finite; run the workflow again")
    fitted = replace(
        schemes.fit(scores, step=method.step, scales=scales, max_branches=max_branches), prior=method.prior
    )
    searched = AUTO in {method.scheme, method.shrinkage}
    accuracies = cross_validated(scores, method, scales=scales) if searched else {}
    shrinkage = {name: _factor(method.factors, accuracies.get(name, ())) for name in SHRUNK}
    scheme = _scheme(accuracies) if method.scheme == AUTO else method.scheme
    weights = {name: shrunk(fitted.weights, name, shrinkage.get(name, 0.0)) for name in WEIGHTED}
    if method.scheme == AUTO:
        weights[AUTO] = weights[scheme]
    return Chosen(replace(fitted, weights=weights), fitted, scheme, shrinkage, accuracies, method.factors)


def shrunk(weights: Mapping[str, Floats], scheme: str, factor: float) -> Floats:
    """Weights of a scheme, shrunk by a factor s towards the weight of scheme shared, shape (n_classes,)."""
    return np.asarray((1 - factor) * weights[scheme] + factor * weights["shared"])


def cross_validated(
    scores: Scores, method: Method, *, scales: Mapping[str, Scale] = MappingProxyType({})
) -> dict[str, tuple[float, ...]]:
    """Cross-validated accuracy of each scheme with each s of `method.factors`, over all repeats; {} without folds."""
    right = {name: np.zeros(len(method.factors)) for name in WEIGHTED}
    n_tested = 0
    for train, test in chain.from_iterable(divisions(scores, method)):
        fitted = schemes.fit_weights(scores[train], step=method.step, scales=scales, max_branches=MAX_BRANCHES)
        for name in WEIGHTED:
            right[name] += [n_right(fitted, scores[test], name, s) for s in method.factors]
        n_tested += len(test)
    return {name: tuple((n / n_tested).tolist()) for name, n in right.items()} if n_tested else {}


def divisions(scores: Scores, method: Method) -> Iterator[list[tuple[Ints, Ints]]]:
    """Yield the repeated divisions of the clips into folds (train, test), with the seeds 0, 1, ...

    There are at most as many folds as groups; no division with fewer than two groups, and one if every group is a fold.
    """
    n_groups = len(np.unique(scores.groups))
    n_folds = min(method.n_folds, n_groups)
    if n_folds < 2:
        return
    for seed in range(1 if n_folds == n_groups else method.n_repeats):
        folds = GroupKFold(n_folds, shuffle=True, random_state=seed)
        yield list(folds.split(scores.audio, groups=scores.groups))


def n_right(fusion: Fusion, scores: Scores, scheme: str, factor: float = 0.0) -> int:
    """Count the clips that a scheme, shrunk by a factor s, classifies correctly."""
    if factor:
        fusion = replace(fusion, weights={**fusion.weights, scheme: shrunk(fusion.weights, scheme, factor)})
    return int((schemes.fused(fusion, scores, scheme).argmax(1) == scores.truth).sum())


def _factor(factors: tuple[float, ...], accuracies: tuple[float, ...]) -> float:
    """Give the most accurate s; the first of equals, and the first if nothing was tested."""
    return factors[int(np.argmax(accuracies))] if accuracies else factors[0]


def _scheme(accuracies: Mapping[str, tuple[float, ...]]) -> str:
    """Give the scheme that is most accurate with its s; the first of equals, and the first if nothing was tested."""
    return max(accuracies, key=lambda name: max(accuracies[name]), default=WEIGHTED[0])
