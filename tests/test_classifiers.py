"""Classifiers on kernels: decision values in the declared order, out-of-fold scores, refusals."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from emotiw.core.errors import FeatureError
from emotiw.statistics import cross_validation
from emotiw.statistics.cross_validation import Choosing, Training
from emotiw.video import classifiers, kernel_scoring
from emotiw.video.kernel_scoring import Kernels

SETTINGS = {"n_components": 4, "svm_c": 1.0, "logistic_c": 1.0}
AUTO = dict.fromkeys(SETTINGS, "auto") | {"n_components_max": 8, "c_grid": [100.0, 0.1, 1.0]}
NAMES = pytest.mark.parametrize("name", ["pls", "kernel_pls", "svm", "logistic"])


@pytest.fixture
def task():
    """Linear kernel of 36 training and 12 test sets of 4 well separated classes, and 9 subjects' names."""
    rng = np.random.default_rng(0)
    y = np.arange(48) % 4
    X = rng.standard_normal((48, 10)) + 3 * rng.standard_normal((4, 10))[y]
    return X @ X.T, y, [f"subject{i // 4}" for i in range(36)]


def unfitted(name, settings=SETTINGS):
    family = classifiers.family(name)
    return family.make(settings[family.parameter])


def decisions(name, K, y, settings=SETTINGS):
    n = len(y)
    fitted = classifiers.fit(unfitted(name, settings), K[:n, :n], y)
    return classifiers.decision_values(fitted, K[n:, :n])


def given(matrices, training, landmarks=None):
    """Kernels between all sets, or their columns of the landmarks."""
    return Kernels(matrices, len(training.y), len(next(iter(matrices.values()))), landmarks)


def alone(name, settings, K, training):
    """Scores of a feature's only kernel."""
    return kernel_scoring.feature_scores(name, settings, given({"only": K}, training), training)["only"]


@NAMES
def test_test_sets_are_recognised(task, name):
    K, y, _ = task
    assert (decisions(name, K, y[:36]).argmax(axis=1) == y[36:]).mean() > 0.8


@NAMES
def test_two_classes_have_two_decision_values(task, name):
    K, y, _ = task
    assert decisions(name, K, y[:36] // 2).shape == (12, 2)


@NAMES
def test_sets_beside_a_test_set_do_not_change_its_values(task, name):
    K, y, _ = task
    order = [*range(36), 40]
    np.testing.assert_allclose(decisions(name, K[np.ix_(order, order)], y[:36])[0], decisions(name, K, y[:36])[4])


@NAMES
def test_order_of_training_sets_changes_nothing(task, name):
    K, y, _ = task
    order = np.r_[np.random.default_rng(1).permutation(36), 36:48]
    computed = decisions(name, K[np.ix_(order, order)], y[order[:36]])
    np.testing.assert_allclose(computed, decisions(name, K, y[:36]), atol=1e-2 if name == "svm" else 1e-3)


def test_svm_decides_one_against_the_rest(task):
    K, y, _ = task
    expected = SVC(kernel="linear").fit(np.linalg.cholesky(K + 1e-9 * np.eye(48))[:36], y[:36] == 2)
    computed = decisions("svm", K, y[:36])[:, 2]
    np.testing.assert_allclose(
        computed, expected.decision_function(np.linalg.cholesky(K + 1e-9 * np.eye(48))[36:]), atol=2e-2
    )


def test_logistic_regression_on_a_linear_kernel_is_the_linear_one():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((48, 10)), np.arange(36) % 3
    linear = LogisticRegression(tol=1e-8).fit(X[:36], y)
    np.testing.assert_allclose(decisions("logistic", X @ X.T, y), linear.decision_function(X[36:]), atol=1e-4)


def test_an_unknown_classifier_is_refused():
    with pytest.raises(FeatureError, match="classifier 'forest' is unknown; expected one of pls, kernel_pls, svm"):
        classifiers.family("forest")


def test_a_fit_that_fails_tells_how_many_training_sets(task):
    K, y, _ = task
    few = unfitted("pls", SETTINGS | {"n_components": 40})
    with pytest.raises(FeatureError, match="on 36 training sets: n_components=40 with 36"):
        classifiers.fit(few, K[:36, :36], y[:36])


@NAMES
@pytest.mark.parametrize("settings", [SETTINGS, AUTO])
def test_scores_have_out_of_fold_rows_then_those_of_the_other_sets(task, name, settings):
    K, y, subjects = task
    training = Training(y[:36], tuple(subjects), 3)
    computed = alone(name, settings, K, training)
    grid = classifiers.grid(name, settings, 36)
    path = kernel_scoring.kernel_scorer(name, Kernels({"only": K}, 36, 48), "only", y[:36])
    inner, _, choice = cross_validation.out_of_fold(path, grid, training)
    last = classifiers.fit(classifiers.family(name).make(choice.value), K[:36, :36], y[:36])
    expected = np.concatenate([inner, classifiers.decision_values(last, K[36:, :36])])
    np.testing.assert_array_equal(computed.values, expected)
    assert computed.scored.all()
    assert computed.selection == choice
    assert (computed.n_components is not None) == ("pls" in name)


@NAMES
def test_a_grid_is_scored_as_each_of_its_values_is(task, name):
    K, y, _ = task
    values = classifiers.grid(name, AUTO, 36).values[::2]
    computed = classifiers.family(name).grid_scores(values, K[:36, :36], y[:36], K[36:, :36])
    for value, scores in zip(values, computed, strict=True):
        alone = classifiers.fit(classifiers.family(name).make(value), K[:36, :36], y[:36])
        np.testing.assert_allclose(scores, classifiers.decision_values(alone, K[36:, :36]), atol=1e-6)


def test_auto_chooses_more_than_one_component_where_one_cannot_tell_the_classes(task):
    K, y, subjects = task
    computed = alone("kernel_pls", AUTO, K, Training(y[:36], tuple(subjects), 3))
    assert computed.selection.grid == tuple(range(1, 9))
    assert computed.selection.accuracies[computed.selection.index] == max(computed.selection.accuracies)
    assert computed.n_components == [computed.selection.value]
    assert computed.selection.value > 1


@pytest.mark.parametrize(
    ("name", "settings", "values", "fallback"),
    [
        ("pls", AUTO, tuple(range(1, 9)), 8),
        ("pls", {"n_components": "auto", "n_components_max": 40}, tuple(range(1, 31)), 20),
        ("svm", AUTO, (0.1, 1.0, 100.0), 1.0),
        ("logistic", {"logistic_c": 3.0}, (3.0,), 3.0),
    ],
)
def test_a_grid_begins_with_the_simplest_and_has_a_nominal_value(name, settings, values, fallback):
    grid = classifiers.grid(name, settings, 30)
    assert grid.values == values
    assert grid.values[grid.fallback] == fallback


def test_training_sets_alone_can_be_scored(task):
    K, y, subjects = task
    training = Training(y[:36], tuple(subjects), 3)
    assert alone("pls", SETTINGS, K[:36, :36], training).values.shape == (36, 4)


@NAMES
def test_other_sets_can_influence_neither_training_scores_nor_the_choice(task, name):
    K, y, subjects = task
    other = K.copy()
    other[36:], other[:, 36:] = 7.0, 7.0
    training = Training(y[:36], tuple(subjects), 3)
    computed, changed = (alone(name, AUTO, A, training) for A in (K, other))
    np.testing.assert_array_equal(computed.values[:36], changed.values[:36])
    assert computed.selection == changed.selection


def test_kernels_between_test_sets_are_not_read(task):
    K, y, subjects = task
    other = K.copy()
    other[36:, 36:] = np.nan
    other[:36, 36:] = np.nan
    training = Training(y[:36], tuple(subjects), 3)
    computed, changed = (alone("svm", SETTINGS, A, training) for A in (K, other))
    np.testing.assert_array_equal(computed.values, changed.values)


def test_scores_of_a_feature_hold_each_kernel_and_their_mean(task):
    K, y, subjects = task
    training = Training(y[:36], tuple(subjects), 3)
    computed = kernel_scoring.feature_scores(
        "kernel_pls", SETTINGS, given({"linear": K, "square": K**2}, training), training
    )
    np.testing.assert_allclose(computed["mean"].values, (computed["linear"].values + computed["square"].values) / 2)
    assert computed["linear"].n_components == [4]
    assert computed["mean"].n_components is None
    np.testing.assert_array_equal(computed["linear"].values, alone("kernel_pls", SETTINGS, K, training).values)


@NAMES
def test_the_kernels_of_a_mean_share_the_parameter_that_is_best_for_the_mean(task, name):
    K, y, subjects = task
    noise = np.random.default_rng(3).standard_normal((48, 48))
    kernels = {"linear": K, "noise": noise @ noise.T}
    training = Training(y[:36], tuple(subjects), 3)
    computed = kernel_scoring.feature_scores(name, AUTO, given(kernels, training), training)["mean"]
    family = classifiers.family(name)
    right = 0
    for train, test in training.folds(np.arange(36)):
        parts = [(A[np.ix_(train, train)], A[np.ix_(test, train)]) for A in kernels.values()]
        staged = np.mean([family.grid_scores(computed.selection.grid, A, y[train], B) for A, B in parts], axis=0)
        right = right + (staged.argmax(axis=2) == y[test]).sum(axis=1)
    assert computed.selection.value == computed.selection.grid[right.argmax()]
    fixed = {**AUTO, family.parameter: computed.selection.value}
    expected = [decisions(name, A, y[:36], fixed) for A in kernels.values()]
    np.testing.assert_allclose(computed.values[36:], np.mean(expected, axis=0))


def test_inner_folds_take_fewer_components_where_they_have_fewer_sets():
    K, y = np.diag(np.arange(1.0, 10.0)), np.array([0, 1, 2] * 3)
    computed = alone("pls", {"n_components": 8}, K, Training(y, tuple("aaabbbccc"), 3))
    assert computed.scored.all()
    assert computed.selection.value == 8


@NAMES
@pytest.mark.parametrize("n_classes", [2, 4])
def test_a_fitted_classifier_is_its_coefficients(task, name, n_classes):
    K, y, _ = task
    fitted = classifiers.fit(unfitted(name), K[:36, :36], y[:36] % n_classes)
    expected = classifiers.decision_values(fitted, K[36:, :36])
    np.testing.assert_allclose(classifiers.linear(fitted, 36).decision_values(K[36:, :36]), expected, atol=1e-9)


def test_the_mean_of_kernels_carries_the_coefficients_of_each(task):
    K, y, subjects = task
    training = Training(y[:36], tuple(subjects), 3)
    computed = kernel_scoring.feature_scores("pls", SETTINGS, given({"a": K, "b": 2 * K}, training), training)["mean"]
    values = [computed.models[name].decision_values(matrix[36:, :36]) for name, matrix in (("a", K), ("b", 2 * K))]
    np.testing.assert_allclose(np.mean(values, axis=0), computed.values[computed.scored[:36].sum() :], atol=1e-9)


# class weights


@pytest.fixture
def uneven():
    """Features of 36 training sets of three classes (24, 8 and 4 sets) and of 12 others, and the classes."""
    rng = np.random.default_rng(7)
    y = np.repeat([0, 1, 2, 0], [24, 8, 4, 12])
    return rng.standard_normal((48, 10)) + 0.8 * rng.standard_normal((3, 10))[y], y[:36]


def weighted(name, X, y, class_weights):
    family = classifiers.family(name)
    settings = SETTINGS | {"svm_c": 0.5, "logistic_c": 0.5}
    K = X @ X.T
    fitted = classifiers.fit(family.make(settings[family.parameter], class_weights), K[:36, :36], y)
    return classifiers.decision_values(fitted, K[36:, :36])


@NAMES
def test_balanced_weights_equal_repeated_sets(uneven, name):
    X, y = uneven
    rows = np.repeat(np.arange(36), np.array([1, 3, 6])[y])
    family = classifiers.family(name)
    # C times the mean weight of a set in the repeated task, 36 / 72
    settings = SETTINGS | {"svm_c": 0.25, "logistic_c": 0.25}
    copies = classifiers.fit(family.make(settings[family.parameter], "none"), X[rows] @ X[rows].T, y[rows])
    expected = classifiers.decision_values(copies, X[36:] @ X[rows].T)
    np.testing.assert_allclose(weighted(name, X, y, "balanced"), expected, atol=1e-2 if name == "svm" else 1e-4)


def test_the_balanced_svm_is_one_machine_a_class_with_the_weights_of_all_classes(uneven):
    X, y = uneven
    w = (36 / 3 / np.bincount(y))[y]
    computed = weighted("svm", X, y, "balanced")
    for c in range(3):
        machine = SVC(kernel="linear", C=0.5).fit(X[:36], y == c, sample_weight=w)
        np.testing.assert_allclose(computed[:, c], machine.decision_function(X[36:]), atol=1e-2)


def test_balanced_logistic_regression_is_scikit_learn_s(uneven):
    X, y = uneven
    linear = LogisticRegression(C=0.5, tol=1e-8, class_weight="balanced").fit(X[:36], y)
    np.testing.assert_allclose(weighted("logistic", X, y, "balanced"), linear.decision_function(X[36:]), atol=1e-4)


@NAMES
def test_weights_move_decisions_to_the_rare_classes(uneven, name):
    X, y = uneven
    plain, balanced = (weighted(name, X, y, w) for w in ("none", "balanced"))
    ahead = [(values[:, 1:].max(axis=1) - values[:, 0]).mean() for values in (plain, balanced)]
    assert ahead[1] > ahead[0] + 0.05


@NAMES
def test_a_feature_is_scored_and_its_training_clips_too_with_the_weights_of_its_training(uneven, name):
    X, y = uneven
    K = X @ X.T
    subjects = tuple(f"s{i % 9}" for i in range(36))
    of = {w: Training(y, subjects, 3, choosing=Choosing(class_weights=w)) for w in ("none", "balanced")}
    plain, balanced = (alone(name, SETTINGS, K, training) for training in of.values())
    family = classifiers.family(name)
    last = classifiers.fit(family.make(SETTINGS[family.parameter], "balanced"), K[:36, :36], y)
    np.testing.assert_array_equal(balanced.values[36:], classifiers.decision_values(last, K[36:, :36]))
    for train, test in of["balanced"].folds(np.arange(36)):
        parts = K[np.ix_(train, train)], y[train], K[np.ix_(test, train)]
        inside = family.grid_scores([SETTINGS[family.parameter]], *parts, "balanced")[0]
        np.testing.assert_array_equal(balanced.values[test], inside)
    assert not np.allclose(balanced.values[:36], plain.values[:36])


@NAMES
def test_a_class_with_one_clip_can_be_weighted(uneven, name):
    X, _ = uneven
    y = np.repeat([0, 1, 2], [24, 11, 1])
    choosing = Choosing(n_repeats=2, class_weights="balanced")
    training = Training(y, tuple(f"s{i % 9}" for i in range(36)), 3, choosing=choosing)
    computed = alone(name, AUTO | {"n_components_max": 4}, X @ X.T, training)
    assert np.isfinite(computed.values).all()
    assert "nothing was chosen" in computed.selection.note


def test_unknown_weights_are_refused():
    with pytest.raises(FeatureError, match="class weights 'heavy' are unknown; expected none or balanced"):
        classifiers.svm(1.0, "heavy")


def of_classes(rng, n, d=30):
    """Rows of four classes that overlap, and their classes."""
    y = np.arange(n) % 4
    return rng.standard_normal((n, d)) + 0.8 * rng.standard_normal((4, d))[y], y


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
@NAMES
def test_with_as_many_landmarks_as_the_rank_the_scores_are_those_of_the_kernel(name, class_weights):
    X, y = of_classes(np.random.default_rng(3), 160)
    y[:40] = 0  # classes of unequal size
    choosing = Choosing(class_weights=class_weights)
    training = Training(y[:120], tuple(map(str, range(120))), 3, choosing=choosing)
    K, landmarks = X @ X.T, np.arange(5, 50)
    exact = kernel_scoring.feature_scores(name, AUTO, given({"only": K}, training), training)["only"]
    columns = given({"only": K[:, landmarks]}, training, landmarks)
    low = kernel_scoring.feature_scores(name, AUTO, columns, training)["only"]
    assert low.selection.value == exact.selection.value
    np.testing.assert_allclose(low.values, exact.values, atol=2e-2 if name == "svm" else 1e-4)
    model = low.models["only"]
    assert model.coefficients.shape == (45, 4)
    np.testing.assert_allclose(model.decision_values(K[120:, landmarks]), low.values[120:], atol=1e-6)


@NAMES
def test_few_landmarks_lose_little_where_the_spectrum_falls(name):
    X, y = of_classes(np.random.default_rng(4), 300)
    X *= 0.9 ** np.arange(30)
    K = np.exp(-0.02 * ((X[:, None] - X) ** 2).sum(axis=2))
    training = Training(y[:200], tuple(map(str, range(200))), 3)
    exact = kernel_scoring.feature_scores(name, SETTINGS, given({"only": K}, training), training)["only"]
    columns = given({"only": K[:, :60]}, training, np.arange(60))
    low = kernel_scoring.feature_scores(name, SETTINGS, columns, training)["only"]
    right = [(scores.values[200:].argmax(axis=1) == y[200:]).mean() for scores in (exact, low)]
    assert right[0] > 0.5
    assert abs(right[0] - right[1]) < 0.06
