"""Support vector machines, one class against the rest, in which every machine has the class weights of all classes."""

from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight

from emotiw.statistics.cross_validation import NONE, class_weight


class WeightedOneVsRest(OneVsRestClassifier):  # type: ignore[misc]
    """One-vs-rest whose binary classifiers are fitted with the weights of all classes.

    `class_weight` of the binary classifier itself would weight the class against the rest as a whole.

    Parameters
    ----------
    estimator : estimator
        Binary classifier; with weights, its `fit` requests `sample_weight`.
    class_weight : 'balanced' or None
        As in scikit-learn.
    """

    def __init__(self, estimator: BaseEstimator, *, class_weight: str | None = None) -> None:
        super().__init__(estimator)
        self.class_weight = class_weight

    def fit(
        self, X: npt.NDArray[np.float64], y: npt.NDArray[Any], sample_weight: npt.NDArray[np.float64] | None = None
    ) -> Self:
        """Fit one binary classifier for each class; `sample_weight` (n,) replaces the weights of the classes."""
        if self.class_weight is None and sample_weight is None:
            return cast(Self, super().fit(X, y))
        weights = compute_sample_weight(self.class_weight, y) if sample_weight is None else sample_weight
        with config_context(enable_metadata_routing=True):
            return cast(Self, super().fit(X, y, sample_weight=weights))


def svm(c: float, *, kernel: str, class_weights: str = NONE) -> WeightedOneVsRest:
    """Make unfitted machines.

    Parameters
    ----------
    c : float
        Weight of the hinge loss, relative to ||w||^2 / 2.
    kernel : str
        Of `sklearn.svm.SVC`, such as `linear` or `precomputed`.
    class_weights : str
        `none` or `balanced` (`cross_validation.class_weight`).
    """
    machine, weight = SVC(kernel=kernel, C=c), class_weight(class_weights)
    with config_context(enable_metadata_routing=True):
        machine.set_fit_request(sample_weight=True)
    return WeightedOneVsRest(machine, class_weight=weight)
