"""Predictions in a process that may die: a crash costs its clip, and what was killed is recorded nowhere."""

import csv
import ctypes
import gc
import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import bundle_fixtures as tiny
import crash_fixtures as crashes
import media_fixtures as made
import sound_network_fixtures as sound_network
from emotiw import cli
from emotiw.audio import whisper
from emotiw.core import files
from emotiw.core.errors import FeatureError, MediaError
from emotiw.demo import design
from emotiw.media import container, probing, soundtrack, video_frames
from emotiw.prediction import contained, judging, segments
from emotiw.prediction.predictor import Predictor
from emotiw.video import expression_network
from emotiw.weights import onnx_network
from weights_fixtures import write_expression, write_whisper

DEEDS = {
    "SIGSEGV": lambda: ctypes.string_at(0),
    "SIGABRT": os.abort,
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda: time.sleep(600),
}
# the functions of native code that a clip passes through, as the predictor's modules know them
STAGES = {
    "opening": (video_frames, "read"),
    "sound": (soundtrack, "read"),
    "faces": (segments, "detector"),
    "features of faces": ("face_features", "dense_sift"),
    "features of sound": ("sound_features", "egemaps"),
}


# those of networks: torch, and ONNX Runtime
NETWORKS = {
    "expression network": (expression_network.ExpressionNetwork, "features"),
    "whisper": (whisper, "heard_frames"),
    "network of sound in an ONNX file": (onnx_network.Model, "_run"),
}


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Predictor whose features are those of networks."""
    folder, data = tmp_path_factory.mktemp("networks"), sound_network.strided()
    files.write_atomic(folder / "networks/tiny.onnx", data)
    write_expression(folder)
    write_whisper(folder)
    over = {
        "sound_embeddings": {"tiny": sound_network.settings(data)},
        "video": tiny.system(["expression_posteriors"], "average"),
        "audio": tiny.system(["tiny", "whisper"], "pooled_logistic"),
    }
    return Predictor.load(tiny.write_run(folder, over).bundle)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Three clips with sound; the second one is the one to die at, and has a face."""
    folder = tmp_path_factory.mktemp("clips")
    paths = [made.clip(folder / f"{name}.mp4", n=8, sound=made.tone(1.0)) for name in ("a", "bad", "c")]
    drawn = design.Design(n_subjects=3, n_train=1, n_val=1)
    paths[1].write_bytes(made.talking(drawn, 1.2))
    return paths


def dying(monkeypatch, predictor, stage, deed, marks=None):
    """A predictor in which a native function does `deed` at the bad clip; only once, if `marks` is a folder."""
    now = {"path": ""}
    read = segments.segments

    def follow(path, *args, **more):
        now["path"] = str(path)
        return read(path, *args, **more)

    def strikes(work):
        def working(*args, **more):
            if "bad" in now["path"] and (marks is None or not any(marks.iterdir())):
                if marks is not None:
                    (marks / str(os.getpid())).touch()
                DEEDS[deed]()
            return work(*args, **more)

        return working

    monkeypatch.setattr(segments, "segments", follow)
    where, name = (STAGES | NETWORKS)[stage]
    if isinstance(where, str):
        functions = dict(getattr(predictor, where))
        assert name in functions
        return replace(predictor, **{where: functions | {name: strikes(functions[name])}})
    monkeypatch.setattr(where, name, strikes(getattr(where, name)))
    return predictor


def plain(predictions):
    """What predictions say, without their computing times."""
    return [
        (one.path, one.status, one.reason, {k: None if v is None else v.tolist() for k, v in one.posteriors.items()})
        for one in predictions
    ]


def test_a_child_predicts_the_same_bits(predictor, clips):
    assert plain(contained.Contained(predictor).predict(clips)) == plain(predictor.predict(clips))


def test_a_prediction_leaves_no_threads(predictor, clips):
    threads = Path("/proc/self/task")
    gc.collect()
    before = {thread.name for thread in threads.iterdir()}
    gc.disable()  # which would end the threads of what it collects
    try:
        list(predictor.predict(clips))
        assert {thread.name for thread in threads.iterdir()} <= before
    finally:
        gc.enable()


@pytest.mark.parametrize("deed", ["SIGSEGV", "SIGABRT"])
@pytest.mark.parametrize("stage", list(STAGES))
def test_a_crash_costs_its_clip_alone(monkeypatch, predictor, clips, stage, deed):
    expected = plain(predictor.predict(clips))
    broken = dying(monkeypatch, predictor, stage, deed)
    first, bad, last = contained.Contained(broken).predict(clips)
    assert plain([first, last]) == [expected[0], expected[2]]
    assert bad.status == {"video": "crashed", "audio": "crashed"}
    assert bad.reason == f"the program crashes at this clip ({deed}), twice in two processes"
    assert bad.emotion is None


@pytest.mark.parametrize("deed", ["SIGSEGV", "SIGKILL", "hang"])
@pytest.mark.parametrize("stage", list(NETWORKS))
def test_a_network_that_dies_costs_its_clip_alone(monkeypatch, networks, clips, stage, deed):
    expected = plain(networks.predict(clips))
    first, bad, last = contained.Contained(dying(monkeypatch, networks, stage, deed), stalled_s=8).predict(clips)
    assert plain([first, last]) == [expected[0], expected[2]]
    assert set(bad.status.values()) == {"crashed" if deed == "SIGSEGV" else "not_judged"}


def test_a_crash_that_does_not_repeat_leaves_no_status(monkeypatch, predictor, clips, tmp_path):
    expected = plain(predictor.predict(clips))
    broken = dying(monkeypatch, predictor, "sound", "SIGSEGV", marks=tmp_path)
    assert plain(contained.Contained(broken).predict(clips)) == expected
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("SIGKILL", "its process ended by SIGKILL (by the out-of-memory killer, or by a person)"),
        ("hang", "no progress for 3 s"),
    ],
)
@pytest.mark.parametrize("stage", list(STAGES))
def test_what_was_killed_or_hangs_is_not_judged_this_time(monkeypatch, predictor, clips, stage, deed, reason):
    broken = dying(monkeypatch, predictor, stage, deed)
    first, bad, last = contained.Contained(broken, stalled_s=3).predict(clips)
    assert bad.status == {"video": "not_judged", "audio": "not_judged"}
    assert bad.reason == f"not judged this time: {reason}"
    assert first.reason != bad.reason != last.reason


def test_the_command_writes_its_output_and_the_log_after_a_crash(monkeypatch, run, clips, tmp_path):
    dying(monkeypatch, None, "sound", "SIGSEGV")
    out = tmp_path / "out"
    arguments = ["predict", *map(str, clips), "--bundle", str(run.bundle), "--self-test", "--output", str(out)]
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == cli.NEGATIVE, result.output
    assert "not judged" in result.output
    with (out / "predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["reason"] for row in rows if "crashes" in row["reason"]] == [
        "the program crashes at this clip (SIGSEGV), twice in two processes"
    ]
    assert len(json.loads((out / "predictions.json").read_text())["clips"]) == 3
    assert "bad.mp4: the program crashes at this clip (SIGSEGV)" in (out / "predict.log").read_text()


@pytest.mark.parametrize("deed", ["SIGKILL", "SIGSEGV"])
def test_an_evaluation_keeps_no_answer_of_the_moment(monkeypatch, run, clips, tmp_path, deed):
    named = {path.stem: path for path in clips}
    monkeypatch.setattr(judging, "_predictor", lambda bundle, _tracks: contained.Contained(Predictor.load(bundle)))
    with monkeypatch.context() as patch:
        dying(patch, None, "sound", deed)
        if deed == "SIGKILL":  # it says nothing of the clip, so nothing can be scored
            with pytest.raises(FeatureError, match=r"bad\.mp4: not judged this time: .* run the same command again"):
                list(judging.judge(run.bundle, named, kept=tmp_path))
        else:
            assert dict(judging.judge(run.bundle, named, kept=tmp_path))["bad"].status["audio"] == "crashed"
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["a", "c"]
    answers = dict(judging.judge(run.bundle, named, kept=tmp_path))
    assert answers["bad"].status["audio"] not in ("crashed", "not_judged")


def test_predictions_of_the_moment_are_no_result_of_a_workflow(monkeypatch, predictor, clips):
    broken = contained.Contained(dying(monkeypatch, predictor, "sound", "SIGKILL"))
    passed = []
    with pytest.raises(FeatureError, match=r"bad\.mp4: not judged this time: .* run the same command again"):
        passed.extend(contained.lasting(broken.predict(clips)))
    assert [one.path.stem for one in passed] == ["a", "c"]


def test_no_process_is_left(monkeypatch, predictor, clips):
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = children.read_text()
    broken = contained.Contained(dying(monkeypatch, predictor, "sound", "SIGSEGV"))
    asked = broken.predict(clips)
    next(asked)
    assert children.read_text() != before
    asked.close()
    assert children.read_text() == before


# --- headers -----------------------------------------------------------------------------------------------------


def breaking(monkeypatch, folder, deed):
    """Processes that read headers do `deed` at the clip "bad"."""
    environment = crashes.injected(folder, "av:open", deed)
    monkeypatch.setenv("PYTHONPATH", environment["PYTHONPATH"])


def test_headers_are_read_in_another_process(clips):
    ask = probing.Prober()
    assert [ask(path) for path in clips] == [container.probe(path) for path in clips]
    ask.close()


@pytest.mark.parametrize("deed", ["SIGSEGV", "SIGABRT"])
def test_a_header_that_crashes_ffmpeg_has_no_facts(monkeypatch, clips, tmp_path, deed):
    breaking(monkeypatch, tmp_path, deed)
    ask = probing.Prober()
    found = [ask(path) for path in clips]
    assert found == [container.probe(clips[0]), {}, container.probe(clips[2])]
    ask.close()


@pytest.mark.parametrize(("deed", "message"), [("SIGKILL", "ended by SIGKILL"), ("hang", "not read within 5 s")])
def test_a_header_that_was_not_read_this_time_is_an_error(monkeypatch, clips, tmp_path, deed, message):
    breaking(monkeypatch, tmp_path, deed)
    ask = probing.Prober(longest_s=5)
    with pytest.raises(MediaError, match=rf"bad\.mp4: .*{message}.* run the same command again"):
        ask(clips[1])
    assert ask(clips[0])["format"]
    ask.close()
