"""The program that writes an imported feature, and a feature that is exported and imported again."""

import importlib
import shutil
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from emotiw import cli
from emotiw.core.errors import ConfigError, FeatureError, ManifestError, StoreError
from emotiw.core.status import Status
from emotiw.corpora import manifest
from emotiw.imports import export, listing
from emotiw.jobs import cache, settings, store
from emotiw.jobs.identity import Stage
from emotiw.workflow import imported_clips
from emotiw.workflow.plan import Plan
from imports_fixtures import CLIPS, FORMATS, values, write_all, write_one
from video_fixtures import SETTINGS, write_corpus

ROWS = tuple(
    manifest.Row(clip, f"{clip}.mp4", "x", "s", "train", job=job)
    for clip, job in zip((*CLIPS, "nobody"), ("one", "one", "two", "two"), strict=True)
)


class Run:
    """A run that imports files of a folder, or one file, as the feature `mine`."""

    def __init__(self, folder, path, corpus=None, **over):
        self.folder, self.corpus = folder, corpus or manifest.Manifest(ROWS, ("x",), "csv")
        section = {"modality": "video", "level": "frame", "path": str(path), "licence": "MIT", **over}
        self.table = folder / "run/imports/mine.csv"
        wanted = listing.Import("mine", section, "code")
        clips = listing.refresh(wanted, self.corpus.rows, self.table, folder / "run/logs/mine.json")
        config = settings.merge(settings.load([]), {"imports": {"mine": section}})
        self.plan = Plan(config, self.corpus, {"mine": clips})

    def stage(self, job):
        return self.plan.stage("imported", imported="mine", job=job)

    def make(self, job, planned=None):
        options = ["--manifest", self.table, "--job", job, "--output", self.path(job)]
        stage = str(planned or self.stage(job))
        importlib.import_module("imported").main([*map(str, options), "--stage", stage])
        return self.path(job)

    def path(self, job):
        return self.folder / f"run/features/mine/{job}.h5"


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for clip, form in zip(CLIPS, ("npz", "h5", "csv"), strict=True):
        write_one(folder, clip, form)
    return folder


def test_each_clip_of_a_job_has_its_features_or_a_status(tmp_path, files):
    run = Run(tmp_path, files)
    one, two = (store.read(run.make(job), "frame_features") for job in ("one", "two"))
    assert list(one.statuses.values()) == [Status.OK, Status.OK]
    assert two.statuses == {"c.d": Status.OK, "nobody": Status.NO_FEATURE}
    assert two.entries["nobody"].facts == {"reason": "no file"}
    assert two.entries["c.d"].arrays["features"].shape == (6, 3)


@pytest.mark.parametrize("form", FORMATS)
def test_a_batch_is_read_from_one_file_of_all_clips(tmp_path, form):
    rows = tuple(replace(row, job="all") for row in ROWS)
    run = Run(tmp_path, write_all(tmp_path, form), manifest.Manifest(rows, ("x",), "csv"))
    made = store.read(run.make("all"), "frame_features")
    for clip in CLIPS:
        np.testing.assert_array_equal(made.entries[clip].arrays["features"], values(clip)[0])
    assert made.statuses["nobody"] == Status.NO_FEATURE


def test_a_feature_of_clips_is_one_too(tmp_path):
    run = Run(tmp_path, write_all(tmp_path, "csv", "clip"), level="clip")
    assert store.read(run.make("one"), "clip_features").entries["a"].arrays["features"].shape == (3,)


def other_values(clip, level="frame", dtype=np.float32):
    """Features of which those of one clip differ from `values`."""
    features, times = values(clip, level, dtype)
    return features + (clip == "b-1"), times


@pytest.mark.parametrize("form", ["folder", *FORMATS])
def test_only_the_jobs_of_a_changed_clip_have_another_identity(tmp_path, form, monkeypatch):
    folder = tmp_path / "folder"
    folder.mkdir()

    def write():
        made = [write_one(folder, clip, "npz") for clip in CLIPS] if form == "folder" else [write_all(folder, form)]
        return folder if form == "folder" else made[0]

    before = Run(tmp_path, write())
    monkeypatch.setattr("imports_fixtures.values", other_values)
    after = Run(tmp_path, write())
    assert [before.stage(job).digest == after.stage(job).digest for job in ("one", "two")] == [False, True]
    below = [run.plan.stage("kernels", fold="official", feature="mine")["above"]["mine"] for run in (before, after)]
    assert below[0] != below[1]


def test_neither_the_place_of_the_files_nor_the_licence_nor_the_batch_is_in_an_identity(tmp_path, files):
    moved = tmp_path / "moved"
    shutil.copytree(files, moved)
    here, there = Run(tmp_path, files).stage("one"), Run(tmp_path, moved, licence="CC0").stage("one")
    assert here.digest == there.digest
    assert Run(tmp_path, files, array="features").stage("one").digest != here.digest


def test_a_file_that_changes_after_planning_stops_its_job(tmp_path, files):
    run = Run(tmp_path, files)
    text = (files / "c.d.csv").read_text()
    (files / "c.d.csv").write_text(text.replace(text.splitlines()[1], "0,1,2,3"))
    with pytest.raises(FeatureError, match=r"c\.d\.csv: changed while running: c\.d has the hash \w+, \w+ was planned"):
        run.make("two")
    (files / "c.d.csv").unlink()
    with pytest.raises(FeatureError, match=r"c\.d\.csv: cannot be read \(No such file or directory\)"):
        run.make("two")
    assert not run.path("two").exists()


def test_a_table_that_changes_after_planning_stops_the_job(tmp_path, files):
    planned = Run(tmp_path, files).stage("one")
    (files / "b-1.h5").unlink()
    with pytest.raises(ManifestError, match="its 2 clips of job 'one' are not those that the job was planned with"):
        Run(tmp_path, files).make("one", planned)


def test_the_cache_holds_imported_features_too(tmp_path, files, monkeypatch, caplog):
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "cache"))
    caplog.set_level("INFO")
    run = Run(tmp_path, files)
    first = run.make("one").read_bytes()
    assert run.make("one").read_bytes() == first
    assert "2 of 2 clips were in the cache" in caplog.text


def test_the_imports_of_a_configuration_are_found_read_again_and_counted(tmp_path, files, monkeypatch):
    monkeypatch.chdir(tmp_path)
    section = {"modality": "video", "level": "frame", "path": str(files), "licence": "MIT"}
    config = settings.merge(settings.load([]), {"imports": {"mine": section}})
    found = imported_clips.refresh(config, manifest.Manifest(ROWS, ("x",), "csv"))
    assert imported_clips.read(config) == found
    assert imported_clips.notes(found) == ["imports.mine: a file for 3 of 4 clips"]
    assert imported_clips.refresh(settings.load([]), manifest.Manifest(ROWS, ("x",), "csv")) == {}


# --- export ------------------------------------------------------------------------------------------------------


def imported(folder, path):
    """Features of the corpus of `video_fixtures`, imported from `path`, in the folder that programs read."""
    corpus = manifest.read(folder / "manifest.csv")
    run = Run(folder / "again", path, corpus)
    for job in run.plan.protocol.clips_of_job:
        run.make(job)
    return run.path("x").parent


def scores(folder):
    """Bytes of the scores that PLS gives to the features in a folder, by the programs of the workflow."""
    named = {"fold": "official", "feature": "cnn", "modality": "video", "classifier": "pls", "stream": ""}
    stage = str(Stage(settings=settings.merge(settings.load([]), SETTINGS), **named))
    files = {name: folder / f"{name}.h5" for name in ("pca", "kernels", "model", "scores")}
    given = {"manifest": folder / "manifest.csv", "features": folder / "features"}
    for program, output, names in (
        ("pca", "pca", ["manifest", "features"]),
        ("kernels", "kernels", ["manifest", "features", "pca"]),
        ("kernel_scores", "scores", ["manifest", "kernels", "model"]),
    ):
        options = [text for name in names for text in (f"--{name}", str((given | files)[name]))]
        importlib.import_module(program).main([*options, "--output", str(files[output]), "--stage", stage])
    return files["scores"].read_bytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("way", ["exported", "direct"])
def test_an_exported_feature_that_is_imported_gives_the_same_scores_bit_for_bit(tmp_path, way, dtype):
    def frames(i):
        rng = np.random.default_rng(i)
        features = rng.standard_normal((5 + i % 4, 8)) + 4 * np.eye(8)[i % 3]
        return {"features": features.astype(dtype), "time": np.arange(len(features)) / 25}

    folder = write_corpus(tmp_path / "first", frames)
    expected = scores(folder)
    path = folder / "features"
    if way == "exported":
        assert export.export(path, tmp_path / "exported") == (28, 2)
        path = tmp_path / "exported"
    features = imported(folder, path)
    (job,) = {row.job for row in manifest.read(folder / "manifest.csv").rows if row.clip == "clip01"}
    faceless = store.statuses(features / f"{job}.h5", "frame_features")["clip01"]
    assert faceless == (Status.NO_FEATURE if way == "exported" else Status.NO_FACE)
    second = tmp_path / "second"
    shutil.copytree(folder, second, ignore=shutil.ignore_patterns("*.h5", "again", "features"))
    shutil.copytree(features, second / "features")
    assert scores(second) == expected


def test_an_exported_archive_holds_plain_arrays(tmp_path):
    write_all(tmp_path, "artefact")
    done = CliRunner().invoke(cli.app, ["export-features", str(tmp_path), str(tmp_path / "out")])
    assert (done.exit_code, done.output.splitlines()[0][:26]) == (0, "3 clips written to " + str(tmp_path)[:7])
    with np.load(tmp_path / "out/c.d.npz", allow_pickle=False) as archive:
        assert {name: (array.shape, array.dtype.str) for name, array in archive.items()} == {
            "features": ((6, 3), "<f4"),
            "time": ((6,), "<f8"),
        }


def test_what_cannot_be_exported_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"holds no \.h5 files; expected a folder such as"):
        export.export(tmp_path, tmp_path / "out")
    write_one(tmp_path, "a", "artefact")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a.npz").touch()
    with pytest.raises(ConfigError, match=r"full: is no empty folder, so old files could stay; name a new folder"):
        export.export(tmp_path, tmp_path / "full")
    write_one(tmp_path, "a", "h5")
    with pytest.raises(ConfigError, match=r"a\.h5: holds None, expected frame_features or clip_features"):
        export.export(tmp_path, tmp_path / "out")
    (tmp_path / "a.h5").write_bytes(b"hello")
    with pytest.raises(ConfigError, match=r"a\.h5: not a file of this project"):
        export.export(tmp_path, tmp_path / "out")


def test_a_damaged_feature_is_not_exported(tmp_path):
    path = write_one(tmp_path, "a", "artefact")
    store.write(path, "frame_features", [store.Entry("a", {}, Status.NO_FACE)], stage={})
    data = path.read_bytes()
    path.write_bytes(data.replace(b"no_face", b"no_fact"))
    with pytest.raises(StoreError, match=r"a\.h5: .*delete it and run the workflow again"):
        export.export(tmp_path, tmp_path / "out")
