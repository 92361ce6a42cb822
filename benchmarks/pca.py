"""Principal components of the frames of a finished run: held in memory, and summed to a scatter matrix in one pass.

Run: PYTHONPATH=workflow_scripts python benchmarks/pca.py results/RUN/features/cnn [--dimension 256]. Printed are the
CPU seconds of both ways and how far the second is from the first: the largest difference of a variance, relative to it
and to the largest variance, and the least cosine between the two subspaces.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from emotiw.jobs import store
from emotiw.video import pca


def timed(frames, dimension, held_bytes):
    """Give the principal components and the CPU seconds that they take."""
    pca.HELD_BYTES = held_bytes
    start = time.process_time()
    fitted = pca.fit_pca(pca.scatter_of(frames), dimension)
    return fitted, time.process_time() - start


def main():
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("features", type=Path)
    parser.add_argument("--dimension", type=int, default=256)
    args = parser.parse_args()
    threadpool_limits(1)
    entries = [e for path in args.features.glob("*.h5") for e in store.read(path, "frame_features").entries.values()]
    frames = [entry.arrays["features"] for entry in entries if "features" in entry.arrays]
    held, seconds_held = timed(frames, args.dimension, 1 << 40)
    summed, seconds_summed = timed(frames, args.dimension, 0)
    difference = np.abs(summed.variance - held.variance)
    cosine = np.linalg.svd(summed.components @ held.components.T, compute_uv=False).min()
    print(f"{len(frames)} clips, {sum(map(len, frames))} frames of {frames[0].shape[1]} values; d = {args.dimension}")
    print(f"held {seconds_held:.1f} s, summed {seconds_summed:.1f} s")
    print(f"variance 1 is {held.variance[0]:.4g}, the last {held.variance[-1]:.4g}")
    print(f"variances differ by at most {(difference / held.variance).max():.1e} of themselves,")
    print(f"{difference.max() / held.variance[0]:.1e} of the largest; least cosine between subspaces {cosine:.8f}")


if __name__ == "__main__":
    main()
