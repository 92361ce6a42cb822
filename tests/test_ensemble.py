"""Scores of several networks: means, the best one, the restarts of an architecture."""

import numpy as np
import pytest

from emotiw.audio import ensemble


def test_mean_scores_of_each_architecture_and_of_all():
    scores = {"4_0": np.array([[0.0]]), "4_1": np.array([[3.0]]), "4-4_0": np.array([[6.0]])}
    assert ensemble.mean_scores(scores) == {"4": 1.5, "4-4": 6, "mean": 3}


def test_the_mean_over_networks_keeps_the_clip_score():
    found = np.random.default_rng(0).dirichlet(np.ones(3), size=(4, 9)).astype(np.float32)
    mean = ensemble.mean_frame_posteriors(found)
    assert mean.dtype == np.float32
    np.testing.assert_allclose(mean.mean(axis=0), found.mean(axis=1).mean(axis=0), atol=1e-7)


NETWORKS = {
    "4_0": {"validation": {"clip_loss": 1.5, "accuracy": 0.5}},
    "4_1": {"validation": {"clip_loss": 1.1, "accuracy": 0.3}},
    "4-2_0": {"validation": {"clip_loss": 1.3, "accuracy": 0.9}},
}


def test_the_best_network_has_the_least_cross_entropy_of_clips():
    assert ensemble.best(NETWORKS) == "4_1"
    assert ensemble.best({"4_0": {"validation": None}, "4_1": {"validation": None}}) == "4_0"


def test_restarts_are_summarised_by_architecture():
    found = ensemble.restarts(NETWORKS)
    assert (found["4"]["n"], found["4"]["best"]) == (2, "4_1")
    assert found["4"]["mean"] == pytest.approx({"clip_loss": 1.3, "accuracy": 0.4})
    assert found["4"]["std"] == pytest.approx({"clip_loss": 0.08**0.5, "accuracy": 0.02**0.5})
    assert found["4-2"]["std"] == {"clip_loss": None, "accuracy": None}
    unvalidated = {"4_0": {"validation": None}}
    assert ensemble.restarts(unvalidated) == {"4": {"n": 1, "best": "4_0", "mean": None, "std": None}}
