"""`emotiw evaluate`: a bundle on labelled clips that it has not seen."""

import csv
import json
import shutil

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

import bundle_fixtures as tiny
import bundle_v2
import media_fixtures as made
from emotiw import cli
from emotiw.core import files
from emotiw.corpora import seen
from emotiw.prediction import bundle, bundle_training, judging

pytestmark = pytest.mark.usefixtures("one_process")


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """Three sounds with labels of two classes, and a file that is no clip."""
    monkeypatch.setenv("COLUMNS", "200")
    folder = tmp_path / "corpus"
    folder.mkdir()
    for i in range(3):
        made.sound_file(folder / f"{i}.wav", made.tone(1 + i / 10))
    (folder / "3.wav").write_bytes(b"no sound")
    rows = ["c0,0.wav,anger,new1", "c1,1.wav,calm,new1", "c2,2.wav,anger,new2", "c3,3.wav,anger,new2"]
    (folder / "t.csv").write_text("\n".join(["clip,path,label,subject", *rows]))
    return folder


def configured(corpus, **over):
    section = {"kind": "csv", "root": str(corpus), "table": "t.csv", "labels": {"calm": "neutral"}}
    path = corpus / "my.yaml"
    path.write_text(yaml.safe_dump({"run": "mine", "corpus": section | over, "evaluation": {"bootstrap": 100}}))
    return path


def evaluate(*args):
    return CliRunner().invoke(cli.app, ["evaluate", *map(str, args)])


def test_a_bundle_says_what_its_members_were_trained_on(run):
    found = bundle_training.read(bundle.read(run.bundle))
    assert found["subjects"] == {seen.digest("tiny", f"s{i}") for i in range(5)}  # of training and validation clips


def test_clips_are_scored_and_written(run, corpus, tmp_path):
    config, output = configured(corpus), tmp_path / "out"
    result = evaluate("--bundle", run.bundle, "--configfile", config, "--output", output)
    assert result.exit_code == cli.NEGATIVE, result.output  # one clip could not be judged
    assert "Among the 2 classes anger, neutral" in result.output
    content = json.loads((output / "evaluation.json").read_text())
    assert content["scores"]["n"] == 4
    assert content["seen"] == {"checked": True, "n_seen": 0, "seen": ""}
    assert [clip["clip"] for clip in content["not_judged"]] == ["c3"]
    with (output / "predictions.csv").open() as stream:
        rows = {row["clip"]: row for row in csv.DictReader(stream)}
    assert [rows[f"c{i}"]["label"] for i in range(4)] == ["anger", "neutral", "anger", "anger"]
    classes = [float(rows["c0"][f"fusion_{label}"]) for label in tiny.CLASSES]
    assert sum(classes) == pytest.approx(1, abs=1e-5)
    assert rows["c0"]["predicted_fusion"] == tiny.CLASSES[int(np.argmax(classes))]
    right = sum(rows[f"c{i}"]["predicted_fusion"] == rows[f"c{i}"]["label"] for i in range(3))
    assert content["scores"]["among"]["all"]["systems"]["fusion"]["accuracy"] == pytest.approx(right / 3)
    assert "Evaluation of tiny on csv" in (output / "evaluation.html").read_text()


def test_an_evaluation_goes_on_where_it_ended(run, corpus, tmp_path, monkeypatch):
    config, output = configured(corpus), tmp_path / "out"
    assert evaluate("--bundle", run.bundle, "--configfile", config, "--output", output).exit_code == cli.NEGATIVE
    first = (output / "evaluation.json").read_bytes()
    kept = sorted((output / "clips").iterdir())
    assert len(kept) == 4
    kept[0].write_bytes(kept[0].read_bytes()[:40])  # as a damaged file, or one of another bundle, it is made again
    asked = []
    answer = judging._answer
    monkeypatch.setattr(judging, "_answer", lambda folder, path: asked.append(path) or answer(folder, path))
    assert evaluate("--bundle", run.bundle, "--configfile", config, "--output", output).exit_code == cli.NEGATIVE
    assert len(asked) == 1
    assert (output / "evaluation.json").read_bytes() == first


def test_two_processes_give_the_same_answers_as_one(run, corpus):
    clips = {str(i): corpus / f"{i}.wav" for i in range(3)}
    one, two = (dict(judging.judge(run.bundle, clips, n_processes=n)) for n in (1, 2))
    assert list(one) == list(two) == list(clips)
    assert one == two


@pytest.mark.parametrize("what", ["subject", "content"])
def test_what_the_bundle_was_trained_on_is_refused_or_left_out(run, corpus, tmp_path, what):
    over, folder = {}, tmp_path / "bundle"
    shutil.copytree(run.bundle, folder)
    if what == "subject":
        rows = ["c0,0.wav,anger,s0", "c1,1.wav,calm,new1", "c2,2.wav,anger,new2"]
        (corpus / "t.csv").write_text("\n".join(["clip,path,label,subject", *rows]))
        over = {"population": "tiny"}
    else:
        record = json.loads((folder / "training.json").read_text())
        record["clips"] = [files.sha256(corpus / "0.wav")]
        tiny.replace_file(folder, "training.json", json.dumps(record).encode())
    config = configured(corpus, **over)
    result = evaluate("--bundle", folder, "--configfile", config)
    assert result.exit_code == cli.UNUSABLE
    expected = {"subject": "1 subject (tiny-s0)", "content": "1 files by their content"}[what]
    assert "1 of" in result.stderr
    assert f"were seen by the bundle in training or validation: {expected} (clips c0)" in result.stderr
    result = evaluate("--bundle", folder, "--configfile", config, "--drop-seen", "--output", tmp_path / "out")
    assert f"1 clips that the bundle had seen were left out: {expected}." in result.output
    content = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert "c0" not in (tmp_path / "out/predictions.csv").read_text()
    assert content["seen"]["n_seen"] == 1


def test_a_bundle_that_does_not_say_what_it_has_seen_is_evaluated_on_request_only(run, corpus, tmp_path):
    old = bundle_v2.write(tmp_path / "old", run.bundle)
    config = configured(corpus)
    result = evaluate("--bundle", old, "--configfile", config)
    assert result.exit_code == cli.UNUSABLE
    assert "does not say which clips it was trained on" in result.stderr
    result = evaluate("--bundle", old, "--configfile", config, "--unchecked")
    assert result.exit_code == cli.NEGATIVE
    assert "could not be checked" in result.output


def test_a_corpus_of_nothing_else_has_nothing_to_score(run, corpus):
    (corpus / "t.csv").write_text("clip,path,label,subject\nc0,0.wav,anger,s0")
    config = configured(corpus, population="tiny", labels={})
    result = evaluate("--bundle", run.bundle, "--configfile", config, "--drop-seen")
    assert result.exit_code == cli.UNUSABLE
    assert "no clip of the corpus is left to be scored" in result.stderr


def test_a_label_that_is_no_class_of_the_bundle_is_told_before_anything_is_judged(run, corpus):
    result = evaluate("--bundle", run.bundle, "--configfile", configured(corpus, labels={}))
    assert result.exit_code == cli.UNUSABLE
    assert "label 'calm' of 1 clips is no class of the system (anger, happiness, neutral)" in result.stderr


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"clips": [], "subjects": [], "films": 3}'])
def test_a_record_of_training_that_is_none_is_refused(run, corpus, tmp_path, content):
    shutil.copytree(run.bundle, tmp_path / "bundle")
    tiny.replace_file(tmp_path / "bundle", "training.json", content)
    result = evaluate("--bundle", tmp_path / "bundle", "--configfile", configured(corpus))
    assert result.exit_code == cli.UNUSABLE
    assert "training.json" in result.stderr
