"""Classifiers on kernels: decision values in the declared order, out-of-fold scores, refusals."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from emotiw import classifiers
from emotiw.errors import FeatureError, StoreError

SETTINGS = {"n_components": 4, "svm_c": 1.0, "logistic_c": 1.0}
NAMES = pytest.mark.parametrize("name", ["pls", "kernel_pls", "svm", "logistic"])


@pytest.fixture
def task():
    """Linear kernel of 36 training and 12 test sets of 4 well separated classes, and 9 subjects' names."""
    rng = np.random.default_rng(0)
    y = np.arange(48) % 4
    X = rng.standard_normal((48, 10)) + 3 * rng.standard_normal((4, 10))[y]
    return X @ X.T, y, [f"subject{i // 4}" for i in range(36)]


def decisions(name, K, y):
    n = len(y)
    fitted = classifiers.fit(classifiers.make_classifier(name, SETTINGS), K[:n, :n], y)
    return classifiers.decision_values(fitted, K[n:, :n])


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
    found = decisions(name, K[np.ix_(order, order)], y[order[:36]])
    np.testing.assert_allclose(found, decisions(name, K, y[:36]), atol=1e-2 if name == "svm" else 1e-3)


def test_svm_decides_one_against_the_rest(task):
    K, y, _ = task
    expected = SVC(kernel="linear").fit(np.linalg.cholesky(K + 1e-9 * np.eye(48))[:36], y[:36] == 2)
    found = decisions("svm", K, y[:36])[:, 2]
    np.testing.assert_allclose(
        found, expected.decision_function(np.linalg.cholesky(K + 1e-9 * np.eye(48))[36:]), atol=2e-2
    )


def test_logistic_regression_on_a_linear_kernel_is_the_linear_one():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((48, 10)), np.arange(36) % 3
    linear = LogisticRegression(tol=1e-8).fit(X[:36], y)
    np.testing.assert_allclose(decisions("logistic", X @ X.T, y), linear.decision_function(X[36:]), atol=1e-4)


def test_an_unknown_classifier_is_refused():
    with pytest.raises(FeatureError, match="classifier 'forest' is unknown; expected one of pls, kernel_pls, svm"):
        classifiers.make_classifier("forest", SETTINGS)


def test_class_indices_are_in_the_declared_order():
    np.testing.assert_array_equal(classifiers.class_indices(["sad", "happy", "sad"], ["sad", "happy"]), [0, 1, 0])


@pytest.mark.parametrize(
    ("labels", "message"),
    [(["sad", "?"], r"labels: \? unknown, happy without"), (["sad"], "none unknown, happy without")],
)
def test_an_absent_class_or_unknown_label_is_refused(labels, message):
    with pytest.raises(FeatureError, match=message):
        classifiers.class_indices(labels, ["sad", "happy"])


def test_a_fit_that_fails_tells_how_many_training_sets(task):
    K, y, _ = task
    few = classifiers.make_classifier("pls", SETTINGS | {"n_components": 40})
    with pytest.raises(FeatureError, match="on 36 training sets: n_components=40 with 36"):
        classifiers.fit(few, K[:36, :36], y[:36])


def test_out_of_fold_values_come_from_other_subjects_only(task):
    K, y, subjects = task
    pls = classifiers.make_classifier("pls", SETTINGS)
    values, scored = classifiers.out_of_fold(pls, K[:36, :36], y[:36], subjects, 3)
    wrong = np.where(np.array(subjects) == "subject0", (y[:36] + 1) % 4, y[:36])
    others, _ = classifiers.out_of_fold(pls, K[:36, :36], wrong, subjects, 9)
    kept, _ = classifiers.out_of_fold(pls, K[:36, :36], y[:36], subjects, 9)
    assert scored.all()
    assert (values.argmax(axis=1) == y[:36]).mean() > 0.8
    np.testing.assert_allclose(others[:4], kept[:4])


@pytest.mark.parametrize(
    ("y", "subjects"),
    [([0, 1] * 4, ["one"] * 8), ([0, 1, 1, 1], ["a", "b", "c", "d"]), ([0, 0, 1, 1], ["a", "a", "b", "b"])],
)
def test_out_of_fold_values_are_absent_where_they_cannot_exist(y, subjects):
    K = np.random.default_rng(0).standard_normal((len(y), 5))
    pls = classifiers.make_classifier("pls", SETTINGS | {"n_components": 1})
    _, scored = classifiers.out_of_fold(pls, K @ K.T, np.array(y), subjects, 3)
    assert not scored.any()


@NAMES
def test_scores_have_out_of_fold_rows_then_those_of_the_other_sets(task, name):
    K, y, subjects = task
    model = classifiers.make_classifier(name, SETTINGS)
    found = classifiers.kernel_scores(model, K, y[:36], subjects, 3)
    inner, _ = classifiers.out_of_fold(model, K[:36, :36], y[:36], subjects, 3)
    np.testing.assert_array_equal(found.values, np.concatenate([inner, decisions(name, K, y[:36])]))
    assert found.scored.all()
    assert (found.n_components is not None) == ("pls" in name)


def test_training_sets_alone_can_be_scored(task):
    K, y, subjects = task
    pls = classifiers.make_classifier("pls", SETTINGS)
    assert classifiers.kernel_scores(pls, K[:36, :36], y[:36], subjects, 3).values.shape == (36, 4)


@NAMES
def test_test_sets_cannot_influence_training_scores(task, name):
    K, y, subjects = task
    other = K.copy()
    other[36:], other[:, 36:] = 7.0, 7.0
    model = classifiers.make_classifier(name, SETTINGS)
    found, changed = (classifiers.kernel_scores(model, A, y[:36], subjects, 3) for A in (K, other))
    np.testing.assert_array_equal(found.values[:36], changed.values[:36])


def test_kernels_between_test_sets_are_not_read(task):
    K, y, subjects = task
    other = K.copy()
    other[36:, 36:] = np.nan
    other[:36, 36:] = np.nan
    model = classifiers.make_classifier("svm", SETTINGS)
    found, changed = (classifiers.kernel_scores(model, A, y[:36], subjects, 3) for A in (K, other))
    np.testing.assert_array_equal(found.values, changed.values)


def test_scores_of_a_feature_hold_each_kernel_and_their_mean(task):
    K, y, subjects = task
    pls = classifiers.make_classifier("kernel_pls", SETTINGS)
    found = classifiers.feature_scores(pls, {"linear": K, "square": K**2}, y[:36], subjects, 3)
    np.testing.assert_allclose(found["mean"].values, (found["linear"].values + found["square"].values) / 2)
    assert found["linear"].n_components == [4]
    assert found["mean"].n_components is None


def test_mean_scores_are_over_common_clips():
    first = (["a", "b", "c"], ["x", "y"], np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]))
    second = (["c", "a"], ["x", "y"], np.array([[5.0, 2.0], [3.0, 4.0]]))
    clips, classes, scores = classifiers.mean_scores([first, second])
    assert (clips, classes) == (["a", "c"], ["x", "y"])
    np.testing.assert_array_equal(scores, [[2, 2], [4, 1]])


def test_mean_of_other_class_orders_is_refused():
    first = (["a"], ["x", "y"], np.ones((1, 2)))
    with pytest.raises(StoreError, match="classes y, x, expected x, y"):
        classifiers.mean_scores([first, (["a"], ["y", "x"], np.ones((1, 2)))])


def test_mean_without_a_common_clip_is_empty():
    tables = [([name], ["x", "y"], np.ones((1, 2))) for name in ("a", "b")]
    clips, classes, scores = classifiers.mean_scores(tables)
    assert (clips, classes, scores.shape) == ([], ["x", "y"], (0, 2))


def test_inner_folds_take_fewer_components_where_they_have_fewer_sets():
    K, y = np.diag(np.arange(1.0, 10.0)), np.array([0, 1, 2] * 3)
    classifier = classifiers.make_classifier("pls", {"n_components": 8})
    _, scored = classifiers.out_of_fold(classifier, K, y, list("aaabbbccc"), 3)
    assert scored.all()
