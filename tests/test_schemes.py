"""Fusion: identities of the weighted sum, exact search where it can be enumerated, no optimism hidden."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from emotiw.core.errors import FeatureError
from emotiw.fusion import choice, records, schemes
from emotiw.fusion.choice import Method
from emotiw.fusion.schemes import Scores


def made_up(n=80, n_classes=4, seed=0, n_groups=10):
    """Scores of modalities that err independently, better for different classes."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % n_classes
    evidence = np.eye(n_classes)[truth]
    strength = np.linspace(0.4, 1.6, n_classes)
    audio = evidence * strength + rng.normal(0, 0.6, evidence.shape)
    video = evidence * strength[::-1] + rng.normal(0, 0.6, evidence.shape)
    return Scores(audio, video, truth, rng.permutation(n) % n_groups)


def posteriors(scores):
    return softmax(scores.audio, axis=1), softmax(scores.video, axis=1)


def n_right(audio, video, truth, weights):
    return (schemes.weighted_sum(audio, video, weights).argmax(1) == truth).sum()


def test_weight_one_is_audio_and_weight_zero_is_video():
    audio, video = posteriors(made_up())
    assert (schemes.weighted_sum(audio, video, np.ones(4)) == audio).all()
    assert (schemes.weighted_sum(audio, video, np.zeros(4)) == video).all()


def test_weighted_sum_by_hand():
    audio, video = np.array([[0.8, 0.2]]), np.array([[0.4, 0.6]])
    assert schemes.weighted_sum(audio, video, np.array([0.25, 0.5])) == pytest.approx(np.array([[0.5, 0.4]]))


def test_calibration_equals_logistic_regression_on_the_decision_difference():
    """For two classes softmax(a s) is a logistic curve in s_1 - s_0 with slope a."""
    s = made_up(n_classes=2)
    expected = (
        LogisticRegression(C=1e12, fit_intercept=False, tol=1e-12)
        .fit(s.audio[:, 1:] - s.audio[:, :1], s.truth)
        .coef_[0, 0]
    )
    assert schemes.calibration_scale(s.audio, s.truth) == pytest.approx(expected, rel=1e-4)


def test_calibration_scales_inversely_with_the_scores():
    s = made_up()
    assert schemes.calibration_scale(s.audio / 3, s.truth) == pytest.approx(
        3 * schemes.calibration_scale(s.audio, s.truth), rel=1e-4
    )


def test_calibration_stays_bounded_on_separated_clips():
    assert schemes.calibration_scale(np.eye(3), np.arange(3)) <= schemes.SCALE_BOUNDS[1]


def test_log_posteriors_with_scale_one_change_nothing():
    audio, _ = posteriors(made_up())
    assert schemes.calibrated(schemes.log_posteriors(audio), 1.0) == pytest.approx(audio, abs=1e-12)


@pytest.mark.parametrize("rows", [[[0.5, 0.6]], [[-0.5, 1.5]]])
def test_scores_that_are_no_posteriors_are_refused(rows):
    with pytest.raises(FeatureError, match="negative or does not sum to 1"):
        schemes.log_posteriors(np.array(rows))


def test_a_posterior_of_zero_has_a_finite_logarithm():
    assert np.isfinite(schemes.log_posteriors(np.array([[0.0, 1.0]]))).all()


@pytest.mark.parametrize(("step", "n"), [(0.05, 21), (0.3, 4), (1.0, 2)])
def test_the_grid_holds_both_ends(step, n):
    weights = schemes.grid(step)
    assert (weights[0], weights[-1], len(weights)) == (0, 1, n)


def test_shared_weight_is_the_best_of_the_grid():
    s = made_up()
    audio, video = posteriors(s)
    found = schemes.shared_weights(audio, video, s.truth, 0.1)
    assert len(set(found)) == 1
    assert n_right(audio, video, s.truth, found) == max(n_right(audio, video, s.truth, w) for w in schemes.grid(0.1))


def test_per_class_weights_follow_the_recalls():
    truth = np.array([0, 0, 0, 0, 1, 1])
    audio = np.eye(3)[[0, 0, 0, 1, 2, 2]]  # recalls 3/4, 0
    video = np.eye(3)[[0, 1, 1, 1, 0, 0]]  # recalls 1/4, 0
    assert schemes.per_class_weights(audio, video, truth, 0.05).tolist() == [0.75, 0.5, 0.5]


def test_joint_weights_are_never_worse_than_the_other_schemes():
    for seed in range(5):
        s = made_up(seed=seed)
        audio, video = posteriors(s)
        others = [n_right(audio, video, s.truth, f(audio, video, s.truth, 0.1)) for f in schemes.SEPARATE.values()]
        assert schemes.joint_search(audio, video, s.truth, 0.1).n_right >= max(others)


def test_equal_modalities_are_weighted_equally():
    s = made_up()
    audio, _ = posteriors(s)
    for scheme in schemes.SEPARATE.values():
        assert scheme(audio, audio, s.truth, 0.1).tolist() == [0.5] * 4
    assert schemes.joint_search(audio, audio, s.truth, 0.1).weights.tolist() == [0.5] * 4


@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_fit_does_not_depend_on_the_order_of_the_clips(order):
    s = made_up()
    permuted = s[np.random.default_rng(order).permutation(len(s.truth))]
    first, second = schemes.fit(s, step=0.1), schemes.fit(permuted, step=0.1)
    for scheme in schemes.WEIGHTED:
        assert first.weights[scheme].tolist() == second.weights[scheme].tolist()


def test_the_fit_is_deterministic():
    first, second = schemes.fit(made_up(), step=0.05), schemes.fit(made_up(), step=0.05)
    assert (first.audio_scale, first.video_scale) == (second.audio_scale, second.video_scale)
    assert all((first.weights[name] == second.weights[name]).all() for name in schemes.WEIGHTED)
    assert (first.stacked.model.coef_ == second.stacked.model.coef_).all()


def test_without_clips_to_fit_to_weights_are_one_half_and_nothing_is_rescaled():
    fitted = schemes.fit(made_up()[np.zeros(0, int)], step=0.1)
    assert (fitted.audio_scale, fitted.video_scale) == (1, 1)
    assert all(weights.tolist() == [0.5] * 4 for weights in fitted.weights.values())
    s = made_up(n=8)
    audio, video = posteriors(s)
    assert fitted.stacked is None
    assert schemes.fused(fitted, s, "stacked") == pytest.approx((audio + video) / 2)


def test_fusion_beats_both_modalities_when_they_err_independently():
    s, fresh = made_up(n=400), made_up(n=400, seed=9)
    fitted = schemes.fit(s, step=0.05)
    right = (schemes.fused(fitted, fresh, "joint").argmax(1) == fresh.truth).sum()
    assert right > max((scores.argmax(1) == fresh.truth).sum() for scores in (fresh.audio, fresh.video))


def test_records_name_the_clips_that_were_fitted_to():
    s = made_up(n=40)
    named = Scores(s.audio, s.video, s.truth, s.groups, tuple(f"c{i:02d}" for i in range(40)))
    known = named[np.arange(3, 33)]
    method = Method(0.25)
    found = {record.choice: record for record in records.of(choice.fit(known, method), known, method)}
    assert all(record.clips == named.clips[3:33] for record in found.values())
    assert found["fusion/joint"].candidates == 5**4
    assert found["fusion/joint"].criterion.endswith("; proven")
    assert set(found) > {"fusion/scale of audio", "fusion/scale of video", "fusion/shared", "fusion/stacked: C"}


def test_missing_modalities_are_completed_and_named():
    has_audio, has_video = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert schemes.source_names(has_audio, has_video) == ["fusion", "audio", "video", "prior"]
    rows = schemes.completed(np.ones((2, 3)), np.array([True, False]), np.array([0.2, 0.3, 0.5]))
    assert rows.tolist() == [[1, 1, 1], [0.2, 0.3, 0.5]]


def test_class_prior_is_the_share_of_each_class_and_uniform_without_clips():
    assert schemes.class_prior(np.array([0, 0, 2, 2]), 3).tolist() == [0.5, 0, 0.5]
    assert schemes.class_prior(np.zeros(0, int), 4).tolist() == [0.25] * 4


def test_the_product_rule_is_bayes_rule_for_independent_modalities():
    rng = np.random.default_rng(3)
    prior = np.array([0.5, 0.3, 0.2])
    of_audio, of_video = rng.dirichlet(np.ones(4), 3), rng.dirichlet(np.ones(5), 3)  # P(observation | class)
    posteriors = [prior * table.T / (prior * table.T).sum(1, keepdims=True) for table in (of_audio, of_video)]
    pairs = [(a, v) for a in range(4) for v in range(5)]
    exact = np.array([prior * of_audio[:, a] * of_video[:, v] for a, v in pairs])
    exact /= exact.sum(1, keepdims=True)
    audio, video = (posteriors[i][[pair[i] for pair in pairs]] for i in (0, 1))
    np.testing.assert_allclose(schemes.product_rule(audio, video, prior), exact, rtol=1e-12)


def test_the_product_rule_gives_a_class_without_training_clips_nothing():
    uniform = np.full((2, 3), 1 / 3)
    found = schemes.product_rule(uniform, uniform, np.array([0.5, 0.5, 0.0]))
    np.testing.assert_allclose(found, [[0.5, 0.5, 0.0]] * 2)
