"""Tracks that a run named for its clips: its bundle knows them, and `emotiw predict` and `evaluate` name others."""

import json
import shutil
from dataclasses import replace

import pytest
import yaml
from typer.testing import CliRunner

import bundle_fixtures as tiny
from emotiw import cli
from emotiw.prediction import bundle
from emotiw.prediction.predictor import Predictor
from test_tracks import default, of_two

pytestmark = pytest.mark.usefixtures("one_process")


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    """A run that read the second sound track of its clips."""
    over = {
        modality: tiny.system([name], "pooled_logistic") for modality, name in (("video", "hog"), ("audio", "egemaps"))
    }
    return tiny.write_run(tmp_path_factory.mktemp("second"), over | {"media": {"audio_track": 1}})


@pytest.fixture
def clip(tmp_path):
    """A clip whose default sound track is silent."""
    return of_two(tmp_path, *default(True, False))


def heard(predictor, clip):
    (prediction,) = predictor.predict([clip])
    return prediction.status["audio"]


def test_the_tracks_of_the_run_are_those_of_its_bundle(second, clip):
    assert bundle.read(second.bundle).section("media") == {"audio_track": 1, "video_track": None}
    predictor = Predictor.load(second.bundle)
    assert heard(predictor, clip) == "ok"
    assert heard(replace(predictor, tracks={"audio_track": None}), clip) == "silent_audio"


def test_a_bundle_of_an_earlier_version_reads_the_default_track(second, clip, tmp_path):
    shutil.copytree(second.bundle, tmp_path / "old")
    tiny.rewrite(tmp_path / "old", lambda about: about["settings"].pop("media"))
    predictor = Predictor.load(tmp_path / "old")
    assert heard(predictor, clip) == "silent_audio"
    assert heard(replace(predictor, tracks={"audio_track": 1}), clip) == "ok"


@pytest.mark.parametrize(("options", "status"), [((), "ok"), (("--audio-track", -1), "silent_audio")])
def test_an_option_names_another_track(second, clip, tmp_path, options, status):
    args = ["predict", clip, "--bundle", second.bundle, "--output", tmp_path / "out", "--self-test", *options]
    CliRunner().invoke(cli.app, list(map(str, args)))
    (found,) = json.loads((tmp_path / "out/predictions.json").read_text())["clips"]
    assert found["status"]["audio"] == status


def test_a_corpus_that_names_its_tracks_is_evaluated_on_them(second, clip, tmp_path):
    (clip.parent / "t.csv").write_text(f"clip,path,label,subject\nc0,{clip.name},anger,new1\n")
    section = {"kind": "csv", "root": str(clip.parent), "table": "t.csv"}

    def statuses(track):
        config = {"run": "mine", "corpus": section, "media": {"audio_track": track}, "evaluation": {"bootstrap": 100}}
        (tmp_path / "my.yaml").write_text(yaml.safe_dump(config))
        args = ["evaluate", "--bundle", second.bundle, "--configfile", tmp_path / "my.yaml", "--output", tmp_path / "e"]
        CliRunner().invoke(cli.app, list(map(str, args)))
        return json.loads((tmp_path / "e/evaluation.json").read_text())["status"]["audio"]

    assert statuses(None) == {"ok": 1}  # as the bundle says
    assert statuses(0) == {"silent_audio": 1}  # not the answer that was kept
