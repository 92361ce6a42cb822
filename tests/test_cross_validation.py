"""Choice of a parameter among the training sets: grouped, nested, deterministic in ties, honest where impossible."""

import hashlib

import numpy as np
import pytest

from emotiw.core.errors import FeatureError
from emotiw.statistics import cross_validation
from emotiw.statistics.cross_validation import Choosing, Grid, Training

SUBJECTS = tuple(f"s{i // 4}" for i in range(24))
Y = np.arange(24) % 2
TRAINING = Training(Y, SUBJECTS, 3)
GRID = Grid(("simple", "right", "right too", "wrong"))
SETTINGS = {"inner_folds": 3, "inner_repeats": 1, "choice": "best", "class_weights": "none"}


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
        Training.of([("clip", label, "a") for label in labels], ["sad", "happy"], SETTINGS)


# rules, repeats and weights


def answers(right):
    """Path whose values are right for the sets marked in `right` (n_values, n)."""

    def of(values, train, test):
        return np.stack([one_hot(np.where(right[v][test], Y[test], 1 - Y[test])) for v in values])

    return of


def mostly(n_right):
    """Which of 24 sets, every subject's first ones before the second ones, are right."""
    return np.isin(np.arange(24), np.argsort(np.arange(24) % 4, kind="stable")[:n_right])


@pytest.mark.parametrize(("rule", "index"), [("best", 2), ("one_standard_error", 1)])
def test_a_rule_chooses_among_values_that_differ_by_less_than_a_standard_error(rule, index):
    right = np.stack([mostly(6), mostly(21), mostly(22), mostly(22)])
    training = Training(Y, SUBJECTS, 3, choosing=Choosing(rule))
    choice = cross_validation.select(answers(right), Grid((0, 1, 2, 3)), training, np.arange(24))
    assert choice.index == index
    assert choice.accuracies == (6 / 24, 21 / 24, 22 / 24, 22 / 24)
    assert choice.accuracies[2] - choice.accuracies[1] < choice.standard_error < 0.2


def test_the_standard_error_is_that_of_the_mean_over_groups_of_equal_size():
    right = np.random.default_rng(4).random((1, 24)) < 0.6
    choice = cross_validation.out_of_fold(answers(right), Grid((0,)), TRAINING)[2]
    of_groups = right[0].reshape(6, 4).mean(axis=1)
    assert choice.standard_error == pytest.approx(of_groups.std(ddof=1) / np.sqrt(6))


def test_a_group_of_any_size_counts_as_one_observation():
    groups = tuple("aaaaaaaabbbbccccddddeefg")
    right = np.random.default_rng(5).random((1, 24)) < 0.5
    choice = cross_validation.out_of_fold(answers(right), Grid((0,)), Training(Y, groups, 3))[2]
    sums = [sum(right[0][i] - right[0].mean() for i in range(24) if groups[i] == g) for g in "abcdefg"]
    assert choice.standard_error == pytest.approx(np.sqrt(7 / 6 * np.square(sums).sum()) / 24)


def test_repeats_divide_again_and_average():
    X = np.random.default_rng(1).standard_normal((24, 3)) + Y[:, None] * [0, 0.7, 1]
    training = Training(Y, SUBJECTS, 3, choosing=Choosing(n_repeats=4))
    choice = cross_validation.select(nearest(X, Y), Grid((0, 1, 2)), training, np.arange(24))
    divisions = [training.folds(np.arange(24), repeat) for repeat in range(4)]
    right = np.zeros(3)
    for train, test in (pair for division in divisions for pair in division):
        right += (nearest(X, Y)([0, 1, 2], train, test).argmax(axis=2) == Y[test]).sum(axis=1)
    np.testing.assert_allclose(choice.accuracies, right / (4 * 24))
    assert choice.n_folds == 12
    tests = [sorted(tuple(test) for _, test in division) for division in divisions]
    assert tests[0] == sorted(tuple(test) for _, test in TRAINING.folds(np.arange(24)))
    assert any(other != tests[0] for other in tests[1:])
    for train, test in (pair for division in divisions for pair in division):
        assert not {SUBJECTS[i] for i in train} & {SUBJECTS[i] for i in test}


def test_out_of_fold_scores_are_of_the_first_division_and_the_choice_is_of_all():
    X = np.random.default_rng(1).standard_normal((24, 3)) + Y[:, None] * [0, 0.7, 1]
    repeated = Training(Y, SUBJECTS, 3, choosing=Choosing(n_repeats=3))
    scores, scored, choice = cross_validation.out_of_fold(nearest(X, Y), Grid((0, 1, 2)), repeated)
    assert choice == cross_validation.select(nearest(X, Y), Grid((0, 1, 2)), repeated, np.arange(24))
    for train, test in TRAINING.folds(np.arange(24)):
        inside = cross_validation.select(nearest(X, Y), Grid((0, 1, 2)), repeated, train)
        np.testing.assert_array_equal(scores[test], nearest(X, Y)([inside.value], train, test)[0])
    assert scored.all()


def test_a_single_value_is_not_fitted_again_for_repeats():
    calls = []

    def counted(values, train, test):
        calls.append(len(test))
        return path(values, train, test)

    repeated = Training(Y, SUBJECTS, 3, choosing=Choosing(n_repeats=5))
    cross_validation.out_of_fold(counted, Grid(("right",)), repeated)
    assert len(calls) == 3


def test_with_balanced_weights_the_criterion_is_the_mean_recall():
    y = np.array([0, 0, 0, 1] * 6)
    right = np.stack([y == 0, np.arange(24) % 2 == 1])  # 18 of 24 and all of a class; 12 of 24 and all of the other
    recalls = [[1, 0], [1 / 3, 1]]

    def of(values, train, test):
        return np.stack([one_hot(np.where(right[v][test], y[test], 1 - y[test])) for v in values])

    plain = Training(y, SUBJECTS, 3)
    balanced = Training(y, SUBJECTS, 3, choosing=Choosing(class_weights="balanced"))
    first, second = (cross_validation.select(of, Grid((0, 1)), t, np.arange(24)) for t in (plain, balanced))
    assert (first.value, first.accuracies) == (0, (0.75, 0.5))
    assert second.value == 1
    np.testing.assert_allclose(second.accuracies, np.mean(recalls, axis=1))
    assert second.criterion.startswith("mean recall in folds")


@pytest.mark.parametrize("rule", cross_validation.RULES)
@pytest.mark.parametrize("share", [0, 1])
def test_of_values_that_are_all_equal_the_simplest_is_chosen(rule, share):
    right = np.full((3, 24), share, dtype=bool)
    training = Training(Y, SUBJECTS, 3, choosing=Choosing(rule, n_repeats=2))
    choice = cross_validation.select(answers(right), Grid((0, 1, 2), 2), training, np.arange(24))
    assert (choice.index, choice.standard_error) == (0, 0)


@pytest.mark.parametrize("rule", cross_validation.RULES)
def test_repeats_of_sets_that_cannot_be_divided_take_the_nominal_value(rule):
    choosing = Choosing(rule, 5, "balanced")
    for y, groups in ((Y, ("one",) * 24), (np.array([0] * 23 + [1]), SUBJECTS)):
        training = Training(y, groups, 3, choosing=choosing)
        choice = cross_validation.select(path, Grid(("simple", "right"), 1), training, np.arange(24))
        assert (choice.value, choice.accuracies, choice.standard_error) == ("right", (), None)
        assert "nothing was chosen" in choice.note


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused(value):
    def broken(values, train, test):
        scores = path(values, train, test)
        scores[0, 0, 0] = value
        return scores

    with pytest.raises(FeatureError, match="scores of 8 training sets in a fold of the training clips: not finite"):
        cross_validation.select(broken, GRID, TRAINING, np.arange(24))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rule": "two"}, "rule 'two' is unknown; expected one of best"),
        ({"class_weights": "x"}, "weights 'x' are unkn"),
    ],
)
def test_unknown_rules_and_weights_are_refused(given, message):
    with pytest.raises(FeatureError, match=message):
        Choosing(**given)


def test_the_ledger_says_by_what_a_value_was_chosen():
    choosing = Choosing("one_standard_error", 5, "balanced")
    training = Training(Y, SUBJECTS, 3, tuple(f"c{i}" for i in range(24)), choosing)
    choice = cross_validation.select(path, GRID, training, np.arange(24))
    (record,) = cross_validation.selection_records({"rbf": choice}, training, "C")
    assert record.criterion == (
        "mean recall in 5 divisions into folds grouped by subject, film and content; the first of the grid within one"
        " standard error of the best"
    )
    assert cross_validation.facts({"rbf": choice}, training.clips)["criterion"] == record.criterion
