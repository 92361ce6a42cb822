"""Choice of a parameter among the training sets: grouped, nested, deterministic in ties, honest where impossible."""

import hashlib

import numpy as np
import pytest

from emotiw.core.errors import FeatureError
from emotiw.statistics import cross_validation
from emotiw.statistics.cross_validation import Grid, Training

SUBJECTS = tuple(f"s{i // 4}" for i in range(24))
Y = np.arange(24) % 2
TRAINING = Training(Y, SUBJECTS, 3)
GRID = Grid(("simple", "right", "right too", "wrong"))


def one_hot(labels):
    return np.eye(2)[labels]


def path(values, train, test):
    """Answer by the name of the value, whatever was trained on."""
    answers = {"simple": np.zeros(len(test), int), "wrong": 1 - Y[test]}
    return np.stack([one_hot(answers.get(value, Y[test])) for value in values])


def nearest(X, y):
    """Path of nearest neighbours: the value is the column of X to look at."""

    def of(values, train, test):
        near = [train[np.abs(X[test][:, [c]] - X[train][:, c]).argmin(axis=1)] for c in values]
        return np.stack([one_hot(y[rows]) for rows in near])

    return of


def test_the_most_accurate_value_is_chosen_and_the_simplest_of_equals():
    computed = cross_validation.select(path, GRID, TRAINING, np.arange(24))
    assert (computed.value, computed.index, computed.n_folds) == ("right", 1, 3)
    assert computed.accuracies == (0.5, 1.0, 1.0, 0.0)
    assert not computed.note


def test_a_single_value_is_taken_without_a_fit():
    def never(values, train, test):
        raise AssertionError

    assert cross_validation.select(never, Grid((7,)), TRAINING, np.arange(24)).value == 7


def test_no_subject_is_on_both_sides_and_every_class_is_on_the_first():
    pairs = TRAINING.folds(np.arange(24))
    assert sorted(np.concatenate([test for _, test in pairs])) == list(range(24))
    for train, test in pairs:
        assert not {SUBJECTS[i] for i in train} & {SUBJECTS[i] for i in test}
        assert set(Y[train]) == {0, 1}


@pytest.mark.parametrize(
    ("y", "subjects"),
    [([0, 1] * 4, ["one"] * 8), ([0, 1, 1, 1], ["a", "b", "c", "d"]), ([0, 0, 1, 1], ["a", "a", "b", "b"])],
)
def test_sets_that_cannot_be_divided_take_the_nominal_value_and_say_so(y, subjects):
    training = Training(np.array(y), tuple(subjects), 3)
    scores, scored, choice = cross_validation.out_of_fold(path, Grid(("simple", "right"), 1), training)
    assert not scored.any()
    assert scores.shape == (len(y), 2)
    assert (choice.value, choice.accuracies, choice.n_folds) == ("right", (), 0)
    assert choice.note == (
        f"{len(y)} training sets: no division by subject, film and content keeps every class; nothing was chosen"
    )


def test_out_of_fold_scores_are_those_of_the_other_folds():
    X = np.random.default_rng(0).standard_normal((24, 1))
    of = nearest(X, Y)
    scores, scored, _ = cross_validation.out_of_fold(of, Grid((0,)), TRAINING)
    assert scored.all()
    for train, test in TRAINING.folds(np.arange(24)):
        np.testing.assert_array_equal(scores[test], of([0], train, test)[0])


def test_a_subject_s_labels_change_nothing_in_its_own_scores():
    X = np.random.default_rng(1).standard_normal((24, 5)) + Y[:, None] * [0, 0.5, 1, 0, 0.2]
    nested = Grid((0, 1, 2, 3, 4))
    scores, _, choice = cross_validation.out_of_fold(nearest(X, Y), nested, Training(Y, SUBJECTS, 6))
    changed = 0
    for subject in sorted(set(SUBJECTS)):
        mine = np.array([name == subject for name in SUBJECTS])
        other = Y.copy()
        other[mine] = Y[mine][[1, 0, 3, 2]]
        after, _, chosen = cross_validation.out_of_fold(nearest(X, other), nested, Training(other, SUBJECTS, 6))
        np.testing.assert_array_equal(after[mine], scores[mine])
        changed += chosen.accuracies != choice.accuracies
    assert changed > 0


def test_facts_tell_what_the_choice_saw():
    choice = cross_validation.select(path, GRID, TRAINING, np.arange(24))
    facts = cross_validation.facts({"rbf": choice, "mean": None}, ["b", "a"])
    assert facts["clips"] == {"n": 2, "sha256": hashlib.sha256(b"a\nb\n").hexdigest()}
    assert list(facts["choices"]) == ["rbf"]
    assert facts["choices"]["rbf"]["value"] == "right"
    assert "grouped by subject, film and content" in facts["criterion"]


def test_class_indices_are_in_the_declared_order():
    np.testing.assert_array_equal(cross_validation.class_indices(["sad", "happy", "sad"], ["sad", "happy"]), [0, 1, 0])


@pytest.mark.parametrize(
    ("labels", "message"),
    [(["sad", "?"], r"labels: \? unknown, happy without"), (["sad"], "none unknown, happy without")],
)
def test_an_absent_class_or_unknown_label_is_refused(labels, message):
    with pytest.raises(FeatureError, match=message):
        Training.of([("clip", label, "a") for label in labels], ["sad", "happy"], 3)
