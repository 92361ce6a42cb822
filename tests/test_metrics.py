"""Metrics: identities, scikit-learn as a second implementation, intervals that hold what they promise."""

import math
import time

import numpy as np
import pytest
import sklearn.metrics

from emotiw.statistics import metrics


@pytest.fixture
def answers():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 5, 200)
    predicted = np.where(rng.random(200) < 0.5, truth, rng.integers(0, 7, 200))
    return truth, predicted, rng.integers(0, 20, 200)


def test_confusion_matrix_equals_sklearn(answers):
    truth, predicted, _ = answers
    expected = sklearn.metrics.confusion_matrix(truth, predicted, labels=range(7))
    assert (metrics.confusion_matrix(truth, predicted, 7) == expected).all()


def test_accuracy_uar_and_f1_equal_sklearn_over_the_classes_present(answers):
    truth, predicted, _ = answers
    confusion = metrics.confusion_matrix(truth, predicted, 7)
    assert metrics.accuracy(confusion) == sklearn.metrics.accuracy_score(truth, predicted)
    expected = sklearn.metrics.recall_score(truth, predicted, labels=range(5), average="macro")
    assert metrics.uar(confusion) == pytest.approx(expected, abs=1e-15)
    expected = sklearn.metrics.f1_score(truth, predicted, labels=range(5), average="macro")
    assert metrics.macro_f1(confusion) == pytest.approx(expected, abs=1e-15)


def test_absent_classes_are_counted_and_have_no_recall(answers):
    truth, predicted, _ = answers
    confusion = metrics.confusion_matrix(truth, predicted, 7)
    assert metrics.n_present(confusion) == 5
    assert np.isnan(metrics.recalls(confusion)).tolist() == [False] * 5 + [True] * 2


def test_statistics_of_no_clips_are_nan():
    empty = np.zeros((7, 7), np.int64)
    assert all(math.isnan(statistic(empty)) for statistic in (metrics.accuracy, metrics.uar, metrics.macro_f1))


def test_statistics_accept_leading_axes(answers):
    truth, predicted, _ = answers
    confusion = metrics.confusion_matrix(truth, predicted, 7)
    stack = np.stack([confusion, confusion.T, confusion * 3])
    for statistic in (metrics.accuracy, metrics.uar, metrics.macro_f1):
        assert statistic(stack).tolist() == [float(statistic(one)) for one in stack]


def test_confusions_of_the_subjects_sum_to_that_of_all(answers):
    truth, predicted, subjects = answers
    clusters = metrics.clustered_confusions(truth, predicted, subjects, 7)
    assert clusters.shape == (20, 7, 7)
    assert (clusters.sum(0) == metrics.confusion_matrix(truth, predicted, 7)).all()
    one = subjects == 3
    assert (clusters[3] == metrics.confusion_matrix(truth[one], predicted[one], 7)).all()


def test_wilson_interval_of_the_paper():
    """methods.md 1: 53.9 % = 320 of 593, interval 49.9 to 57.9."""
    assert metrics.wilson_interval(320, 593) == pytest.approx((0.499, 0.579), abs=5e-4)


def test_wilson_interval_equals_its_formula():
    k, n, z = 7, 31, 1.959963984540054
    centre = (k + z**2 / 2) / (n + z**2)
    half = z * math.sqrt(k * (n - k) / n + z**2 / 4) / (n + z**2)
    assert metrics.wilson_interval(k, n) == pytest.approx((centre - half, centre + half), abs=1e-12)


def test_bootstrap_equals_a_loop_over_resamples(answers):
    truth, predicted, subjects = answers
    resamples = metrics.subject_resamples(20, np.random.default_rng(0), n_resamples=50)
    values = []
    for draw in resamples:
        rows = np.concatenate([np.tile(np.flatnonzero(subjects == s), times) for s, times in enumerate(draw)]).astype(
            int
        )
        values.append(sklearn.metrics.balanced_accuracy_score(truth[rows], np.minimum(predicted[rows], 4)))
    clusters = metrics.clustered_confusions(truth, np.minimum(predicted, 4), subjects, 7)
    found = metrics.bootstrap_interval(clusters, metrics.uar, resamples)
    assert found == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])), abs=1e-12)


def test_bootstrap_of_one_clip_a_subject_is_close_to_the_binomial():
    right = np.arange(200) < 120
    clusters = metrics.clustered_confusions(np.zeros(200, int), (~right).astype(int), np.arange(200), 2)
    found = metrics.bootstrap_interval(
        clusters, metrics.accuracy, metrics.subject_resamples(200, np.random.default_rng(0))
    )
    assert found == pytest.approx(metrics.wilson_interval(120, 200), abs=0.01)


def test_clips_of_one_subject_do_not_count_as_independent():
    truth, predicted = np.zeros(200, int), np.repeat([0, 1] * 5, 20)  # whole subjects right or wrong

    def width(subjects):
        clusters = metrics.clustered_confusions(truth, predicted, subjects, 2)
        resamples = metrics.subject_resamples(len(clusters), np.random.default_rng(0))
        low, high = metrics.bootstrap_interval(clusters, metrics.accuracy, resamples)
        return high - low

    assert width(np.repeat(np.arange(10), 20)) > 3 * width(np.arange(200))


@pytest.mark.parametrize("n_subjects", [0, 1])
def test_bootstrap_says_nothing_about_fewer_than_two_subjects(n_subjects):
    resamples = metrics.subject_resamples(n_subjects, np.random.default_rng(0))
    assert metrics.bootstrap_interval(np.ones((n_subjects, 2, 2), np.int64), metrics.accuracy, resamples) is None


def test_bootstrap_is_the_same_for_the_same_seed():
    draws = [metrics.subject_resamples(9, np.random.default_rng(5), n_resamples=3) for _ in range(2)]
    assert (draws[0] == draws[1]).all()
    assert (draws[0].sum(1) == 9).all()


def test_bootstrap_of_afews_size_is_fast():
    rng = np.random.default_rng(0)
    clusters = metrics.clustered_confusions(rng.integers(0, 7, 1739), rng.integers(0, 7, 1739), np.arange(1739), 7)
    resamples = metrics.subject_resamples(1739, rng)
    start = time.perf_counter()
    metrics.bootstrap_interval(clusters, metrics.macro_f1, resamples)
    assert time.perf_counter() - start < 2
