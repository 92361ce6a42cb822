"""Posteriors of a fusion: distributions for any scores, which leave every decision as it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.special import softmax

from emotiw.fusion import choice, fused_posteriors, schemes
from emotiw.fusion.choice import Method
from emotiw.fusion.schemes import AUTO, SCHEMES, Fusion, Scores
from emotiw.prediction.recogniser import Member

NEVER_LIKELIER = 1e-12
scales = st.floats(*schemes.SCALE_BOUNDS)
shares = st.one_of(st.sampled_from([0.0, 5e-324, 1e-300, 0.5, np.nextafter(0.5, 1), 1.0]), st.floats(0, 1))
fused_scores = arrays.arrays(np.float64, st.tuples(st.integers(0, 4), st.integers(2, 8)), elements=shares)


@given(fused_scores, scales)
def test_any_scores_become_distributions_with_the_same_decision(scores, scale):
    found = fused_posteriors.posteriors(scores, scale)
    assert np.abs(found.sum(1) - 1).max(initial=0) <= NEVER_LIKELIER
    assert (found >= 0).all()
    np.testing.assert_array_equal(found.argmax(1), scores.argmax(1))


def test_scores_without_any_evidence_are_uniform():
    np.testing.assert_array_equal(fused_posteriors.posteriors(np.zeros((1, 4)), 3.0), [[0.25] * 4])


def test_the_last_digit_of_a_score_still_decides():
    """Classes that differ in the last digit fall together in the logarithm, where the first of equals would win."""
    scores = np.array([[0.5, np.nextafter(0.5, 1), 0.1]])
    logs = schemes.log_posteriors(fused_posteriors.normalised(scores))
    assert schemes.calibrated(logs, 0.01).argmax() == 0
    assert fused_posteriors.posteriors(scores, 0.01).argmax() == 1


def made_up(n=120, n_classes=4, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % n_classes
    evidence = np.eye(n_classes)[truth]
    audio, video = (evidence + rng.normal(0, 0.8, evidence.shape) for _ in range(2))
    return Scores(audio, video, truth, rng.permutation(n) % 10)


def fitted(scores, scheme=AUTO):
    method = Method(0.1, scheme, n_folds=2, n_repeats=1, prior=np.array([0.4, 0.3, 0.2, 0.1])[: scores.audio.shape[1]])
    return fused_posteriors.calibrated(choice.fit(scores, method).fusion, scores)


def extreme(n=60, n_classes=4):
    """Certain and uncertain posteriors, 0 and 1 among them, as the logarithms that the fusion takes."""
    rng = np.random.default_rng(5)
    certain = np.eye(n_classes)[rng.integers(0, n_classes, (2, n))]
    certain[:, ::3] = rng.dirichlet(np.full(n_classes, 0.05), (2, len(certain[0, ::3])))
    audio, video = map(schemes.log_posteriors, certain)
    return Scores(audio, video, rng.integers(0, n_classes, n), np.arange(n))


@pytest.mark.parametrize("scheme", [*SCHEMES, AUTO])
@pytest.mark.parametrize("scores", [made_up(seed=1), extreme()], ids=["random", "extreme"])
def test_every_scheme_gives_distributions_and_keeps_its_decisions(scheme, scores):
    fusion = fitted(made_up())
    found = fused_posteriors.fused(fusion, scores, scheme)
    assert np.abs(found.sum(1) - 1).max() <= NEVER_LIKELIER
    np.testing.assert_array_equal(found.argmax(1), schemes.fused(fusion, scores, scheme).argmax(1))


def test_a_weight_per_class_alone_gives_no_distribution():
    scores = made_up()
    fusion = Fusion(1.0, 1.0, {"per_class": np.array([0.0, 1.0, 0.2, 0.7])})
    assert np.abs(schemes.fused(fusion, scores, "per_class").sum(1) - 1).max() > 0.1
    assert np.abs(fused_posteriors.fused(fusion, scores, "per_class").sum(1) - 1).max() <= NEVER_LIKELIER


def log_loss(posteriors, truth):
    """Mean over the clips of the cross-entropy with labels that hold a share of each other class."""
    n, n_classes = posteriors.shape
    targets = (n * np.eye(n_classes)[truth] + 1) / (n + n_classes)
    return -(targets * np.log(posteriors)).sum(1).mean()


def test_the_scale_of_each_scheme_has_the_least_log_loss():
    scores = made_up()
    fusion = fitted(scores)
    assert set(fusion.fused_scales) == {*SCHEMES, AUTO}
    for scheme, scale in fusion.fused_scales.items():
        values = schemes.fused(fusion, scores, scheme)
        losses = [
            log_loss(fused_posteriors.posteriors(values, a), scores.truth) for a in (0.9 * scale, scale, scale / 0.9)
        ]
        assert losses[1] == min(losses), scheme


def test_few_clips_that_are_all_right_do_not_make_posteriors_certain():
    truth = np.array([0, 1, 2, 0, 1, 2])
    evidence = np.log(0.4 * np.eye(3)[truth] + 0.2)
    scores = Scores(evidence, evidence, truth, np.arange(6))
    found = fused_posteriors.fused(fitted(scores, "shared"), scores, "shared")
    assert found.max(1) == pytest.approx(np.full(6, 7 / 9), abs=1e-4)


def test_without_clips_posteriors_are_normalised_only():
    fusion = fitted(made_up()[np.zeros(0, int)])
    assert set(fusion.fused_scales.values()) == {1.0}


def test_a_fusion_of_earlier_versions_is_normalised_only():
    scores = made_up()
    fusion = Fusion(1.0, 1.0, {"shared": np.full(4, 0.3), "joint": np.array([0, 0.5, 1, 0.2])})
    values = schemes.fused(fusion, scores, "joint")
    found = fused_posteriors.fused(fusion, scores, "joint")
    np.testing.assert_allclose(found, values / values.sum(1, keepdims=True), atol=1e-12)


@pytest.mark.parametrize("scheme", [*schemes.WEIGHTED, AUTO, schemes.PRODUCT])
def test_a_member_of_a_bundle_agrees_with_the_workflow(scheme):
    scores = made_up(seed=3)
    fusion = fitted(made_up())
    audio, video = (
        softmax(scores.audio * fusion.audio_scale, axis=1),
        softmax(scores.video * fusion.video_scale, axis=1),
    )
    video[4], audio[7], video[7] = np.nan, np.nan, np.nan
    weights = fusion.weights.get(scheme, np.full(4, 0.5))
    one = Fusion(fusion.audio_scale, fusion.video_scale, {scheme: weights}, prior=fusion.prior)
    one = Fusion(**vars(one) | {"fused_scales": {scheme: fusion.fused_scales[scheme]}})
    found = Member("fold", {}, {}, one, scheme).fused(video, audio)
    both = [i for i in range(len(found)) if i not in (4, 7)]
    np.testing.assert_allclose(found[both], fused_posteriors.fused(fusion, scores, scheme)[both], rtol=1e-12)
    np.testing.assert_array_equal(found[4], audio[4])
    assert np.isnan(found[7]).all()


def test_the_ledger_names_the_clips_of_each_scale():
    scores = made_up()
    named = Scores(scores.audio, scores.video, scores.truth, scores.groups, tuple(map(str, range(len(scores)))))
    fusion = fitted(named, "joint")
    found = fused_posteriors.records(fusion, named.clips)
    assert {record.choice for record in found} == {f"fusion/scale of {name} posteriors" for name in SCHEMES}
    assert {record.clips for record in found} == {named.clips}
