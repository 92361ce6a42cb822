"""A run in which a program crashes at a clip: the run goes on, or ends with the name of the clip."""

import csv
import os

import pytest

import crash_fixtures as crashes
from emotiw.core.status import Status
from emotiw.jobs import store

pytestmark = pytest.mark.workflow

CONFIG = """
run: sounds
clips_per_job: 6
corpus: {{kind: csv, root: corpus, table: clips.csv, classes: [anger, happiness]}}
on_defect: {on_defect}
"""
TARGET = "results/sounds/features/audio/batch-0.h5"


@pytest.fixture
def bad(sounds, monkeypatch):
    """Six clips of sound; FFmpeg crashes, or is killed, when a program of the run opens the one called "bad"."""
    (sounds.folder / "corpus/c3.wav").rename(sounds.folder / "corpus/bad.wav")
    names = [f"c{i}" if i != 3 else "bad" for i in range(6)]
    rows = [
        [name, f"{name}.wav", ("anger", "happiness")[i % 2], f"s{i}", ("train", "val", "test")[i // 2]]
        for i, name in enumerate(names)
    ]
    with (sounds.folder / "corpus/clips.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["clip", "path", "label", "subject", "split"], *rows])

    def run(deed, on_defect="exclude"):
        (sounds.folder / "small.yaml").write_text(CONFIG.format(on_defect=on_defect))
        site = crashes.injected(sounds.folder / "site", "emotiw.media.soundtrack:waveform", deed)["PYTHONPATH"]
        monkeypatch.setenv(
            "PYTHONPATH", site.partition(os.pathsep)[0]
        )  # alone: the run has its own copy of the library
        return sounds.snakemake(TARGET)

    return sounds.folder, run


def log(folder):
    return (folder / "results/sounds/logs/audio/batch-0.log").read_text()


def test_a_crash_costs_one_clip_of_a_run_and_its_log_says_so(bad):
    folder, run = bad
    done = run("SIGSEGV")
    assert done.returncode == 0, done.stderr
    found = store.statuses(folder / TARGET, "audio")
    assert found.pop("bad") == Status.CRASHED
    assert set(found.values()) == {Status.OK}
    assert len(found) == 5
    assert "the program crashed (SIGSEGV) at clip bad again, alone in its process" in log(folder)


@pytest.mark.parametrize(
    ("deed", "on_defect", "reason"),
    [
        ("SIGSEGV", "fail", "FeatureError: bad: the program crashes at this clip (SIGSEGV)"),
        ("SIGKILL", "exclude", "emotiw: the program was ended by SIGKILL"),
    ],
)
def test_a_run_that_cannot_go_on_names_the_clip(bad, deed, on_defect, reason):
    folder, run = bad
    done = run(deed, on_defect)
    assert done.returncode == 1
    assert not (folder / TARGET).exists()
    assert reason in log(folder)
    assert reason in done.stderr.partition("emotiw: 1 job failed.")[2]
