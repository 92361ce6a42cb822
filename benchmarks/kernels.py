"""Seconds and memory of the six kernels of one feature of a corpus as large as AFEW, and the share of each model.

Run: PYTHONPATH=workflow_scripts python benchmarks/kernels.py [--clips 1146] [--frames 60] [--dimension 256]. One
thread; the frames are random, with variances that fall as those of principal components do. CPU seconds are
the program's own, wall seconds include waiting for other programs.
"""

import argparse
import resource
import time

import numpy as np
from threadpoolctl import threadpool_limits

from emotiw.video import kernels

RANK, REGULARISATION = 10, 1e-3


def timed(function):
    """Return the result of a function, its CPU seconds and its wall seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def peak_memory():
    """Largest memory that this program has held so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main():
    """Print a line for the whole and a line for each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("clips", 1146), ("frames", 60), ("dimension", 256)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    deviations = np.arange(1, args.dimension + 1) ** -0.5
    sets = {f"{i}": rng.standard_normal((args.frames, args.dimension)) * deviations for i in range(args.clips)}
    before = peak_memory()
    settings = {"rank": RANK, "regularisation": REGULARISATION, "degree": 1}
    with threadpool_limits(1):
        _, cpu, wall = timed(lambda: dict(kernels.feature_kernels(sets, args.clips * 2 // 3, **settings)))
        print(
            f"{args.clips} clips x {args.frames} frames, d = {args.dimension}: six kernels in {cpu:.1f} s of CPU time"
        )
        print(f"({wall:.1f} s on the clock), peak memory {peak_memory():.2f} GB, of which {before:.2f} GB before\n")
        print(f"{'':12s}{'model':>8s}{'products':>10s}{'share':>8s}")
        for name, model in kernels.point_models(rank=RANK, regularisation=REGULARISATION).items():
            points, modelling, _ = timed(lambda model=model: [model(F) for F in sets.values()])
            _, multiplying, _ = timed(lambda points=points: kernels.inner_products(points))
            share = (modelling + multiplying) / cpu
            print(f"{name:12s}{modelling:6.1f} s{multiplying:8.1f} s{share:8.0%}")


if __name__ == "__main__":
    main()
