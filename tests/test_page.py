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
        return report_page.render(corpus, found, rows, about, provenance=provenance | {"ledger": ledger})[0]

    return rendered


@pytest.fixture(scope="module")
def page(render):
    return Page(render())


FILES = ("metrics.json", "predictions.csv", "scores.csv.gz", "ledger.json", "tables/tables.json", "run_crate.zip")


def test_nothing_is_loaded_from_elsewhere(page):
    linked = (None, "contact_sheets.html", "learning_curves.svg", *FILES)
    for tag, attrs in page.tags:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            # a link is followed, not loaded; the frame shows a page of the run, which can run no script
            is_costs = attrs.get(name) in ("../logs/costs.html", "../logs/costs.csv") and tag in ("a", "iframe")
            if not is_costs and (tag != "a" or attrs.get(name) not in linked):
                assert attrs.get(name, "data:").startswith(("data:", "#")), (tag, attrs)
    assert any("default-src 'none'" in attrs.get("content", "") for attrs in page.of("meta"))
    assert [(frame["sandbox"], "src" in frame) for frame in page.of("iframe")] == [("allow-downloads", False)]


def test_no_two_elements_have_one_name(page):
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_every_link_within_the_page_leads_somewhere(page):
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    targets = {attrs["href"][1:].partition("?")[0] for attrs in page.of("a") if attrs["href"].startswith("#")}
    assert targets <= ids
    assert set(report_page.SECTIONS) - {"corpora"} <= targets


def test_every_picture_has_a_text_instead(page):
    assert all(attrs.get("alt") for attrs in page.of("img"))
    assert all(attrs.get("aria-label") for attrs in page.of("svg"))


def test_no_code_is_made_from_text_and_nothing_is_connected_to(page):
    policy = next(attrs["content"] for attrs in page.of("meta") if "default-src" in attrs.get("content", ""))
    assert "unsafe-eval" not in policy
    assert "connect-src" not in policy  # default-src 'none' holds
    # beside the page: its clips are played, and the costs of the run are shown in a frame without scripts
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": "'unsafe-inline'",
        "script-src": "'unsafe-inline'",
        "frame-src": "'self'",
        "media-src": "'self'",
    }


def test_every_chart_has_a_picture_and_a_table(page):
    charts = [attrs["id"] for attrs in page.of("figure") if attrs.get("class") == "chart"]
    assert charts == [f"chart-{name}" for name in ("systems", "pairs", "classifiers", "recall", "gains", "weights")]
    assert page.text.count("Values of the chart") == len(charts) + 4  # three reliability diagrams, and coverage


def test_every_part_of_the_page_is_part_of_what_the_page_is_made_from(root):
    modules = [root / f"workflow_scripts/emotiw/report/{name}.py" for name in ("page", "methods")]
    used = {path.name for module in modules for path in identity._resources(module)}
    there = {path.name for path in (root / "workflow_scripts/emotiw/resources").glob("report*")}
    assert used == there


def test_sections_stand_in_the_order_of_a_review(page):
    assert [attrs["id"] for attrs in page.of("section")] == [
        *("summary", "systems", "errors", "clips", "calibration", "data", "limits", "reproduce", "paper")
    ]


def test_without_the_script_the_first_clips_have_a_row(page, run):
    shown = [attrs["data-clip"] for attrs in page.of("tr") if "data-clip" in attrs]
    assert len(shown) == len(set(shown)) == explorer.N_STATIC
    assert set(shown) <= {row.clip for row in run.corpus.rows}


def test_a_synthetic_corpus_is_announced_before_anything_else(page):
    assert page.text.index("SYNTHETIC CORPUS") < page.text.index("Accuracy of fusion")
    assert "not a result" in page.text


def test_a_real_corpus_has_no_banner(render, run, metrics):
    corpus = dataclasses.replace(run.corpus, synthetic=False)
    assert "SYNTHETIC" not in render(corpus=corpus, found={**metrics, "synthetic": False})


def hidden(metrics, parts=("test",)):
    """The same run with hidden labels."""
    found = copy.deepcopy(metrics)
    for part in parts:
        about = found["parts"][part]
        about["n_hidden"], about["n_scored"] = about["n_scored"], 0
        about["majority_class"]["accuracy"] = None
        about["folds"], about["subjects"], about["comparisons"] = [], [], []
        for name, system in about["systems"].items():
            zero = np.zeros((7, 7), int).tolist()
            about["systems"][name] = dict.fromkeys(system) | {
                "n": 0,
                "n_covered": 0,
                "confusion": zero,
                "recalls": [None] * 7,
                "recall_intervals": [None] * 7,
            }
    return found


def test_hidden_test_labels_give_the_validation_part_and_say_that_it_was_fitted_to(render, metrics):
    text = Page(render(found=hidden(metrics))).text
    assert "val clips (to which its weights were fitted)" in text
    assert "with hidden labels" in text


def test_without_any_label_the_page_still_stands(render, metrics):
    assert "No label is known, so nothing is scored;" in render(found=hidden(metrics, ("test", "val")))


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


def test_on_another_corpus_the_paper_is_one_line(page):
    assert "none of them can be compared" in page.text
    assert "53.9 %" not in page.text
    for words in ("CNN + Dense SIFT", "baseline: LBP-TOP + SVM", "Schemes of the fusion", "Networks: single starts"):
        assert words in page.text


def test_on_afew_the_papers_figures_stand_beside_ours_with_verdicts(render, run):
    text = Page(render(corpus=dataclasses.replace(run.corpus, corpus="afew"))).text
    for value in ("40.47 %", "53.9 %", "59.02 %", "31 to 35 %", "7 to 8 points", "Rules of the verdicts", "lost"):
        assert value in text
    for words in ("Tables 5, 6 and 7", "Tables 2 and 3", "Figure 4"):
        assert words in text
    assert "not testable on this corpus" not in text


def test_no_raw_id_of_a_system_is_on_the_page(page):
    shown = page.text[: page.text.index("Settings that the paper does not fix")]
    ledger = page.text[page.text.index("Selection ledger") : page.text.index("SHA-256 of the files")]
    for text in (shown, ledger):
        assert not re.search(r"(video|audio|fusion)/\w", text)
        assert "lbp_top" not in text


def test_a_modality_that_judged_nothing_has_no_figures(render, metrics):
    found = copy.deepcopy(metrics)
    nothing = {"accuracy": None, "accuracy_interval": None, "uar": None, "uar_interval": None, "macro_f1": None}
    for part in found["parts"].values():
        for name, it in part["systems"].items():
            if name.startswith("video"):
                it.update(nothing | {"n_covered": 0, "accuracy_covered": None, "recalls": [None] * 7})
                it.pop("reliability", None)
        part["fusion_gain"].pop("video")
        part["comparisons"] = [pair for pair in part["comparisons"] if "video" not in pair["a"] + pair["b"]]
    text = Page(render(found=found)).text
    assert "Video judged none of the" in text
    assert "video judged no clip" in text
    assert "Gain of fusion over audio" in text


def test_a_run_of_one_modality_says_nothing_of_fusion(render, run, metrics):
    found = copy.deepcopy(metrics) | {"modalities": ["audio"]}
    for part in found["parts"].values():
        part["comparisons"] = [pair for pair in part["comparisons"] if pair["a"] == "audio"]
        part["sources"] = {"fusion": 0, "video": 0, "audio": part["n"], "prior": 0}
    text = Page(render(found=found)).text
    shown = text[: text.index("Settings that the paper does not fix")]
    assert re.findall(r".{40}\bfusion.{40}", shown, re.IGNORECASE) == []
    assert "Accuracy of audio" in shown


def test_systems_that_use_the_test_subject_are_called_transductive(render, page):
    made = copy.deepcopy(PROVENANCE)
    made["config"]["blstm"]["normalise"] = "subject"
    text = Page(render(provenance=made)).text
    assert text.count("transductive: uses statistics of the test subject") == 4  # audio and fusion, test and val
    assert "Transductive: audio and fusion standardise" in text
    assert "Transductive" not in page.text[: page.text.index("Settings that the paper does not fix")]


def test_deviations_are_a_table_of_setting_paper_ours_and_reason(page):
    assert "setting paper ours reason" in page.text
    assert "blstm.architectures six structures, sizes not given" in page.text


def test_the_methods_cite_what_the_references_hold(page):
    assert r"follows Ding et al. \cite{ding2016}" in page.text
    assert "@inproceedings{ding2016," in page.text


def test_the_page_of_one_modality_links_to_the_contact_sheets_of_the_run(render):
    text = render(provenance=PROVENANCE | {"scope": "video_only/"})
    assert 'href="../../report/contact_sheets.html"' in text
    assert "run_crate.zip" not in text


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
    assert "fusion video +9.1 +1.0 to +20.0 7 : 2 0.180 0.360 < 0.001 < 0.001" in text


def test_the_selection_ledger_is_shown(page, metrics):
    assert f"{metrics['ledger']['n_choices']} choices" in page.text
    assert "None saw the label of a test clip" in page.text
    assert "audio, eGeMAPS, BLSTM, layers of 64 units, start 1: epoch" in page.text


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
