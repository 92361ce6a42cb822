"""Tracked search for faces beside the search of every whole frame, on real clips, in one run.

Both searches see every frame one after the other, in turns first, so that both meet the same load of the machine. For
each clip: frames, the share of them with a face by either search, the share of the frames of each in which the other
finds one too, the overlap (intersection over union) of the boxes where both do, CPU time a frame, and its ratio.
Aligning a face costs the same in both and is left out; decoding too. Run with
`PYTHONPATH=workflow_scripts python benchmarks/faces.py PATHS...`.
"""

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from emotiw.faces import detector, search, tracking
from emotiw.jobs import settings
from emotiw.media import video_frames

WAYS = {"tracked": True, "whole": False}
NO_CHIP = np.zeros((1, 1, 3), np.uint8), ()
HEAD = (
    f"{'clip':28s}{'frames':>7s}{'tracked':>9s}{'whole':>7s}{'t in w':>8s}{'w in t':>8s}{'IoU mean':>10s}{'5th':>6s}"
    f"{'ms tracked':>12s}{'ms whole':>10s}{'ratio':>7s}{'searched whole':>16s}{'cuts':>6s}"
)


@dataclass
class Run:
    """What both searches found in some clips, and what it cost."""

    n_frames: int = 0
    n_whole: int = 0  # frames that the tracked search searched in whole
    n_cuts: int = 0
    found: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WAYS, 0))
    overlaps: list[float] = field(default_factory=list)
    cpu_s: dict[str, float] = field(default_factory=lambda: dict.fromkeys(WAYS, 0.0))

    def __add__(self, other):
        return Run(
            self.n_frames + other.n_frames,
            self.n_whole + other.n_whole,
            self.n_cuts + other.n_cuts,
            {way: self.found[way] + other.found[way] for way in WAYS},
            self.overlaps + other.overlaps,
            {way: self.cpu_s[way] + other.cpu_s[way] for way in WAYS},
        )

    def line(self, name):
        """Write a line of the table."""
        shares = [100 * self.found[way] / self.n_frames for way in WAYS]
        both = [100 * len(self.overlaps) / max(1, self.found[way]) for way in WAYS]
        overlap = [self.overlaps and np.mean(self.overlaps), self.overlaps and np.percentile(self.overlaps, 5)]
        ms = [1e3 * self.cpu_s[way] / self.n_frames for way in WAYS]
        return (
            f"{name[:27]:28s}{self.n_frames:7d}{shares[0]:9.1f}{shares[1]:7.1f}{both[0]:8.1f}{both[1]:8.1f}"
            f"{overlap[0] or np.nan:10.3f}{overlap[1] or np.nan:6.2f}{ms[0]:12.2f}{ms[1]:10.2f}{ms[1] / ms[0]:7.2f}"
            f"{100 * self.n_whole / self.n_frames:16.1f}{self.n_cuts:6d}"
        )


def measure(path, chosen, limits):
    """Search one clip both ways."""
    detect, run = detector.detector(), Run()
    searches = {
        way: search.Search({**chosen, "track": track}, detect, lambda *_: NO_CHIP) for way, track in WAYS.items()
    }
    for frame in video_frames.read(path, limits):
        for way in sorted(WAYS, reverse=bool(run.n_frames % 2)):
            start = time.process_time()
            searches[way].see(frame)
            run.cpu_s[way] += time.process_time() - start
        run.n_frames += 1
    boxes = {way: {it.index: it.face.box for it in search.kept} for way, search in searches.items()}
    run.found = {way: len(boxes[way]) for way in WAYS}
    both = sorted(boxes["tracked"].keys() & boxes["whole"].keys())
    run.overlaps = [tracking.overlap(boxes["tracked"][i], boxes["whole"][i]) for i in both]
    facts = searches["tracked"].facts
    run.n_whole, run.n_cuts = facts["n_searched_whole"], facts["n_cuts"]
    return run


def main():
    """Search the clips and print the table; percentages where no unit is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--select", choices=sorted(tracking.SELECTORS), default="largest")
    args = parser.parse_args()
    threadpool_limits(1)
    config = settings.load([])
    chosen = config["faces"] | {"select": args.select, "frame_step": 1}
    print(HEAD)
    total, ratios = Run(), []
    for path in args.clips:
        run = measure(path, chosen, config["limits"])
        ratios.append(run.cpu_s["whole"] / run.cpu_s["tracked"])
        total += run
        print(run.line(path.name), flush=True)
    print(total.line(f"all {len(args.clips)}"))
    print(f"ratio by clip: {min(ratios):.2f} to {max(ratios):.2f}, median {np.median(ratios):.2f}")


if __name__ == "__main__":
    main()
