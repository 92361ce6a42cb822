"""CPU time of `emotiw predict` of one clip in a fresh process: imports, loading the bundle, and the clip.

Each run is a process of its own with one thread; the medians of several runs are printed, in CPU s (user and system,
so that other programs disturb them less than wall time). With `--before`, the library of another checkout is measured
in turn with this one's, and the last line gives the ratio. The last column names the slow packages that were imported.
Run with `PYTHONPATH=workflow_scripts python benchmarks/cold_start.py CLIP --bundle results/demo/bundle`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

CHILD = """if True:
    import json, sys, time
    times = [time.process_time()]
    from emotiw.prediction.predictor import Predictor
    times.append(time.process_time())
    predictor = Predictor.load(sys.argv[1])
    times.append(time.process_time())
    (found,) = predictor.predict([sys.argv[2]])
    times.append(time.process_time())
    if found.emotion is None:
        sys.exit(found.reason)
    print(json.dumps([times, sorted(set(sys.argv[3:]) & set(sys.modules))]))
"""
SLOW = ("sklearn", "pandas", "matplotlib", "lightning", "pytorch_lightning", "scipy.stats", "torch._dynamo", "onnx")
STEPS = ("start", "imports", "bundle", "clip")


def measured(library, args):
    """CPU s of each of `STEPS` in a fresh process with a library, and the slow packages that it imported."""
    command = [sys.executable, "-c", CHILD, str(args.bundle), str(args.clip), *SLOW]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(library)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(f"{library}: {done.stderr.strip()}")
    times, packages = json.loads(done.stdout)
    return [after - before for before, after in zip([0.0, *times], times, strict=False)], packages


def main():
    """Print a line for each library, and the ratio of their sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--before", type=Path, help="folder workflow_scripts of another checkout")
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    libraries = [*([args.before] if args.before else []), Path(__file__).resolve().parents[1] / "workflow_scripts"]
    runs = [[measured(library, args) for library in libraries] for _ in range(args.runs)]
    print("".join(f"{name:>9}" for name in (*STEPS, "CPU s")) + "  imported")
    sums = []
    for i in range(len(libraries)):
        medians = [statistics.median(run[i][0][k] for run in runs) for k in range(len(STEPS))]
        sums.append(statistics.median(sum(run[i][0]) for run in runs))
        print("".join(f"{value:9.2f}" for value in (*medians, sums[-1])) + f"  {', '.join(runs[0][i][1]) or '-'}")
    if len(sums) == 2:
        print(f"{sums[1] / sums[0]:.2f} of the CPU time before")


if __name__ == "__main__":
    main()
