"""The joint search is exact: what it finds is what trying everything finds, by the same rule for ties."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from emotiw.fusion import branch_and_bound, schemes
from emotiw.fusion.branch_and_bound import Problem


def made_up(n, n_classes, seed, *, step=None):
    """Posteriors and truth; with `step` the posteriors are multiples of it, so that scores tie."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_classes, size=n)
    evidence = np.eye(n_classes)[truth]
    audio, video = (softmax(evidence + rng.normal(0, 1, evidence.shape), axis=1) for _ in range(2))
    return (
        (audio, video, truth) if step is None else (np.round(audio / step) * step, np.round(video / step) * step, truth)
    )


def everything(audio, video, truth, grid):
    """Best of all weights by the stated rule, tried one by one."""
    ranked = []
    for weights in itertools.product(grid, repeat=audio.shape[1]):
        w = np.array(weights)
        sums = w * audio + (1 - w) * video
        right = int((sums.argmax(1) == truth).sum())
        own = np.maximum(sums[np.arange(len(truth)), truth] / np.maximum(sums.sum(1), 1e-12), 1e-12)
        ranked.append((-right, round(np.abs(w - 0.5).sum(), 9), -round(np.log(own).sum(), 9), weights))
    return min(ranked)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(0, 70),
    seed=st.integers(0, 10_000),
    grid_step=st.sampled_from([0.1, 0.2, 0.25, 1 / 3]),
    ties=st.sampled_from([None, 0.05, 0.25]),
)
def test_three_classes_equal_the_exhaustive_search(n, seed, grid_step, ties):
    audio, video, truth = made_up(n, 3, seed, step=ties)
    result = schemes.joint_search(audio, video, truth, grid_step)
    right, _, _, weights = everything(audio, video, truth, schemes.grid(grid_step))
    assert (result.n_right, result.upper_bound, result.complete) == (-right, -right, True)
    assert result.weights.tolist() == list(weights)


@pytest.mark.parametrize(("n_classes", "n"), [(2, 90), (4, 150)])
def test_other_numbers_of_classes_and_more_than_a_word_of_clips(n_classes, n):
    audio, video, truth = made_up(n, n_classes, 3)
    result = schemes.joint_search(audio, video, truth, 0.125)
    assert result.weights.tolist() == list(everything(audio, video, truth, schemes.grid(0.125))[3])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n_chosen=st.integers(0, 3))
def test_a_bound_is_never_below_what_a_completion_gets_right(seed, n_chosen):
    audio, video, truth = made_up(60, 5, seed)
    problem = Problem(audio, video, truth, schemes.grid(0.2))
    rng = np.random.default_rng(seed)
    complete = rng.integers(6, size=(1, 5))
    extended = problem.extended(complete[:, :n_chosen])
    bound = extended.bounds[extended.chosen[:, -1] == complete[0, n_chosen]]
    weights = problem.weights(complete)[0]
    right = (schemes.weighted_sum(audio, video, weights).argmax(1) == truth).sum()
    assert bound >= right


def test_the_bound_of_complete_weights_is_what_they_get_right():
    audio, video, truth = made_up(200, 7, 0)
    problem = Problem(audio, video, truth, schemes.grid(0.05))
    weights = schemes.grid(0.05)[np.random.default_rng(1).integers(21, size=7)]
    right = (schemes.weighted_sum(audio, video, weights).argmax(1) == truth).sum()
    assert problem.nearest(weights).bounds.tolist() == [right]


def test_a_search_that_ends_early_states_a_bound_that_holds():
    audio, video, truth = made_up(120, 7, 5)
    whole = schemes.joint_search(audio, video, truth, 0.05)
    cut = schemes.joint_search(audio, video, truth, 0.05, max_branches=3000)
    assert whole.complete
    assert not cut.complete
    assert cut.n_right <= whole.n_right <= cut.upper_bound
    assert cut.facts == {
        "n_right": cut.n_right,
        "upper_bound": cut.upper_bound,
        "complete": False,
        "n_branches": cut.n_branches,
    }


def test_the_start_does_not_change_what_is_found():
    audio, video, truth = made_up(80, 4, 2)

    def likelihood(weights):
        return np.array([value for *_, value in schemes._objectives(audio, video, truth, weights)])

    grid = schemes.grid(0.1)
    starts = [np.zeros(4), np.ones(4), np.full(4, 0.5), np.array([0.0, 1.0, 0.3, 0.7])]
    results = [branch_and_bound.search(Problem(audio, video, truth, grid), s, likelihood) for s in starts]
    assert len({tuple(result.weights) for result in results}) == 1


def test_weights_nearest_to_one_half_win_where_every_weight_is_right():
    result = schemes.joint_search(np.eye(3), np.eye(3), np.arange(3), 0.05)
    assert result.weights.tolist() == [0.5] * 3
