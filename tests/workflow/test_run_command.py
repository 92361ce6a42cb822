"""`emotiw run`: what is expected is said first, then Snakemake runs with the profile of the workflow."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.workflow

CONFIG = """
run: sounds
corpus: {kind: csv, root: corpus, table: clips.csv, classes: [anger, happiness]}
"""


def emotiw(folder, *arguments):
    start = [sys.executable, "-c", "from emotiw.cli import app; app()", "run", "--configfile", "mine.yaml"]
    environment = os.environ | {"PYTHONPATH": str(folder / "workflow_scripts")}
    return subprocess.run(
        [*start, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture
def folder(labelled_sounds):
    (labelled_sounds.folder / "mine.yaml").write_text(CONFIG)
    return labelled_sounds.folder


def test_a_run_says_what_it_expects_and_then_does_it(folder):
    targets = [f"results/sounds/features/egemaps/c{i}.h5" for i in (0, 1)]
    said = emotiw(folder, "-n", *targets)
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("run sounds: 4 jobs for 6 clips; about 1 min on")
    assert not (folder / "results/sounds/features").exists()
    done = emotiw(folder, "-c", "1", *targets)
    assert done.returncode == 0, done.stderr
    assert "4 of 4 jobs done; " in done.stdout
    log = folder / "results/sounds/logs/snakemake.log"
    assert done.stdout.splitlines()[-1] == f"Snakemake's log: {log.relative_to(folder)}"
    assert "Using workflow specific profile" in log.read_text()
    assert all((folder / target).is_file() for target in targets)
    assert "nothing to do: every file of results/sounds is there" in emotiw(folder, "-n", *targets).stdout


def test_a_run_with_a_failed_job_ends_with_the_cause_and_the_log(folder):
    (folder / "corpus/c0.wav").write_bytes(b"RIFF, but no sound")
    (folder / "mine.yaml").write_text(CONFIG + "on_defect: fail\n")
    done = emotiw(folder, "-c", "1", *(f"results/sounds/features/audio/c{i}.h5" for i in (0, 1)))
    assert done.returncode == 1
    assert "1 of 2 jobs done, 1 failed" in done.stdout
    assert "emotiw: 1 job failed" in done.stdout
    assert "log: results/sounds/logs/audio/c0.log" in done.stdout


def test_snakemakes_own_output_is_shown_on_request(folder):
    done = emotiw(folder, "-c", "1", "--raw", "results/sounds/features/audio/c0.h5")
    assert done.returncode == 0, done.stderr
    assert "1 of 1 steps (100%) done" in done.stderr
    assert not (folder / "results/sounds/logs/snakemake.log").exists()


def test_a_run_that_cannot_be_planned_starts_nothing(folder):
    done = emotiw(folder, "no_such_target")
    assert done.returncode == 2
    assert "ConfigError: snakemake refuses to plan:" in done.stderr
    assert "no_such_target" in done.stderr
    assert done.stdout == ""
