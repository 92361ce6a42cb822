"""Tables and charts of our own systems."""

import copy

import numpy as np
import pytest

from emotiw.report import system_tables
from evaluation_fixtures import config, evaluate, fuse_all, make_run


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("comparisons"), n_folds=3)
    fuse_all(run)
    return evaluate(run)


def test_restarts_of_a_network_are_one_line_with_mean_and_deviation(metrics):
    lines = {line["name"]: line for line in system_tables.networks(metrics)}
    values = [100 * metrics["parts"]["test"]["systems"][f"audio/egemaps/blstm/64_{i}"]["accuracy"] for i in range(2)]
    assert lines["64"]["n"] == 2
    assert lines["64"]["restarts"]["test"] == f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f} %"
    assert lines["mean of all networks"]["restarts"] is None


def test_the_mean_scores_of_an_architecture_are_no_restart(metrics):
    found = copy.deepcopy(metrics)
    for part in found["parts"].values():
        part["systems"]["audio/egemaps/blstm/64"] = {"accuracy": 0.9, "accuracy_interval": None}
    line = system_tables.networks(found)[0]
    assert line["n"] == 2
    assert line["ensemble"]["test"]["accuracy"] == 0.9


def test_optimism_is_averaged_over_the_folds(metrics):
    lines = {line["name"]: line for line in system_tables.schemes(metrics)}
    folds = metrics["fusion"]["folds"].values()
    expected = np.mean([fold["optimism"]["joint"]["optimism"] for fold in folds])
    assert lines["joint"]["optimism"]["optimism"] == pytest.approx(expected)
    assert [name for name, line in lines.items() if line["used"]] == ["joint"]


def test_a_scheme_without_weights_is_listed_too(metrics):
    found = copy.deepcopy(metrics)
    for fold in found["fusion"]["folds"].values():
        fold["optimism"]["stacked"] = dict.fromkeys(system_tables.OPTIMISM, 0.5)
    for part in found["parts"].values():
        part["systems"]["stacked"] = {"accuracy": 0.25}
    line = next(line for line in system_tables.schemes(found) if line["name"] == "stacked")
    assert line["parts"]["test"]["accuracy"] == 0.25


@pytest.mark.parametrize(
    ("section", "transductive"),
    [("blstm", {"audio", "fusion", "audio/egemaps/blstm/mean"}), ("pooled", {"audio/egemaps/pooled_svm/mean"})],
)
def test_systems_that_use_the_test_subject_are_told(section, transductive):
    made = config()
    made[section]["normalise"] = "subject"
    known = (
        "video",
        "audio",
        "fusion",
        "audio/egemaps/blstm/mean",
        "audio/egemaps/pooled_svm/mean",
        "video/lbp_top/svm",
    )
    assert {name for name in known if system_tables.transductive(made, name)} == transductive
    assert not any(system_tables.transductive(config(), name) for name in known)


def test_pairs_are_drawn_with_readable_names(metrics):
    rows = system_tables.pairs_chart(metrics, "test").rows
    assert rows[0][0] == "fusion - video"
    assert "audio - baseline: openSMILE + SVM" in [row[0] for row in rows]


def test_the_overview_names_systems_baselines_and_the_constant(metrics):
    rows = system_tables.overview_chart(metrics, "test").rows
    assert [row[0] for row in rows[:5]] == [
        *("video", "audio", "fusion", "baseline: LBP-TOP + SVM", "baseline: openSMILE + SVM")
    ]
    assert rows[5][0].startswith("always “")


def test_figure_4_sets_the_networks_against_the_baseline(metrics):
    rows = system_tables.figure_4(metrics, "test").rows
    assert [row[1] for row in rows[:2]] == ["baseline: openSMILE + SVM", "audio"]
    assert len(rows) == 14


def test_classifiers_are_drawn_by_feature(metrics):
    rows = system_tables.classifier_chart(metrics, "test", config()).rows
    assert [row[0] for row in rows] == ["CNN", "Dense SIFT", "CNN + Dense SIFT"]


def test_a_mean_of_nothing_is_not_available():
    assert system_tables.mean_deviation([None]) == "n/a"
    assert system_tables.mean_deviation([0.5, None]) == "50.0 %"


def test_networks_of_several_features_are_told_apart(metrics):
    found = copy.deepcopy(metrics)
    for part in found["parts"].values():
        mine = {name: about for name, about in part["systems"].items() if name.startswith("audio/egemaps/blstm/")}
        part["systems"] |= {name.replace("audio/egemaps", "video/cnn"): about for name, about in mine.items()}
    names = [line["name"] for line in system_tables.networks(found)]
    assert {"eGeMAPS, 64", "CNN, 64", "eGeMAPS, mean of all networks", "CNN, mean of all networks"} <= set(names)
    assert len(set(names)) == len(names) == 2 * len(system_tables.networks(metrics))


def test_scores_of_pooled_statistics_are_no_network(metrics):
    found = copy.deepcopy(metrics)
    for part in found["parts"].values():
        part["systems"]["audio/egemaps/pooled_logistic/mean"] = part["systems"]["audio"]
    assert system_tables.networks(found) == system_tables.networks(metrics)


def test_a_run_of_pictures_alone_shows_their_recall_beside_that_of_their_baseline(metrics):
    rows = system_tables.figure_4({**metrics, "modalities": ["video"]}, "test").rows
    assert [row[1] for row in rows[:2]] == ["baseline: LBP-TOP + SVM", "video"]
