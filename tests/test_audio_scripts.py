"""The programs audio, egemaps and functionals, on clips with and without defects."""

import importlib.util
import json

import numpy as np
import pytest

import media_fixtures as make
from emotiw.core import files
from emotiw.core.errors import MediaError
from emotiw.core.status import Status
from emotiw.jobs import store
from job_fixtures import job_of

SETTINGS = {
    "audio": {"rate_hz": 16000, "silence_peak": 1e-4, "min_duration_s": 0.1},
    "limits": {"max_pixels": 16777216, "max_duration_s": 600.0, "min_decoded_fraction": 0.98, "job_s": 3600.0},
    "on_defect": "exclude",
    "egemaps": {"feature_set": "eGeMAPSv02", "mode": "functionals", "frame_length_s": 0.04, "deltas": False},
    "functionals": {"feature_set": "emobase"},
}


@pytest.fixture(scope="module")
def program(root):
    def load(name):
        spec = importlib.util.spec_from_file_location(f"script_{name}", root / "workflow_scripts" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.main

    return load


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """One clip of each status of the sound."""
    folder = tmp_path_factory.mktemp("clips")
    (folder / "text.mp4").write_text("hello")
    return {
        "ok": make.clip(folder / "ok.mp4", sound=make.tone(0.8)),
        "none": make.clip(folder / "none.mp4"),
        "short": make.sound_file(folder / "short.wav", make.tone(0.05)),
        "silent": make.sound_file(folder / "silent.wav", make.tone(0.5, peak=0)),
        "text": folder / "text.mp4",
        "alone": make.sound_file(folder / "alone.wav", make.tone(0.4)),
    }


def stage(clips=None, **changes):
    about = {"settings": SETTINGS | changes, "code": "0"}
    return json.dumps(about | ({"clips_sha256": clips} if clips else {}))


def decoding(output, paths, hashes=None, **changes):
    """Arguments of the program `audio` for clips."""
    options, clips = job_of(output.parent, paths, **hashes or {})
    return [*options, "--output", str(output), "--stage", stage(clips, **changes)]


def arguments(output, text, **inputs):
    options = [str(part) for name, paths in inputs.items() for part in (f"--{name}", *paths)]
    return [*options, "--output", str(output), "--stage", text]


@pytest.fixture(scope="module")
def audio(tmp_path_factory, program, clips):
    path = tmp_path_factory.mktemp("audio") / "job.h5"
    program("audio")(decoding(path, clips))
    return path


EXPECTED = {
    "ok": Status.OK,
    "none": Status.NO_AUDIO,
    "short": Status.SHORT_AUDIO,
    "silent": Status.SILENT_AUDIO,
    "text": Status.UNDECODABLE,
    "alone": Status.OK,
}


def test_audio_writes_every_clip_with_its_status(audio):
    found = store.read(audio, "audio")
    assert {name: entry.status for name, entry in found.entries.items()} == EXPECTED
    assert found.entries["ok"].arrays["waveform"].shape == (12800,)
    assert found.entries["ok"].facts["codec"] == "aac"
    assert found.entries["ok"].facts["duration_s"] == pytest.approx(0.8)
    assert len(found.entries["short"].arrays["waveform"]) == 800
    assert len(found.entries["silent"].arrays["waveform"]) == 8000
    assert found.entries["text"].facts["reason"].startswith("Invalid data")


def test_audio_does_not_depend_on_where_the_clips_lie(audio, clips, program, tmp_path):
    moved = {name: tmp_path / path.name for name, path in clips.items()}
    for name, path in moved.items():
        path.write_bytes(clips[name].read_bytes())
    program("audio")(decoding(tmp_path / "job.h5", moved))
    assert files.sha256(tmp_path / "job.h5") == files.sha256(audio)


def test_audio_raises_defects_if_configured(clips, program, tmp_path):
    with pytest.raises(MediaError, match=r"text\.mp4: Invalid data"):
        program("audio")(decoding(tmp_path / "a.h5", clips, on_defect="fail"))
    assert not (tmp_path / "a.h5").exists()


def test_audio_refuses_a_clip_that_changed(clips, program, tmp_path):
    with pytest.raises(MediaError, match="clip changed while running: ok has"):
        program("audio")(decoding(tmp_path / "a.h5", clips, {"ok": "0" * 64}))


def test_egemaps_carries_the_status_and_features(audio, program, tmp_path):
    program("egemaps")(arguments(tmp_path / "f.h5", stage(), audio=[audio]))
    found = store.read(tmp_path / "f.h5", "frame_features")
    assert {name: entry.status for name, entry in found.entries.items()} == EXPECTED
    assert {name for name, entry in found.entries.items() if entry.arrays} == {"ok", "silent", "alone"}
    assert found.entries["ok"].arrays["features"].shape == (len(found.entries["ok"].arrays["time"]), 88)
    assert len(found.facts["columns"]) == 88


def test_functionals_carry_the_status_and_features(audio, program, tmp_path):
    program("functionals")(arguments(tmp_path / "f.h5", stage(), audio=[audio]))
    found = store.read(tmp_path / "f.h5", "clip_features")
    assert {name: entry.status for name, entry in found.entries.items()} == EXPECTED
    assert found.entries["ok"].arrays["features"].shape == (len(found.facts["columns"]),) == (988,)
    assert np.isfinite(found.entries["silent"].arrays["features"]).all()


def test_a_program_ends_with_one_line(root, clips, tmp_path):
    arguments = decoding(tmp_path / "a.h5", {"text": clips["text"]}, on_defect="fail")
    done = make.run_script(root, "audio", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(f"MediaError: {clips['text']}: Invalid data")
    assert len(done.stderr.splitlines()) == 1
