"""Stacked logistic regression on the calibrated scores of both modalities, a reference for the weighted schemes.

Wolpert, "Stacked generalization", Neural Networks 5, 1992. The regression is scikit-learn's; its penalty is chosen by
cross-validation on the clips it is fitted on, in folds that do not divide a group [ours].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

# scikit-learn takes a second to import, and a prediction, which imports this module, fits nothing
if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

    from emotiw.statistics.cross_validation import Selection

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CS, FALLBACK = (0.01, 0.1, 1.0, 10.0), 1  # from the strongest penalty to the weakest
N_FOLDS = 3
TINY = 1e-12  # keeps logarithms finite


@dataclass(frozen=True)
class Stacked:
    """A fitted regression, the indices of its classes, and the choice of its penalty C."""

    model: "LogisticRegression"
    classes: Ints
    choice: "Selection"

    @property
    def facts(self) -> dict[str, Any]:
        """Coefficients, classes and penalty, as JSON values."""
        return {
            "c": self.choice.value,
            "accuracies": self.choice.accuracies,
            "classes": self.classes.tolist(),
            "coefficients": self.model.coef_.tolist(),
            "intercept": self.model.intercept_.tolist(),
        }


def features(audio: Floats, video: Floats) -> Floats:
    """Log posteriors of both modalities side by side, shape (n_clips, 2 n_classes)."""
    return np.asarray(np.log(np.maximum(np.concatenate([audio, video], axis=1), TINY)), np.float64)


def fit(X: Floats, truth: Ints, groups: Ints) -> Stacked | None:
    """Fit a multinomial logistic regression of the classes that occur; None with fewer than two.

    Parameters
    ----------
    X : ndarray, shape (n_clips, n_features)
        From `features`.
    truth, groups : ndarray, shape (n_clips,)
        Class and group (`manifest.groups`) of each clip.
    """
    classes, y = np.unique(truth, return_inverse=True)
    if len(classes) < 2:
        return None

    def path(values: Sequence[float], train: Ints, test: Ints) -> Floats:
        return np.stack([_regression(c).fit(X[train], y[train]).predict_proba(X[test]) for c in values])

    from emotiw.statistics import cross_validation  # noqa: PLC0415
    from emotiw.statistics.cross_validation import Grid, Training  # noqa: PLC0415

    training = Training(y, tuple(map(str, groups.tolist())), N_FOLDS)
    choice = cross_validation.select(path, Grid(CS, fallback=FALLBACK), training, np.arange(len(y)))
    return Stacked(_regression(choice.value).fit(X, y), classes, choice)


def posteriors(stacked: Stacked, X: Floats, n_classes: int) -> Floats:
    """Posteriors of clips, shape (n_clips, n_classes); 0 for a class the regression was not fitted on."""
    values = np.zeros((len(X), n_classes))
    if len(X):
        values[:, stacked.classes] = stacked.model.predict_proba(X)
    return values


def _regression(c: float) -> "LogisticRegression":
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    # for about a hundred parameters Newton's method takes a twentieth of the time of L-BFGS
    return LogisticRegression(C=c, tol=1e-6, max_iter=1000, solver="newton-cholesky")
