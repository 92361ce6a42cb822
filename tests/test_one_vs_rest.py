"""Machines of one class against the rest: the weights of all classes in each, and pooled classifiers with them."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from emotiw.core.errors import FeatureError
from emotiw.scoring import pooled_classifiers
from emotiw.statistics import one_vs_rest


@pytest.fixture
def task():
    """Vectors of 36 training clips of three classes (24, 8 and 4) and of 12 others, and the classes of the first."""
    rng = np.random.default_rng(7)
    y = np.repeat([0, 1, 2, 0], [24, 8, 4, 12])
    return 3 + rng.standard_normal((48, 5)) + 0.8 * rng.standard_normal((3, 5))[y], y[:36]


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_each_machine_is_scikit_learn_s_with_the_weights_of_all_classes(task, class_weights):
    X, y = task
    w = np.ones(36) if class_weights == "none" else (36 / 3 / np.bincount(y))[y]
    fitted = one_vs_rest.svm(0.5, kernel="linear", class_weights=class_weights).fit(X[:36], y)
    for c in range(3):
        machine = SVC(kernel="linear", C=0.5).fit(X[:36], y == c, sample_weight=w)
        np.testing.assert_allclose(fitted.decision_function(X[36:])[:, c], machine.decision_function(X[36:]), atol=1e-9)


def test_balanced_weights_are_repeated_clips(task):
    X, y = task
    rows = np.repeat(np.arange(36), np.array([1, 3, 6])[y])
    weighted = one_vs_rest.svm(1.0, kernel="linear", class_weights="balanced").fit(X[:36], y)
    copies = one_vs_rest.svm(0.5, kernel="linear").fit(X[rows], y[rows])  # their mean weight is 36 / 72
    np.testing.assert_allclose(weighted.decision_function(X[36:]), copies.decision_function(X[36:]), atol=1e-2)


def test_two_classes_have_one_machine(task):
    X, y = task
    fitted = one_vs_rest.svm(1.0, kernel="linear", class_weights="balanced").fit(X[:36], np.minimum(y, 1))
    assert fitted.decision_function(X[36:]).shape == (12,)


def test_unknown_weights_are_refused():
    with pytest.raises(FeatureError, match="class weights 'heavy' are unknown; expected none or balanced"):
        one_vs_rest.svm(1.0, kernel="linear", class_weights="heavy")


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
@pytest.mark.parametrize("name", ["pooled_svm", "pooled_logistic"])
def test_pooled_classifiers_are_scikit_learn_s_on_standardised_vectors(task, name, class_weights):
    X, y = task
    scaler = StandardScaler().fit(X[:36])
    A, B = scaler.transform(X[:36]), scaler.transform(X[36:])
    computed = pooled_classifiers.fit(name, 0.5, X[:36], y, class_weights).decision_values(X[36:])
    weight = None if class_weights == "none" else "balanced"
    if name == "pooled_logistic":
        expected = (
            LogisticRegression(C=0.5, class_weight=weight, tol=1e-10, max_iter=20000).fit(A, y).decision_function(B)
        )
    else:
        w = None if weight is None else (36 / 3 / np.bincount(y))[y]
        machines = [SVC(kernel="linear", C=0.5).fit(A, y == c, sample_weight=w) for c in range(3)]
        expected = np.stack([machine.decision_function(B) for machine in machines], axis=1)
    np.testing.assert_allclose(computed, expected, rtol=0, atol=1e-4 if name == "pooled_logistic" else 1e-8)
