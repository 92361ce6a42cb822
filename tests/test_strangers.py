"""Calibration by corpora that were left out, and the threshold of an uncertain answer."""

import numpy as np
import pytest

from emotiw.fusion import schemes
from emotiw.prediction import strangers
from emotiw.prediction.strangers import LeftOut


def clips(n, corpus, *, sharpness=1.0, seed=0, source="fusion"):
    """Clips whose labels are drawn from their posteriors; those posteriors are then sharpened."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(3), size=n)
    truth = np.array([rng.choice(3, p=row) for row in p])
    sharp = schemes.calibrated(np.log(p), sharpness)
    return LeftOut(sharp, np.full(n, source), truth, np.full(n, corpus))


def joined(*parts):
    names = ("posteriors", "sources", "truth", "corpora")
    return LeftOut(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@pytest.mark.parametrize("sharpness", [0.5, 2.0, 4.0])
def test_posteriors_that_are_too_sharp_get_their_true_scale(sharpness):
    found = strangers.calibration(clips(20000, "a", sharpness=sharpness), 0.6)
    assert found["scales"]["fusion"] == pytest.approx(1 / sharpness, rel=0.05)
    assert found["scales"]["audio"] == 1.0  # no clip by sound alone


def test_each_corpus_counts_alike():
    large, small = clips(20000, "large"), clips(2000, "small", sharpness=4.0, seed=1)
    both = strangers.calibration(joined(large, small), 0.6)["scales"]["fusion"]
    twice = strangers.calibration(joined(large, large, small), 0.6)["scales"]["fusion"]
    assert both == pytest.approx(twice, rel=1e-3)
    assert both < 0.9  # without the weights, the large corpus would leave it near 1


def test_above_the_threshold_clips_are_right_as_often_as_asked():
    given = clips(20000, "a")
    found = strangers.calibration(given, 0.8)
    above = given.posteriors.max(axis=1) >= found["min_confidence"]
    right = given.posteriors.argmax(axis=1) == given.truth
    assert right[above].mean() == pytest.approx(0.8, abs=0.01)
    assert right.mean() < 0.75
    assert found["corpora"] == ["a"]
    assert found["n_clips"] == 20000


def test_the_threshold_is_the_smallest_that_suffices():
    confidence, right = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False])
    weights = np.ones(4)
    assert strangers.threshold(confidence, right, weights, 0.6) == 0.7
    assert strangers.threshold(confidence, right, weights, 0.9) == 0.9
    assert strangers.threshold(confidence, ~right, weights, 0.9) is None
    assert strangers.threshold(confidence, right, np.array([1, 9, 1, 1]), 0.6) == 0.9


def test_clips_of_equal_confidence_are_above_together():
    confidence, right = np.array([0.8, 0.8, 0.5]), np.array([True, False, False])
    assert strangers.threshold(confidence, right, np.ones(3), 0.9) is None


def test_without_a_clip_nothing_is_calibrated():
    none = LeftOut(np.zeros((0, 3)), np.zeros(0, str), np.zeros(0, int), np.zeros(0, str))
    found = strangers.calibration(none, 0.6)
    assert found["scales"] == {"video": 1.0, "audio": 1.0, "fusion": 1.0}
    assert found["min_confidence"] is None
