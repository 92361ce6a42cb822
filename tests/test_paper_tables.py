"""The comparisons of the video system: complete, equal to the metrics, marked, readable."""

import csv
import dataclasses
import json

import pytest

from emotiw.jobs import settings
from emotiw.report import paper_tables
from evaluation_fixtures import config, evaluate, fuse_all, make_run, start

CONFIG = config()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = make_run(tmp_path_factory.mktemp("tables"), n_folds=3)
    fuse_all(made)
    return made


@pytest.fixture(scope="module")
def metrics(run):
    return evaluate(run)


def of(lines, part, features, kernel="mean"):
    return next(it for it in lines if (it.part, it.features, it.kernel) == (part, features, kernel))


def test_every_feature_and_combination_has_the_figures_of_the_metrics(metrics):
    lines = paper_tables.combination_lines(metrics, CONFIG)
    for part in ("test", "val"):
        for features in ("cnn", "dense_sift", "cnn+dense_sift"):
            line, system = of(lines, part, features), metrics["parts"][part]["systems"][f"video/{features}/pls/mean"]
            assert (line.accuracy, line.uar, line.n) == (system["accuracy"], system["uar"], system["n"])
            assert [line.accuracy_low, line.accuracy_high] == system["accuracy_interval"]
            assert line.difference == system["over_baseline"]["accuracy"]


def test_single_kernels_are_a_table_of_their_own(metrics):
    lines = paper_tables.kernel_lines(metrics, CONFIG)
    assert {line.kernel for line in lines} == {"subspace_rbf", ""}
    assert {line.kernel for line in paper_tables.classifier_lines(metrics, CONFIG)} == {"mean", ""}


def test_the_baseline_and_the_majority_class_stand_beside_them(metrics):
    lines = paper_tables.classifier_lines(metrics, CONFIG)
    about = metrics["parts"]["test"]
    assert of(lines, "test", "lbp_top", "").accuracy == about["systems"]["video/lbp_top/svm"]["accuracy"]
    constant = of(lines, "test", "majority class", "")
    assert (constant.accuracy, constant.uar) == (about["majority_class"]["accuracy"], 1 / 7)
    assert paper_tables.title(constant) == f"always “{about['majority_class']['label']}”"
    assert paper_tables.title(of(lines, "test", "lbp_top", "")) == "LBP-TOP + SVM"


def with_a_better_svm(metrics):
    found = json.loads(json.dumps(metrics))
    for part in found["parts"].values():
        for name in list(part["systems"]):
            if "/pls/" in name:
                better = {**part["systems"][name], "accuracy": part["systems"][name]["accuracy"] + 0.01}
                part["systems"][name.replace("/pls/", "/svm/")] = better
    return found, settings.merge(CONFIG, {"video": {"classifiers": ["pls", "svm"]}})


def test_the_best_classifier_of_each_row_is_marked_and_the_system_of_the_fusion(metrics):
    lines = paper_tables.combination_lines(*with_a_better_svm(metrics))
    assert {line.classifier for line in lines if line.best} == {"svm"}
    assert {(line.features, line.classifier) for line in lines if line.in_fusion} == {("cnn+dense_sift", "pls")}
    assert not any(line.best for line in paper_tables.combination_lines(metrics, CONFIG))


def test_the_text_shows_each_row_once_with_the_best_in_bold(metrics):
    text = paper_tables.markdown(*with_a_better_svm(metrics))
    assert "SYNTHETIC CORPUS" in text
    assert "selected on training folds only" in text
    rows = [line for line in text.splitlines() if line.startswith("| CNN + Dense SIFT |")]
    assert len(rows) == 2
    assert rows[0].count("**") == 2
    assert "(in the fusion)" in rows[0]
    assert "| CNN, subspace rbf |" in text


def test_a_part_without_labels_has_no_text_and_no_figures(metrics):
    hidden = json.loads(json.dumps(metrics))
    hidden["synthetic"] = False
    test = hidden["parts"]["test"]
    test |= {"n_scored": 0, "majority_class": {"label": "anger", "accuracy": None}}
    for name in test["systems"]:
        nothing = {"accuracy": None, "accuracy_interval": None, "uar": None, "uar_interval": None, "n": 0}
        test["systems"][name] = {**nothing, "n_classes_present": 0}
    assert of(paper_tables.classifier_lines(hidden, CONFIG), "test", "cnn").accuracy_low is None
    text = paper_tables.markdown(hidden, CONFIG)
    assert ": test," not in text
    assert ": val," in text
    assert "SYNTHETIC" not in text


def test_the_program_writes_every_table(run, metrics, tmp_path):
    names = ("classifiers", "kernels", "combinations")
    paths = {name: tmp_path / f"{name}.csv" for name in names}
    stage = {"settings": CONFIG}
    output = tmp_path / "tables.json"
    latex = {f"{name}_latex": tmp_path / f"{name}.tex" for name in names}
    start("tables", stage, metrics=run.folder / "metrics.json", **paths, **latex, text=tmp_path / "t.md", output=output)
    made = json.loads(output.read_text())
    assert made["n_clips"] == metrics["n_clips"]
    for name in names:
        with paths[name].open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert len(rows) == len(made[name]) == len(getattr(paper_tables, f"{name.rstrip('s')}_lines")(metrics, CONFIG))
        assert all(len(row["accuracy"]) == 6 for row in rows)
    for path, table in zip(latex.values(), paper_tables.readable(metrics, CONFIG), strict=False):
        assert path.read_text().startswith("\\begin{tabular}{lr}\n\\toprule\n"), table["heading"]
    assert (tmp_path / "t.md").read_text() == paper_tables.markdown(metrics, CONFIG)


def test_a_latex_table_has_booktabs_rules_every_row_and_bold_for_the_best(metrics):
    first, *_ = paper_tables.readable(metrics, CONFIG)
    text = paper_tables.latex(first, "test").splitlines()
    assert text[:4] == [r"\begin{tabular}{lr}", r"\toprule", r"feature & PLS \\", r"\midrule"]
    assert text[-2:] == [r"\bottomrule", r"\end{tabular}"]
    line = of(paper_tables.classifier_lines(metrics, CONFIG), "test", "dense_sift")
    ends = f"{100 * line.accuracy_low:.1f} to {100 * line.accuracy_high:.1f}"
    assert rf"Dense SIFT & {100 * line.accuracy:.1f} ({ends}) \\" in text
    assert text.count(r"\midrule") == 2
    assert paper_tables._latex_cell(dataclasses.replace(line, best=True)).startswith(r"\textbf{")


def test_what_is_special_in_latex_is_escaped():
    assert paper_tables.escaped(r"a_b & 50 % #1 {x} ~ ^ \ $") == (
        r"a\_b \& 50 \% \#1 \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{} \$"
    )
    assert paper_tables.escaped("always “fear”") == "always ``fear''"


def with_audio_systems(metrics):
    """The run with pooled statistics of two features of sound, as if scored like eGeMAPS' networks."""
    found = json.loads(json.dumps(metrics))
    for part in found["parts"].values():
        for features in ("egemaps", "functionals"):
            part["systems"][f"audio/{features}/pooled_svm/mean"] = part["systems"]["audio/egemaps/blstm/mean"]
    audio = {"features": ["egemaps", "functionals"], "classifiers": ["blstm", "pooled_svm"]}
    return found, settings.merge(CONFIG, {"audio": audio})


def test_audio_has_tables_once_it_has_several_systems(metrics):
    assert paper_tables.shown(metrics, CONFIG) == ["video"]
    found, both = with_audio_systems(metrics)
    assert paper_tables.shown(found, both) == ["video", "audio"]
    tables = {table["heading"]: table for table in paper_tables.readable(found, both)}
    rows = tables["Classifiers by feature (paper, tables 5 and 6), audio"]["rows"]["test"]
    assert [(name, [line is not None for line in lines]) for name, lines in rows] == [
        ("eGeMAPS", [True, True]),
        ("openSMILE", [False, True]),
    ]
    lines = [line for line in paper_tables.classifier_lines(found, both) if line.modality == "audio" and line.kernel]
    assert {(line.features, line.classifier) for line in lines if line.in_fusion} == {("egemaps", "blstm")}
    assert not [line for line in paper_tables.kernel_lines(found, both) if line.modality == "audio" and line.kernel]


def test_a_classifier_that_does_not_take_a_feature_leaves_its_cell_empty(metrics):
    found, both = with_audio_systems(metrics)
    row = next(line for line in paper_tables.markdown(found, both).splitlines() if line.startswith("| openSMILE |"))
    assert row.startswith("| openSMILE |  | ")
    text = paper_tables.latex_tables(found, both)["classifiers"]
    assert text.count(r"\begin{tabular}") == 2
    assert "openSMILE &  & " in text


def test_references_of_audio_are_its_own_baseline_and_the_majority_class(metrics):
    lines = [line for line in paper_tables.classifier_lines(*with_audio_systems(metrics)) if line.modality == "audio"]
    references = [line for line in lines if line.part == "test" and not line.kernel]
    systems = metrics["parts"]["test"]["systems"]
    assert [line.features for line in references] == ["functionals", "majority class"]
    assert references[0].accuracy == systems["audio/functionals/svm"]["accuracy"]


def test_a_run_of_sound_alone_has_tables_of_sound(metrics):
    alone = {**metrics, "modalities": ["audio"]}
    assert paper_tables.shown(alone, CONFIG) == ["audio"]
    assert {line.modality for line in paper_tables.combination_lines(alone, CONFIG)} == {"audio"}
