"""Selection of one parameter of a model by cross-validation inside the training sets, and their out-of-fold scores.

Folds are stratified by class and divide no group of sets: sets of a group share a subject, a film or a content. The
criterion is accuracy; of equal values the first of the grid is selected, so a grid begins with its simplest value. The
functions are given training sets only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from emotiw.core.errors import FeatureError
from emotiw.statistics.selection_record import Record, digest

Matrix = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
CRITERION = "accuracy in folds grouped by subject, film and content; of equals, the first of the grid"
# (values, train, test) -> scores (n_values, n_test, n_classes) of the rows `test` by models fitted to the rows `train`
GridScorer = Callable[[Sequence[Any], Ints, Ints], Matrix]


@dataclass(frozen=True)
class Grid:
    """Values to select from, the simplest first; `fallback` is the index of the value used if none can be selected."""

    values: tuple[Any, ...]
    fallback: int = 0


@dataclass(frozen=True)
class Selection:
    """The selected value of a parameter, and how it was selected.

    Attributes
    ----------
    value : number or tuple of numbers
    grid : tuple
        The values that were tried, the simplest first; a single one where the configuration gives a number.
    accuracies : tuple of float
        Accuracy of each value over the sets of all folds; empty where the sets could not be divided.
    n_folds : int
        Number of folds that were tested on.
    note : str
        Reason why no value could be selected; empty otherwise.
    """

    value: Any
    grid: tuple[Any, ...]
    accuracies: tuple[float, ...]
    n_folds: int
    note: str = ""

    @property
    def index(self) -> int:
        """Index of the value in the grid."""
        return self.grid.index(self.value)


@dataclass(frozen=True)
class Training:
    """Training sets: class indices (n_train,), their groups, the wanted number of folds, and the clips' ids."""

    y: Ints
    groups: tuple[str, ...]
    n_folds: int
    clips: tuple[str, ...] = ()

    @classmethod
    def of(cls, clips: Sequence[tuple[str, str, str]], classes: Sequence[str], n_folds: int) -> Self:
        """Training sets of clips, each given as (id, label, group); errors as `class_indices`."""
        ids, labels, groups = zip(*clips, strict=True)
        return cls(class_indices(labels, classes), groups, n_folds, ids)

    @property
    def n_classes(self) -> int:
        """Number of classes, each of which has sets."""
        return int(self.y.max()) + 1

    def folds(self, rows: Ints) -> list[tuple[Ints, Ints]]:
        """Pairs (train, test) of rows, one per fold.

        There are at most as many folds as groups, and as sets of the rarest class; none with fewer than two of either.
        A fold is left out if its training part would lack a class.
        """
        y, groups = self.y[rows], np.asarray(self.groups)[rows]
        n = min(self.n_folds, len(set(groups.tolist())), int(np.bincount(y, minlength=self.n_classes).min()))
        if n < 2:
            return []
        pairs = [(rows[train], rows[test]) for train, test in StratifiedGroupKFold(n).split(rows, y, groups)]
        return [(train, test) for train, test in pairs if test.size and len(set(self.y[train])) == self.n_classes]


def facts(selections: Mapping[str, Selection | None], clips: Sequence[str]) -> dict[str, Any]:
    """Facts of an artefact about its selections: criterion, all selections, number and digest of the clips used."""
    choices = {name: asdict(selection) for name, selection in selections.items() if selection}
    return {"criterion": CRITERION, "clips": {"n": len(clips), "sha256": digest(clips)}, "choices": choices}


def selection_records(selections: Mapping[str, Selection | None], training: Training, parameter: str) -> list[Record]:
    """Record each system's selected value of `parameter`, with the training sets that it was given."""
    return [
        Record(
            f"{system}: {parameter}",
            selection.value,
            CRITERION if selection.accuracies else selection.note or "set by the configuration; fitted to these clips",
            training.clips,
            candidates=len(selection.grid),
        )
        for system, selection in selections.items()
        if selection
    ]


def class_indices(labels: Sequence[str], classes: Sequence[str]) -> Ints:
    """Index of each training label in the declared classes.

    Raises
    ------
    FeatureError
        If a label is not among the classes, or a class has no training set.
    """
    unknown, absent = sorted(set(labels) - set(classes)), [name for name in classes if name not in set(labels)]
    if unknown or absent:
        raise FeatureError(
            f"training labels: {', '.join(unknown) or 'none'} unknown, {', '.join(absent) or 'none'} without a "
            f"usable clip; expected each of {', '.join(classes)}; change the folds or the classes"
        )
    return np.array([classes.index(label) for label in labels], dtype=np.int64)


def select(scorer: GridScorer, grid: Grid, training: Training, rows: Ints) -> Selection:
    """Select a value by cross-validation inside the training sets `rows`.

    Parameters
    ----------
    scorer : callable
        Scores of each value of the grid, see `GridScorer`.
    grid : Grid
        With a single value nothing is fitted.
    training : Training
        All training sets.
    rows : ndarray of int
        The training sets that the selection may use.
    """
    if len(grid.values) == 1:
        return Selection(grid.values[0], grid.values, (), 0)
    folds = training.folds(rows)
    n_correct = [_n_correct(scorer(grid.values, train, test), training.y[test]) for train, test in folds]
    return _best(grid, n_correct, sum(len(test) for _, test in folds), len(rows))


def out_of_fold(scorer: GridScorer, grid: Grid, training: Training) -> tuple[Matrix, Bools, Selection]:
    """Scores of training sets by models that were given no set of their group, not even to select their value.

    Parameters
    ----------
    scorer, grid, training
        As in `select`.

    Returns
    -------
    scores : ndarray, shape (n_train, n_classes)
        In each fold by the value selected inside its own training part (nested cross-validation); zero where not
        scored.
    scored : ndarray of bool, shape (n_train,)
    selection : Selection
        The value for a model of all training sets, by the same folds.
    """
    n = len(training.y)
    scores, scored = np.zeros((n, training.n_classes)), np.zeros(n, dtype=np.bool_)
    folds = training.folds(np.arange(n))
    n_correct = []
    for train, test in folds:
        of_values = scorer(grid.values, train, test)
        scores[test] = of_values[select(scorer, grid, training, train).index]
        scored[test] = True
        n_correct.append(_n_correct(of_values, training.y[test]))
    return scores, scored, _best(grid, n_correct, int(scored.sum()), n)


def _n_correct(of_values: Matrix, y: Ints) -> Ints:
    """Count the sets that each value of the grid classifies correctly, shape (n_values,)."""
    return np.asarray((of_values.argmax(axis=2) == y).sum(axis=1), np.int64)


def _best(grid: Grid, n_correct: Sequence[Ints], n_tested: int, n: int) -> Selection:
    if not n_correct:
        note = f"{n} training sets: no division by subject, film and content keeps every class; nothing was chosen"
        return Selection(grid.values[grid.fallback], grid.values, (), 0, note)
    accuracies = np.sum(n_correct, axis=0) / n_tested
    return Selection(
        grid.values[int(accuracies.argmax())], grid.values, tuple(float(value) for value in accuracies), len(n_correct)
    )
