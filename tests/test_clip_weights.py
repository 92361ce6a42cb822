"""Weights of training clips by class and by corpus."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from emotiw.core.errors import FeatureError
from emotiw.jobs import settings
from emotiw.scoring import pooled_classifiers
from emotiw.scoring.pooled_classifiers import Clips
from emotiw.statistics.clip_weights import clip_weights
from emotiw.statistics.cross_validation import Training

Y = np.array([0] * 12 + [1] * 6 + [0, 1, 1, 2])
CORPORA = ("large",) * 18 + ("small",) * 4
SETTINGS = settings.load([])["pooled"]


def sums(weights, of):
    return {name: float(weights[[value == name for value in of]].sum()) for name in dict.fromkeys(of)}


@pytest.mark.parametrize(
    ("corpus_weights", "ratio"), [("none", 18 / 4), ("square_root", np.sqrt(18 / 4)), ("balanced", 1)]
)
def test_the_sums_of_the_corpora_have_the_promised_ratio_and_the_mean_is_1(corpus_weights, ratio):
    weights = clip_weights(Y, CORPORA, "none", corpus_weights)
    total = sums(weights, CORPORA)
    assert total["large"] / total["small"] == pytest.approx(ratio)
    assert weights.mean() == pytest.approx(1)
    assert len(set(weights[:18])) == 1


def test_with_balanced_classes_the_classes_of_a_corpus_share_its_weight():
    weights = clip_weights(Y, CORPORA, "balanced", "balanced")
    found = sums(weights, list(zip(CORPORA, Y.tolist(), strict=True)))
    assert found == pytest.approx(
        {("large", 0): 5.5, ("large", 1): 5.5, ("small", 0): 11 / 3, ("small", 1): 11 / 3, ("small", 2): 11 / 3}
    )


def test_another_word_is_refused():
    with pytest.raises(FeatureError, match="'even' are unknown; expected one of none, square_root, balanced"):
        clip_weights(Y, CORPORA, "none", "even")


def rows(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(0, 1, (22, 5)) + 2 * np.eye(3, 5)[Y]
    return X + 4 * (np.array(CORPORA) == "small")[:, None]


@pytest.mark.parametrize("name", pooled_classifiers.FAMILIES)
def test_an_integer_weight_is_that_many_equal_clips(name):
    X, times = rows(), np.array([1] * 18 + [3] * 4)
    weighted = pooled_classifiers.fit(name, 0.1, X, Y, times.astype(np.float64))
    repeated = pooled_classifiers.fit(name, 0.1, X.repeat(times, axis=0), Y.repeat(times), "none")
    np.testing.assert_allclose(weighted.mean, repeated.mean)
    np.testing.assert_allclose(weighted.scale, repeated.scale)
    np.testing.assert_allclose(weighted.decision_values(X), repeated.decision_values(X), atol=4e-3)


@pytest.mark.parametrize("name", pooled_classifiers.FAMILIES)
def test_the_learner_gets_the_weights_of_its_corpora(name):
    X = rows()
    clips = [(f"c{i}", "abc"[label], f"s{i}") for i, label in enumerate(Y)]
    chosen = SETTINGS | {"c": 0.1, "corpus_weights": "balanced"}
    training = Training.of(clips, "abc", chosen, CORPORA)
    found = pooled_classifiers.clip_scores(name, Clips(np.concatenate([X, X])), training, chosen).values[-22:]
    weights = clip_weights(Y, CORPORA, "none", "balanced")
    mean = np.average(X, axis=0, weights=weights)
    Z = (X - mean) / np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weights))
    if name == "pooled_logistic":
        oracle = LogisticRegression(C=0.1, tol=1e-9, max_iter=20000).fit(Z, Y, sample_weight=weights)
        np.testing.assert_allclose(found, oracle.decision_function(Z), atol=1e-4)
    else:
        machines = [SVC(kernel="linear", C=0.1).fit(Z, Y == k, sample_weight=weights) for k in range(3)]
        np.testing.assert_allclose(found, np.stack([m.decision_function(Z) for m in machines], 1), atol=2e-3)


def test_the_criterion_counts_the_corpora_equally():
    clips = [(f"c{i}", "ab"[i % 2], f"s{i}") for i in range(22)]
    training = Training.of(clips, "ab", SETTINGS | {"corpus_weights": "balanced"}, CORPORA)
    weights = training.weights(np.arange(10, 22))
    assert weights[:8].sum() == pytest.approx(weights[8:].sum()) == pytest.approx(6)
    assert "corpora weighted equally" in training.choosing.criterion
