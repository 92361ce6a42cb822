"""A small run on a Slurm cluster of one node in which everything is killed once; started by `make test-slurm`."""

import os
import signal
import subprocess
import sys
import time

import pytest

from killing import hashes, kill, running, strike

pytest.importorskip("snakemake_executor_plugin_slurm", reason="needs requirements-slurm.txt; see `make test-slurm`")
pytestmark = [pytest.mark.workflow, pytest.mark.slow]

TARGET = "evaluate"
QUICK = [
    "--workflow-profile", "profiles/slurm", "--slurm-status-command", "squeue", "--slurm-no-account",
    "--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10", "--retries", "4",
    "--default-resources", "slurm_partition=main", "mem_mb=500", "runtime=10",
]  # fmt: skip
DEADLINE_S = 2400


class Cluster:
    """The test cluster, and what can happen to it."""

    def __init__(self, script, folder):
        self._script, self._folder = script, folder
        self.run("install")
        self.run("start", str(folder))

    def run(self, *arguments):
        subprocess.run([self._script, *arguments], check=True, timeout=300)

    def stop(self):
        self.run("stop", str(self._folder))

    def cancel(self, rule):
        """Cancel a running job of a rule; its comment names it."""
        jobs = subprocess.run(["squeue", "-h", "-t", "R", "-o", "%i %k"], capture_output=True, text=True, check=True)
        mine = [line.split()[0] for line in jobs.stdout.splitlines() if f"rule_{rule}" in line]
        subprocess.run(["scancel", *mine[:1]], check=True)

    def kill_daemon(self):
        """Kill slurmd, not the jobs, and start it again."""
        kill([int((self._folder / "slurmd.pid").read_text())])
        time.sleep(1)
        self.run("worker", str(self._folder))

    def kill_node(self, folder):
        """Kill slurmd, the steps that it started, and every process of the run's jobs, as a crash of the node would."""
        steps = subprocess.run(["pgrep", "-x", "slurmstepd"], capture_output=True, text=True, check=False)
        programs = {path.stem for path in (folder / "workflow_scripts").glob("*.py")}
        kill([int((self._folder / "slurmd.pid").read_text()), *map(int, steps.stdout.split())])
        kill([pid for program in programs for pid in running(folder, program)])
        time.sleep(1)
        self.run("worker", str(self._folder))


@pytest.fixture(scope="module")
def cluster(root, tmp_path_factory):
    """The daemons run while the tests of this module do."""
    made = Cluster(root / "tests/slurm/cluster.sh", tmp_path_factory.mktemp("slurm"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def batched(fresh, tmp_path_factory):
    """Two equal copies of the workspace, in batches; the first after a local run."""
    local, other = (fresh.copy(tmp_path_factory.mktemp(name) / "emotiw") for name in ("local", "cluster"))
    for made in (local, other):
        made.over("small", "{clips_per_job: 16}")
    done = local.snakemake(TARGET)
    assert done.returncode == 0, done.stdout + done.stderr
    return local, other


def start(folder, log):
    command = [sys.executable, "-m", "snakemake", TARGET, "--configfile", "small.yaml", *QUICK]
    with log.open("ab") as stream:
        return subprocess.Popen(command, cwd=folder, stdout=stream, stderr=stream, start_new_session=True)


def test_a_run_on_slurm_survives_every_kill_and_equals_a_local_run(cluster, batched):
    local, other = batched
    folder, log = other.folder, other.folder.parent / "snakemake.log"
    snakemake = start(folder, log)
    happens = {
        "faces": lambda: kill(running(folder, "faces")[:1]),
        "egemaps": lambda: cluster.cancel("egemaps"),
        "pca": cluster.kill_daemon,
        "train_blstm": lambda: cluster.kill_node(folder),
        "fusion": lambda: os.killpg(snakemake.pid, signal.SIGKILL),
    }
    last = time.monotonic() + DEADLINE_S
    while snakemake.poll() is None and time.monotonic() < last:
        strike(folder, happens)
        time.sleep(0.05)
    said = log.read_text()
    assert not happens, f"{sorted(happens)} did not run:\n{said}"
    assert snakemake.wait() == -signal.SIGKILL, said
    assert "Trying to restart job" in said

    unlocked = other.snakemake("--unlock")
    assert unlocked.returncode == 0, unlocked.stderr
    again = start(folder, log)
    assert again.wait(timeout=DEADLINE_S) == 0, log.read_text()
    assert hashes(folder) == hashes(local.folder)
    assert len(hashes(folder)) > 30


def test_a_failed_run_on_slurm_ends_with_clip_reason_and_log(cluster, fresh, tmp_path):
    made = fresh.copy(tmp_path / "emotiw")
    made.over("small", "{on_defect: fail}")
    (made.folder / "corpus/clips/s01_anger.mp4").write_bytes(b"no clip")
    targets = [f"results/small/features/audio/{clip}.h5" for clip in ("s01_anger", "s02_anger")]
    command = [sys.executable, "-m", "snakemake", *targets, "--configfile", "small.yaml", *QUICK, "--retries", "0"]
    done = subprocess.run(command, cwd=made.folder, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    assert done.returncode == 1
    lines = done.stderr.rstrip().splitlines()[-4:]
    assert lines[0].startswith("emotiw: 1 job failed.")
    assert lines[1] == "  audio, clip s01_anger"
    assert lines[2].startswith("    MediaError: ")
    assert lines[3] == "    log: results/small/logs/audio/s01_anger.log"
    assert (made.folder / targets[1]).is_file()
