"""Selection of one parameter of a model by cross-validation inside the training sets, and their out-of-fold scores.

Folds are stratified by class and divide no group of sets: sets of a group share a subject, a film or a content. The
criterion is accuracy, or with balanced class weights the mean recall of the classes. A grid begins with its simplest
value. Two rules:

* `best`: the value with the highest criterion; of equals, the first.
* `one_standard_error`: the first value whose criterion is at most one standard error below the highest (Breiman,
  Friedman, Olshen and Stone, "Classification and regression trees", 1984, sec. 3.4.3). The standard error is that of
  the highest criterion over the groups.

The folds can be repeated with other divisions, which makes both rules less dependent on a single one (Kim, "Estimating
classification error rate: repeated cross-validation, repeated hold-out and bootstrap", 2009). The functions are given
training sets only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.utils.class_weight import compute_sample_weight

from emotiw.core.errors import FeatureError
from emotiw.statistics import clip_weights
from emotiw.statistics.selection_record import Record, digest

Matrix = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
NONE, BALANCED = "none", "balanced"  # class weights
BEST, ONE_STANDARD_ERROR = "best", "one_standard_error"
# rules by name: what a value is selected by, after the criterion
RULES = {
    BEST: "of equals, the first of the grid",
    ONE_STANDARD_ERROR: "the first of the grid within one standard error of the best",
}
# (values, train, test) -> scores (n_values, n_test, n_classes) of the rows `test` by models fitted to the rows `train`
GridScorer = Callable[[Sequence[Any], Ints, Ints], Matrix]


@dataclass(frozen=True)
class Grid:
    """Values to select from, the simplest first; `fallback` is the index of the value used if none can be selected."""

    values: tuple[Any, ...]
    fallback: int = 0


def class_weight(class_weights: str) -> str | None:
    """Give scikit-learn's `class_weight` for a setting `class_weights`.

    Parameters
    ----------
    class_weights : str
        `none`; or `balanced`: a set of class c has the weight n / (n_classes n_c), with n_c sets of the class and n
        sets in all. So all classes have the same sum of weights, and the mean weight is 1.

    Raises
    ------
    FeatureError
        If it is another word.
    """
    if class_weights not in {NONE, BALANCED}:
        raise FeatureError(f"class weights {class_weights!r} are unknown; expected {NONE} or {BALANCED}")
    return BALANCED if class_weights == BALANCED else None


@dataclass(frozen=True)
class Choosing:
    """How a value is selected.

    Attributes
    ----------
    rule : str
        A key of `RULES`.
    n_repeats : int
        Divisions into folds; the first is not shuffled, those after it have the seeds 1, 2, ...
    class_weights : str
        `none`: the criterion is accuracy. `balanced`: it is the mean recall, and models are fitted with these weights.
    corpus_weights : str
        Other than `none`: clips count by these weights (`clip_weights`), in the criterion too.
    """

    rule: str = BEST
    n_repeats: int = 1
    class_weights: str = NONE
    corpus_weights: str = NONE

    def __post_init__(self) -> None:
        """Check the names; FeatureError otherwise."""
        class_weight(self.class_weights)
        if self.rule not in RULES:
            raise FeatureError(f"rule {self.rule!r} is unknown; expected one of {', '.join(RULES)}")

    @property
    def criterion(self) -> str:
        """Criterion and rule in words."""
        what = "accuracy" if self.class_weights == NONE else "mean recall"
        what += f" ({clip_weights.IN_WORDS[self.corpus_weights]})" if self.corpus_weights != NONE else ""
        repeats = f"{self.n_repeats} divisions into " if self.n_repeats > 1 else ""
        return f"{what} in {repeats}folds grouped by subject, film and content; {RULES[self.rule]}"


CRITERION = Choosing().criterion


@dataclass(frozen=True)
class Selection:
    """The selected value of a parameter, and how it was selected.

    Attributes
    ----------
    value : number or tuple of numbers
    grid : tuple
        The values that were tried, the simplest first; a single one where the configuration gives a number.
    accuracies : tuple of float
        Criterion of each value over the sets of all folds; empty where the sets could not be divided.
    n_folds : int
        Number of folds that were tested on, in all repetitions.
    note : str
        Reason why no value could be selected; empty otherwise.
    criterion : str
        What the value was selected by.
    standard_error : float or None
        Of the highest criterion, over the groups; None where nothing was tested.
    """

    value: Any
    grid: tuple[Any, ...]
    accuracies: tuple[float, ...]
    n_folds: int
    note: str = ""
    criterion: str = CRITERION
    standard_error: float | None = None

    @property
    def index(self) -> int:
        """Index of the value in the grid."""
        return self.grid.index(self.value)


@dataclass(frozen=True)
class Training:
    """Training sets: class indices (n_train,), groups, number of folds, ids, how values are selected, corpora."""

    y: Ints
    groups: tuple[str, ...]
    n_folds: int
    clips: tuple[str, ...] = ()
    choosing: Choosing = Choosing()
    corpora: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        clips: Sequence[tuple[str, str, str]],
        classes: Sequence[str],
        settings: Mapping[str, Any],
        corpora: Sequence[str] = (),
    ) -> Self:
        """Training sets of clips, each given as (id, label, group); errors as `class_indices`.

        Parameters
        ----------
        clips : sequence of (str, str, str)
        classes : sequence of str
        settings : mapping
            `inner_folds`, `inner_repeats`, `choice` (the rule), `class_weights`, and `corpus_weights` of the learners
            that have it.
        corpora : sequence of str
            Corpus of each clip; needed for `corpus_weights`.
        """
        ids, labels, groups = zip(*clips, strict=True)
        of_corpora = settings.get("corpus_weights", NONE)
        choosing = Choosing(settings["choice"], settings["inner_repeats"], settings["class_weights"], of_corpora)
        y = class_indices(labels, classes)
        return cls(y, groups, settings["inner_folds"], ids, choosing, tuple(corpora))

    def weights(self, rows: Ints) -> Matrix:
        """Weight of each of the sets `rows` among these, by class and corpus; the mean weight is 1."""
        choosing = self.choosing
        if choosing.corpus_weights == NONE:
            return np.asarray(compute_sample_weight(class_weight(choosing.class_weights), self.y[rows]), np.float64)
        corpora = [self.corpora[row] for row in rows]
        return clip_weights.clip_weights(self.y[rows], corpora, choosing.class_weights, choosing.corpus_weights)

    @property
    def n_classes(self) -> int:
        """Number of classes, each of which has sets."""
        return int(self.y.max()) + 1

    def folds(self, rows: Ints, repeat: int = 0) -> list[tuple[Ints, Ints]]:
        """Pairs (train, test) of rows, one per fold, of one of the repeated divisions.

        There are at most as many folds as groups, and as sets of the rarest class; none with fewer than two of either.
        A fold is left out if its training part would lack a class.
        """
        y, groups = self.y[rows], np.asarray(self.groups)[rows]
        n = min(self.n_folds, len(set(groups.tolist())), int(np.bincount(y, minlength=self.n_classes).min()))
        if n < 2:
            return []
        division = StratifiedGroupKFold(n, shuffle=True, random_state=repeat) if repeat else StratifiedGroupKFold(n)
        pairs = [(rows[train], rows[test]) for train, test in division.split(rows, y, groups)]
        return [(train, test) for train, test in pairs if test.size and len(set(self.y[train])) == self.n_classes]


def facts(selections: Mapping[str, Selection | None], clips: Sequence[str]) -> dict[str, Any]:
    """Facts of an artefact about its selections: criterion, all selections, number and digest of the clips used."""
    choices = {name: asdict(selection) for name, selection in selections.items() if selection}
    criterion = next((choice.pop("criterion") for choice in choices.values()), CRITERION)
    return {"criterion": criterion, "clips": {"n": len(clips), "sha256": digest(clips)}, "choices": choices}


def selection_records(selections: Mapping[str, Selection | None], training: Training, parameter: str) -> list[Record]:
    """Record each system's selected value of `parameter`, with the training sets that it was given."""
    return [
        Record(
            f"{system}: {parameter}",
            selection.value,
            selection.criterion
            if selection.accuracies
            else selection.note or "set by the configuration; fitted to these clips",
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
    tested = _Tested(len(grid.values), training)
    for repeat in range(training.choosing.n_repeats):
        for train, test in training.folds(rows, repeat):
            tested.add(scorer(grid.values, train, test), test)
    return tested.selection(grid, rows)


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
    rows = np.arange(n)
    scores, scored = np.zeros((n, training.n_classes)), np.zeros(n, dtype=np.bool_)
    tested = _Tested(len(grid.values), training)
    for train, test in training.folds(rows):
        of_values = scorer(grid.values, train, test)
        scores[test] = of_values[select(scorer, grid, training, train).index]
        scored[test] = True
        tested.add(of_values, test)
    if len(grid.values) > 1:
        for repeat in range(1, training.choosing.n_repeats):
            for train, test in training.folds(rows, repeat):
                tested.add(scorer(grid.values, train, test), test)
    return scores, scored, tested.selection(grid, rows)


class _Tested:
    """How often each training set was tested, and how often each value of the grid was right."""

    def __init__(self, n_values: int, training: Training) -> None:
        n = len(training.y)
        self.training, self.n_folds = training, 0
        self.right, self.times = np.zeros((n_values, n)), np.zeros(n)

    def add(self, of_values: Matrix, test: Ints) -> None:
        """Add the scores (n_values, n_test, n_classes) of a fold's test sets; FeatureError if one is not finite."""
        if not np.isfinite(of_values).all():
            raise FeatureError(
                f"scores of {len(test)} training sets in a fold of the training clips: not finite, expected numbers; "
                "check the features"
            )
        self.right[:, test] += of_values.argmax(axis=2) == self.training.y[test]
        self.times[test] += 1
        self.n_folds += 1

    def selection(self, grid: Grid, rows: Ints) -> Selection:
        """Select a value by what the sets `rows` were tested on; the nominal value if that is nothing."""
        if not self.n_folds:
            note = f"{len(rows)} training sets: no division by subject, film and content keeps every class; nothing was"
            return Selection(grid.values[grid.fallback], grid.values, (), 0, f"{note} chosen")
        choosing = self.training.choosing
        weights = self.training.weights(rows)
        total = (weights * self.times[rows]).sum()
        criterion = (self.right[:, rows] * weights).sum(axis=1) / total
        best = int(criterion.argmax())
        surplus = weights * (self.right[best, rows] - criterion[best] * self.times[rows])
        error = _standard_error(surplus, np.asarray(self.training.groups)[rows]) / total
        lowest = criterion[best] - (error if choosing.rule == ONE_STANDARD_ERROR else 0)
        index = int((criterion >= lowest).argmax())
        return Selection(
            grid.values[index],
            grid.values,
            tuple(float(value) for value in criterion),
            self.n_folds,
            criterion=choosing.criterion,
            standard_error=float(error),
        )


def _standard_error(surplus: Matrix, groups: npt.NDArray[np.str_]) -> float:
    """Give the standard error of a sum over independent groups of sets; `surplus` (n_sets,) sums to 0."""
    of_group = np.bincount(np.unique(groups, return_inverse=True)[1], surplus)
    n = len(of_group)
    return float(np.sqrt(n / (n - 1) * (of_group**2).sum()))
