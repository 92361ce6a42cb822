"""The report: self-contained, complete, honest about what it stands beside, escaped."""

import base64
import copy
import dataclasses
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import yaml
from PIL import Image

from emotiw import charts, report
from emotiw.errors import StoreError
from evaluation_fixtures import config, evaluate, fuse_all, make_run

PROVENANCE = {
    "git": {"commit": "c" * 40, "dirty": True},
    "config": config(),
    "manifest_sha256": "a" * 64,
    "weights": [{"name": "alexnet", "licence": "BSD", "source": {"distribution": "x"}}],
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
def strips(run):
    return report.face_strips(run.corpus, run.folder / "faces")


@pytest.fixture(scope="module")
def render(run, metrics, strips):
    rows = report.read_predictions(run.folder / "predictions.csv")

    def rendered(corpus=run.corpus, found=metrics, predictions=rows, provenance=PROVENANCE):
        return report.render(corpus, found, predictions, strips, provenance=provenance)

    return rendered


@pytest.fixture(scope="module")
def page(render):
    return Page(render())


def test_nothing_is_loaded_from_elsewhere(page):
    for tag, attrs in page.tags:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            # a link is followed, not loaded
            if (tag, attrs.get(name)) not in {("a", "contact_sheets.html"), ("a", "learning_curves.svg")}:
                assert attrs.get(name, "data:").startswith(("data:", "#")), (tag, attrs)
    assert any("default-src 'none'" in attrs.get("content", "") for attrs in page.of("meta"))


def test_every_picture_has_a_text_instead(page):
    assert all(attrs.get("alt") for attrs in page.of("img"))
    assert all(attrs.get("aria-label") for attrs in page.of("svg"))


def test_every_clip_has_one_row(page, run):
    assert [attrs["data-clip"] for attrs in page.of("tr") if "data-clip" in attrs] == [
        row.clip for row in run.corpus.rows
    ]


def test_a_missing_clip_is_an_error(render, run):
    rows = [row for row in report.read_predictions(run.folder / "predictions.csv") if row["clip"] != "clip005"]
    with pytest.raises(StoreError, match="1 of 56 clips are missing: clip005"):
        render(predictions=rows)


def test_a_clip_is_shown_with_its_test_prediction(run):
    rows = list(report.clip_rows(run.corpus, report.read_predictions(run.folder / "predictions.csv"), {}))
    assert {row["part"] for row in rows} == {"test"}


def test_a_synthetic_corpus_is_announced_before_anything_else(page):
    assert page.text.index("SYNTHETIC CORPUS") < page.text.index("Fusion is right on")
    assert "never a result" in page.text


def test_a_real_corpus_has_no_banner(render, run, metrics):
    corpus = dataclasses.replace(run.corpus, synthetic=False)
    assert "SYNTHETIC" not in render(corpus=corpus, found={**metrics, "synthetic": False})


def test_the_papers_figures_stand_beside_ours_and_are_not_comparable_elsewhere(page, render, run):
    for value in ("40.47 %", "53.9 %", "59.02 %", "31 to 35 %"):
        assert value in page.text
    assert "not comparable on this corpus" in page.text
    assert "not comparable" not in render(corpus=dataclasses.replace(run.corpus, corpus="afew"))


def test_the_verdict_says_how_good_how_much_better_and_that_no_clip_is_lost(metrics):
    first, second, third = report.verdict(metrics, "test")
    test = metrics["parts"]["test"]
    assert report.percent(test["systems"]["fusion"]["accuracy"]) in first
    assert "95 % interval" in first
    assert "a difference of" in second
    assert "All 56 clips are accounted for" in third


def test_a_gain_whose_interval_holds_zero_is_called_undecided(metrics):
    found = copy.deepcopy(metrics)
    for name in ("video", "audio"):
        found["parts"]["test"]["fusion_gain"][name]["accuracy_interval"] = [-0.1, 0.2]
    assert "which the interval cannot tell from none" in report.verdict(found, "test")[1]
    for name in ("video", "audio"):
        found["parts"]["test"]["fusion_gain"][name]["accuracy_interval"] = [0.1, 0.2]
    assert "cannot tell" not in report.verdict(found, "test")[1]
    for name in ("video", "audio"):
        found["parts"]["test"]["fusion_gain"][name]["accuracy_interval"] = None
    assert "interval" not in report.verdict(found, "test")[1]


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
    assert "No label is known: nothing is scored." in render(found=hidden(metrics, ("test", "val")))


def test_content_is_escaped(render, metrics):
    notes = ["<script>alert(1)</script>"]
    text = render(found={**metrics, "notes": notes})
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_confusions_weights_and_recalls_stand_in_tables_behind_their_charts(page):
    for summary in ("Table of counts", "Table of recalls", "Table of weights and temperatures"):
        assert summary in page.text


def test_a_confusion_matrix_keeps_its_counts():
    found = report.confusion_cells("x", [[3, 1], [0, 0]])
    assert [[cell[0] for cell in row] for row in found["rows"]] == [[3, 1], [0, 0]]
    assert (found["right"], found["n"]) == (3, 4)


def test_shades_run_from_white_to_dark_with_legible_text():
    assert charts.shade(0) == ("#ffffff", "#000000")
    assert charts.shade(1) == ("#084594", "#ffffff")


@pytest.mark.parametrize("share", np.linspace(0, 1, 41))
def test_text_on_a_shade_has_the_contrast_of_wcag_aa(share):
    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return np.dot(linear, [0.2126, 0.7152, 0.0722])

    low, high = sorted(luminance(colour) for colour in charts.shade(share))
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_charts_are_the_same_twice_and_hold_no_date():
    uris = [charts.recall_chart({"video": [[3, 1], [0, 0]], "svm": [[2, 2], [0, 0]]}, ["a", "b"]) for _ in range(2)]
    svg = base64.b64decode(uris[0].partition(",")[2]).decode()
    assert uris[0] == uris[1]
    assert "<dc:date>" not in svg
    assert "a (4)" in svg


def test_weights_of_every_fold_are_drawn():
    one, two = (charts.weight_chart(w, ["a", "b"]) for w in ({"f": [0.1, 0.9]}, {"f": [0.1, 0.9], "g": [0.5, 0.5]}))
    assert len(two) > len(one)


def test_restarts_of_a_network_are_one_line_with_mean_and_deviation(metrics):
    lines = {line["name"]: line for line in report.other_systems(metrics)}
    values = [100 * metrics["parts"]["test"]["systems"][f"audio/64_{i}"]["accuracy"] for i in range(2)]
    assert lines["audio/64"]["restarts"] == 2
    assert lines["audio/64"]["test"] == f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f} %"
    assert lines["video/cnn/pls/mean"]["restarts"] is None
    assert lines["per_class"]["restarts"] is None
    assert not {"video", "audio", "fusion"} & set(lines)


def test_optimism_is_averaged_over_the_folds(metrics):
    lines = {line["scheme"]: line for line in report.optimism(metrics)}
    folds = metrics["fusion"]["folds"].values()
    assert lines["joint"]["optimism"] == pytest.approx(
        np.mean([fold["optimism"]["joint"]["optimism"] for fold in folds])
    )


def test_optimism_that_could_not_be_estimated_is_said(render, metrics):
    found = copy.deepcopy(metrics)
    for fold in found["fusion"]["folds"].values():
        fold["optimism"] = None
    assert "could not be estimated" in render(found=found)


def test_counts_add_up_to_the_clips(run):
    *folds, (name, total) = report.class_counts(run.corpus)
    assert (name, sum(total)) == ("all", 56)
    assert np.sum([row for _, row in folds], axis=0).tolist() == total


def test_clips_with_faces_have_a_small_strip(run, strips):
    assert set(strips) == {row.clip for row in run.corpus.rows} - {"clip003", "clip017"}
    data = base64.b64decode(strips["clip000"].partition(",")[2])
    assert Image.open(io.BytesIO(data)).size == (192, 48)
    assert len(data) < 6000


def test_the_tables_of_the_video_system_are_on_the_page(page):
    assert "selected on training folds only" in page.text
    for words in ("tables 5 and 6", "table 7", "CNN + Dense SIFT", "LBP-TOP + SVM", "baseline audio/functionals/svm"):
        assert words in page.text
    assert {"section", "table"} <= {tag for tag, _ in page.tags}
    assert {"id": "video"} in page.of("section")


def test_provenance_is_on_the_page(page):
    for text in ("c" * 40, "with uncommitted changes", "a" * 64, "Abacus", "numpy 1.0", "alexnet"):
        assert text in page.text


def test_a_folder_without_git_is_said(render):
    without = {**PROVENANCE, "git": {"commit": None, "dirty": None}}
    assert "not a git repository" in render(provenance=without)


def test_every_deviation_names_a_key_of_the_configuration():
    assert all(item["values"] for item in report.deviations(config()))


def test_every_choice_of_ours_in_the_configuration_is_a_listed_deviation(root):
    """A line of config.yaml that says [ours] must be named in resources/deviations.json."""
    text = (root / "config.yaml").read_text()
    lines = [number for number, line in enumerate(text.splitlines()) if "[ours]" in line and not line.startswith("#")]
    keys = keys_at(yaml.compose(text))
    marked = {keys[number] for number in lines if number in keys}
    listed = {key for item in report.deviations(config()) for key in item["values"]}
    assert not {key for key in marked if key not in listed and key.partition(".")[0] not in listed}


def keys_at(node, prefix=""):
    """Dotted key that starts in each line of a YAML document."""
    found = {}
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        found[key.start_mark.line] = name
        if isinstance(value, yaml.MappingNode):
            found = keys_at(value, f"{name}.") | found
    return found


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
    assert "Its training: epochs (best: 2)" in text
    assert "<td>52.5 %</td>" in text
