"""One parameter of a model, chosen by cross-validation inside the training sets, and out-of-fold scores of these.

Folds are stratified by class and divide no group of sets, those that share a subject, a film or a content. The
criterion is accuracy; of equals the first of the grid wins, so a grid begins with its simplest value. Nothing here is
given a set that is not for training.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from emotiw.core.errors import FeatureError
from emotiw.statistics import selection_record as records

Matrix = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
CRITERION = "accuracy in folds grouped by subject, film and content; of equals, the first of the grid"
# scores (n_values, n_test, n_classes) of the rows `test` by the models of each value, fitted to the rows `train`
Path = Callable[[Sequence[Any], Ints, Ints], Matrix]


@dataclass(frozen=True)
class Grid:
    """Values to choose from, the simplest first; `fallback` is the index of the one taken where none can be chosen."""

    values: tuple[Any, ...]
    fallback: int = 0


@dataclass(frozen=True)
class Choice:
    """What was chosen, and by what.

    Attributes
    ----------
    value : number or tuple of numbers
    grid : tuple
        The values that were tried, the simplest first; a single one where the configuration gives a number.
    accuracies : tuple of float
        Of each, over the sets of all folds; none where the sets could not be divided.
    n_folds : int
        Folds that were tested on.
    note : str
        Why the value was not chosen, where it was not.
    """

    value: Any
    grid: tuple[Any, ...]
    accuracies: tuple[float, ...]
    n_folds: int
    note: str = ""

    @property
    def index(self) -> int:
        """Place of the value in the grid."""
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
        """Training sets of clips, each an id, a label and a group; errors as `class_indices`."""
        ids, labels, groups = zip(*clips, strict=True)
        return cls(class_indices(labels, classes), groups, n_folds, ids)

    @property
    def n_classes(self) -> int:
        """Number of classes, each of which has sets."""
        return int(self.y.max()) + 1

    def folds(self, rows: Ints) -> list[tuple[Ints, Ints]]:
        """Pairs of rows to train and to test on.

        At most as many as groups, and as sets of the rarest class; none with fewer than two of either. A pair is
        left out if a class would be without sets to train on.
        """
        y, groups = self.y[rows], np.asarray(self.groups)[rows]
        n = min(self.n_folds, len(set(groups.tolist())), int(np.bincount(y, minlength=self.n_classes).min()))
        if n < 2:
            return []
        pairs = [(rows[train], rows[test]) for train, test in StratifiedGroupKFold(n).split(rows, y, groups)]
        return [(train, test) for train, test in pairs if test.size and len(set(self.y[train])) == self.n_classes]


def facts(choices: Mapping[str, Choice | None], clips: Sequence[str]) -> dict[str, Any]:
    """Account of choices for an artefact: by what, each in full, and the number and a digest of the clips they saw."""
    made = {name: asdict(choice) for name, choice in choices.items() if choice}
    return {"criterion": CRITERION, "clips": {"n": len(clips), "sha256": records.digest(clips)}, "choices": made}


def recorded(choices: Mapping[str, Choice | None], training: Training, parameter: str) -> list[records.Record]:
    """Record for the ledger of each system's choice of `parameter`, with the training sets that it was handed."""
    return [
        records.Record(
            f"{system}: {parameter}",
            choice.value,
            CRITERION if choice.accuracies else choice.note or "set by the configuration; fitted to these clips",
            training.clips,
            candidates=len(choice.grid),
        )
        for system, choice in choices.items()
        if choice
    ]


def class_indices(labels: Sequence[str], classes: Sequence[str]) -> Ints:
    """Index of each training label in the declared classes.

    Raises
    ------
    FeatureError
        If a label is none of them, or one of them has no training set.
    """
    strangers, absent = sorted(set(labels) - set(classes)), [name for name in classes if name not in set(labels)]
    if strangers or absent:
        raise FeatureError(
            f"training labels: {', '.join(strangers) or 'none'} unknown, {', '.join(absent) or 'none'} without a "
            f"usable clip; expected each of {', '.join(classes)}; change the folds or the classes"
        )
    return np.array([classes.index(label) for label in labels], dtype=np.int64)


def choose(path: Path, grid: Grid, training: Training, rows: Ints) -> Choice:
    """Choose a value by cross-validation inside the training sets `rows`.

    Parameters
    ----------
    path : callable
        Scores along the grid, as `Path`.
    grid : Grid
        With a single value nothing is fitted.
    training : Training
        All training sets.
    rows : ndarray of int
        Those that the choice may see.
    """
    if len(grid.values) == 1:
        return Choice(grid.values[0], grid.values, (), 0)
    folds = training.folds(rows)
    right = [_right(path(grid.values, train, test), training.y[test]) for train, test in folds]
    return _best(grid, right, sum(len(test) for _, test in folds), len(rows))


def out_of_fold(path: Path, grid: Grid, training: Training) -> tuple[Matrix, Bools, Choice]:
    """Scores of training sets by models that have seen no set of their group, not even to choose their value.

    Parameters
    ----------
    path, grid, training
        As in `choose`.

    Returns
    -------
    scores : ndarray, shape (n_train, n_classes)
        Each fold's by the value chosen inside its own training part (nested cross-validation); zero where not scored.
    scored : ndarray of bool, shape (n_train,)
    choice : Choice
        The value for a model of all training sets, by the same folds.
    """
    n = len(training.y)
    scores, scored = np.zeros((n, training.n_classes)), np.zeros(n, dtype=np.bool_)
    folds = training.folds(np.arange(n))
    right = []
    for train, test in folds:
        staged = path(grid.values, train, test)
        scores[test] = staged[choose(path, grid, training, train).index]
        scored[test] = True
        right.append(_right(staged, training.y[test]))
    return scores, scored, _best(grid, right, int(scored.sum()), n)


def _right(staged: Matrix, y: Ints) -> Ints:
    """How many sets each value of the grid classifies rightly, shape (n_values,)."""
    return np.asarray((staged.argmax(axis=2) == y).sum(axis=1), np.int64)


def _best(grid: Grid, right: Sequence[Ints], n_tested: int, n: int) -> Choice:
    if not right:
        note = f"{n} training sets: no division by subject, film and content keeps every class; nothing was chosen"
        return Choice(grid.values[grid.fallback], grid.values, (), 0, note)
    accuracies = np.sum(right, axis=0) / n_tested
    return Choice(
        grid.values[int(accuracies.argmax())], grid.values, tuple(float(value) for value in accuracies), len(right)
    )
