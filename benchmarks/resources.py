"""Peak memory and CPU time of every program of the workflow, one row a program: what `resources:` of the rules rest on.

It runs Snakemake with the given arguments and watches each program that a job starts: the largest resident set of any
of its processes, user and system time, and wall time. For a batch the number of clips is given too, so that two runs
with other `clips_per_job` tell what a job needs by itself and what it needs a clip. Run with
`python benchmarks/resources.py --configfile my.yaml -c1 features`.
"""

import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

HEAD = f"{'program':20s}{'jobs':>6s}{'clips':>7s}{'MB':>8s}{'CPU s':>9s}{'wall s':>9s}   (largest of all jobs)"


def watch(record: Path, command: list[str]) -> int:
    """Run one program and add a line to `record`: name, clips, peak MB, CPU s, wall s."""
    start = time.monotonic()
    done = subprocess.run([sys.executable, *command], check=False)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    stage = json.loads(command[command.index("--stage") + 1]) if "--stage" in command else {}
    facts = [Path(command[0]).stem, len(stage.get("clips", ())), used.ru_maxrss / 1024]
    line = json.dumps([*facts, used.ru_utime + used.ru_stime, time.monotonic() - start])
    with record.open("a") as stream:
        stream.write(f"{line}\n")
    return done.returncode


def measure(arguments: list[str]) -> list[str]:
    """Run Snakemake and return the table, a line a program."""
    with tempfile.TemporaryDirectory() as folder:
        record, functions = Path(folder, "record"), Path(folder, "functions.sh")
        record.touch()
        watched = shlex.join([sys.executable, os.path.abspath(__file__), "--watch", str(record)])
        functions.write_text(f'python() {{ {watched} "$@"; }}\n')  # the shells of the jobs read it, thanks to BASH_ENV
        command = [sys.executable, "-m", "snakemake", *arguments]
        subprocess.run(command, env=os.environ | {"BASH_ENV": str(functions)}, check=True)
        rows = [json.loads(line) for line in record.read_text().splitlines()]
    jobs = defaultdict(list)
    for name, *numbers in rows:
        jobs[name].append(numbers)
    lines = []
    for name, of_name in sorted(jobs.items()):
        clips, memory, cpu, wall = (max(column) for column in zip(*of_name, strict=True))
        lines.append(f"{name:20s}{len(of_name):6d}{clips:7d}{memory:8.0f}{cpu:9.2f}{wall:9.2f}")
    return [HEAD, *lines]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--watch"]:
        sys.exit(watch(Path(sys.argv[2]), sys.argv[3:]))
    print("\n".join(measure(sys.argv[1:])))
