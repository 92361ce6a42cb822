"""Predictions of any number of clips, as jobs of a small workflow of its own."""

import csv
import importlib
import subprocess
import sys

import pytest

import bundle_fixtures as tiny
import media_fixtures as made
from emotiw.core.errors import ConfigError
from emotiw.jobs.identity import Stage
from emotiw.prediction import clip_files, prediction_jobs


def start(program, output, jobs=(), **options):
    about = Stage(settings={}, code="", distributions={}, above={}, jobs=list(jobs))
    paths = [part for key, value in options.items() for part in (f"--{key}", *map(str, value))]
    importlib.import_module(program).main([*paths, "--output", str(output), "--stage", str(about)])


def rows(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_a_job_writes_a_row_a_clip_and_the_gather_sorts_them(run, tmp_path):
    (tmp_path / "a.mp4").write_text("bad")
    made.sound_file(tmp_path / "b.wav", made.tone(1))
    table = tmp_path / "jobs.csv"
    prediction_jobs.write(table, {"x": [str(tmp_path / "b.wav")], "y": [str(tmp_path / "a.mp4")]})
    for job in ("x", "y"):
        start("predict_clips", tmp_path / f"jobs/{job}.csv", bundle=[run.bundle], table=[table], job=[job])
    start("gather_predictions", tmp_path / "all.csv", jobs=["x", "y"], tables=[tmp_path / "jobs"])
    bad, good = rows(tmp_path / "all.csv")
    assert (bad["emotion"], good["source"]) == ("", "audio")
    assert "Invalid data" in bad["reason"]
    assert good["emotion"] in tiny.CLASSES


def test_clips_are_those_of_a_folder_or_of_a_list(tmp_path):
    for name in ("b.mp4", "a.mp4", "notes.txt"):
        (tmp_path / name).touch()
    assert clip_files.listed(tmp_path) == [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    (tmp_path / "notes.txt").write_text(f"{tmp_path}/b.mp4\n\n{tmp_path}/b.mp4\n")
    assert clip_files.listed(tmp_path / "notes.txt") == [tmp_path / "b.mp4"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nowhere.mp4\n", r"1 of .* are no files: nowhere.mp4; correct them"),
        ("", r"no clip in .*; known are files ending in .*\.mp4"),
        (None, r"No such file.*; name a folder, or a text file"),
    ],
)
def test_a_list_that_names_no_clips_is_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / "list.txt").write_text(text)
    with pytest.raises(ConfigError, match=message):
        clip_files.listed(tmp_path / "list.txt")


def test_a_job_of_one_clip_has_a_safe_name():
    assert clip_files.job_name("batch-12") == "batch-12"
    assert clip_files.job_name("../$(x) .mp4").isalnum()


@pytest.mark.workflow
@pytest.mark.slow
def test_the_workflow_of_predictions_runs_again_only_what_changed(root, run, tmp_path):
    clips = tmp_path / "my clips"
    clips.mkdir()
    for name in ("a'b.wav", "c.wav"):
        made.sound_file(clips / name, made.tone(1))
    (clips / "d.mp4").write_text("bad")

    def snakemake(*more):
        chosen = ["--config", f"clips={clips}", f"bundle={run.bundle}", "name=mine", "clips_per_job=1", "self_test=1"]
        command = [sys.executable, "-m", "snakemake", "-s", str(root / "rules/predict.smk"), "-c1", *more, *chosen]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    snakemake()
    found = rows(tmp_path / "results/predictions/mine/predictions.csv")
    assert [row["source"] for row in found] == ["audio", "audio", "none"]
    assert "Nothing to be done" in snakemake("-n")
    made.sound_file(clips / "c.wav", made.tone(0.9))
    assert "predict            1" in snakemake("-n")
