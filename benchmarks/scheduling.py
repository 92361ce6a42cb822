"""How fast Snakemake starts jobs of which thousands are ready, and what its main process spends on that.

Run: python benchmarks/scheduling.py [jobs] [seconds] [job's seconds]; 5000, 60 and 0 by default. The jobs are one shell
command each. Every line is a run that is stopped after these seconds: with this repository's default profile, and with
single settings changed. Printed are the jobs done, jobs a second of wall time, and CPU ms of the main process a job.
What the Snakefile does when it starts, to take Snakemake's own rate limit away on one machine, is copied from it, and
memory is a resource as there.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROFILE = ROOT / "profiles/default"
ON_START = (ROOT / "Snakefile").read_text().partition("\nonstart:\n")[2].partition("\n\n")[0]
SNAKEFILE = """
def share_memory():
    for resources in (workflow.scheduler.global_resources, workflow.scheduler.resources):
        resources.setdefault("mem_mb", 10000)

rule all:
    input: [f"made/{i}" for i in range(JOBS)]
rule one:
    output: "made/{i}"
    resources: mem_mb=100
    shell: "sleep SECONDS; : > {output}"
"""
VARIANTS = {  # whether the rate limit is taken away, and arguments
    "as the workflow does": (True, []),
    "with the rate limit": (False, []),
    "all ready jobs looked at": (True, ["--scheduler-subsample", "1000000"]),
    "Snakemake's defaults": (False, ["--workflow-profile", "none"]),
}


def run(variant, n_jobs, limit_s, job_s):
    """Jobs done, seconds from the first to the last, and CPU seconds of the main process after its graph is built."""
    unlimited, arguments = VARIANTS[variant]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        text = SNAKEFILE.replace("JOBS", str(n_jobs)).replace("SECONDS", str(job_s))
        (folder / "Snakefile").write_text(text + (f"onstart:\n{ON_START}\n" if unlimited else ""))
        command = [sys.executable, "-m", "snakemake", "-c2", "--workflow-profile", str(PROFILE), *arguments]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, cwd=folder, start_new_session=True, **quiet) as process:
            while not list(folder.glob("made/*")) and process.poll() is None:
                time.sleep(0.05)
            began, before_s, after_s = time.monotonic(), own_s(process.pid), 0.0
            while process.poll() is None and time.monotonic() - began < limit_s and len(made(folder)) < n_jobs:
                time.sleep(0.2)
                after_s = own_s(process.pid) or after_s
            n_done, wall_s = len(made(folder)), time.monotonic() - began
            os.killpg(process.pid, signal.SIGKILL)
    return n_done, wall_s, after_s - before_s


def made(folder):
    """Files that jobs have made."""
    return os.listdir(folder / "made")


def own_s(pid):
    """CPU seconds of a process without its children's."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(n_jobs=5000, limit_s=60.0, job_s=0.0):
    """Print a line a variant."""
    print(f"{n_jobs} ready jobs of {job_s} s, each variant for {limit_s:.0f} s")
    for name in VARIANTS:
        n_done, wall_s, cpu_s = run(name, n_jobs, limit_s, job_s)
        per_job = 1000 * cpu_s / max(1, n_done)
        print(f"{name:24s} {n_done:6d} done {n_done / wall_s:7.1f} jobs/s {per_job:8.1f} CPU ms a job", flush=True)


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((int, float, float), sys.argv[1:], strict=False)))
