"""Peak memory and CPU time of the training of image sets by the size of the corpus, before and after a change.

Run: PYTHONPATH=workflow_scripts python benchmarks/scale.py results/RUN/features/cnn --clips 1146 [--before CHECKOUT].
The features are remixed from those of a real run: a clip's frames are those of one real clip of its class in some
channels and those of any real clip in the others, so that shape, sparsity and rank are those of real features. The
programs `pca`, `kernels` and `kernel_scores` (PLS) run as the workflow runs them, one thread each; memory is the
kernel's (`getrusage`). With `--before`, those of another checkout of the repository run on the same files too, and
ratios are printed. `--landmarks N` adds a row with that many landmarks, whatever the size of the corpus. Kernels and
scores need as much memory for fewer `--values` and `--frames`, with which large corpora are made sooner.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from emotiw.corpora import manifest
from emotiw.jobs import settings, store

ROOT = Path(__file__).resolve().parents[1]
CLIPS_PER_JOB, FOLDS, CHANNEL = 25, 5, 36  # 6 x 6 positions of a channel of pool5
SHARE = 0.35  # of a clip's channels that are those of a real clip of its class
STAGE = {"fold": "official", "code": "", "distributions": {}, "above": {}, "feature": "cnn", "modality": "video"}
CLASSES = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")


def real_frames(folder, n_values, n_frames):
    """Frames of each real clip that has any: the first values and frames."""
    found = []
    for path in sorted(folder.glob("*.h5")):
        entries = store.read(path, "frame_features").entries.values()
        found += [entry.arrays["features"] for entry in entries if len(entry.arrays.get("features", ())) >= 2]
    return [F[np.arange(n_frames) % len(F), :n_values] for F in found]


def remixed(frames, label, seed):
    """Frames (n_frames, n) of a made-up clip: the real clips are divided among the classes in turn."""
    rng = np.random.default_rng(seed)
    first = rng.choice(np.arange(label, len(frames), len(CLASSES)))
    of_class, of_any = frames[first], frames[rng.integers(len(frames))]
    chosen = np.repeat(rng.random(of_class.shape[1] // CHANNEL + 1) < SHARE, CHANNEL)[: of_class.shape[1]]
    gain = rng.uniform(0.7, 1.3, of_class.shape[1])
    return (np.where(chosen, of_class, of_any) * gain * rng.uniform(0.9, 1.1, (len(of_class), 1))).astype(np.float16)


def make_corpus(folder, frames, n_clips):
    """Write the table and the features; every fifth clip is for validation."""
    rows = [
        manifest.Row(
            f"c{i:06d}",
            f"{i}.mp4",
            CLASSES[i % len(CLASSES)],
            f"s{i // 7 % 50}",
            "val" if i // 7 % FOLDS == 4 else "train",
            job=f"job{i // CLIPS_PER_JOB:05d}",
        )
        for i in range(n_clips)
    ]
    manifest.write(folder / "manifest.csv", manifest.Manifest(tuple(rows), CLASSES, "made up"))
    time_s = np.arange(len(frames[0])) / 25
    for start in range(0, n_clips, CLIPS_PER_JOB):
        numbers = range(start, min(start + CLIPS_PER_JOB, n_clips))
        entries = [
            store.Entry(f"c{i:06d}", {"features": remixed(frames, i % len(CLASSES), i), "time": time_s})
            for i in numbers
        ]
        store.write(folder / "features" / f"{rows[start].job}.h5", "frame_features", entries, stage={})


def measured(checkout, program, **options):
    """Run a program of a checkout; peak memory in MB and CPU seconds."""
    stage = json.dumps(options.pop("stage"))
    paths = [part for name, path in options.items() for part in (f"--{name}", str(path))]
    scripts = checkout / "workflow_scripts"
    command = [sys.executable, str(scripts / f"{program}.py"), *paths, "--stage", stage]
    process = os.posix_spawn(sys.executable, command, os.environ | {"PYTHONPATH": str(scripts)})
    _, status, usage = os.wait4(process, 0)
    if status:
        sys.exit(f"{checkout}: {program} ended with status {status}")
    return usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def trained(checkout, folder, video, pca=None):
    """Memory and CPU time of each program, accuracy on the validation clips, size of the kernels; `pca` may be made."""
    stage, out = STAGE | {"settings": {"video": video}, "stream": "video"}, folder / "out"
    of = {"manifest": folder / "manifest.csv", "features": folder / "features", "stage": stage}
    found = {"pca": pca or measured(checkout, "pca", **of, output=out / "pca.h5")}
    found["kernels"] = measured(checkout, "kernels", **of, pca=out / "pca.h5", output=out / "kernels.h5")
    given = {"manifest": of["manifest"], "kernels": out / "kernels.h5", "model": out / "model.h5"}
    classifier = stage | {"classifier": "pls"}
    found["kernel_scores"] = measured(checkout, "kernel_scores", **given, stage=classifier, output=out / "scores.h5")
    size = (out / "kernels.h5").stat().st_size / 1e6
    return found, accuracy(folder, store.read(out / "scores.h5", "scores")), size


def accuracy(folder, scores):
    """Share of the validation clips whose class has the highest mean score."""
    rows = manifest.read(folder / "manifest.csv").row_of_clip
    best = scores.entries["mean"].arrays["scores"].argmax(axis=1)
    pairs = zip(scores.facts["clips"], scores.facts["parts"], best, strict=True)
    right = [scores.facts["classes"][k] == rows[clip].label for clip, part, k in pairs if part == "val"]
    return np.mean(right)


def row(label, n_clips, result, before=None):
    """Print a line of the table."""
    found, right, size = result
    cells = [f"{mb:.0f} MB, {cpu:.0f} s{ratio(before, name, mb, cpu)}" for name, (mb, cpu) in found.items()]
    per_clip = sum(cpu for _, cpu in found.values()) / n_clips * 1e3
    print(f"| {n_clips} | {label} | {' | '.join(cells)} | {per_clip:.0f} | {size:.0f} | {right:.3f} |", flush=True)


def ratio(before, name, mb, cpu):
    """Memory and CPU time of the program before, relative to those of now."""
    return f" ({before[0][name][0] / mb:.1f}x, {before[0][name][1] / cpu:.1f}x)" if before else ""


def main():
    """Print a line for each size and way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("features", type=Path)
    parser.add_argument("--clips", type=int, nargs="+", default=[1146])
    parser.add_argument("--before", type=Path)
    parser.add_argument("--before-up-to", type=int, default=2000, help="largest corpus for the other checkout")
    parser.add_argument("--landmarks", type=int, nargs="*", default=[])
    parser.add_argument("--values", type=int, default=9216)
    parser.add_argument("--frames", type=int, default=60)
    args = parser.parse_args()
    frames, video = real_frames(args.features, args.values, args.frames), settings.load([])["video"]
    print(f"{len(frames)} real clips; {np.mean([(F > 0).mean() for F in frames]):.0%} of their values are above 0\n")
    print("| clips | way | pca | kernels | kernel_scores | CPU ms a clip | kernels, MB | accuracy |")
    print("|---|---|---|---|---|---|---|---|")
    for n_clips in args.clips:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            make_corpus(folder, frames, n_clips)
            before = trained(args.before, folder, video) if args.before and n_clips <= args.before_up_to else None
            if before:
                row("before", n_clips, before)
            now = trained(ROOT, folder, video)
            row("as configured", n_clips, now, before)
            for landmarks in args.landmarks:
                low = trained(ROOT, folder, video | {"exact_clips": 1, "landmarks": landmarks}, now[0]["pca"])
                row(f"{landmarks} landmarks", n_clips, low, before)


if __name__ == "__main__":
    main()
