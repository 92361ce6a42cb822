"""Classes without usable training clips in a modality: the bundle names them, and so do predictions and evaluations."""

import csv
import json

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

import bundle_fixtures as tiny
import media_fixtures as made
from emotiw import cli
from emotiw.core.errors import BundleError
from emotiw.fusion import schemes
from emotiw.jobs import store
from emotiw.prediction import bundle, bundle_load, card, recogniser
from emotiw.prediction.recogniser import Recogniser
from test_bundle_systems import compare

pytestmark = pytest.mark.usefixtures("one_process")

JOY = [f"clip{i:02d}" for i in range(9) if i % 3 == 1]  # training clips of happiness
OTHERS = [f"clip{i:02d}" for i in range(9) if i % 3]
LINE = "the voice cannot answer happiness: no usable training clips"


def written(folder, classifier="pooled_logistic", unusable=JOY):
    over = {"video": tiny.system(["hog"], "pooled_logistic"), "audio": tiny.system(["egemaps"], classifier)}
    return tiny.write_run(folder, over, unusable={"audio": unusable})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run without a training clip of happiness that has sound."""
    return written(tmp_path_factory.mktemp("absent"))


@pytest.mark.parametrize("classifier", ["blstm", "pls", "pooled_svm"])
def test_a_bundle_answers_as_the_run_and_names_what_is_absent(tmp_path, classifier):
    run = written(tmp_path, classifier)
    assert compare(run, 1e-6, most_certain=0.9999) == {"fusion", "video", "audio"}
    about = bundle.read(run.bundle).about
    assert about["members"][0]["lacking"] == {"audio": ["happiness"]}
    found = bundle_load.recogniser(bundle.read(run.bundle))
    of = found.predict(found.encode(None, run.features("audio", "clip15"))).mean
    assert of["audio"][1] < 1e-12 < of["audio"][0]
    assert card.line(about).endswith(LINE)


def test_a_modality_whose_networks_have_one_class_is_absent(tmp_path):
    run = written(tmp_path, "blstm", OTHERS)
    about, found = bundle.read(run.bundle).about, bundle_load.recogniser(bundle.read(run.bundle))
    answer = found.predict(found.encode(run.features("video", "clip15"), run.features("audio", "clip15")))
    fused = store.read(run.folder / "fusion.h5", "scores")
    expected = fused.entries["fusion"].arrays["scores"][fused.facts["clips"].index("clip15")]
    assert (answer.source, answer.mean["audio"]) == ("video", None)
    np.testing.assert_allclose(answer.mean["fusion"], expected, rtol=0, atol=1e-6)
    assert about["members"][0]["audio"] == {}
    assert card.lacking(about) == "the voice cannot answer happiness, neutral: no usable training clips"


def test_a_bundle_without_absent_classes_says_nothing_of_them(tmp_path):
    about = bundle.read(written(tmp_path, unusable=()).bundle).about
    assert "lacking" not in about["members"][0]
    assert card.lacking(about) == ""


def test_classes_that_some_members_lack_are_counted():
    about = {"classes": ["anger", "joy"], "members": [{"lacking": {"video": ["joy"]}}, {"lacking": {}}, {}]}
    assert card.lacking(about) == "the face cannot answer joy (in 1 of 3 members): no usable training clips"


def test_predictions_say_what_is_absent(run, tmp_path):
    clip = made.sound_file(tmp_path / "a.wav", made.tone(1))
    args = ["predict", str(clip), "--bundle", str(run.bundle), "--output", str(tmp_path / "out"), "--self-test"]
    result = CliRunner().invoke(cli.app, args)
    assert LINE in " ".join(result.output.split())
    about = json.loads((tmp_path / "out/predictions.json").read_text())["bundle"]
    assert (about["line"].endswith(LINE), about["lacking"]) == (True, {"official": {"audio": ["happiness"]}})
    (row,) = csv.DictReader((tmp_path / "out/predictions.csv").read_text().splitlines())
    assert row["bundle"].endswith(LINE)
    assert LINE in (tmp_path / "out/predictions.html").read_text()


def test_an_evaluation_says_what_is_absent(run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    made.sound_file(tmp_path / "0.wav", made.tone(1))
    (tmp_path / "t.csv").write_text("clip,path,label,subject\nc0,0.wav,anger,new1\n")
    section = {"kind": "csv", "root": str(tmp_path), "table": "t.csv"}
    config = {"run": "mine", "corpus": section, "evaluation": {"bootstrap": 100}}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(config))
    args = ["evaluate", "--bundle", run.bundle, "--configfile", tmp_path / "my.yaml", "--output", tmp_path / "out"]
    result = CliRunner().invoke(cli.app, list(map(str, args)))
    assert f"T{LINE[1:]}." in result.output
    assert f"T{LINE[1:]}." in (tmp_path / "out/evaluation.html").read_text()
    assert json.loads((tmp_path / "out/evaluation.json").read_text())["bundle"]["lacking"] == LINE


def test_an_absent_class_stays_impossible_after_calibration_and_relative_to_the_same_person(run):
    found = bundle_load.recogniser(bundle.read(run.bundle))
    calibrated = Recogniser(found.members, {"video": 0.05, "audio": 0.05, "fusion": 0.05})
    sound = calibrated.encode(None, run.features("audio", "clip15"))
    assert calibrated.predict(sound).mean["audio"][1] < 1e-12
    posteriors = found.predict(sound).members["official"]["audio"][None]
    average = schemes.log_posteriors(posteriors)[0] - np.array([0.1, 0, 0.2])
    assert recogniser.relative(posteriors, average)[0, 1] < 1e-12


def test_an_absent_class_that_is_none_of_the_bundle_is_refused(tmp_path):
    run = written(tmp_path)
    tiny.rewrite(run.bundle, lambda about: about["members"][0].update(lacking={"audio": ["envy"]}))
    with pytest.raises(BundleError, match="lacks envy, expected classes of the bundle"):
        bundle_load.recogniser(bundle.read(run.bundle))
