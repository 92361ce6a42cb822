"""Ways to search for faces (`faces.grey`, `window_margin`, `window_levels`, `max_width`) on real clips, in one run.

All ways see the first frames of every clip, one way after the other in an order that turns. For each way: CPU time a
frame (search alone), its ratio to the default, the share of frames with a face and the share of the default's faces
that it finds too, and how far the landmarks of these lie from those of the default, in px of the frame and relative to
the distance between the eyes. Run with `PYTHONPATH=workflow_scripts python benchmarks/face_search.py --landmarks
results/weights/landmarks-*.dat CLIPS...`.
"""

import argparse
import time
from itertools import islice
from pathlib import Path

import dlib
import numpy as np
from threadpoolctl import threadpool_limits

from emotiw.faces import detector, search
from emotiw.jobs import settings
from emotiw.media import video_frames
from emotiw.weights import loading

NEAR = {"window_levels": 1, "window_margin": 0.25}
WAYS = {
    "default": {},
    "grey": {"grey": True},
    "margin 0.25": {"window_margin": 0.25},
    "one level": {"window_levels": 1},
    "one level, margin 0.25": NEAR,
    "grey, one level, margin 0.25": NEAR | {"grey": True},
    "grey, at most 640 px": {"grey": True, "max_width": 640},
    "all of them": NEAR | {"grey": True, "max_width": 640},
}
HEAD = (
    f"{'way':30s}{'ms':>8s}{'ratio':>7s}  {'by clip':15s}{'faces %':>9s}{'of def. %':>11s}{'px mean':>9s}{'95 %':>7s}"
    f"{'% of eyes':>11s}"
)
NO_CHIP = np.zeros((1, 1, 3), np.uint8), ()


def landmarks(frames, found, predictor):
    """Five points of the face kept of each frame, by index of the frame."""
    return {
        it.index: np.array(
            [(p.x, p.y) for p in predictor(frames[it.index].image, dlib.rectangle(*it.face.box)).parts()]
        )
        for it in found.kept
    }


def measure(frames, chosen, predictor, turn):
    """CPU seconds, and landmarks by frame, of each way for the frames of one clip."""
    spent, points = {}, {}
    names = list(WAYS)[turn % len(WAYS) :] + list(WAYS)[: turn % len(WAYS)]
    for name in names:
        found = search.Search(chosen | WAYS[name], detector.detector(), lambda *_: NO_CHIP)
        start = time.process_time()
        for frame in frames:
            found.see(frame)
        spent[name] = time.process_time() - start
        points[name] = landmarks(frames, found, predictor)
    return spent, points


def line(name, clips):
    """Row of one way, over all clips [number of frames, CPU seconds and landmarks by way]."""
    n_frames = sum(n for n, _, _ in clips)
    seconds = {way: sum(spent[way] for _, spent, _ in clips) for way in (name, "default")}
    found = {way: sum(len(points[way]) for _, _, points in clips) for way in (name, "default")}
    pairs = [
        (points[name][i], points["default"][i])
        for _, _, points in clips
        for i in points[name].keys() & points["default"].keys()
    ]
    px = np.array([np.linalg.norm(a - b, axis=1).mean() for a, b in pairs])
    eyes = np.array([np.linalg.norm(b[:2].mean(axis=0) - b[2:4].mean(axis=0)) for _, b in pairs])
    ratios = [spent["default"] / spent[name] for _, spent, _ in clips]
    quartiles = "/".join(f"{value:.2f}" for value in np.percentile(ratios, [25, 50, 75]))
    return (
        f"{name:30s}{1e3 * seconds[name] / n_frames:8.2f}{seconds['default'] / seconds[name]:7.2f}  {quartiles:15s}"
        f"{100 * found[name] / n_frames:9.1f}{100 * len(pairs) / found['default']:11.1f}{px.mean():9.2f}"
        f"{np.percentile(px, 95):7.2f}{100 * (px / eyes).mean():11.2f}"
    )


def main():
    """Search the clips and print a table for each size of frames."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--landmarks", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=60)
    args = parser.parse_args()
    threadpool_limits(1)
    detector.preload()
    config, predictor = settings.load([]), loading.load_landmarks(args.landmarks)
    by_width = {}
    for turn, path in enumerate(args.clips):
        frames = list(islice(video_frames.read(path, config["limits"]), args.frames))
        found = measure(frames, config["faces"] | {"frame_step": 1}, predictor, turn)
        by_width.setdefault(frames[0].image.shape[1::-1], []).append((len(frames), *found))
    for size, clips in by_width.items():
        print(f"\n{size[0]} x {size[1]} px: {len(clips)} clips, {sum(n for n, _, _ in clips)} frames")
        print(HEAD)
        for name in WAYS:
            print(line(name, clips))


if __name__ == "__main__":
    main()
