"""A program that dies at a clip: a crash of native code costs this clip, and nothing is recorded of what was killed."""

import signal

import h5py
import numpy as np
import pytest

import crash_fixtures as crashes
import media_fixtures as made
import sound_network_fixtures as sound_network
from emotiw.core import files, signals
from emotiw.core.status import Status
from emotiw.corpora import manifest, splits
from emotiw.corpora.manifest import Manifest, Row
from emotiw.imports import listing
from emotiw.jobs import cache, settings, store
from emotiw.workflow.plan import Plan
from onnx_fixtures import averages
from onnx_fixtures import settings as network_settings
from test_landmark_format import train_predictor
from weights_fixtures import write_expression, write_whisper

CLIPS = ("a", "bad", "c")
# the function of each stage's native library at which the programs die
NATIVE = {
    "audio": (  # FFmpeg: opening, decoding; HDF5: writing
        "av:open",
        "emotiw.media.soundtrack:waveform",
        "h5py._hl.group:Group.create_dataset",
    ),
    "faces": ("av:open", "emotiw.faces.search:search"),  # FFmpeg; dlib
    "egemaps": (  # openSMILE; HDF5: reading
        "emotiw.audio.opensmile_features:extract",
        "h5py._hl.dataset:Dataset.__getitem__",
    ),
    "functionals": ("emotiw.audio.opensmile_features:extract",),
    "hog": ("emotiw.video.hog:face_hog",),  # scikit-image
    "dense_sift": ("emotiw.video.dense_sift:face_sift",),
    "lbp_top": ("emotiw.video.lbp_top:face_lbp_top",),
    "cnn": ("emotiw.weights.loading:load_alexnet",),  # torch, reading its weights
    "expression": ("emotiw.video.expression_features:features",),  # torch
    "expression_posteriors": ("emotiw.video.expression_posteriors:posteriors",),
    "whisper": ("emotiw.audio.whisper:heard_frames",),  # torch
    "embedding": ("emotiw.weights.onnx_network:Model._run",),  # ONNX Runtime
    "sound_embedding": ("emotiw.weights.onnx_network:Model._run",),
    "imported": ("h5py:File",),  # HDF5: opening
}
KINDS = {"audio": "audio", "faces": "faces", "functionals": "clip_features", "lbp_top": "clip_features"}
FACES = {
    "chips": np.random.default_rng(0).integers(0, 256, (4, 128, 128, 3), np.uint8),
    "time": np.arange(4) / 25,
    "frame": np.arange(4, dtype=np.int32),
    "box": np.tile(np.array([0, 0, 9, 9], np.int32), (4, 1)),
    "score": np.ones(4, np.float32),
    "landmarks": np.zeros((4, 5, 2), np.float32),
}
SOURCES = {
    "audio": ({"waveform": made.tone(0.6)[0].astype(np.float32)}, Status.OK, {"rate_hz": 16000}),
    "faces": (FACES, Status.OK, {}),
    "expression": ({"features": np.zeros((4, 256), np.float32), "time": np.arange(4) / 25}, Status.OK, {}),
}
SOUND = ("egemaps", "functionals", "whisper", "sound_embedding")  # stages whose source is the sound
WEIGHTS = {"whisper": write_whisper, "expression": write_expression, "expression_posteriors": write_expression}
IMPORT = {"modality": "video", "level": "frame", "licence": "MIT"}
CASES = [(stage, function) for stage, functions in NATIVE.items() for function in functions]


class Job:
    """One batch of three clips of a run, and the artefacts that its stages read."""

    def __init__(self, folder, **over):
        self.folder = folder
        for i, clip in enumerate(CLIPS):
            made.clip(folder / f"{clip}.mp4", n=6, sound=made.tone(0.4 + 0.1 * i))
            (folder / "mine").mkdir(exist_ok=True)
            with h5py.File(folder / f"mine/{clip}.h5", "w") as file:
                file["features"] = np.arange(8, dtype=np.float32).reshape(4, 2) + i
                file["time"] = np.arange(4) / 10
        (folder / "video.onnx").write_bytes(averages())
        (folder / "sound.onnx").write_bytes(sound_network.strided())
        sha256 = train_predictor(folder / "landmarks.dat", 5)
        files.write_json(folder / "landmarks.json", {"name": "points", "licence": "CC0-1.0", "sha256": sha256})
        networks = {
            "embeddings": {"tiny": network_settings(averages())},
            "expression": {"faces": {"path": str(folder), "sha256": "0" * 64}},  # of the training of its network
            "sound_embeddings": {"heard": sound_network.settings(sound_network.strided())},
            "imports": {
                "mine": {"modality": "video", "level": "frame", "path": str(folder / "mine"), "licence": "MIT"}
            },
        }
        jobs = splits.batches(CLIPS, 10)
        rows = tuple(
            Row(clip, str(path), "x", "s", "train", sha256=files.sha256(path), job=jobs[clip])
            for clip in CLIPS
            for path in [folder / f"{clip}.mp4"]
        )
        corpus = Manifest(rows, ("x",), "csv")
        self.job = rows[0].job
        self.table = folder / "manifest.csv"
        manifest.write(self.table, corpus)
        config = settings.merge(settings.merge(settings.load([]), networks), over)
        wanted = listing.Import("mine", config["imports"]["mine"], "code")
        self.imports = folder / "run/imports/mine.csv"
        clips = listing.refresh(wanted, rows, self.imports, folder / "run/logs/mine.json")
        self.plan = Plan(config, corpus, {"mine": clips})
        self.environment = crashes.plain()

    def write_source(self, kind, stage):
        """Write the artefact that the features of a stage are computed from; return its path."""
        path = self.folder / f"{kind}.h5"
        entries = [store.Entry(clip, *SOURCES[kind]) for clip in CLIPS]
        if stage == "cnn":  # only the bad clip has faces, because the test has no weights for the others
            entries = [e if e.name == "bad" else store.Entry(e.name, status=Status.NO_FACE) for e in entries]
        layout = kind if kind in store.KINDS else "frame_features"
        store.write(path, layout, entries, stage=self.plan.stage(kind, job=self.job))
        return path

    def arguments(self, stage):
        wildcards = {"job": self.job}
        if stage == "imported":
            wildcards["imported"] = "mine"
            inputs = ["--manifest", self.imports, "--job", self.job]
        elif stage in ("audio", "faces"):
            inputs = ["--manifest", self.table, "--job", self.job]
            inputs += ["--landmarks", self.folder / "landmarks.dat"] if stage == "faces" else []
        else:
            source = "expression" if stage == "expression_posteriors" else "audio" if stage in SOUND else "faces"
            inputs = [f"--{source}", self.write_source(source, stage)]
            inputs += ["--weights", self.folder / "none.safetensors"] if stage == "cnn" else []
            inputs += ["--weights", WEIGHTS[stage](self.folder)] if stage in WEIGHTS else []
            if stage in ("embedding", "sound_embedding"):
                name, file = {"embedding": ("tiny", "video"), "sound_embedding": ("heard", "sound")}[stage]
                wildcards[stage] = name
                inputs += ["--network", self.folder / f"{file}.onnx"]
        self.output = self.folder / stage / f"{self.job}.h5"
        return [*inputs, "--output", self.output, "--stage", str(self.plan.stage(stage, **wildcards))]

    def run(self, stage, function, deed, *, once=False, **environment):
        injected = crashes.injected(self.folder / "site", function, deed, once=once)
        return crashes.run(stage, self.arguments(stage), injected | environment)


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path)


def statuses(job, stage):
    return dict(store.statuses(job.output, KINDS.get(stage, "frame_features")).items())


@pytest.mark.parametrize(("stage", "function"), CASES)
def test_a_crash_costs_its_clip_alone(job, stage, function):
    done = job.run(stage, function, "SIGSEGV")
    assert done.returncode == 0, done.stderr
    found = statuses(job, stage)
    assert found["bad"] == Status.CRASHED
    assert Status.CRASHED not in (found["a"], found["c"])
    read = store.read(job.output, KINDS.get(stage, "frame_features"), names=["bad"])
    assert "(SIGSEGV)" in read.entries["bad"].facts["reason"]
    assert "crashed (SIGSEGV) at clip bad; the clips of this job (3) are computed one by one" in done.stderr
    assert "crashed (SIGSEGV) at clip bad again, alone in its process" in done.stderr


@pytest.mark.parametrize(("stage", "function"), CASES)
def test_the_results_of_the_other_clips_are_those_of_a_job_that_does_not_crash(job, stage, function):
    if stage == "cnn":
        pytest.skip("needs the weights of AlexNet")
    crashed = job.run(stage, function, "SIGABRT")
    assert crashed.returncode == 0, crashed.stderr
    with_crash = store.read(job.output, KINDS.get(stage, "frame_features"))
    assert crashes.run(stage, job.arguments(stage), job.environment).returncode == 0
    without = store.read(job.output, KINDS.get(stage, "frame_features"))
    for clip in ("a", "c"):
        for name, values in without.entries[clip].arrays.items():
            np.testing.assert_array_equal(values, with_crash.entries[clip].arrays[name])
        assert without.entries[clip].facts == with_crash.entries[clip].facts


@pytest.mark.parametrize(("stage", "function"), CASES)
def test_what_is_killed_is_not_judged_and_named(job, stage, function):
    done = job.run(stage, function, "SIGKILL")
    assert done.returncode == -signal.SIGKILL
    assert not job.output.exists()
    last = done.stderr.splitlines()[-1]
    assert last.startswith("emotiw: the program was ended by SIGKILL (by the out-of-memory killer, or by a person)")
    assert "at clip bad; nothing is recorded about it; run the same command again" in last


@pytest.mark.parametrize(("stage", "function"), CASES)
def test_what_hangs_is_not_judged_and_named(job, stage, function):
    done = job.run(stage, function, "hang", EMOTIW_DEADLINE_S="4")
    assert done.returncode == 1
    assert not job.output.exists()
    assert done.stderr.splitlines()[-1].startswith(
        "emotiw: the program was ended after 4 s (limits.job_s) at clip bad;"
    )


def test_with_on_defect_fail_a_crash_names_its_clip(tmp_path):
    job = Job(tmp_path, on_defect="fail")
    for stage, function in (("audio", "av:open"), ("hog", "emotiw.video.hog:face_hog")):
        done = job.run(stage, function, "SIGSEGV")
        assert done.returncode == 1
        assert not job.output.exists()
        last = done.stderr.splitlines()[-1]
        assert last.startswith("FeatureError: bad: the program crashes at this clip (SIGSEGV)")


def test_a_crash_that_does_not_repeat_leaves_no_status(job):
    done = job.run("audio", "av:open", "SIGSEGV", once=True)
    assert done.returncode == 0, done.stderr
    assert set(statuses(job, "audio").values()) == {Status.OK}
    assert "computed one by one" in done.stderr
    assert "again, alone" not in done.stderr


@pytest.mark.parametrize("deed", ["SIGSEGV", "SIGABRT", "SIGKILL", "hang"])
def test_neither_a_crash_nor_what_was_killed_is_cached(job, tmp_path, deed):
    folder = {cache.FOLDER: str(tmp_path / "cache"), "EMOTIW_DEADLINE_S": "4"}
    job.run("audio", "av:open", deed, **folder)
    assert job.output.exists() == (deed in ("SIGSEGV", "SIGABRT"))
    again = crashes.run("audio", job.arguments("audio"), job.environment | folder)
    assert again.returncode == 0, again.stderr
    assert set(statuses(job, "audio").values()) == {Status.OK}


def test_a_killed_parent_leaves_no_process(job, tmp_path):
    environment = crashes.injected(tmp_path / "site", "av:open", "hang") | {"EMOTIW_DEADLINE_S": "60"}
    child = crashes.begin("audio", job.arguments("audio"), environment)
    names = crashes.family(child.pid, at_least=2)
    child.kill()
    child.wait()
    assert crashes.ended(names)


def test_the_parent_of_a_program_ends_with_its_status(job):
    arguments = [str(argument) for argument in job.arguments("audio")]
    arguments[arguments.index("--job") + 1] = "another"
    done = crashes.run("audio", arguments, job.environment)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ManifestError: ")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (-signal.SIGSEGV, "SIGSEGV"),
        (-signal.SIGKILL, "SIGKILL (by the out-of-memory killer, or by a person)"),
        (1, "exit status 1"),
    ],
)
def test_how_a_process_ended_is_told_by_its_signal_or_its_status(status, said):
    assert signals.ending(status) == said
