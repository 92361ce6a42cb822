"""Support vector machine on clip features: standardisation and choices by training clips, a second implementation."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from emotiw.statistics.cross_validation import Choosing, Training
from emotiw.video import baselines

SETTINGS = {"c_grid": [10.0, 0.1, 1.0], "gamma_grid": [1.0, 0.1]}
N = 48


@pytest.fixture
def task():
    """Features of very different scales, one of them constant, of 48 training and 12 other clips of three classes."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    X = (rng.standard_normal((60, 8)) + 1.5 * rng.standard_normal((3, 8))[y]) * 10.0 ** np.arange(-3, 5)
    X[:, 4] = 7.0
    return X, y, Training(y[:N], tuple(f"s{i // 6}" for i in range(N)), 3)


def test_pairs_begin_with_the_smoothest_and_one_is_nominal():
    grid = baselines.grid(SETTINGS)
    assert grid.values[0] == (0.1, 0.1)
    assert grid.values[-1] == (10.0, 1.0)
    assert grid.values[grid.fallback] == (1.0, 1.0)


def test_decision_values_are_those_of_scikit_learn_s_rbf_machine_on_standardised_features(task):
    X, y, _ = task
    computed = baselines.grid_scorer(X, y[:N])([(10.0, 0.5)], np.arange(N), np.arange(N, 60))[0]
    for c in range(3):
        machine = make_pipeline(StandardScaler(), SVC(C=10.0, gamma=0.5 / 8)).fit(X[:N], y[:N] == c)
        np.testing.assert_allclose(computed[:, c], machine.decision_function(X[N:]), atol=1e-2)


def test_all_clips_are_scored_and_the_classes_recognised(task):
    X, y, training = task
    computed = baselines.clip_scores(X, training, SETTINGS)
    assert computed.scored.all()
    assert (computed.values.argmax(axis=1) == y).mean() > 0.8
    assert computed.selection.accuracies[computed.selection.index] == max(computed.selection.accuracies)
    assert len(computed.selection.grid) == 6


def test_other_clips_change_neither_the_choice_nor_a_training_clip_s_score(task):
    X, _, training = task
    other = X.copy()
    other[N:] *= 1e6
    computed, changed = (baselines.clip_scores(features, training, SETTINGS) for features in (X, other))
    np.testing.assert_array_equal(computed.values[:N], changed.values[:N])
    assert computed.selection == changed.selection


def test_training_clips_alone_are_scored(task):
    X, _, training = task
    assert baselines.clip_scores(X[:N], training, SETTINGS).values.shape == (N, 3)


def test_with_balanced_weights_decision_values_are_those_of_scikit_learn_s_weighted_machines(task):
    X, y, _ = task
    uneven = np.where(np.arange(N) < 40, 0, y[:N])  # 43, 2 and 3 clips
    w = (N / 3 / np.bincount(uneven))[uneven]
    computed = baselines.grid_scorer(X, uneven, "balanced")([(10.0, 0.5)], np.arange(N), np.arange(N, 60))[0]
    scaled = StandardScaler().fit(X[:N])
    for c in range(3):
        machine = SVC(C=10.0, gamma=0.5 / 8).fit(scaled.transform(X[:N]), uneven == c, sample_weight=w)
        np.testing.assert_allclose(computed[:, c], machine.decision_function(scaled.transform(X[N:])), atol=1e-2)


def test_the_training_s_weights_are_those_of_the_machine(task):
    X, y, training = task
    uneven = np.where(np.arange(N) < 30, 0, y[:N])
    balanced = Training(uneven, training.groups, 3, choosing=Choosing(class_weights="balanced"))
    computed = baselines.clip_scores(X, balanced, SETTINGS)
    expected = baselines.grid_scorer(X, uneven, "balanced")([computed.selection.value], np.arange(N), np.arange(N, 60))
    np.testing.assert_array_equal(computed.values[-12:], expected[0])
