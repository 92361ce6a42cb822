"""CPU time of the per-clip jobs: plain interpreters, the warm one, and all of it in one warm process.

Run: python benchmarks/fan_out.py CORPUS [clips] [plain clips], where CORPUS holds a `manifest.csv` (clip, path, label,
subject, split) and its clips; the first `clips` (64) are taken, the first `plain clips` (all, at least 6) by plain
interpreters.
Printed are CPU seconds of (a) Snakemake with plain interpreters, (b) Snakemake with the warm one, all processes and
Snakemake's main process alone, (c) the same commands' `main(argv)` in one process whose imports are not counted, and
the ratios; whether all files are equal; then frames a second of each stage, and its share of what the machine could do.
"""

import contextlib
import csv
import ctypes
import hashlib
import importlib
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import torch
import yaml

from emotiw.jobs import settings, store
from emotiw.media import video_frames
from emotiw.workflow import warm

ROOT = Path(__file__).resolve().parents[1]
ALEXNET_GFLOP = 1.311  # a face, torchvision's layout; of its convolutions
PR_SET_CHILD_SUBREAPER = 36
MAIN = (
    "import atexit, runpy, sys, time; "
    "atexit.register(lambda: open('main_cpu_s', 'w').write(str(time.process_time()))); "
    "sys.argv[0] = 'snakemake'; runpy.run_module('snakemake', run_name='__main__')"
)


def workspace(folder, corpus, n_clips):
    """Write the table of the first clips and a configuration into a new folder."""
    folder.mkdir()
    with (corpus / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))[:n_clips]
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        columns = ["clip", "path", "label", "subject", "split"]
        table = csv.DictWriter(stream, columns, extrasaction="ignore")
        table.writeheader()
        for i, row in enumerate(rows):  # features depend on no label, so any will do
            part = {"label": "ab"[i % 2], "split": ["val", "test", "train"][min(i // 2, 2)], "subject": row["clip"]}
            table.writerow(row | part | {"path": str((corpus / row["path"]).resolve())})
    about = {"kind": "csv", "root": ".", "table": "manifest.csv", "classes": ["a", "b"], "allow_outside": True}
    (folder / "fan.yaml").write_text(yaml.safe_dump({"run": "fan", "corpus": about}))


def snakemake(folder, *more, interpreter="on"):
    """Run Snakemake; its output, the CPU seconds of all its processes and of its main process."""
    command = [sys.executable, "-c", MAIN, "-s", str(ROOT / "Snakefile"), "--configfile", "fan.yaml", "-c2", *more]
    profile = [] if "-n" in more else ["--workflow-profile", str(ROOT / "profiles/default")]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow_scripts"), warm.SWITCH: interpreter}
    before = children_s()
    done = subprocess.run(
        [*command, *profile], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    with contextlib.suppress(ChildProcessError):
        while True:  # the warm interpreter, which comes to this process when its client has ended
            os.wait()
    return done.stdout, children_s() - before, float((folder / "main_cpu_s").read_text())


def children_s():
    """CPU seconds of all processes that were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def commands(folder):
    """Program and arguments of every job, in an order in which they can run."""
    told = snakemake(folder, "-n", "-p", "--workflow-profile", "none", "features", interpreter="off")[0]
    lines = re.findall(r'^Shell command: python "\$EMOTIW_PROGRAMS"/(\w+)\.py (.*) > \S+ 2>&1', told, re.MULTILINE)
    order = {"audio": 0, "landmarks": 0, "alexnet": 0, "faces": 1}
    return sorted(((program, shlex.split(text)) for program, text in lines), key=lambda job: order.get(job[0], 2))


def in_one_process(folder, jobs):
    """CPU seconds of each program's calls in this process, without imports."""
    spent = defaultdict(float)
    mains = {program: importlib.import_module(program).main for program, _ in jobs}
    with contextlib.chdir(folder):
        for program, argv in jobs:
            start = time.process_time()
            mains[program](argv)
            spent[program] += time.process_time() - start
    return spent


def hashes(folder):
    """Hash of every feature file."""
    paths = sorted((folder / "results/fan/features").rglob("*.h5"))
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def convolution_gflops(batch=16, repeats=20):
    """Rate of a 3 x 3 convolution of AlexNet on one thread, the best of several runs; GFLOP a CPU second."""
    layer = torch.nn.Conv2d(256, 256, 3, padding=1).to(memory_format=torch.channels_last)
    maps = torch.rand(batch, 256, 27, 27).to(memory_format=torch.channels_last)
    flop = 2 * batch * 27 * 27 * 256 * 256 * 9
    best = 0.0
    with torch.inference_mode():
        for _ in range(repeats):
            start = time.process_time()
            layer(maps)
            best = max(best, flop / (time.process_time() - start) / 1e9)
    return best


def decoding_s(paths, limits):
    """CPU seconds of decoding all frames into RGB, and nothing else, and their number."""
    start, n_frames = time.process_time(), 0
    for path in paths:
        n_frames += sum(1 for _ in video_frames.read(Path(path), limits))
    return time.process_time() - start, n_frames


def print_rates(folder, clips, spent):
    """Print what each stage does in a second, and the share of the limits that were measured just now."""
    limits = settings.load([folder / "fan.yaml"])["limits"]
    with (folder / "results/fan/manifest.csv").open(newline="", encoding="utf-8") as stream:
        paths = [row["path"] for row in csv.DictReader(stream)]
    decoded_s, n_frames = decoding_s(paths, limits)
    entries = [store.read(folder / f"results/fan/features/faces/{clip}.h5", "faces").entries[clip] for clip in clips]
    n_faces = sum(entry.facts["n_kept"] for entry in entries)
    print(f"\n{n_frames} frames, {n_faces} faces; decoding alone {n_frames / decoded_s:.0f} frames/s")
    for program, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        unit, n = (
            ("frames", n_frames) if program in ("faces", "audio", "egemaps", "functionals") else ("faces", n_faces)
        )
        print(f"{program:12s} {seconds:8.2f} s {n / seconds:9.0f} {unit}/s")
    peak = convolution_gflops()
    rate = ALEXNET_GFLOP * n_faces / spent["cnn"]
    print(f"cnn: {rate:.0f} GFLOP/s with loading and writing, {rate / peak:.0%} of a convolution's {peak:.0f}")
    print(f"faces: decoding is {decoded_s / spent['faces']:.0%} of it")


def main(corpus, n_clips=64, n_plain=None):
    """Measure and print."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        made = {}
        for name, n in (("one", n_clips), ("warm", n_clips), ("plain", n_plain or n_clips)):
            made[name] = Path(temporary, name)
            workspace(made[name], Path(corpus), n)
            if name == "one":
                snakemake(made[name], "--until", "landmarks", "alexnet", interpreter="off")
            else:
                for part in ("results/weights", ".snakemake/metadata"):
                    shutil.copytree(made["one"] / part, made[name] / part, dirs_exist_ok=True)
        jobs = commands(made["one"])
        _, plain_s, plain_main_s = snakemake(made["plain"], "features", interpreter="off")
        _, warm_s, warm_main_s = snakemake(made["warm"], "features")
        n = {name: len(list((made[name] / "results/fan/features").rglob("*.h5"))) for name in ("plain", "warm")}
        spent = in_one_process(made["one"], jobs)
        one_s = sum(spent.values())
        share = n["plain"] / n["warm"]
        print("way                      jobs  CPU s  of it Snakemake  ratio to (c)  without Snakemake")
        for label, name, total, own, work in (
            ("(a) plain interpreters", "plain", plain_s, plain_main_s, one_s * share),
            ("(b) warm interpreter", "warm", warm_s, warm_main_s, one_s),
        ):
            ratios = f"{total / work:12.2f} {(total - own) / work:18.2f}"
            print(f"{label:24s} {n[name]:4d} {total:6.1f} {own:16.1f} {ratios}")
        print(f"{'(c) one warm process':24s} {len(jobs):4d} {one_s:6.1f}")
        found = {name: hashes(folder) for name, folder in made.items()}
        equal = found["one"] == found["warm"] and found["plain"].items() <= found["warm"].items()
        print(f"all {len(found['warm'])} files of (b) and (c) and {len(found['plain'])} of (a) equal: {equal}")
        print_rates(made["warm"], [Path(name).stem for name in found["warm"] if "/faces/" in name], spent)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "workflow_scripts"))
    main(sys.argv[1], *map(int, sys.argv[2:]))
