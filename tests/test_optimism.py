"""Optimism: resubstitution minus repeated cross-validation over whole groups, per scheme; nested where it chooses."""

import time

import numpy as np
import pytest

from emotiw.fusion import choice, optimism, schemes
from emotiw.fusion.choice import Method
from emotiw.fusion.schemes import Scores
from test_schemes import made_up


def method_of(n_folds=5, n_repeats=3, **more):
    return Method(0.1, n_folds=n_folds, n_repeats=n_repeats, **more)


def estimate(scores, **more):
    method = method_of(**more)
    return optimism.by_scheme(scores, choice.fit(scores, method), method)


def validated(scores, seed, **more):
    method = method_of(**more)
    return optimism.cross_validated(scores, list(choice.divisions(scores, method))[seed], method)


def test_optimism_is_resubstitution_minus_the_mean_of_the_repeats():
    scores = made_up(n=60)
    found = estimate(scores)
    assert set(found) == set(schemes.SCHEMES)
    repeats = [validated(scores, seed) for seed in range(3)]
    for scheme, values in found.items():
        accuracies = [accuracy[scheme] for accuracy in repeats]
        assert values["optimism"] == values["resubstitution"] - values["cross_validated"]
        assert values["cross_validated"] == pytest.approx(np.mean(accuracies))
        assert values["std"] == pytest.approx(np.std(accuracies, ddof=1))
        assert (values["n_folds"], values["n_repeats"]) == (5, 3)


def test_groupings_differ_between_repeats_and_not_between_runs():
    scores = made_up(n=60, n_groups=20)
    first, again, other = (validated(scores, seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_resubstitution_and_one_fold_by_hand():
    scores = made_up(n=40, n_groups=2)
    found = estimate(scores)
    halves = [np.flatnonzero(scores.groups == s) for s in (0, 1)]
    right = sum(choice.n_right(schemes.fit(scores[a], step=0.1), scores[b], "joint") for a, b in (halves, halves[::-1]))
    assert found["joint"]["cross_validated"] == right / 40
    assert found["joint"]["resubstitution"] == choice.n_right(schemes.fit(scores, step=0.1), scores, "joint") / 40


def test_a_chosen_scheme_is_chosen_again_in_every_fold():
    """The estimate of `auto` is that of a hand-written nested cross-validation."""
    scores = made_up(n=60, n_groups=6)
    method = method_of(n_folds=3, n_repeats=1, scheme="auto", shrinkage="auto")
    found = estimate(scores, n_folds=3, n_repeats=1, scheme="auto", shrinkage="auto")
    right = 0
    for train, test in next(choice.divisions(scores, method)):
        inside = choice.fit(scores[train], method)
        fused = schemes.fused(inside.fusion, scores[test], inside.scheme)
        right += (fused.argmax(1) == scores.truth[test]).sum()
    assert found["auto"]["cross_validated"] == right / 60
    assert set(found) == {*schemes.SCHEMES, "auto"}


def test_the_labels_of_a_fold_do_not_choose_the_scheme_that_judges_it():
    scores = made_up(n=60, n_groups=6)
    method = method_of(n_folds=3, n_repeats=1, scheme="auto", shrinkage="auto")
    train, test = next(choice.divisions(scores, method))[0]
    truth = scores.truth.copy()
    truth[test] = (truth[test] + 1) % 4
    other = Scores(scores.audio, scores.video, truth, scores.groups)
    first, second = (choice.fit(it[train], method) for it in (scores, other))
    assert first.facts == second.facts
    np.testing.assert_array_equal(first.fusion.weights["auto"], second.fusion.weights["auto"])


def test_the_estimate_of_the_chosen_scheme_is_not_the_maximum_that_chose_it():
    """On noise, the best of nine candidates looks better than it is; the nested estimate does not follow it."""
    rng = np.random.default_rng(0)
    best, nested = [], []
    for _ in range(6):
        scores = Scores(rng.normal(size=(60, 4)), rng.normal(size=(60, 4)), np.arange(60) % 4, np.arange(60) // 4)
        method = method_of(n_repeats=1, scheme="auto", shrinkage="auto")
        chosen = choice.fit(scores, method)
        best.append(max(max(values) for values in chosen.accuracies.values()))
        nested.append(optimism.by_scheme(scores, chosen, method)["auto"]["cross_validated"])
    assert np.mean(nested) < np.mean(best) - 0.01


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
    shrunk = estimate(noise, n_repeats=1, shrinkage=1.0)
    assert shrunk["joint"] == shrunk["shared"]


def test_optimism_needs_two_groups():
    assert estimate(made_up(n_groups=1)) is None
    assert estimate(made_up(n_groups=1), scheme="auto", shrinkage="auto") is None


def test_fitting_and_optimism_of_afews_validation_part_take_seconds():
    scores = made_up(n=383, n_classes=7, n_groups=100)
    method = Method(0.05, n_repeats=1)
    start = time.process_time()
    chosen = choice.fit(scores, method)
    assert chosen.fusion.joint.complete
    assert time.process_time() - start < 20
    optimism.by_scheme(scores, chosen, method)
    assert time.process_time() - start < 40
