"""Paired tests between two systems on the same clips, with Holm's correction over a family of them.

Exact McNemar: under the null hypothesis, either system is equally likely to be the one that alone classifies a clip
correctly (Dietterich, "Approximate statistical tests for comparing supervised classification learning algorithms",
Neural Computation 10, 1998); the test takes clips to be independent. Paired permutation: under the null hypothesis the
names of the two systems can be exchanged for every cluster of clips, such as a subject (Good, "Permutation tests", 2nd
ed. 2000). Holm, Scand. J. Statist. 6, 1979.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from emotiw.statistics import metrics

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MAX_EXACT = 20  # largest number of clusters with a difference for which all sign patterns are tried
N_PERMUTATIONS = 9999  # sign patterns drawn for more clusters; with the observed one, a p-value is at least 1e-4


def discordant(a: Bools, b: Bools) -> tuple[int, int]:
    """Count the clips that only the first system classifies correctly, and those that only the second does."""
    return int((a & ~b).sum()), int((b & ~a).sum())


def mcnemar_p(a_only: int, b_only: int) -> float:
    """Two-sided p-value of exact McNemar from the discordant clips; 1 without any."""
    n = a_only + b_only
    return float(binomtest(a_only, n, 0.5).pvalue) if n else 1.0


def permutation_p(differences: npt.NDArray[np.integer], *, seed: int) -> tuple[float, int]:
    """Two-sided p-value of the sum of differences with random signs, and the number of sign patterns that were tried.

    Parameters
    ----------
    differences : ndarray, shape (n_clusters,)
        Per cluster, clips that one system classifies correctly minus those that the other does.
    seed : int
        Seed of the random sign patterns; not used with at most `MAX_EXACT` differences other than 0, where all
        patterns are tried.

    Returns
    -------
    p : float
        Share of the sign patterns, including the observed one, whose sum is at least as far from 0 as the observed sum;
        1 without differences.
    n_permutations : int
        Number of sign patterns that were tried, including the observed one.
    """
    terms = differences[differences != 0].astype(np.int64)  # a difference of 0 has no sign
    if terms.size <= MAX_EXACT:
        sums = _signed_sums(terms)
    else:
        signs = np.random.default_rng(seed).integers(0, 2, size=(N_PERMUTATIONS, terms.size)) * 2 - 1
        sums = np.append(signs @ terms, terms.sum())
    return float(np.mean(np.abs(sums) >= abs(int(terms.sum())))), len(sums)


def label_permutation_p(truth: Ints, predicted: Mapping[Any, Ints], subjects: Ints, *, seed: int) -> dict[Any, float]:
    """One-sided p-value that predictions are right more often than for labels permuted within each subject.

    Under the null hypothesis, the labels of a subject's clips can be exchanged: predictions may depend on the subject,
    but not on the label (Good, "Permutation tests", 2nd ed. 2000). A subject whose clips share one label adds nothing.

    Parameters
    ----------
    truth : ndarray, shape (n_clips,)
    predicted : mapping to ndarray, shape (n_clips,)
        Predicted classes by system; all systems are given the same permutations.
    subjects : ndarray, shape (n_clips,)
        Number of each clip's subject.
    seed : int
        Seed of the permutations.

    Returns
    -------
    dict of float
        By system, the share of the permutations, including the observed labels, with at least as many right; with
        `N_PERMUTATIONS` permutations at least 1e-4.
    """
    generator = np.random.default_rng(seed)
    right = {name: np.zeros(N_PERMUTATIONS, np.int64) for name in predicted}
    for subject in np.unique(subjects):
        clips = np.flatnonzero(subjects == subject)
        permuted = generator.permuted(np.tile(truth[clips], (N_PERMUTATIONS, 1)), axis=1)
        for name, y in predicted.items():
            right[name] += (permuted == y[clips]).sum(axis=1)
    observed = {name: int((y == truth).sum()) for name, y in predicted.items()}
    return {name: float((1 + (right[name] >= observed[name]).sum()) / (1 + N_PERMUTATIONS)) for name in predicted}


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given."""
    from statsmodels.stats.multitest import multipletests  # noqa: PLC0415 - of an extra, which most commands do without

    if not p_values:
        return []
    return [float(p) for p in multipletests(list(p_values), method="holm")[1]]


def compare(
    right: Mapping[str, Bools], clusters: Ints, pairs: Sequence[tuple[str, str]], resamples: Ints, *, seed: int
) -> list[dict[str, Any]]:
    """Paired tests of a family of pairs of systems, both with Holm's correction over the family.

    Parameters
    ----------
    right : mapping of str to ndarray of bool, shape (n_clips,)
        By system, the clips that it classifies correctly.
    clusters : ndarray, shape (n_clips,)
        Number of each clip's cluster, from 0: its subject, or the group that shares no subject, film or content with
        another (`corpora.manifest.groups`).
    pairs : sequence of (str, str)
        The family; the difference is that of the first system to the second.
    resamples : ndarray, shape (n_resamples, n_clusters)
        From `metrics.subject_resamples`.
    seed : int
        Seed of the permutations.
    """
    results = [{"a": a, "b": b, **_pair(right[a], right[b], clusters, resamples, seed)} for a, b in pairs]
    for test in ("mcnemar", "permutation"):
        for result, p in zip(results, holm([result[f"{test}_p"] for result in results]), strict=True):
            result[f"{test}_holm"] = p
    return results


def _pair(a: Bools, b: Bools, clusters: Ints, resamples: Ints, seed: int) -> dict[str, Any]:
    a_only, b_only = discordant(a, b)
    n_clusters = int(clusters.max(initial=-1)) + 1
    differences = np.bincount(clusters, a.astype(np.int64) - b, n_clusters).astype(np.int64)
    counts = np.stack([differences, np.bincount(clusters, minlength=n_clusters)], axis=1)
    p, n_permutations = permutation_p(differences, seed=seed)
    return {
        "n": len(a),
        "a_only": a_only,
        "b_only": b_only,
        "difference": (a_only - b_only) / len(a) if len(a) else None,
        "difference_interval": metrics.bootstrap_interval(counts, _mean, resamples),
        "mcnemar_p": mcnemar_p(a_only, b_only),
        "permutation_p": p,
        "n_permutations": n_permutations,
    }


def _mean(sums: npt.NDArray[np.integer]) -> Floats:
    return np.asarray(sums[..., 0] / sums[..., 1], np.float64)


def _signed_sums(terms: npt.NDArray[np.integer]) -> Ints:
    """Sum of the terms under every sign pattern, shape (2^n_terms,)."""
    sums = np.zeros(1, np.int64)
    for term in terms:
        sums = np.concatenate([sums + term, sums - term])
    return sums
