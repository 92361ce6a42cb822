"""Stacked logistic regression: what scikit-learn fits, for the classes that there are, chosen in folds of groups."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from emotiw.fusion import stacking
from test_schemes import made_up, posteriors


def problem(n=80, **more):
    scores = made_up(n=n, **more)
    audio, video = posteriors(scores)
    return stacking.features(audio, video), scores.truth, scores.groups


def test_features_are_log_posteriors_side_by_side():
    found = stacking.features(np.array([[0.5, 0.0]]), np.array([[1.0, 0.25]]))
    assert np.allclose(found, [[np.log(0.5), np.log(1e-12), 0, np.log(0.25)]])


def test_posteriors_are_those_of_another_solver():
    X, truth, groups = problem()
    fitted = stacking.fit(X, truth, groups)
    other = LogisticRegression(C=fitted.choice.value, tol=1e-10, max_iter=100_000).fit(X, truth)
    assert np.allclose(stacking.posteriors(fitted, X, 4), other.predict_proba(X), atol=1e-4)


def test_the_penalty_is_chosen_by_accuracy_in_folds_of_groups():
    X, truth, groups = problem()
    choice = stacking.fit(X, truth, groups).choice
    assert len(choice.accuracies) == len(stacking.CS)
    assert choice.accuracies[choice.index] == max(choice.accuracies)


def test_a_class_without_clips_has_posterior_zero():
    X, truth, groups = problem()
    known = truth != 2
    found = stacking.posteriors(stacking.fit(X[known], truth[known], groups[known]), X, 4)
    assert (found[:, 2] == 0).all()
    assert np.allclose(found.sum(1), 1)


def test_two_classes_and_facts_that_suffice_to_compute_the_posteriors():
    X, truth, groups = problem(n_classes=2)
    fitted = stacking.fit(X, truth, groups)
    facts = fitted.facts
    margin = X @ np.array(facts["coefficients"])[0] + facts["intercept"][0]
    assert np.allclose(stacking.posteriors(fitted, X, 2)[:, 1], 1 / (1 + np.exp(-margin)))


def test_one_class_cannot_be_regressed_and_no_clip_has_no_row():
    X, truth, groups = problem()
    assert stacking.fit(X[truth == 1], truth[truth == 1], groups[truth == 1]) is None
    assert stacking.posteriors(stacking.fit(X, truth, groups), X[:0], 4).shape == (0, 4)
