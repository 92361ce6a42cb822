"""Optimism: resubstitution minus repeated cross-validation over whole groups, per scheme."""

import time

import numpy as np
import pytest

from emotiw.fusion import optimism, schemes
from emotiw.fusion.schemes import Scores
from test_schemes import made_up


def estimate(scores, n_folds=5, n_repeats=3):
    fitted = schemes.fit(scores, step=0.1)
    return optimism.by_scheme(scores, fitted, step=0.1, n_folds=n_folds, n_repeats=n_repeats)


def test_optimism_is_resubstitution_minus_the_mean_of_the_repeats():
    scores = made_up(n=60)
    found = estimate(scores)
    assert set(found) == set(schemes.SCHEMES)
    repeats = [optimism.cross_validated(scores, step=0.1, n_folds=5, seed=seed) for seed in range(3)]
    for scheme, values in found.items():
        accuracies = [accuracy[scheme] for accuracy in repeats]
        assert values["optimism"] == values["resubstitution"] - values["cross_validated"]
        assert values["cross_validated"] == pytest.approx(np.mean(accuracies))
        assert values["std"] == pytest.approx(np.std(accuracies, ddof=1))
        assert (values["n_folds"], values["n_repeats"]) == (5, 3)


def test_groupings_differ_between_repeats_and_not_between_runs():
    scores = made_up(n=60, n_groups=20)
    first, again, other = (optimism.cross_validated(scores, step=0.1, n_folds=5, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_resubstitution_and_one_fold_by_hand():
    scores = made_up(n=40, n_groups=2)
    found = estimate(scores)
    halves = [np.flatnonzero(scores.groups == s) for s in (0, 1)]
    right = sum(
        optimism.n_right(schemes.fit(scores[a], step=0.1), scores[b], "joint") for a, b in (halves, halves[::-1])
    )
    assert found["joint"]["cross_validated"] == right / 40
    assert found["joint"]["resubstitution"] == optimism.n_right(schemes.fit(scores, step=0.1), scores, "joint") / 40


def test_groups_that_are_folds_of_their_own_are_divided_once():
    found = estimate(made_up(n=40, n_groups=4), n_folds=5)
    assert {(it["n_folds"], it["n_repeats"], it["std"]) for it in found.values()} == {(4, 1, None)}


def test_seven_weights_are_more_optimistic_than_one_on_noise():
    rng = np.random.default_rng(0)
    n = 140
    noise = Scores(rng.normal(size=(n, 7)), rng.normal(size=(n, 7)), np.arange(n) % 7, np.arange(n) % 20)
    found = estimate(noise, n_repeats=1)
    assert found["joint"]["optimism"] > found["shared"]["optimism"]
    assert found["joint"]["optimism"] > 0.05


def test_optimism_needs_two_groups():
    assert estimate(made_up(n_groups=1)) is None


def test_fitting_and_optimism_of_afews_validation_part_take_seconds():
    scores = made_up(n=383, n_classes=7, n_groups=100)
    start = time.process_time()
    fitted = schemes.fit(scores, step=0.05)
    assert fitted.joint.complete
    assert time.process_time() - start < 20
    optimism.by_scheme(scores, fitted, step=0.05, n_folds=5, n_repeats=1)
    assert time.process_time() - start < 40
