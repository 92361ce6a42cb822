"""CPU time of the stages of single clips, here and in another checkout of this project, on the same clips in one run.

Run: PYTHONPATH=workflow_scripts python benchmarks/fan_out_against.py CLIPS... --against CHECKOUT --weights FOLDER
[--settings FILE] [--repeats 1]. FOLDER holds `landmarks-*.dat` and `alexnet-*.safetensors` with their records (the
folder `results/weights` of a run); FILE is a configuration for this checkout. `git archive COMMIT | tar x -C FOLDER`
makes a checkout. A warm process for each of the two calls the programs of all stages for one clip, then the other does;
who begins changes with every clip. The first clip is computed once before, and that is not counted.

Printed are CPU seconds by stage, the ratio of the sums, quartiles of the ratios of single clips, and frames a CPU
second from decoding to pool5 (the stages faces and cnn), by size of the frames.
"""

import argparse
import hashlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import h5py
import numpy as np

HERE = Path(__file__).resolve().parents[1]
OF_MEDIA = ("audio", "faces")
SOURCES = {
    **dict.fromkeys(("egemaps", "functionals"), "audio"),
    **dict.fromkeys(("cnn", "dense_sift", "hog", "lbp_top"), "faces"),
}
TO_POOL5 = ("faces", "cnn")


def library():
    """Return what loads a configuration, and what gives the digest of clips; None in checkouts without it."""
    try:
        from emotiw.jobs import identity, settings  # noqa: PLC0415 - of the checkout whose turn it is
    except ImportError:
        from emotiw import settings  # noqa: PLC0415 - before the library had rooms

        return settings.load, None
    return settings.load, identity.clips_digest


def arguments(folder, name, clip, weights, digest):
    """Options of a program for one clip, and what its identity says of the clip."""
    if name not in OF_MEDIA:
        source = SOURCES[name]
        more = ["--weights", str(next(weights.glob("alexnet-*.safetensors")))] if name == "cnn" else []
        return [f"--{source}", str(folder / f"{source}.h5"), *more], {}
    sha256 = hashlib.sha256(clip.read_bytes()).hexdigest()
    more = ["--landmarks", str(next(weights.glob("landmarks-*.dat")))] if name == "faces" else []
    if digest is None:
        return ["--media", str(clip), *more], {"clips": [["clip", sha256]]}
    (folder / "manifest.csv").write_text(f"clip,path,sha256,job\nclip,{clip},{sha256},job\n")
    more += ["--manifest", str(folder / "manifest.csv"), "--job", "job"]
    return more, {"clips_sha256": digest([("clip", sha256)])}


def measure(folder, clip, weights, config, digest):
    """CPU seconds of every stage for a clip, and facts of its faces."""
    spent = {}
    for name in (*OF_MEDIA, *SOURCES):
        options, about = arguments(folder, name, clip, weights, digest)
        stage = {"settings": config, "code": "", "distributions": {}, "above": {}, **about}
        program = importlib.import_module(name).main
        start = time.process_time()
        program([*options, "--output", str(folder / f"{name}.h5"), "--stage", json.dumps(stage)])
        spent[name] = time.process_time() - start
    with h5py.File(folder / "faces.h5") as file:
        facts = json.loads(file["meta"][()].tobytes())["entries"]["clip"]["facts"]
    return {"spent": spent, **{name: facts[name] for name in ("n_frames", "n_kept", "width", "height")}}


def serve(weights, settings):
    """Measure the clip that each line of the input names."""
    load, digest = library()
    config = load([Path(path) for path in settings])
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            print(json.dumps(measure(Path(folder), Path(line.strip()), weights, config, digest)), flush=True)


class Checkout:
    """A warm process with the library of a checkout."""

    def __init__(self, root, weights, settings=()):
        paths = {"PYTHONPATH": str(root / "workflow_scripts")}
        environment = os.environ | paths | {"OMP_NUM_THREADS": "1", "EMOTIW_ACCELERATOR": "cpu"}
        options = ["--serve", "--weights", str(weights), "--settings", *map(str, settings)]
        command, pipe, quiet = [sys.executable, "-P", __file__, *options], subprocess.PIPE, subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=quiet, text=True, env=environment)

    def measure(self, clip):
        """CPU seconds by stage, and facts, of a clip."""
        self.process.stdin.write(f"{clip.resolve()}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args}: ended at {clip}; run it by hand with the clip's path as its input")
        return json.loads(line)


def compared(clips, checkouts, repeats):
    """For each clip and repeat, what each checkout measured; they take turns."""
    for checkout in checkouts.values():
        checkout.measure(clips[0])
    rows = []
    for turn, clip in enumerate(clips * repeats):
        names = sorted(checkouts, reverse=bool(turn % 2))
        rows.append({name: checkouts[name].measure(clip) for name in names})
    return rows


def seconds(row, name, stages):
    """CPU seconds of some stages in one checkout."""
    return sum(row[name]["spent"][stage] for stage in stages)


def show(rows):
    """Print the tables."""
    stages = (*OF_MEDIA, *SOURCES)
    n_frames = sum(row["here"]["n_frames"] for row in rows)
    print(f"{len(rows)} clips, {n_frames} frames, {sum(row['here']['n_kept'] for row in rows)} faces")
    print(f"{'stage':14s}{'before, s':>10s}{'here, s':>9s}{'ratio':>7s}  quartiles of clips")
    for name, some in {**{stage: [stage] for stage in stages}, "all stages": stages, "faces and cnn": TO_POOL5}.items():
        before, here = (sum(seconds(row, where, some) for row in rows) for where in ("before", "here"))
        ratios = [seconds(row, "before", some) / seconds(row, "here", some) for row in rows]
        quartiles = " ".join(f"{value:.2f}" for value in np.percentile(ratios, [25, 50, 75]))
        print(f"{name:14s}{before:10.2f}{here:9.2f}{before / here:7.2f}  {quartiles}")
    sizes = defaultdict(list)
    for row in rows:
        sizes[row["here"]["width"], row["here"]["height"]].append(row)
    print("frames a CPU second from decoding to pool5: before, here")
    for (width, height), some in sorted(sizes.items()):
        rates = [
            sum(row[where]["n_frames"] for row in some) / sum(seconds(row, where, TO_POOL5) for row in some)
            for where in ("before", "here")
        ]
        print(f"  {width} x {height}, {len(some)} clips: {rates[0]:.1f}, {rates[1]:.1f}")


def main():
    """Measure the clips in both checkouts, or be one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="*")
    parser.add_argument("--against", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--settings", type=Path, nargs="*", default=[])
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--serve", action="store_true")
    args = parser.parse_args()
    if args.serve:
        serve(args.weights, args.settings)
        return
    weights = args.weights.resolve()
    checkouts = {"before": Checkout(args.against.resolve(), weights), "here": Checkout(HERE, weights, args.settings)}
    show(compared(args.clips, checkouts, args.repeats))


if __name__ == "__main__":
    main()
