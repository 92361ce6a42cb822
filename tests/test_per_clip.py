"""The clips of a job, each out of the cache or computed: the bytes are the same, and nothing else is ever taken."""

import importlib
import logging
import subprocess

import h5py
import numpy as np
import pytest

import media_fixtures as make
from emotiw.core import files
from emotiw.core.errors import ManifestError
from emotiw.core.status import Status
from emotiw.corpora import manifest, splits
from emotiw.corpora.manifest import Manifest, Row
from emotiw.jobs import cache, cache_upkeep, per_clip, runtime, settings, store
from emotiw.workflow.plan import Plan

CLIPS = ("a", "b", "c", "d", "e")
PER_CLIP = ("audio", "egemaps", "functionals")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Four clips with sound, and one that is no clip."""
    folder = tmp_path_factory.mktemp("corpus")
    for i, clip in enumerate(CLIPS[:-1]):
        make.sound_file(folder / f"{clip}.wav", make.tone(0.4 + 0.1 * i))
    (folder / "e.wav").write_text("hello")
    return folder


@pytest.fixture
def said(caplog):
    """What the programs log, without the times."""
    caplog.set_level(logging.INFO, logger="emotiw")
    return lambda: [record.getMessage() for record in caplog.records if record.name.startswith("emotiw.")]


class Run:
    """A run of the stages of sound on some clips, in a folder of its own."""

    def __init__(self, folder, corpus, *, clips=CLIPS, clips_per_job=1, **over):
        self.folder = folder
        jobs = splits.batches(clips, clips_per_job)
        rows = [
            Row(clip, str(path), "x", "s", "train", sha256=files.sha256(path), job=jobs[clip])
            for clip in clips
            for path in [corpus / f"{clip}.wav"]
        ]
        corpus = Manifest(tuple(rows), ("x",), "csv")
        self.table = folder / "manifest.csv"
        manifest.write(self.table, corpus)
        self.plan = Plan(settings.merge(settings.load([]), over), corpus)

    def make(self, *stages):
        """Run the programs of stages; the files that they write, by stage and job."""
        for name in stages:
            for job in self.plan.protocol.jobs("audio"):
                inputs = ["--audio", self.path("audio", job)]
                if name == "audio":
                    inputs = ["--manifest", self.table, "--job", job]
                stage = str(self.plan.stage(name, job=job))
                arguments = [*inputs, "--output", self.path(name, job), "--stage", stage]
                importlib.import_module(name).main([str(argument) for argument in arguments])
        return {
            (name, job): self.path(name, job).read_bytes()
            for name in stages
            for job in self.plan.protocol.jobs("audio")
        }

    def path(self, name, job):
        return self.folder / name / f"{job}.h5"


@pytest.fixture
def used(tmp_path, monkeypatch):
    """A cache that is switched on."""
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "cache"))
    return cache.configured()


@pytest.fixture(scope="module")
def plain(tmp_path_factory, corpus):
    """Files of runs without a cache, one clip and two clips a job."""
    made = {}
    for n in (1, 2):
        made[n] = Run(tmp_path_factory.mktemp("plain"), corpus, clips_per_job=n).make(*PER_CLIP)
    return made


def hits(said):
    """Numbers of clips that were taken, and of clips, by job."""
    return [tuple(map(int, text.split()[:3:2])) for text in said() if "in the cache" in text]


@pytest.mark.parametrize("n", [1, 2])
def test_a_hit_has_the_bytes_of_a_computed_one(tmp_path, corpus, plain, used, said, n):
    assert Run(tmp_path / "first", corpus, clips_per_job=n).make(*PER_CLIP) == plain[n]
    assert {n_hits for n_hits, _ in hits(said)} == {0}
    said_before = len(hits(said))
    assert Run(tmp_path / "second", corpus, clips_per_job=n).make(*PER_CLIP) == plain[n]
    # what is no clip is looked at each time: whatever went wrong may have been of the moment
    again = hits(said)[said_before:]
    assert sum(n_hits for n_hits, _ in again) == len(PER_CLIP) * 4
    assert sum(total for _, total in again) == len(PER_CLIP) * 5


def test_a_batch_takes_what_single_clips_left_and_the_other_way(tmp_path, corpus, plain, used, said):
    Run(tmp_path / "first", corpus, clips=("a", "c")).make(*PER_CLIP)
    assert Run(tmp_path / "second", corpus, clips_per_job=2).make(*PER_CLIP) == plain[2]
    assert Run(tmp_path / "third", corpus).make(*PER_CLIP) == plain[1]
    assert sum(n for n, _ in hits(said)) == len(PER_CLIP) * (0 + 2 + 4)


def test_a_setting_switched_and_back_computes_nothing(tmp_path, corpus, used, said, monkeypatch):
    made = []
    for i, length in enumerate([0.04, 0.1, 0.04, 0.1]):
        if i == 2:
            monkeypatch.delattr("emotiw.audio.egemaps.frame_entries")
        run = Run(tmp_path / "run", corpus, clips=CLIPS[:-1], egemaps={"frame_length_s": length})
        run.make("audio")
        made.append(run.make("egemaps"))
    assert made[:2] == made[2:]
    assert made[0] != made[1]


def test_parts_of_a_corpus_merge(tmp_path, corpus, plain, monkeypatch, said):
    for name, part in (("one", ("a", "d")), ("two", ("b", "c"))):  # two machines, each with a cache of its own
        monkeypatch.setenv(cache.FOLDER, str(tmp_path / name / "cache"))
        Run(tmp_path / name, corpus, clips=part, clips_per_job=2).make(*PER_CLIP)
    subprocess.run(["cp", "-a", f"{tmp_path}/one/cache/.", f"{tmp_path}/two/cache"], check=True)
    before = len(hits(said))
    whole = Run(tmp_path / "whole", corpus, clips=CLIPS[:-1], clips_per_job=3)
    made = whole.make(*PER_CLIP)
    assert all(n_hits == total for n_hits, total in hits(said)[before:])
    monkeypatch.setenv(cache.FOLDER, "")
    assert Run(tmp_path / "plain", corpus, clips=CLIPS[:-1], clips_per_job=3).make(*PER_CLIP) == made


def test_another_content_of_a_clip_is_a_miss(tmp_path, corpus, used, said):
    Run(tmp_path / "first", corpus, clips=("a", "b")).make(*PER_CLIP)
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.wav").write_bytes((corpus / "a.wav").read_bytes())
    (other / "b.wav").write_bytes((corpus / "c.wav").read_bytes())
    before = len(hits(said))
    Run(tmp_path / "second", other, clips=("a", "b")).make(*PER_CLIP)
    assert hits(said)[before:] == [(1, 1), (0, 1)] * 3


@pytest.mark.parametrize("what", ["code", "distributions", "machine"])
def test_other_code_packages_or_processors_are_a_miss(tmp_path, corpus, used, said, monkeypatch, what):
    Run(tmp_path / "first", corpus, clips=("a",)).make("audio")
    if what == "machine":
        monkeypatch.setattr(per_clip.machine, "cpu_model", lambda: "Abacus 9000")
    elif what == "code":
        monkeypatch.setattr("emotiw.jobs.identity.fingerprint", lambda _: "edited")
    else:
        monkeypatch.setattr("emotiw.jobs.identity.distributions", lambda _: (("av", "0.0"),))
    Run(tmp_path / "second", corpus, clips=("a",)).make("audio")
    assert hits(said) == [(0, 1), (0, 1)]


@pytest.mark.parametrize("n", [1, 2])
def test_a_poisoned_entry_is_computed_again(tmp_path, corpus, plain, used, said, n):
    Run(tmp_path / "first", corpus, clips_per_job=n).make(*PER_CLIP)
    entries = [it.path for it in cache_upkeep.kept(used)]
    assert len(entries) == len(PER_CLIP) * 4
    for path in entries:
        data = bytearray(path.read_bytes())
        data[-1000] ^= 1
        path.unlink()
        path.write_bytes(bytes(data))
        path.chmod(0o444)
    assert Run(tmp_path / "second", corpus, clips_per_job=n).make(*PER_CLIP) == plain[n]
    assert sum("is not what was written" in text for text in said()) == len(entries)
    assert list(cache_upkeep.doubts(used)) == []  # put there again


def test_an_output_that_is_damaged_in_place_leaves_the_cache_alone(tmp_path, corpus, plain, used):
    run = Run(tmp_path / "first", corpus)
    run.make("audio")
    run.make("audio")
    for job in run.plan.protocol.jobs("audio"):
        with run.path("audio", job).open("r+b") as stream:
            stream.write(b"damage")
    assert list(cache_upkeep.doubts(used)) == []
    assert Run(tmp_path / "second", corpus).make(*PER_CLIP) == plain[1]


@pytest.mark.parametrize("n", [1, 2])
def test_a_full_disk_fails_no_job(tmp_path, corpus, plain, used, said, monkeypatch, n):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache, "write_atomic", full)
    assert Run(tmp_path / "first", corpus, clips_per_job=n).make(*PER_CLIP) == plain[n]
    told = [text for text in said() if "No space left on device" in text]
    assert 0 < len(told) <= len(plain[n])  # once a job


def test_a_source_that_was_made_otherwise_is_kept_out(tmp_path, corpus, used, said):
    run = Run(tmp_path / "run", corpus, clips=("a",))
    run.make("audio")
    other = Run(tmp_path / "run", corpus, clips=("a",), audio={"silence_peak": 1e-3})  # held for made, by --touch say
    other.make("egemaps")
    assert any("a.h5: its identity is not the one that the stage expects" in text for text in said())
    assert {it.stage for it in cache_upkeep.kept(used)} == {"audio"}


def test_an_entry_names_the_stage_that_made_it(tmp_path, corpus, used):
    run = Run(tmp_path / "run", corpus, clips=("a", "b"), clips_per_job=2)
    run.make("audio")
    found = []
    for it in cache_upkeep.kept(used):
        (tmp_path / "found.h5").write_bytes(used.read(it.path))
        found.append(store.read(tmp_path / "found.h5", "audio"))
    expected = run.plan.stage("audio", job=run.plan.protocol.jobs("audio")[0])
    assert sorted(next(iter(artefact.entries)) for artefact in found) == ["a", "b"]
    clips = [[clip, files.sha256(corpus / f"{clip}.wav")] for clip in ("a", "b")]
    assert sorted(artefact.stage["clips"] for artefact in found) == [[clip] for clip in clips]
    whole = dict(per_clip.with_clips(expected, clips))
    assert [artefact.stage | {"clips": clips} for artefact in found] == [whole] * 2


def parse(folder, stage, *inputs, **names):
    arguments = [*inputs, "--output", folder / "made" / "job.h5", "--stage", stage]
    return runtime.arguments("Do.", [str(argument) for argument in arguments], **names)


def test_what_makes_no_entry_of_a_clip_is_an_error(tmp_path, corpus):
    run = Run(tmp_path, corpus, clips=("a",))
    stage = run.plan.stage("audio", job="a")
    args = parse(tmp_path, stage, "--manifest", run.table, "--job", "a", one=["manifest"], texts=["job"])
    with pytest.raises(ValueError, match="not enough values"):
        per_clip.from_media(args, "audio", lambda *_: iter(()))


def test_a_table_with_other_clips_than_the_job_was_planned_with_is_refused(tmp_path, corpus):
    run = Run(tmp_path, corpus, clips=("a",))
    stage = run.plan.stage("audio", job="a")
    args = parse(tmp_path, stage, "--manifest", run.table, "--job", "b", one=["manifest"], texts=["job"])
    with pytest.raises(ManifestError, match="its 0 clips of job 'b' are not those that the job was planned with"):
        per_clip.from_media(args, "audio", lambda *_: iter(()))


@pytest.mark.parametrize("storage", ["float16", "float32"])
def test_half_precision_stays_so_in_a_batch(tmp_path, used, storage):
    features = np.linspace(0, 1, 12, dtype=np.float32).reshape(4, 3)
    entries = {clip: store.Entry(clip, {"features": features, "time": np.arange(4.0)}) for clip in "ab"}

    def narrowed(clips):
        return store.narrowed([entries[entry.name] for entry in clips], storage)

    rows = tuple(Row(clip, clip, "x", "s", "train", sha256=clip, job="batch-0") for clip in "ab")
    plan = Plan(settings.load([]), Manifest(rows, ("x",), "csv"))
    waveforms = [store.Entry(clip, {"waveform": np.zeros(3, np.float32)}) for clip in "ab"]
    above = per_clip.with_clips(plan.stage("audio", job="batch-0"), [["a", "a"], ["b", "b"]])
    store.write(tmp_path / "a.h5", "audio", waveforms, stage=above)
    args = parse(tmp_path, plan.stage("egemaps", job="batch-0"), "--audio", tmp_path / "a.h5", one=["audio"])
    made = []
    for _ in range(2):
        per_clip.from_entries(args, "audio", "frame_features", narrowed, {"storage": storage})
        made.append(args.output.read_bytes())
    assert made[0] == made[1]
    with h5py.File(args.output) as stream:
        assert stream["b/features"].dtype == storage


def test_a_gpu_s_features_are_not_the_cpu_s(tmp_path, used, said):
    plan = Plan(settings.load([]), Manifest((Row("a", "a", "x", "s", "train", job="a"),), ("x",), "csv"))
    above = per_clip.with_clips(plan.stage("faces", job="a"), [["a", ""]])
    store.write(tmp_path / "f.h5", "faces", [store.Entry("a", status=Status.NO_FACE)], stage=above)
    args = parse(tmp_path, plan.stage("cnn", job="a"), "--faces", tmp_path / "f.h5", one=["faces"])
    for device in ("cpu", "a GPU", "cpu"):
        per_clip.from_entries(args, "faces", "frame_features", iter, {"device": device})
    assert hits(said) == [(0, 1), (0, 1), (1, 1)]
