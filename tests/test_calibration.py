"""Calibration statistics, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from emotiw.statistics import calibration, metrics


@pytest.fixture
def made_up():
    rng = np.random.default_rng(4)
    posteriors = rng.dirichlet(np.ones(4), 200)
    truth = np.array([rng.choice(4, p=row) for row in posteriors])
    return posteriors, truth


def test_log_loss_is_scikit_learns(made_up):
    posteriors, truth = made_up
    assert calibration.log_losses(posteriors, truth).mean() == pytest.approx(
        log_loss(truth, posteriors, labels=range(4))
    )


def test_a_posterior_of_zero_for_the_truth_costs_a_finite_loss():
    assert calibration.log_losses(np.array([[0.0, 1.0]]), np.array([0])) == pytest.approx(-np.log(calibration.TINY))


def test_the_brier_score_by_hand():
    found = calibration.brier_scores(np.array([[0.6, 0.3, 0.1], [0.0, 1.0, 0.0]]), np.array([0, 2]))
    assert found == pytest.approx([0.16 + 0.09 + 0.01, 2.0])


def test_the_reliability_diagram_is_scikit_learns(made_up):
    posteriors, truth = made_up
    right = posteriors.argmax(1) == truth
    accuracy, confidence = calibration_curve(right, posteriors.max(1), n_bins=10)
    found = [b for b in calibration.reliability(posteriors, truth) if b.n]
    assert [b.accuracy for b in found] == pytest.approx(accuracy)
    assert [b.confidence for b in found] == pytest.approx(confidence)
    assert sum(b.n for b in found) == len(truth)


def test_the_ends_of_the_scale_are_in_a_bin():
    found = calibration.reliability(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([0, 1]), n_bins=2)
    assert [(b.n, b.accuracy) for b in found] == [(1, 0.0), (1, 1.0)]


def test_the_expected_calibration_error_by_hand():
    posteriors = np.array([[0.75, 0.25], [0.75, 0.25], [0.95, 0.05], [0.95, 0.05]])
    bins = calibration.reliability(posteriors, np.array([0, 1, 0, 0]))
    assert calibration.expected_calibration_error(bins) == pytest.approx(0.5 * 0.25 + 0.5 * 0.05)
    assert calibration.expected_calibration_error([]) is None


def test_calibrated_posteriors_have_a_small_error_and_squared_ones_a_large_one(made_up):
    posteriors, truth = made_up
    sharper = posteriors**4 / (posteriors**4).sum(1, keepdims=True)
    errors = [calibration.expected_calibration_error(calibration.reliability(p, truth)) for p in (posteriors, sharper)]
    assert errors[1] > 2 * errors[0]


def test_accuracy_by_coverage_by_hand_judges_equal_confidences_together():
    posteriors = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.6, 0.4]])
    coverage, accuracy, threshold = calibration.accuracy_by_coverage(posteriors, np.array([0, 0, 0, 1]))
    assert coverage.tolist() == [0.25, 0.75, 1.0]
    assert accuracy == pytest.approx([1.0, 2 / 3, 0.5])
    assert threshold.tolist() == [0.9, 0.8, 0.6]


def test_without_clips_there_is_no_point():
    assert [len(part) for part in calibration.accuracy_by_coverage(np.empty((0, 3)), np.empty(0, int))] == [0, 0, 0]


def test_posteriors_among_some_classes_are_those_given_that_it_is_one_of_them():
    posteriors = np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0], [np.nan] * 3])
    found = calibration.among(posteriors, np.array([0, 2]))
    np.testing.assert_allclose(found, [[0.4, 0.6], [0.5, 0.5], [np.nan, np.nan]])


def test_the_interval_of_a_mean_is_that_of_whole_subjects():
    subjects = np.repeat([0, 1], 50)
    resamples = metrics.subject_resamples(2, np.random.default_rng(1))
    assert calibration.mean_interval(np.repeat([1.0, 3.0], 50), subjects, resamples) == (1.0, 3.0)
    assert calibration.mean_interval(np.ones(3), np.zeros(3, int), np.ones((5, 1), int)) is None
