"""Runs of several corpora: trained on which corpora, tested on which, among which classes, and above chance or not."""

import csv
import gzip
import itertools
import json
from collections import defaultdict

import numpy as np
import pytest

from emotiw.corpora import manifest
from emotiw.jobs import settings
from emotiw.report import corpus_chart, corpus_tables
from emotiw.statistics import comparisons, metrics
from evaluation_fixtures import CLASSES, evaluate, fuse_all, make_run, several, start, write_report, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = write_run(tmp_path_factory.mktemp("run"), several())
    fuse_all(run)
    return run


@pytest.fixture(scope="module")
def result(run):
    return evaluate(run)


def scores_of(run, system, corpus):
    """Scores of the test clips of a corpus by a system, from the table that the run writes."""
    found = defaultdict(dict)
    with gzip.open(run.folder / "scores.csv.gz", "rt") as stream:
        for row in csv.DictReader(stream):
            if row["system"] == system and row["part"] == "test" and row["clip"] in of_corpus(run, corpus):
                found[row["clip"]][row["class"]] = float(row["score"])
    return found


def of_corpus(run, corpus):
    return {row.clip: row for row in run.corpus.rows if row.corpus == corpus}


def accuracy_among(run, corpus, classes):
    scores = scores_of(run, "fusion", corpus)
    rows = of_corpus(run, corpus)
    right = [max(classes, key=values.get) == rows[clip].label for clip, values in scores.items()]
    return float(np.mean(right))


def test_each_corpus_is_a_column_and_the_others_are_its_row(result, run):
    cells = [(tuple(c["trained_on"]), c["tested_on"], c["folds"], c["n"]) for c in result["corpora"]]
    sizes = {name: len(of_corpus(run, name)) for name in "abc"}
    assert cells == [
        (("a", "b"), "c", ["c"], sizes["c"]),
        (("a", "c"), "b", ["b"], sizes["b"]),
        (("b", "c"), "a", ["a"], sizes["a"]),
    ]


def test_a_clip_is_judged_among_all_classes_and_among_those_of_its_corpus(result, run):
    (cell,) = (cell for cell in result["corpora"] if cell["tested_on"] == "c")
    assert cell["classes"] == list(CLASSES[:-1])
    n, fusion = len(of_corpus(run, "c")), cell["systems"]["fusion"]
    assert fusion["n_covered"] == len(scores_of(run, "fusion", "c")) == n
    for among, classes in (("all_classes", CLASSES), ("own_classes", CLASSES[:-1])):
        assert fusion[among]["accuracy"] == pytest.approx(accuracy_among(run, "c", classes))
    assert fusion["own_classes"]["accuracy"] >= fusion["all_classes"]["accuracy"]


def test_a_corpus_with_all_classes_has_both_scores_alike(result):
    (cell,) = (cell for cell in result["corpora"] if cell["tested_on"] == "a")
    for scores in cell["systems"].values():
        assert scores["all_classes"] == scores["own_classes"]


def test_intervals_are_of_resampled_subjects_and_good_scores_are_above_chance(result):
    for cell in result["corpora"]:
        scores = cell["systems"]["fusion"]["own_classes"]
        low, high = scores["accuracy_interval"]
        assert low <= scores["accuracy"] <= high
        assert low < high
        assert scores["p"] == 1 / (1 + comparisons.N_PERMUTATIONS)


def test_the_fold_of_everything_enters_no_result(result, run):
    n = len(run.corpus.rows)
    assert "everything" in run.folds
    assert list(result["fusion"]["folds"]) == ["a", "b", "c"]
    assert result["parts"]["test"]["n"] == n
    assert result["parts"]["val"]["n"] == sum(len(fold.val) for name, fold in run.folds.items() if name in "abc")
    with (run.folder / "predictions.csv").open() as stream:
        assert {row["fold"] for row in csv.DictReader(stream)} == {"a", "b", "c"}


def test_the_choices_of_the_fold_of_everything_are_in_the_ledger(result, run):
    assert result["ledger"]["passed"]
    entries = json.loads((run.folder / "ledger.json").read_text())["entries"]
    assert "everything" in {entry["fold"] for entry in entries}


def test_a_modality_that_no_clip_of_a_corpus_has_is_empty():
    cell = {
        "trained_on": ["a"],
        "tested_on": "b",
        "n": 1,
        "n_subjects": 1,
        "classes": ["x"],
        "systems": {"video": None},
    }
    assert corpus_tables.lines({"corpora": [cell]}) == []
    header, rows = corpus_tables.table({"corpora": [cell], "modalities": ["video"]})
    assert header == ["tested on", "trained on", "clips", "subjects", "chance", "video"]
    assert rows == [["b", "a", "1", "1", "100.0 %", "no clip"]]


def test_the_page_and_the_tables_have_the_matrix(result, run):
    page = write_report(run).read_text()
    assert page.count("Accuracy among the classes of the corpus tested") == 1
    assert '<table class="grid stacked" data-name="corpora">' in page
    assert [row[:2] for row in corpus_tables.table(result)[1]] == [["c", "a, b"], ["b", "a, c"], ["a", "b, c"]]
    assert [row[0] for row in corpus_chart.chart(result).rows[::3]] == ["c", "b", "a"]
    text = corpus_tables.markdown(result)
    assert text.count("\n| fusion | a + b | c |") == 1
    assert len(text.strip().splitlines()) == 4 + 2 + 9


def test_the_tables_program_appends_the_matrix(result, run):
    names = ("classifiers", "combinations", "kernels")
    files = {f"{name}{end}": run.folder / f"{name}{end}.txt" for name in names for end in ("", "_latex")}
    stage = {"settings": settings.load([])}
    where = run.folder / "tables.md"
    start("tables", stage, metrics=run.folder / "metrics.json", text=where, output=run.folder / "t.json", **files)
    assert where.read_text().endswith(corpus_tables.markdown(result))


def test_a_run_of_one_corpus_has_none_of_it(tmp_path):
    run = make_run(tmp_path)
    fuse_all(run)
    made = evaluate(run)
    assert "corpora" not in made
    assert corpus_tables.markdown(made) == ""
    assert corpus_tables.table(made)[1] == []
    assert 'id="corpora"' not in write_report(run).read_text()
    assert "everything" not in manifest.folds(run.corpus)


# --- permuted labels -----------------------------------------------------------------------------------------------


def test_the_p_value_is_that_of_all_permutations_within_subjects():
    truth, subjects = np.array([0, 1, 2, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 1])
    y = np.array([0, 1, 0, 0, 1, 0])
    pairs = itertools.product(itertools.permutations(truth[:3]), itertools.permutations(truth[3:]))
    right = [(np.array(a + b) == y).sum() for a, b in pairs]
    exact = np.mean(np.array(right) >= (truth == y).sum())
    assert comparisons.label_permutation_p(truth, {"y": y}, subjects, seed=1)["y"] == pytest.approx(exact, abs=0.015)


def test_predictions_that_know_the_subject_alone_are_not_above_chance():
    truth, subjects = np.tile([0, 0, 0, 1], 20), np.arange(80) // 20
    truth[40:] = 1 - truth[40:]
    of_subject = np.where(subjects < 2, 0, 1)
    p = comparisons.label_permutation_p(truth, {"subject": of_subject, "truth": truth}, subjects, seed=1)
    assert p == {"subject": 1.0, "truth": 1e-4}
    assert float(metrics.accuracy(metrics.confusion_matrix(truth, of_subject, 2))) == 0.75


def test_systems_share_the_permutations():
    rng = np.random.default_rng(0)
    truth, subjects, y = rng.integers(0, 3, 30), np.arange(30) // 10, rng.integers(0, 3, 30)
    p = comparisons.label_permutation_p(truth, {"a": y, "b": y}, subjects, seed=3)
    assert p["a"] == p["b"]
