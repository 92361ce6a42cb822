"""The text of methods, its references, readable names, and the limits of a run."""

import json
import re

import pytest

from emotiw.report import limits, methods, names
from evaluation_fixtures import config, evaluate, fuse_all, make_run


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("methods"), n_folds=3)
    fuse_all(run)
    return evaluate(run)


def test_every_citation_has_an_entry_and_every_entry_is_cited(metrics):
    cited = {key for keys in methods.CITED.findall(methods.text(metrics, config())) for key in keys.split(",")}
    entries = re.findall(r"^@\w+\{(\w+),$", methods.bibtex(metrics, config()), re.MULTILINE)
    assert entries == sorted(cited)
    assert {"ding2016", "liu2014", "eyben2016", "field2007", "molder2021"} <= cited


def test_every_citation_that_a_text_can_make_has_a_reference(root):
    known = json.loads((root / "workflow_scripts/emotiw/resources/report_references.json").read_text())
    source = (root / "workflow_scripts/emotiw/report/methods.py").read_text()
    keys = {key for found in re.findall(r"\\cite\{+([a-z0-9,]+)\}+", source) for key in found.split(",")}
    assert keys == set(known)
    assert all({"kind", "author", "title", "year"} <= set(entry) for entry in known.values())


def test_the_text_says_what_was_configured(metrics):
    made = config()
    made["audio"]["combination"] = {"features": ["egemaps"], "classifier": "pooled_logistic"}
    made["pooled"]["normalise"] = "subject"
    made["fusion"]["scheme"] = "shared"
    text = methods.text(metrics, made)
    for words in (
        "56 clips of 13 subjects",
        "3 folds",
        "partial least squares",
        "transductive",
        "one weight",
        "seed 2016",
    ):
        assert words in text
    assert "Bidirectional LSTM" not in text
    assert "Bidirectional LSTM" in methods.text(metrics, config())


def test_a_run_of_one_modality_has_no_text_on_the_other(metrics):
    text = methods.text(metrics | {"modalities": ["audio"]}, config())
    assert "Faces" not in text
    assert "fused" not in text


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("video", "video"),
        ("joint", "joint search"),
        ("video/lbp_top/svm", "baseline: LBP-TOP + SVM"),
        ("video/cnn+dense_sift/pls/mean", "CNN + Dense SIFT, PLS"),
        ("video/cnn/pls/subspace_rbf", "CNN, PLS, subspace rbf"),
        ("audio/egemaps/blstm/64-32_1", "eGeMAPS, BLSTM, layers of 64, 32 units, start 2"),
        ("audio/mine/pooled_svm/mean", "mine, SVM on pooled frames"),
    ],
)
def test_systems_have_readable_names(name, title):
    assert names.system(name) == title


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("audio/egemaps/blstm/64_0: epoch", "audio, eGeMAPS, BLSTM, layers of 64 units, start 1: epoch"),
        ("video/cnn/pls/mean: n_components", "video, CNN, PLS: n_components"),
        ("fusion/per_class", "fusion, per class"),
        ("class prior", "class prior"),
    ],
)
def test_choices_have_readable_names(text, title):
    assert names.choice(text) == title


def test_names_are_listed_as_in_a_sentence():
    assert [names.listed(it) for it in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


def test_limits_name_what_holds_for_this_run(metrics):
    made = config()
    assert not [line for line in limits.of(metrics, made) if "Transductive" in line]
    made["blstm"]["normalise"] = "subject"
    text = " ".join(limits.of(metrics, made))
    assert "Transductive: audio and fusion standardise" in text
    assert "synthetic" in text
    alone = " ".join(limits.of(metrics | {"modalities": ["audio"], "synthetic": False}, config()))
    assert "fusion" not in alone
    assert "synthetic" not in alone
