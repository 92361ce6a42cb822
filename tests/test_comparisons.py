"""Paired tests: hand calculations, and what statsmodels and SciPy find."""

import itertools

import numpy as np
import pytest
from scipy.stats import permutation_test
from statsmodels.stats.contingency_tables import mcnemar

from emotiw.statistics import comparisons, metrics


def test_mcnemar_by_hand():
    """Of six discordant clips one or none on a side: 2 (1 + 6) / 2^6."""
    assert comparisons.mcnemar_p(5, 1) == pytest.approx(14 / 64)
    assert comparisons.mcnemar_p(0, 6) == pytest.approx(2 / 64)
    assert comparisons.mcnemar_p(0, 0) == 1


@pytest.mark.parametrize(("a_only", "b_only"), [(3, 11), (25, 9), (7, 7), (0, 4)])
def test_mcnemar_equals_that_of_statsmodels(a_only, b_only):
    expected = mcnemar([[10, a_only], [b_only, 10]], exact=True).pvalue
    assert comparisons.mcnemar_p(a_only, b_only) == pytest.approx(expected)


def test_discordant_clips_are_those_that_one_system_alone_gets_right():
    a, b = np.array([1, 1, 1, 0, 0], bool), np.array([0, 0, 1, 1, 0], bool)
    assert comparisons.discordant(a, b) == (2, 1)


def test_permutation_by_hand():
    """Signs of 3, 1, -1: sums 3, 5, 1, 3 and their opposites; six of eight are at least 3 away from 0."""
    assert comparisons.permutation_p(np.array([3, 1, -1, 0]), seed=0) == (6 / 8, 8)


def test_permutation_without_differences_says_nothing():
    assert comparisons.permutation_p(np.zeros(5, int), seed=0) == (1.0, 1)
    assert comparisons.permutation_p(np.zeros(0, int), seed=0) == (1.0, 1)


@pytest.mark.parametrize("seed", range(3))
def test_exact_permutation_equals_trying_all_signs_and_scipys(seed):
    terms = np.random.default_rng(seed).integers(-3, 6, size=9)
    terms = terms[terms != 0]
    found, n = comparisons.permutation_p(terms, seed=0)
    sums = [np.dot(signs, terms) for signs in itertools.product((1, -1), repeat=len(terms))]
    assert n == 2 ** len(terms)
    assert found == np.mean(np.abs(sums) >= abs(terms.sum()))
    scipys = permutation_test((terms,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert found == pytest.approx(scipys.pvalue)


def test_drawn_permutations_are_seeded_and_near_the_exact_ones(monkeypatch):
    terms = np.random.default_rng(4).integers(-2, 4, size=18)
    exact, _ = comparisons.permutation_p(terms, seed=0)
    monkeypatch.setattr(comparisons, "MAX_EXACT", 5)
    drawn = [comparisons.permutation_p(terms, seed=seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0][1] == comparisons.N_PERMUTATIONS + 1
    assert drawn[0][0] == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / comparisons.N_PERMUTATIONS))


def test_the_smallest_drawn_p_value_counts_the_data_themselves(monkeypatch):
    monkeypatch.setattr(comparisons, "MAX_EXACT", 5)
    assert comparisons.permutation_p(np.ones(60, int), seed=0)[0] == 1 / (comparisons.N_PERMUTATIONS + 1)


def test_holm_by_hand():
    """0.01 times 3; 0.03 times 2; 0.04 times 1, but not below the one before."""
    assert comparisons.holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert comparisons.holm([0.9, 0.8]) == [1, 1]
    assert comparisons.holm([]) == []


def test_a_family_by_hand():
    right = {
        "good": np.array([1, 1, 1, 1, 1, 0], bool),
        "bad": np.array([0, 0, 1, 0, 1, 1], bool),
        "good too": np.array([1, 1, 1, 1, 1, 0], bool),
    }
    subjects = np.array([0, 0, 1, 1, 2, 2])
    resamples = metrics.subject_resamples(3, np.random.default_rng(0), n_resamples=500)
    first, second = comparisons.compare(right, subjects, [("good", "bad"), ("good", "good too")], resamples, seed=0)
    assert first["difference_interval"][0] < first["difference"] <= first["difference_interval"][1]
    del first["difference_interval"]
    # differences of the subjects: 2, 1, -1
    assert first == {
        **{"a": "good", "b": "bad", "n": 6, "a_only": 3, "b_only": 1, "difference": pytest.approx(2 / 6)},
        **{"mcnemar_p": pytest.approx(10 / 16), "permutation_p": pytest.approx(6 / 8), "n_permutations": 8},
        **{"mcnemar_holm": 1, "permutation_holm": 1},
    }
    assert (second["difference"], second["difference_interval"], second["mcnemar_p"]) == (0, (0, 0), 1)


def test_the_interval_of_a_difference_is_that_of_the_accuracies_on_the_same_resamples():
    rng = np.random.default_rng(1)
    truth, subjects = np.arange(60) % 2, np.repeat(np.arange(6), 10)
    predicted = {"a": np.where(rng.random(60) < 0.8, truth, 1 - truth), "b": rng.integers(0, 2, 60)}
    resamples = metrics.subject_resamples(6, rng, n_resamples=300)
    (found,) = comparisons.compare(
        {name: values == truth for name, values in predicted.items()}, subjects, [("a", "b")], resamples, seed=0
    )
    confusions = [metrics.clustered_confusions(truth, values, subjects, 2) for values in predicted.values()]
    sums = [np.einsum("rs,sij->rij", resamples, clusters) for clusters in confusions]
    expected = np.quantile(metrics.accuracy(sums[0]) - metrics.accuracy(sums[1]), [0.025, 0.975])
    assert found["difference_interval"] == pytest.approx(tuple(expected))


def test_no_clip_has_no_difference():
    nothing = np.zeros(0, bool)
    resamples = metrics.subject_resamples(0, np.random.default_rng(0), n_resamples=100)
    (found,) = comparisons.compare({"a": nothing, "b": nothing}, np.zeros(0, int), [("a", "b")], resamples, seed=0)
    assert (found["n"], found["difference"], found["difference_interval"]) == (0, None, None)
    assert (found["mcnemar_p"], found["permutation_p"]) == (1, 1)
