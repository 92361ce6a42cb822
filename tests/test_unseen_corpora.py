"""Labelled corpora that a finished system is scored on: label maps, and what the system has seen."""

import pytest

from emotiw.core.errors import BundleError, ConfigError, ManifestError
from emotiw.corpora import label_maps, seen, unseen
from emotiw.corpora.manifest import Row

CLASSES = ("anger", "fear", "neutral")


def test_labels_are_mapped_left_out_or_kept():
    labels = ["calm", "fear", "contempt", "?"]
    found = label_maps.mapped(labels, {"calm": "neutral", "contempt": None}, CLASSES)
    assert found == ["neutral", "fear", None, None]


@pytest.mark.parametrize(
    ("label_map", "message"),
    [
        ({}, r"label 'calm' of 2 clips is no class of the system \(anger, fear, neutral\); give its class in"),
        ({"calm": "peace"}, "corpus.labels.calm: 'peace' is no class of the system; expected null or anger"),
        ({"calm": None, "joy": "fear"}, "no clip has the label 'joy'; labels of this corpus: calm, fear"),
    ],
)
def test_a_label_map_that_does_not_fit_is_told(label_map, message):
    with pytest.raises(ConfigError, match=message):
        label_maps.mapped(["calm", "calm", "fear"], label_map, CLASSES)


def test_people_of_one_population_are_known_again_and_others_are_not():
    rows = [Row("a", "", "fear", "actor01", sha256="1" * 64, film="f"), Row("b", "", "fear", "b", sha256="2" * 64)]
    hashes = seen.check("x", seen.record(rows, "ravdess"))
    assert {key: len(values) for key, values in hashes.items()} == {"clips": 2, "subjects": 1, "films": 1}
    found = seen.reasons("3" * 64, "ravdess-actor01", "", hashes)
    assert [(it.what, it.name) for it in found] == [("subject", "ravdess-actor01")]
    assert seen.reasons("3" * 64, "other-actor01", "other-f", hashes) == []
    assert [it.what for it in seen.reasons("1" * 64, "", "ravdess-f", hashes)] == ["content", "film"]


def test_an_empty_file_is_no_content_that_two_corpora_share():
    rows = [Row("a", "", "fear", "s", sha256=seen.EMPTY_SHA256)]
    assert seen.record(rows, "x")["clips"] == []


@pytest.mark.parametrize("found", [[], {"clips": [1], "subjects": [], "films": []}, {"clips": []}])
def test_a_record_that_is_none_is_refused(found):
    with pytest.raises(BundleError, match=r"training.json: expected lists of hashes clips, subjects, films"):
        seen.check("training.json", found)


def test_what_was_seen_is_named_in_short():
    found = [seen.Seen("subject", f"p-{i}") for i in (1, 2, 3, 4, 5, 6, 6)] + [seen.Seen("content", "x")]
    assert seen.summary(found) == "6 subjects (p-1, p-2, p-3, p-4, p-5 and 1 more), 1 files by their content"


def test_the_population_is_the_kind_of_a_published_corpus_and_the_run_of_a_table():
    assert seen.population({"kind": "ravdess"}, "mine") == "ravdess"
    assert seen.population({"kind": "csv"}, "mine") == "mine"
    assert seen.population({"kind": "csv", "population": "ravdess"}, "mine") == "ravdess"


@pytest.fixture
def config(tmp_path):
    rows = ["a,a.wav,calm,s1", "b,b.wav,fear,s2", "c,c.wav,joy,"]
    (tmp_path / "t.csv").write_text("\n".join(["clip,path,label,subject", *rows]))
    for name in "abc":
        (tmp_path / f"{name}.wav").write_bytes(name.encode())
    section = {"kind": "csv", "root": str(tmp_path), "table": "t.csv", "options": {}, "allow_outside": False}
    section |= {"protocol": {"scheme": "official", "n_folds": 3}}
    return {
        "run": "mine",
        "corpora": None,
        "corpus": section | {"labels": {"calm": "neutral", "joy": None}, "population": None},
    }


def test_a_corpus_needs_no_protocol_and_has_the_classes_of_the_system(config):
    found = unseen.read(config, CLASSES)
    assert [(clip.clip, clip.label, clip.subject) for clip in found.clips] == [
        ("a", "neutral", "mine-s1"),
        ("b", "fear", "mine-s2"),
    ]
    assert found.notes == ("1 clips left out by the label map or without a label",)
    assert all(len(clip.sha256) == 64 for clip in found.clips)


def test_an_unknown_subject_stays_unknown(config):
    config["corpus"]["labels"]["joy"] = "anger"
    assert [clip.subject for clip in unseen.read(config, CLASSES).clips] == ["mine-s1", "mine-s2", ""]


def test_all_problems_of_a_corpus_are_told_at_once(config, tmp_path):
    (tmp_path / "a.wav").unlink()
    (tmp_path / "b.wav").unlink()
    with pytest.raises(ManifestError, match=r"2 problems of the corpus(.|\n)*a.wav is missing(.|\n)*b.wav is missing"):
        unseen.read(config, CLASSES)


def test_rows_of_several_corpora_have_their_population_in_their_ids():
    row = Row("speech-a", "", "fear", "ravdess-actor01", sha256="1" * 64, corpus="speech")
    assert seen.record([row], "unused")["subjects"] == [seen.digest("ravdess", "actor01")]


def test_several_corpora_are_read_with_their_own_maps_and_populations(config, tmp_path):
    entry = {"kind": "csv", "root": str(tmp_path), "table": "t.csv", "labels": {"calm": "neutral", "joy": "leave_out"}}
    config["corpora"] = {"mine": entry, "yours": entry | {"population": "people"}}
    (tmp_path / "t.csv").write_text("clip,path,label,subject\na,a.wav,calm,s1\nb,b.wav,joy,s2")
    found = unseen.read(config, CLASSES)
    assert [(clip.clip, clip.label, clip.subject, clip.group) for clip in found.clips] == [
        ("mine-a", "neutral", "mine-s1", "mine"),
        ("yours-a", "neutral", "people-s1", "people"),
    ]
    assert found.kind == "mine, yours"
    assert found.notes == (
        "mine: left out by the label map: 1 clips of joy",
        "yours: left out by the label map: 1 clips of joy",
    )
