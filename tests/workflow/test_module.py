"""The workflow as a module of somebody else's Snakefile, and jobs that are longer than a command line."""

import csv
import subprocess
import sys

import pytest

from emotiw.jobs import store

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

OTHERS = """
configfile: "mine.yaml"

module emotiw:
    snakefile: "{snakefile}"
    config: config["emotiw"]

use rule * from emotiw as emotiw_*

rule mine:
    default_target: True
    input: "results/theirs/features/egemaps/c0.h5"
    output: "mine.txt"
    shell: "ls -l {{input}} > {{output}}"
"""
CORPUS = """
emotiw:
  run: theirs
  corpus: {kind: csv, root: corpus, table: clips.csv, classes: [anger, happiness]}
"""


def write_table(folder, n):
    rows = [
        [f"c{i}", f"c{i}.wav", ("anger", "happiness")[i % 2], f"s{i}", ("train", "val", "test")[i % 3]]
        for i in range(n)
    ]
    with (folder / "corpus/clips.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["clip", "path", "label", "subject", "split"], *rows])


def test_another_snakefile_imports_the_workflow_and_runs_its_jobs(sounds, tmp_path):
    other = tmp_path / "other"
    (other / "corpus").mkdir(parents=True)
    for path in (sounds.folder / "corpus").iterdir():
        path.rename(other / "corpus" / path.name)
    write_table(other, 6)
    (other / "mine.yaml").write_text(CORPUS)
    (other / "Snakefile").write_text(OTHERS.format(snakefile=sounds.folder / "Snakefile"))
    command = [sys.executable, "-m", "snakemake", "-c1"]
    done = subprocess.run(command, cwd=other, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "egemaps/c0.h5" in (other / "mine.txt").read_text()
    assert store.read(other / "results/theirs/features/egemaps/c0.h5", "frame_features").statuses["c0"] == "ok"


def test_a_job_of_20000_clips_starts(sounds):
    n = 20_000
    for i in range(n):
        (sounds.folder / f"corpus/c{i}.wav").write_bytes(f"no clip {i}".encode())
    write_table(sounds.folder, n)
    (sounds.folder / "small.yaml").write_text(
        "run: many\nclips_per_job: 20000\n"
        "corpus: {kind: csv, root: corpus, table: clips.csv, classes: [anger, happiness]}\n"
    )
    job = "results/many/features/audio/batch-0.h5"
    done = sounds.snakemake(job)
    assert done.returncode == 0, done.stderr[-3000:]
    statuses = store.statuses(sounds.folder / job, "audio")
    assert len(statuses) == n
    assert set(statuses.values()) == {"undecodable"}
