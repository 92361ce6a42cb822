"""Scores of all sets by a classifier on each kernel of a feature, one kernel in memory at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from emotiw.statistics import cross_validation
from emotiw.statistics.cross_validation import NONE, Grid, GridScorer, Ints, Training
from emotiw.video import classifiers, low_rank
from emotiw.video.classifiers import Family, Matrix, Scores, Settings, decision_values
from emotiw.video.linear import Linear

Rows = Ints | slice


class ExactKernel:
    """A kernel between all sets, training sets first, as the classifiers read it."""

    families: ClassVar[Mapping[str, Family]] = classifiers.FAMILIES

    def __init__(self, matrix: Matrix, n_train: int) -> None:
        self.columns = matrix[:, :n_train]

    def between(self, rows: Rows, train: Rows) -> Matrix:
        """Kernel between the sets `rows` and the training sets `train`."""
        if isinstance(rows, slice) or isinstance(train, slice):
            return self.columns[rows][:, train]
        return self.columns[np.ix_(rows, train)]

    def lifted(self, model: Linear) -> Linear:
        """Coefficients of the kernel's columns."""
        return model


class LowRankKernel:
    """A kernel by its columns of the landmarks, as the classifiers read it: vectors of the sets."""

    families: ClassVar[Mapping[str, Family]] = classifiers.ON_VECTORS

    def __init__(self, matrix: Matrix, landmarks: Ints) -> None:
        self.vectors, self.root = low_rank.vectors(matrix, landmarks)

    def between(self, rows: Rows, _: Rows) -> Matrix:
        """Vectors of the sets `rows`."""
        return self.vectors[rows]

    def lifted(self, model: Linear) -> Linear:
        """Coefficients of the kernel's columns, from those of the vectors."""
        return Linear(self.root @ model.coefficients, model.intercept)


@dataclass(frozen=True)
class Kernels:
    """Kernels of a feature, of which one at a time is in memory.

    Attributes
    ----------
    matrices : mapping of str to ndarray, shape (n_sets, n_sets) or (n_sets, n_landmarks)
        Kernels between all sets, training sets first, of which only the columns of training sets are read; or their
        columns of the landmarks. The mapping may read a matrix whenever it is asked for.
    n_train : int
    n_sets : int
    landmarks : ndarray of int, shape (n_landmarks,), or None
        Training sets that are landmarks.
    """

    matrices: Mapping[str, Matrix]
    n_train: int
    n_sets: int
    landmarks: Ints | None = None
    _last: dict[str, ExactKernel | LowRankKernel] = field(default_factory=dict)

    def __getitem__(self, name: str) -> ExactKernel | LowRankKernel:
        """Kernel of this name."""
        if name not in self._last:
            self._last.clear()
            matrix = self.matrices[name]
            self._last[name] = (
                ExactKernel(matrix, self.n_train) if self.landmarks is None else LowRankKernel(matrix, self.landmarks)
            )
        return self._last[name]


def kernel_scorer(name: str, kernels: Kernels, kernel: str, y: Ints, class_weights: str = NONE) -> GridScorer:
    """Decision values for the values of a grid on parts of the training sets of a kernel; each is computed once."""
    computed: dict[tuple[Any, ...], Matrix] = {}

    def scorer(values: Sequence[Any], train: Ints, test: Ints) -> Matrix:
        key = (tuple(values), train.tobytes(), test.tobytes())
        if key not in computed:
            K = kernels[kernel]
            inside, across = K.between(train, train), K.between(test, train)
            computed[key] = K.families[name].grid_scores(values, inside, y[train], across, class_weights)
        return computed[key]

    return scorer


def feature_scores(name: str, settings: Settings, kernels: Kernels, training: Training) -> dict[str, Scores]:
    """Scores of all sets of a feature by each of its kernels, and as `mean` by S = (S_1 + .. + S_6) / 6.

    S_k are the decision values (n_sets, n_classes) of one classifier on kernel k.

    Each kernel has its own parameter. The kernels of the mean share one, selected by the accuracy of the mean, because
    decision values are averaged as they are: those of a support vector machine shrink with C, so that different values
    of C would weight the kernels. All kernels score the same sets, because folds depend on classes and groups only.

    Parameters
    ----------
    name, settings
        As in `classifiers.grid`.
    kernels : Kernels
    training : Training
        Class indices and groups of the training sets, the folds for selection and out-of-fold scores, and the class
        weights.
    """
    values = classifiers.grid(name, settings, kernels.n_train)
    scorers: dict[str, GridScorer] = {}
    scores: dict[str, Scores] = {}
    for kernel in kernels.matrices:
        scorers[kernel] = kernel_scorer(name, kernels, kernel, training.y, training.choosing.class_weights)
        scores[kernel] = _scores(_Task(name, kernels, (kernel,), training), scorers[kernel], values)

    def mean_scorer(values: Sequence[Any], train: Ints, test: Ints) -> Matrix:
        return np.asarray(np.mean([scorer(values, train, test) for scorer in scorers.values()], axis=0))

    return scores | {"mean": _scores(_Task(name, kernels, tuple(kernels.matrices), training), mean_scorer, values)}


@dataclass(frozen=True)
class _Task:
    """A classifier, the kernels whose decision values are averaged, and the training sets."""

    classifier: str
    kernels: Kernels
    names: tuple[str, ...]
    training: Training

    def fitted(self, name: str, value: Any) -> tuple[BaseEstimator, Linear, Matrix]:
        """Classifier of all training sets on a kernel, its coefficients, and its values for the other sets."""
        K, n = self.kernels[name], self.kernels.n_train
        unfitted = K.families[self.classifier].make(value, self.training.choosing.class_weights)
        inside, others = K.between(slice(0, n), slice(0, n)), K.between(slice(n, None), slice(0, n))
        model = classifiers.fit(unfitted, inside, self.training.y)
        n_classes = self.training.n_classes
        values = decision_values(model, others) if len(others) else np.zeros((0, n_classes))
        return model, K.lifted(classifiers.linear(model, inside.shape[1])), values


def _scores(task: _Task, scorer: GridScorer, values: Grid) -> Scores:
    """Scores by the mean of the kernels' decision values; `scorer` computes this mean on parts of the training sets."""
    out_of_fold, has_score, selection = cross_validation.out_of_fold(scorer, values, task.training)
    models: dict[str, Linear] = {}
    of_kernels: list[Matrix] = []
    for name in task.names:
        fitted, models[name], of_others = task.fitted(name, selection.value)
        of_kernels.append(of_others)
        n_components = _n_components(fitted) if len(task.names) == 1 else None
        del fitted  # it may hold copies of the kernel
    scores = np.concatenate([out_of_fold[has_score], np.mean(of_kernels, axis=0)])
    scored = np.concatenate([has_score, np.ones(len(of_kernels[0]), dtype=np.bool_)])
    return Scores(scores, scored, n_components, selection, models)


def _n_components(fitted: BaseEstimator) -> list[int] | None:
    used = getattr(fitted, "n_components_", None)
    return None if used is None else [int(n) for n in np.atleast_1d(used)]
