"""Exact search for the best class weights on a grid, by branch and bound.

A clip of class y is classified correctly if f_y(w_y) > f_c(w_c) for every other class c (>= for a later c), where
f_c(w) = w A_c + (1 - w) V_c. Each condition depends on two weights only. So one bit per clip, for each pair of classes
and each pair of their weights, holds whether the condition is met, and the correct clips of a class are an intersection
of bit sets.

Upper bound: with the weights of some classes chosen, the number of correct clips of a class is largest if its own
weight is the best of the grid and the other free classes take, for each clip, the weight that suits it. The sum over
classes bounds every completion of the choice. Choices whose bound is not better than the best solution so far are
dropped (Land and Doig, "An automatic method of solving discrete programming problems", Econometrica 28, 1960).
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import reduce
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]

N_EXPANDED = 512  # choices expanded at a time
N_SAMPLED = 200  # choices from which the order of the classes is decided
MAX_BRANCHES = 10_000_000  # bounds computed before a search ends without proof: some 6 s


@dataclass(frozen=True)
class SearchResult:
    """The best weights found, and what the search has proven about them.

    Attributes
    ----------
    weights : ndarray, shape (n_classes,)
        Audio weight of each class.
    n_right : int
        Clips that these weights classify correctly.
    upper_bound : int
        No weights of the grid classify more clips correctly; equals `n_right` if the search is complete.
    complete : bool
        Whether all other weights are excluded, by the number of clips or by the rule for ties.
    n_branches : int
        Partial and complete choices of weights whose bound was computed.
    """

    weights: Floats
    n_right: int
    upper_bound: int
    complete: bool
    n_branches: int

    @property
    def facts(self) -> dict[str, Any]:
        """The result without the weights, as JSON values."""
        return {key: value for key, value in asdict(self).items() if key != "weights"}


@dataclass
class _Frontier:
    """Partial choices of weights, best first: grid indices (n, n_chosen), upper bounds, distances from 1/2."""

    chosen: Ints
    bounds: Ints
    distances: Ints

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, rows: slice | Ints | npt.NDArray[np.bool_]) -> "_Frontier":
        return _Frontier(self.chosen[rows], self.bounds[rows], self.distances[rows])

    def worthwhile(self, n_right: int, distance: int) -> "_Frontier":
        """Choices that may lead to more correct clips, or to as many with weights no farther from 1/2."""
        ties = (self.bounds == n_right) & (self.distances <= distance)
        return self[(self.bounds > n_right) | ties]


class Problem:
    """Labelled clips, the grid of weights, and the bit sets of correctly classified clips.

    Parameters
    ----------
    audio, video : ndarray, shape (n_clips, n_classes)
        Scores on one scale.
    truth : ndarray, shape (n_clips,)
        Class indices.
    grid : ndarray, shape (n_weights,)
        Symmetric about 1/2.
    """

    def __init__(self, audio: Floats, video: Floats, truth: Ints, grid: Floats) -> None:
        self.grid = grid
        self.order = list(range(audio.shape[1]))
        weights = grid[:, None, None]
        fused = weights * audio + (1 - weights) * video  # (weights, clips, classes); the same bits as `weighted_sum`
        self.pairs: dict[tuple[int, int], Bits] = {}
        for y, c in permutations(self.order, 2):
            own, other = (fused[:, truth == y, k] for k in (y, c))
            wins = np.greater if c < y else np.greater_equal  # argmax takes the first of equal scores
            self.pairs[y, c] = _packed(wins(own[:, None], other[None]))  # (words, weights of y, weights of c)
        self.all = [_packed(np.ones((1, 1, int((truth == y).sum())), np.bool_)) for y in self.order]
        self.possible = {pair: np.bitwise_or.reduce(bits, axis=2) for pair, bits in self.pairs.items()}

    def extended(self, chosen: Ints) -> _Frontier:
        """Extend each choice (n, n_chosen) of weight indices by every weight of the next class, best first."""
        n = len(self.grid)
        longer = np.column_stack([np.repeat(chosen, n, axis=0), np.tile(np.arange(n), len(chosen))])
        distances = np.abs(2 * longer - (n - 1)).sum(1)
        bounds = self._bounds(chosen).ravel()
        return _Frontier(longer, bounds, distances)[np.lexsort((distances, -bounds))]

    def nearest(self, weights: Floats) -> _Frontier:
        """Choose the grid weights nearest to `weights`, shape (n_classes,); the bound is exact."""
        place = np.abs(self.grid[:, None] - weights).argmin(0)[None, self.order]
        last = self.extended(place[:, :-1])
        return last[last.chosen[:, -1] == place[0, -1]]

    def _bounds(self, chosen: Ints) -> Ints:
        """Upper bound of the correct clips of each choice, by the weight of the next class: (n, n_weights)."""
        column = {c: chosen[:, k, None] for k, c in enumerate(self.order[: chosen.shape[1]])}
        new = self.order[chosen.shape[1]]
        every = np.arange(len(self.grid))[None]
        total = np.zeros((len(chosen), len(self.grid)), np.int64)
        for y in self.order:
            own = column.get(y, every)  # (n, 1) or (1, weights of y)
            sets = [
                self.pairs[y, c][:, own, column[c]] if c in column else self.possible[y, c][:, own]
                for c in self.order
                if c not in (y, new)
            ]
            right = reduce(np.bitwise_and, sets, self.all[y])  # (words, n or 1, 1 or weights of y)
            if y != new:
                right = right[..., None] & self.pairs[y, new][:, own]  # (words, n or 1, ..., weights of new)
            total += _count(right) if y == new else _count(right).max(1)
        return total

    def order_classes(self, n_right: int) -> None:
        """Order the classes greedily: next the class after which the fewest choices can still reach `n_right`."""
        done: list[int] = []
        todo = sorted(self.order)
        chosen = np.zeros((1, 0), np.int64)
        while len(todo) > 1 and len(chosen):
            tried = {}
            for c in todo:
                self.order = [*done, c, *(other for other in todo if other != c)]
                extended = self.extended(chosen)
                tried[c] = extended[extended.bounds >= n_right]
            best = min(todo, key=lambda c: (len(tried[c]), int(tried[c].bounds.sum())))
            done.append(best)
            todo.remove(best)
            rows = np.linspace(0, len(tried[best]) - 1, min(N_SAMPLED, len(tried[best]))).round().astype(np.int64)
            chosen = tried[best].chosen[rows]
        self.order = [*done, *todo]

    def weights(self, chosen: Ints) -> Floats:
        """Weights (n, n_classes) of complete choices; columns in the order of the class indices."""
        weights = np.empty(chosen.shape)
        weights[:, self.order] = self.grid[chosen]
        return weights


def search(
    problem: Problem, start: Floats, likelihood: Callable[[Floats], Floats], *, max_branches: int = MAX_BRANCHES
) -> SearchResult:
    """Search for the weights that classify the most clips correctly.

    Ties are decided by the least distance from 1/2, then the greatest likelihood, then the smallest weight of the first
    class in which the weights differ.

    Parameters
    ----------
    problem : Problem
        Clips and grid. Its order of classes is changed.
    start : ndarray, shape (n_classes,)
        Initial weights on the grid. Better weights shorten the search; they do not change the result.
    likelihood : callable
        Maps weights (n, n_classes) to log-likelihoods (n,).
    max_branches : int
        The search ends without proof after this many bounds.
    """
    problem.order_classes(int(problem.nearest(start).bounds[0]))
    best = _Incumbent(problem, likelihood, problem.nearest(start))
    stack = [problem.extended(np.zeros((1, 0), np.int64))]
    n_branches = len(problem.grid)
    while stack and n_branches <= max_branches:
        frontier = best.improving(stack.pop())
        if not len(frontier):
            continue
        if len(frontier) > N_EXPANDED:
            stack.append(frontier[N_EXPANDED:])
        extended = best.improving(problem.extended(frontier.chosen[:N_EXPANDED]))
        n_branches += min(len(frontier), N_EXPANDED) * len(problem.grid)
        if extended.chosen.shape[1] == len(problem.order):
            best.update(extended)
        else:
            stack.append(extended)
    left = [frontier for frontier in map(best.improving, stack) if len(frontier)]
    upper_bound = max([best.n_right, *(int(frontier.bounds.max()) for frontier in left)])
    return SearchResult(best.weights, best.n_right, upper_bound, not left, n_branches)


class _Incumbent:
    """The best complete choice so far, called the incumbent in branch and bound."""

    def __init__(self, problem: Problem, likelihood: Callable[[Floats], Floats], first: _Frontier) -> None:
        self.problem, self.likelihood = problem, likelihood
        self.n_right, self.distance = -1, 0
        self.weights: Floats = np.zeros(0)
        self.update(first)

    def improving(self, frontier: _Frontier) -> _Frontier:
        """Choices that may lead to weights as good as the incumbent's, or better."""
        return frontier.worthwhile(self.n_right, self.distance)

    def update(self, complete: _Frontier) -> None:
        """Replace the incumbent by the first of some complete choices, ordered best first, if that is better."""
        if not len(complete):
            return
        objective = int(complete.bounds[0]), int(complete.distances[0])
        equal = (complete.bounds == objective[0]) & (complete.distances == objective[1])
        candidates = self.problem.weights(complete.chosen[equal])
        if objective == (self.n_right, self.distance):
            candidates = np.concatenate([self.weights[None], candidates])
        self.n_right, self.distance = objective
        keys = zip(-self.likelihood(candidates), candidates.tolist(), strict=True)
        self.weights = np.array(min(keys)[1])


def _packed(flags: npt.NDArray[np.bool_]) -> Bits:
    """Pack the last axis into words of 64 bits, along a new first axis."""
    padded = np.pad(flags, [(0, 0)] * (flags.ndim - 1) + [(0, -flags.shape[-1] % 64)])
    words = np.packbits(padded, axis=-1).view(np.uint64)
    return np.ascontiguousarray(np.moveaxis(words, -1, 0))


def _count(bits: Bits) -> npt.NDArray[np.unsignedinteger]:
    return np.asarray(np.bitwise_count(bits).sum(0, dtype=np.uint16))
