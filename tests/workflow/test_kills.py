"""Every program of a run is killed once, then Snakemake; the run goes on to the bytes of an undisturbed one."""

import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from killing import hashes, kill, running, strike

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

TARGET = "results/small/report/metrics.json"
PROGRAMS = (
    *("audio", "egemaps", "functionals", "faces", "cnn", "dense_sift", "lbp_top", "pca", "kernels", "kernel_scores"),
    *("pooled_scores", "combination", "baseline", "gather_frames", "scaler", "train_blstm", "blstm_scores", "fusion"),
)
DEADLINE_S = 900
LOCK = """
rule slow:
    output: "slow.txt"
    shell: "touch started; while [ ! -e go ]; do sleep 0.1; done; echo whole > {output}"
"""


def start(folder, *more):
    command = [sys.executable, "-m", "snakemake", "-c2", *more]
    with (folder / "said.log").open("ab") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)


@pytest.fixture(scope="module")
def pair(fresh, tmp_path_factory):
    """Two equal copies of the workspace, in one batch; the first after an undisturbed run."""
    undisturbed, killed = (fresh.copy(tmp_path_factory.mktemp(name) / "emotiw") for name in ("undisturbed", "killed"))
    for made in (undisturbed, killed):
        made.over("small", "{clips_per_job: 100}")
    done = undisturbed.snakemake(TARGET)
    assert done.returncode == 0, done.stdout + done.stderr
    return undisturbed.folder, killed.folder


def test_a_run_whose_every_program_is_killed_ends_in_the_same_bytes(pair):
    undisturbed, folder = pair
    run = partial(start, folder, TARGET, "--configfile", "small.yaml", "--retries", "2")
    snakemake = run()
    happens = {name: partial(lambda name: kill(running(folder, name)), name) for name in PROGRAMS}
    happens["evaluate"] = lambda: os.killpg(snakemake.pid, signal.SIGKILL)
    last = time.monotonic() + DEADLINE_S
    while snakemake.poll() is None and time.monotonic() < last:
        strike(folder, happens)
        time.sleep(0.005)
    said = (folder / "said.log").read_text()
    assert not happens, f"{sorted(happens)} were not seen:\n{said}"
    assert snakemake.wait() == -signal.SIGKILL

    again = run()
    assert again.wait(timeout=DEADLINE_S) != 0  # the lock of the killed process
    assert "--unlock" in (folder / "said.log").read_text()
    assert start(folder, "--configfile", "small.yaml", "--unlock").wait(timeout=60) == 0
    assert run().wait(timeout=DEADLINE_S) == 0, (folder / "said.log").read_text()
    assert hashes(folder) == hashes(undisturbed)
    assert len(hashes(folder)) > 20


def test_a_second_run_in_the_same_folder_is_refused_and_the_first_unhurt(tmp_path):
    (tmp_path / "Snakefile").write_text(LOCK)
    first = start(tmp_path, "slow")
    last = time.monotonic() + 60
    while not (tmp_path / "started").exists() and time.monotonic() < last:
        time.sleep(0.05)
    second = subprocess.run(
        [sys.executable, "-m", "snakemake", "-c1", "slow"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    (tmp_path / "go").touch()
    assert first.wait(timeout=60) == 0
    assert second.returncode != 0
    assert "IncompleteFiles" in second.stderr or "cannot be locked" in second.stderr
    assert (tmp_path / "slow.txt").read_text() == "whole\n"
