"""What the metrics of a run say besides the headline: groups that are drawn, recalls, calibration, folds, subjects."""

import csv
import dataclasses

import numpy as np
import pytest
import sklearn.metrics

from emotiw.evaluation import calibration_metrics, pools, system_metrics
from emotiw.fusion import score_tables
from emotiw.statistics import metrics
from evaluation_fixtures import CLASSES, evaluate, fuse_all, make_run

MAIN = ("video", "audio", "fusion")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = make_run(tmp_path_factory.mktemp("breakdown"), n_folds=3)
    fuse_all(made)
    return made


@pytest.fixture(scope="module")
def part(run):
    return evaluate(run)["parts"]["test"]


@pytest.fixture(scope="module")
def rows(run, part):
    with (run.folder / "predictions.csv").open(newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["part"] == "test"]


def part_with_films(run, films):
    """Metrics of the test part if the clips of each subject are cut from a film."""
    changed = tuple(dataclasses.replace(row, film=films.get(row.subject, "")) for row in run.corpus.rows)
    corpus = dataclasses.replace(run.corpus, rows=changed)
    fused = [score_tables.read(run.folder / f"fusion_{name}.h5", corpus) for name in run.folds]
    pool = pools.join(corpus, run.folds, fused, {})[2]
    return pool, system_metrics.part_metrics(pool, CLASSES, seed=1, n_resamples=200)


def test_without_films_the_groups_are_the_subjects(part):
    assert part["n_groups"] == part["n_subjects"] == 13


def test_subjects_of_one_film_are_drawn_together(run, part):
    films = {"s00": "one", "s03": "one", "s06": "one", "s01": "two", "s04": "two"}
    pool, found = part_with_films(run, films)
    assert (found["n_subjects"], found["n_groups"]) == (13, 10)
    resamples = metrics.subject_resamples(10, np.random.default_rng(1), n_resamples=200)
    clusters = metrics.clustered_confusions(pool.truth, pool.systems["fusion"][0].argmax(1), pool.groups, 7)
    expected = metrics.bootstrap_interval(clusters, metrics.accuracy, resamples)
    assert found["systems"]["fusion"]["accuracy_interval"] == expected
    assert found["systems"]["fusion"]["accuracy"] == part["systems"]["fusion"]["accuracy"]


def test_the_permutation_exchanges_films(run):
    """With all clips in two films, four sign patterns are all there are."""
    films = {f"s{i:02d}": "ab"[i % 2] for i in range(13)}
    _, found = part_with_films(run, films)
    assert found["n_groups"] == 2
    assert {pair["n_permutations"] for pair in found["comparisons"]} <= {1, 2, 4}


def test_intervals_of_recalls_are_of_the_same_draws(run, part):
    pool, _ = part_with_films(run, {})
    resamples = metrics.subject_resamples(13, np.random.default_rng(1), n_resamples=200)
    clusters = metrics.clustered_confusions(pool.truth, pool.systems["audio"][0].argmax(1), pool.groups, 7)
    system = part["systems"]["audio"]
    for c, (recall, ends) in enumerate(zip(system["recalls"], system["recall_intervals"], strict=True)):
        drawn = metrics.bootstrap_interval(clusters, lambda sums, c=c: metrics.recalls(sums)[..., c], resamples)
        assert ends == list(drawn)
        assert ends[0] <= recall <= ends[1]


def test_calibration_is_of_the_posteriors_of_the_clips_that_a_system_covers(part, rows):
    posteriors = np.array([[float(row[f"p_{name}"]) for name in CLASSES] for row in rows if row["source"] != "prior"])
    posteriors /= posteriors.sum(1, keepdims=True)  # the table has six decimals
    truth = [row["label"] for row in rows if row["source"] != "prior"]
    system = part["systems"]["fusion"]
    expected = sklearn.metrics.log_loss(truth, posteriors, labels=CLASSES)
    assert system["log_loss"] == pytest.approx(expected, abs=1e-4)
    assert sum(b["n"] for b in system["reliability"]) == system["n_covered"] == len(truth)
    assert system["by_coverage"][-1]["coverage"] == 1
    assert system["by_coverage"][-1]["accuracy"] == pytest.approx(system["accuracy_covered"])
    assert {"log_loss", "brier", "ece"} <= set(part["systems"]["video"])
    assert "log_loss" not in part["systems"]["joint"]


def test_a_long_curve_is_thinned_and_keeps_its_ends():
    rng = np.random.default_rng(0)
    posteriors = rng.dirichlet(np.ones(3), 400)
    truth, groups = rng.integers(0, 3, 400), np.arange(400) % 7
    resamples = metrics.subject_resamples(7, rng, n_resamples=20)
    full = calibration_metrics.of(posteriors, truth, groups, resamples)["by_coverage"]
    thin = calibration_metrics.of(posteriors, truth, groups, resamples, n_points=30)["by_coverage"]
    assert (len(full), len(thin)) == (400, 30)
    assert (thin[0], thin[-1]) == (full[0], full[-1])
    assert all(point in full for point in thin)


def test_the_gain_over_the_majority_class_is_that_of_the_accuracies(part):
    for name in MAIN:
        system = part["systems"][name]
        gain = system["accuracy"] - part["majority_class"]["accuracy"]
        assert system["over_majority"]["accuracy"] == pytest.approx(gain)
        low, high = system["over_majority"]["accuracy_interval"]
        assert low <= gain <= high


@pytest.mark.parametrize(("key", "column", "n"), [("folds", "fold", 3), ("subjects", "subject", 13)])
def test_folds_and_subjects_sum_to_the_whole(part, rows, key, column, n):
    lines = part[key]
    assert len(lines) == n
    for name in MAIN:
        by_name = {line["name"]: line["systems"][name] for line in lines}
        assert sum(line["n_covered"] for line in by_name.values()) == part["systems"][name]["n_covered"]
        for line in lines:
            mine = [row for row in rows if row[column] == line["name"]]
            right = sum(row[f"predicted_{name}"] == row["label"] for row in mine)
            assert (line["n"], by_name[line["name"]]["n_right"]) == (len(mine), right)
            assert by_name[line["name"]]["accuracy"] == right / len(mine)
