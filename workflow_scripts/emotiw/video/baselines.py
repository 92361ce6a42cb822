"""The challenge's baselines: a support vector machine on one feature vector per clip.

Dhall et al. (EmotiW) score LBP-TOP of the faces and openSMILE's functionals of the whole sound in this way. Here the
features are standardised by the training clips, the kernel is RBF and the decision one-vs-rest: on the functionals of
RAVDESS's speech this is the best of four combinations, linear or RBF with one-vs-rest or one-vs-one.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.preprocessing import StandardScaler

from emotiw.statistics import cross_validation
from emotiw.statistics.cross_validation import NONE, Grid, GridScorer, Ints, Training
from emotiw.video import classifiers, kernels
from emotiw.video.classifiers import Scores

Matrix = npt.NDArray[np.float64]

ROWS = 256  # of a matrix of distances that are computed at a time


def grid(settings: Mapping[str, Any]) -> Grid:
    """Pairs (C, gamma d) of `c_grid` and `gamma_grid`, the smoothest first; (1, 1) or the nearest pair is nominal."""
    pairs = tuple(product(sorted(settings["c_grid"]), sorted(settings["gamma_grid"])))
    return Grid(pairs, int(np.abs(np.log(pairs)).sum(axis=1).argmin()))


def grid_scorer(X: Matrix, y: Ints, class_weights: str = NONE) -> GridScorer:
    """Decision values for pairs (C, gamma d), where k(x, z) = exp(-gamma ||x - z||^2) and d is the number of features.

    Parameters
    ----------
    X : ndarray, shape (n_clips, d)
        Features, training clips first; each call standardises them by its training rows.
    y : ndarray, shape (n_train,)
        Class indices of the training clips.
    class_weights : str
        `none` or `balanced`, for the support vector machine; features are standardised without weights.
    """

    def scores(values: Sequence[tuple[float, float]], train: Ints, test: Ints) -> Matrix:
        scaler = StandardScaler().fit(X[train])
        A, B = scaler.transform(X[train]), scaler.transform(X[test])
        D, D_new = (_mean_squared_distances(points, A) for points in (A, B))
        K, K_new = np.empty_like(D), np.empty_like(D_new)  # of one pair of values at a time
        of_values = []
        for c, width in values:
            for distances, kernel in ((D, K), (D_new, K_new)):
                np.exp(np.multiply(distances, -width, out=kernel), out=kernel)
            fitted = classifiers.fit(classifiers.svm(c, class_weights), K, y[train])
            of_values.append(classifiers.decision_values(fitted, K_new))
        return np.stack(of_values)

    return scores


def clip_scores(X: Matrix, training: Training, settings: Mapping[str, Any]) -> Scores:
    """Scores of all clips, with C and gamma selected by the training clips.

    Parameters
    ----------
    X : ndarray, shape (n_clips, d)
        Features, training clips first.
    training : Training
        Class indices and groups of the training clips, the folds, and the class weights.
    settings : mapping
        `c_grid`, `gamma_grid`.
    """
    n = len(training.y)
    scorer = grid_scorer(X, training.y, training.choosing.class_weights)
    out_of_fold, has_score, selection = cross_validation.out_of_fold(scorer, grid(settings), training)
    others = np.arange(n, len(X))
    values = scorer([selection.value], np.arange(n), others)[0] if others.size else np.zeros((0, training.n_classes))
    scored = np.concatenate([has_score, np.ones(len(others), dtype=np.bool_)])
    return Scores(np.concatenate([out_of_fold, values])[scored], scored, selection=selection)


def _mean_squared_distances(A: Matrix, B: Matrix) -> Matrix:
    """Squared distances (n_A, n_B) of rows, divided by their length."""
    D, of_A, of_B = A @ B.T, (A**2).sum(axis=1), (B**2).sum(axis=1)
    for i in range(0, len(D), ROWS):  # all distances at once would be three more matrices of this size
        rows = slice(i, i + ROWS)
        D[rows] = kernels.squared_distances(D[rows], of_A[rows], of_B) / A.shape[1]
    return D
