"""What a change of a large corpus runs again, and how long Snakemake takes to find it out.

Run: python benchmarks/incremental.py [clips] [clips a job]; 1700 and 1 by default; the second may be `auto`. The clips
are tones of 0.3 s; the workflow's files are empty ones that Snakemake holds for made (its `--touch`, without its
pauses), so that every row below is a real dry run of the real Snakefile on what a finished run leaves. Printed are the
jobs by rule, CPU and wall seconds and peak memory of the dry run; the first row is that of a run that has made nothing
yet.
"""

import csv
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import wave
from array import array
from contextlib import contextmanager
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
CLASSES = ("anger", "happiness", "neutral")
RATE = 8000
MADE = """
import runpy, sys
from pathlib import Path
from snakemake.executors import touch

run_job = touch.Executor.run_job

def made(self, job):
    for path in job.output:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).mkdir() if path.is_directory else Path(path).touch()
    run_job(self, job)

touch.Executor.SLEEPING_TIME = 0
touch.Executor.run_job = made
sys.argv[0] = "snakemake"
runpy.run_module("snakemake", run_name="__main__")
"""


def tone(path, pitch):
    """Write 0.3 s of sound, another one for each pitch."""
    samples = array("h", (round(9000 * math.sin(0.001 * (100 + pitch) * i)) for i in range(3 * RATE // 10)))
    with wave.open(str(path), "wb") as stream:
        stream.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
        stream.writeframes(samples.tobytes())


def row(i):
    """One line of the corpus's table; 20 subjects, each in one part."""
    part = "train" if i % 20 < 12 else "val" if i % 20 < 16 else "test"
    return [f"c{i:06d}", f"clips/c{i:06d}.wav", CLASSES[i % 3], f"s{i % 20:02d}", part]


def workspace(folder, n_clips, clips_per_job):
    """Write a copy of the workflow, a corpus and a configuration."""
    left_out = shutil.ignore_patterns(".*", "results", "__pycache__", "tests")
    shutil.copytree(ROOT, folder, ignore=left_out)
    (folder / "corpus/clips").mkdir(parents=True)
    for i in range(n_clips):
        tone(folder / f"corpus/clips/c{i:06d}.wav", i)
    with (folder / "corpus/manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerows([["clip", "path", "label", "subject", "split"], *map(row, range(n_clips))])
    corpus = {"kind": "csv", "root": "corpus", "table": "manifest.csv", "classes": list(CLASSES)}
    write(folder, {"run": "large", "clips_per_job": clips_per_job, "corpus": corpus})


def write(folder, config):
    """Write the configuration, and return it."""
    (folder / "large.yaml").write_text(yaml.safe_dump(config))
    return config


def snakemake(folder, *more, start=("-m", "snakemake")):
    """Run Snakemake; its output, CPU and wall seconds, and peak memory in MB."""
    command = [sys.executable, *start, "--configfile", "large.yaml", *more]
    environment = os.environ | {"PYTHONPATH": str(folder / "workflow_scripts"), "EMOTIW_WARM": "off"}
    began = time.monotonic()
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
    text = (folder / "said").read_text()
    if status:
        sys.exit(text)
    return text, usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss // 1024


def dry_run(folder, label):
    """Print a line of the table."""
    text, cpu_s, wall_s, peak_mb = snakemake(folder, "-n")
    found = re.findall(r"^(\w+) +(\d+)$", text.partition("Job stats:")[2].partition("total")[0], re.MULTILINE)
    jobs = [f"{rule} {n}" for rule, n in found if rule != "all"]
    total = sum(int(n) for rule, n in found if rule != "all")
    print(f"| {label} | {total} | {', '.join(jobs) or 'none'} | {cpu_s:.1f} | {wall_s:.1f} | {peak_mb} |", flush=True)


@contextmanager
def changed(path, content):
    """Give a file other content for a while; its times come back with the old content."""
    old, about = path.read_bytes(), path.stat()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(old)
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def scenarios(folder, n_clips):
    """Make a change, print what would run, undo it."""
    table, config = folder / "corpus/manifest.csv", folder / "large.yaml"
    rows, settings = table.read_bytes(), yaml.safe_load(config.read_text())
    dry_run(folder, "nothing")
    clip = folder / "corpus/clips/c000007.wav"
    with changed(clip, clip.read_bytes() + b"\0"):
        dry_run(folder, "one clip of the training part replaced")
    new = next(row(i) for i in range(n_clips, n_clips + 20) if row(i)[-1] == "test")
    tone(folder / "corpus" / new[1], n_clips)
    with changed(table, rows + f"{','.join(new)}\n".encode()):
        dry_run(folder, "one test clip added")
    last = rows.splitlines(keepends=True)
    with changed(table, b"".join(last[:-1])):
        dry_run(folder, "the last clip removed")
    module = folder / "workflow_scripts/emotiw/audio/egemaps.py"
    with changed(module, module.read_bytes() + b"\nCHANGED = 1\n"):
        dry_run(folder, "emotiw/audio/egemaps.py edited")
    for label, over in (("seed: 7", {"seed": 7}), ("fusion.grid_step: 0.1", {"fusion": {"grid_step": 0.1}})):
        with changed(config, yaml.safe_dump(settings | over).encode()):
            dry_run(folder, label)
    dry_run(folder, "all of it undone")


def main(n_clips=1700, clips_per_job=1):
    """Make the workspace and print the table."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "emotiw"
        workspace(folder, n_clips, clips_per_job)
        began = time.monotonic()
        print(f"{n_clips} clips, {clips_per_job} a job\n")
        print("| change | jobs | by rule | CPU s | wall s | MB |\n|---|---|---|---|---|---|")
        snakemake(folder, "-n", "manifest")  # hashes and probes the clips
        dry_run(folder, "nothing made yet")
        if n_clips > 10000:
            return  # a run of so many jobs, even of empty ones, takes long
        snakemake(folder, "--touch", "-c1", "-q", "progress", "rules", start=("-c", MADE))
        scenarios(folder, n_clips)
        print(f"\nmade and asked in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main(*(int(word) if word.isdecimal() else word for word in sys.argv[1:]))
