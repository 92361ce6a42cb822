"""The report: self-contained, complete, honest about what it stands beside, escaped."""

import copy
import dataclasses
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from emotiw.jobs import identity
from emotiw.report import confusion_cells, explorer
from emotiw.report import page as report_page
from evaluation_fixtures import config, evaluate, fuse_all, make_run

PROVENANCE = {
    "git": {"commit": "c" * 40, "dirty": True},
    "config": config(),
    "manifest_sha256": "a" * 64,
    "weights": [{"name": "alexnet", "licence": "BSD", "source": {"distribution": "x"}}],
    "imports": [{"name": "imports.hubert", "licence": "MIT, of elsewhere"}],
    "artefacts": {"metrics.json": "b" * 64},
    "python": "3.11.2",
    "packages": {"numpy": "1.0"},
    "machine": {"cpu": "Abacus", "architecture": "x", "system": "y", "threads_per_job": 1},
}


class Page(HTMLParser):
    """Tags with their attributes, and visible text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(text)
        self.text = re.sub(r"\s+", " ", " ".join(self.texts))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.texts.append(data)

    def of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = make_run(tmp_path_factory.mktemp("report"), n_folds=3)
    fuse_all(made)
    return made


@pytest.fixture(scope="module")
def metrics(run):
    return evaluate(run)


@pytest.fixture(scope="module")
def render(run, metrics):
    rows = explorer.shown_rows(run.corpus, report_page.read_predictions(run.folder / "predictions.csv"))
    of = {name: [run.folder / f"{name}_{fold}.h5" for fold in run.folds] for name in ("fusion", "frames")}
    about = explorer.clip_contents(run.corpus, rows, faces=run.folder / "faces", **of)

    ledger = json.loads((run.folder / "ledger.json").read_text())["entries"]

    def rendered(corpus=run.corpus, found=metrics, provenance=PROVENANCE):
        return report_page.render(corpus, found, rows, about, provenance=provenance | {"ledger": ledger})

    return rendered


@pytest.fixture(scope="module")
def page(render):
    return Page(render())


def test_nothing_is_loaded_from_elsewhere(page):
    for tag, attrs in page.tags:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            # a link is followed, not loaded
            if tag != "a" or attrs.get(name) not in (None, "contact_sheets.html", "learning_curves.svg", "ledger.json"):
                assert attrs.get(name, "data:").startswith(("data:", "#")), (tag, attrs)
    assert any("default-src 'none'" in attrs.get("content", "") for attrs in page.of("meta"))


def test_every_picture_has_a_text_instead(page):
    assert all(attrs.get("alt") for attrs in page.of("img"))
    assert all(attrs.get("aria-label") for attrs in page.of("svg"))


def test_no_code_is_made_from_text_and_nothing_is_connected_to(page):
    policy = next(attrs["content"] for attrs in page.of("meta") if "default-src" in attrs.get("content", ""))
    assert "unsafe-eval" not in policy
    assert "connect-src" not in policy  # default-src 'none' holds


def test_every_chart_has_a_still_a_specification_and_a_table(page, render):
    stills = [attrs for attrs in page.of("img") if attrs.get("class") == "still"]
    assert len(stills) == 6
    assert page.text.count("Values of the chart") == 6
    found = re.findall(r'<img class="still".*?<script type="application/json">(.*?)</script>', render(), re.DOTALL)
    assert [json.loads(text)["description"] for text in found] == [attrs["alt"] for attrs in stills]


def test_every_part_of_the_page_is_part_of_what_the_page_is_made_from(root):
    used = {path.name for path in identity._resources(root / "workflow_scripts/emotiw/report/page.py")}
    there = {path.name for path in (root / "workflow_scripts/emotiw/resources").glob("report*")}
    assert used == there


def test_sections_stand_in_the_order_of_a_review(page):
    assert [attrs["id"] for attrs in page.of("section")] == ["systems", "paper", "errors", "clips", "data", "reproduce"]


def test_every_clip_has_one_row(page, run):
    assert [attrs["data-clip"] for attrs in page.of("tr") if "data-clip" in attrs] == [
        row.clip for row in run.corpus.rows
    ]


def test_a_synthetic_corpus_is_announced_before_anything_else(page):
    assert page.text.index("SYNTHETIC CORPUS") < page.text.index("Fusion is right on")
    assert "not a result" in page.text


def test_a_real_corpus_has_no_banner(render, run, metrics):
    corpus = dataclasses.replace(run.corpus, synthetic=False)
    assert "SYNTHETIC" not in render(corpus=corpus, found={**metrics, "synthetic": False})


def test_the_verdict_says_how_good_how_much_better_and_that_no_clip_is_lost(metrics):
    first, second, third = report_page.verdict(metrics, "test")
    test = metrics["parts"]["test"]
    assert report_page.percent(test["systems"]["fusion"]["accuracy"]) in first
    assert "95 % interval" in first
    assert "a difference of" in second
    assert "All 56 clips are accounted for" in third


def test_a_gain_whose_interval_holds_zero_is_called_undecided(metrics):
    found = copy.deepcopy(metrics)
    for name in ("video", "audio"):
        found["parts"]["test"]["fusion_gain"][name]["accuracy_interval"] = [-0.1, 0.2]
    assert "which the interval does not distinguish from zero" in report_page.verdict(found, "test")[1]
    for name in ("video", "audio"):
        found["parts"]["test"]["fusion_gain"][name]["accuracy_interval"] = [0.1, 0.2]
    assert "does not distinguish" not in report_page.verdict(found, "test")[1]
    for name in ("video", "audio"):
        found["parts"]["test"]["fusion_gain"][name]["accuracy_interval"] = None
    assert "interval" not in report_page.verdict(found, "test")[1]


def hidden(metrics, parts=("test",)):
    """The same run with hidden labels."""
    found = copy.deepcopy(metrics)
    for part in parts:
        about = found["parts"][part]
        about["n_hidden"], about["n_scored"] = about["n_scored"], 0
        about["majority_class"]["accuracy"] = None
        for name, system in about["systems"].items():
            zero = np.zeros((7, 7), int).tolist()
            about["systems"][name] = dict.fromkeys(system) | {
                "n": 0,
                "n_covered": 0,
                "confusion": zero,
                "recalls": [None] * 7,
            }
    return found


def test_hidden_test_labels_give_the_validation_part_and_say_that_it_was_fitted_to(render, metrics):
    text = Page(render(found=hidden(metrics))).text
    assert "val clips (to which its weights were fitted)" in text
    assert "with hidden labels" in text


def test_without_any_label_the_page_still_stands(render, metrics):
    assert "No label is known, so nothing is scored." in render(found=hidden(metrics, ("test", "val")))


def test_content_is_escaped(render, metrics):
    notes = ["<script>alert(1)</script>"]
    text = render(found={**metrics, "notes": notes})
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_confusion_matrix_keeps_its_counts():
    found = confusion_cells.cells("x", [[3, 1], [0, 0]])
    assert [[cell[0] for cell in row] for row in found["rows"]] == [[3, 1], [0, 0]]
    assert (found["right"], found["n"]) == (3, 4)


def test_optimism_that_could_not_be_estimated_is_said(render, metrics):
    found = copy.deepcopy(metrics)
    for fold in found["fusion"]["folds"].values():
        fold["optimism"] = None
    assert "could not be estimated: too few subjects and films have validation clips" in render(found=found)


def test_the_papers_tables_stand_beside_ours_with_verdicts(page, render, run):
    for words in ("tables 5 and 6", "table 7", "Tables 2 and 3", "Figure 4", "CNN + Dense SIFT", "LBP-TOP + SVM"):
        assert words in page.text
    for value in ("40.47 %", "53.9 %", "59.02 %", "31 to 35 %", "7 to 8 points", "Rules of the verdicts", "lost"):
        assert value in page.text
    assert page.text.count("not testable on this corpus") == 5
    assert "not testable on this corpus" not in render(corpus=dataclasses.replace(run.corpus, corpus="afew"))


def test_paired_tests_are_shown(render, metrics):
    found = copy.deepcopy(metrics)
    found["parts"]["test"]["comparisons"] = [
        {
            **{"a": "fusion", "b": "video", "n": 55, "a_only": 7, "b_only": 2, "difference": 5 / 55},
            **{"difference_interval": [0.01, 0.2], "mcnemar_p": 0.18, "permutation_p": 0.0004},
            **{"mcnemar_holm": 0.36, "permutation_holm": 0.0008},
        }
    ]
    text = Page(render(found=found)).text
    assert "fusion video +9.1 points +1.0 to +20.0 7 : 2 0.180 0.360 < 0.001 < 0.001 55" in text


def test_the_selection_ledger_is_shown(page, metrics):
    assert f"{metrics['ledger']['n_choices']} choices" in page.text
    assert "None saw the label of a test clip" in page.text
    assert "audio/egemaps/blstm/64_0: epoch" in page.text


def test_a_ledger_that_did_not_pass_is_said(render, metrics):
    ledger = {"n_choices": 2, "splits_seen": {"test": 1, "val": 1}, "n_transductive": 1, "passed": False}
    text = Page(render(found={**metrics, "ledger": ledger})).text
    assert "A choice saw test clips" in text
    assert "test (1), val (1)" in text
    assert "1 also used the clips to be predicted, without labels" in text


def test_provenance_is_on_the_page(page):
    for text in ("c" * 40, "with uncommitted changes", "a" * 64, "Abacus", "numpy 1.0", "alexnet"):
        assert text in page.text


def test_a_folder_without_git_is_said(render):
    without = {**PROVENANCE, "git": {"commit": None, "dirty": None}}
    assert "not a git repository" in render(provenance=without)


def test_features_computed_elsewhere_are_named_with_their_licence(render):
    text = render()
    assert "Features computed elsewhere: imports.hubert" in text
    assert "MIT, of elsewhere" in text


@pytest.mark.parametrize("place", ["origin", None])
def test_the_training_of_fine_tuned_weights_is_told_epoch_by_epoch(render, place):
    epochs = [
        {"learning_rate": 1e-3, "train_loss": 1.5, "val_loss": 1.25, "val_accuracy": accuracy}
        for accuracy in (0.4, 0.525)
    ]
    made = {"name": "tuned", "history": epochs, "best_epoch": 2}
    record = {"name": "AlexNet", "origin": made} if place else made
    text = render(provenance=PROVENANCE | {"weights": [record]})
    assert "Model weights: tuned" in text
    assert "Training of these weights by epoch (best: 2)" in text
    assert "<td>52.5 %</td>" in text


def test_a_training_without_a_chosen_epoch_is_told_by_its_own_measures(render):
    epochs = [{"size": 68, "train_loss": 1.324, "val_votes_loss": 0.93, "val_votes_accuracy": 0.794}]
    text = render(provenance=PROVENANCE | {"weights": [{"name": "expression network", "history": epochs}]})
    assert "Training of these weights by epoch<" in text
    assert "validation votes accuracy" in text
    assert "<td>79.4 %</td>" in text
