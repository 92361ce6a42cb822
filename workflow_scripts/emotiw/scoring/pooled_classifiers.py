"""Linear classifiers of one vector a clip, standardised by the training clips, and their out-of-fold scores.

The vector is a clip's pooled statistics (`statistics.pooling`) or a feature of the whole clip. Multinomial logistic
regression minimises C times the sum of the cross-entropies plus ||W||^2 / 2; the support vector machine is linear, one
against the rest, with the hinge loss in place of the cross-entropy.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from emotiw.statistics import absent_classes, cross_validation, one_vs_rest
from emotiw.statistics.cross_validation import NONE, Grid, GridScorer, Ints, Selection, Training, class_weight
from emotiw.statistics.pooling import PooledLinear

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
AUTO, NOMINAL_C = "auto", 1.0  # C if none can be selected: loss and ||W||^2 / 2 have equal weight
TOLERANCE, MAX_ITERATIONS = 1e-6, 5000  # of the gradient, so that C and not the start decides


def _logistic(c: float, class_weights: str) -> BaseEstimator:
    return LogisticRegression(C=c, class_weight=class_weight(class_weights), tol=TOLERANCE, max_iter=MAX_ITERATIONS)


def _svm(c: float, class_weights: str) -> BaseEstimator:
    return one_vs_rest.svm(c, kernel="linear", class_weights=class_weights)


FAMILIES: Mapping[str, Callable[[float, str], BaseEstimator]] = {
    "pooled_logistic": _logistic,
    "pooled_svm": _svm,
}


@dataclass(frozen=True)
class PooledScores:
    """Decision values of the clips that have them, and the classifier of the clips that are not for training.

    Attributes
    ----------
    values : ndarray, shape (n_scored, n_classes)
        Those of training clips are out-of-fold.
    scored : ndarray of bool, shape (n_clips,)
        Which clips have a row in `values`; training clips without an out-of-fold score have none.
    selection : Selection
        Of C.
    model : PooledLinear
    """

    values: Floats
    scored: Bools
    selection: Selection
    model: PooledLinear

    def among(self, of: Sequence[str], classes: Sequence[str]) -> "PooledScores":
        """Scores and model with a column for each of `classes`, of those that were trained with the classes `of`."""
        model = replace(
            self.model,
            coefficients=absent_classes.filled(self.model.coefficients, of, classes, 0.0),
            intercept=absent_classes.filled(self.model.intercept, of, classes),
        )
        return replace(self, values=absent_classes.filled(self.values, of, classes), model=model)


def grid(settings: Mapping[str, Any]) -> Grid:
    """Values of C: the number in the settings, or with `auto` those of `c_grid`, the strongest regularisation first."""
    if settings["c"] != AUTO:
        return Grid((settings["c"],))
    values = tuple(sorted(settings["c_grid"]))
    return Grid(values, min(range(len(values)), key=lambda i: abs(np.log(values[i] / NOMINAL_C))))


@dataclass(frozen=True)
class Standardised:
    """Training vectors, standardised, in coordinates of the space that they span.

    The penalty is on ||W||, so the columns of W lie in the span of the training vectors, and a classifier of at most
    n_train coordinates is the same as one of all n values.

    Attributes
    ----------
    mean, scale : ndarray, shape (n,)
        The scale of a value that is the same in all rows is 1.
    basis : ndarray, shape (n, r)
        Orthonormal columns; r is the smaller of n and n_train.
    coordinates : ndarray, shape (n_train, r)
    """

    mean: Floats
    scale: Floats
    basis: Floats
    coordinates: Floats

    @classmethod
    def of(cls, X: Floats, weights: Floats | None = None) -> Self:
        """Standardise training vectors X (n_train, n), by weights (n_train,), and find the space that they span."""
        constant = X.min(axis=0) == X.max(axis=0)
        means = np.average(X, axis=0, weights=weights)
        variances = X.var(axis=0) if weights is None else np.average((X - means) ** 2, axis=0, weights=weights)
        mean, scale = np.where(constant, X[0], means), np.where(constant, 1.0, np.sqrt(variances))
        Z = (X - mean) / scale
        basis = np.linalg.qr(Z.T)[0] if len(Z) < Z.shape[1] else np.eye(Z.shape[1])
        return cls(mean, scale, np.where(constant[:, None], 0.0, basis), Z @ basis)


def fit(name: str, c: float, X: Floats, y: Ints, weights: str | Floats) -> PooledLinear:
    """Standardise training vectors and fit a classifier to them.

    Parameters
    ----------
    name : str
        Key of `FAMILIES`.
    c : float
        Weight of the loss, relative to the penalty.
    X : ndarray, shape (n_train, n)
    y : ndarray, shape (n_train,)
        Class indices; each class has a clip.
    weights : str or ndarray, shape (n_train,)
        `none`; `balanced`: a clip of class k weighs n_train / (n_classes n_k); or the weight of each clip, by which the
        vectors are standardised too.
    """
    return _fit(name, c, _standardised(X, weights), y, weights)


def _standardised(X: Floats, weights: str | Floats) -> Standardised:
    return Standardised.of(X, None if isinstance(weights, str) else weights)


def _fit(name: str, c: float, X: Standardised, y: Ints, weights: str | Floats) -> PooledLinear:
    of_class, of_clip = (weights, None) if isinstance(weights, str) else (NONE, weights)
    fitted = FAMILIES[name](c, of_class).fit(X.coordinates, y, sample_weight=of_clip)
    r = X.coordinates.shape[1]
    intercept = _decision_values(fitted, np.zeros((1, r)))[0]
    # from the values at the unit vectors, so that classifiers with one row for two classes need no case of their own
    coefficients = _decision_values(fitted, np.eye(r)) - intercept
    return PooledLinear(X.mean, X.scale, X.basis @ coefficients, intercept)


@dataclass(frozen=True)
class Clips:
    """Vectors of clips, and of altered copies of the training clips.

    Attributes
    ----------
    X : ndarray, shape (n_clips, n)
        Training clips first.
    copies : ndarray, shape (n_train, n_copies, n), or None
        A clip and its copies together weigh as much as the clip alone.
    """

    X: Floats
    copies: Floats | None = None

    def examples(self, training: Training, rows: Ints) -> tuple[Floats, Ints, str | Floats]:
        """Vectors, class indices and weights that a classifier of the training clips `rows` is fitted to."""
        weights, y = _weights(training, rows), training.y[rows]
        if self.copies is None:
            return self.X[rows], y, weights
        n_copies = self.copies.shape[1]
        each = training.weights(rows) / (1 + n_copies)
        X = np.concatenate([self.X[rows], self.copies[rows].reshape(-1, self.X.shape[1])])
        return X, np.concatenate([y, np.repeat(y, n_copies)]), np.concatenate([each, np.repeat(each, n_copies)])


def grid_scorer(name: str, clips: Clips, training: Training) -> GridScorer:
    """Decision values for values of C; each call standardises and weights by its own training rows.

    Parameters
    ----------
    name : str
        As in `fit`.
    clips : Clips
        Copies of a test row are not scored.
    training : Training
        Class indices and weights of the clips.
    """
    computed: dict[tuple[Any, ...], Floats] = {}

    def scores(values: Sequence[float], train: Ints, test: Ints) -> Floats:
        key = (tuple(values), train.tobytes(), test.tobytes())
        if key not in computed:
            X, y, weights = clips.examples(training, train)
            standardised = _standardised(X, weights)
            models = (_fit(name, c, standardised, y, weights) for c in values)
            computed[key] = np.stack([model.decision_values(clips.X[test]) for model in models])
        return computed[key]

    return scores


def clip_scores(name: str, clips: Clips, training: Training, settings: Mapping[str, Any]) -> PooledScores:
    """Scores of all clips, with C selected by the training clips.

    Parameters
    ----------
    name : str
        Key of `FAMILIES`.
    clips : Clips
    training : Training
        Class indices and groups of the training clips, and the number of folds.
    settings : mapping
        Section `pooled` of the configuration.
    """
    X, n = clips.X, len(training.y)
    scorer = grid_scorer(name, clips, training)
    out_of_fold, has_score, selection = cross_validation.out_of_fold(scorer, grid(settings), training)
    model = fit(name, selection.value, *clips.examples(training, np.arange(n)))
    values = np.concatenate([out_of_fold[has_score], model.decision_values(X[n:])])
    return PooledScores(values, np.concatenate([has_score, np.ones(len(X) - n, np.bool_)]), selection, model)


def _weights(training: Training, rows: Ints) -> str | Floats:
    choosing = training.choosing
    return choosing.class_weights if choosing.corpus_weights == NONE else training.weights(rows)


def _decision_values(fitted: BaseEstimator, X: Floats) -> Floats:
    values = np.asarray(fitted.decision_function(X))
    return values if values.ndim == 2 else np.stack([-values / 2, values / 2], axis=1)
