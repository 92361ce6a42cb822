"""Principal components of the frames of a finished run: held in memory, and summed to a scatter matrix in one pass.

Run: PYTHONPATH=workflow_scripts python benchmarks/pca.py results/RUN/features/cnn [--dimension 256]. Printed are the
CPU seconds of both ways and how far the second is from the first: the largest difference of a variance, relative to it
and to the largest variance, and the least cosine between the two subspaces. `--sets N` prints instead the peak memory
(`getrusage`) and the CPU seconds of the components of N sets of 60 frames, each mixed of two real ones when it is read.
"""

import argparse
import resource
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


class Mixed:
    """Sets of 60 frames, each with some channels of one real clip and the others of another; made when asked for."""

    def __init__(self, frames, n_sets):
        self._frames, self._n_sets = [F[np.arange(60) % len(F)].astype(np.float16) for F in frames], n_sets

    def __len__(self):
        """Count the sets."""
        return self._n_sets

    def __getitem__(self, i):
        """Set i."""
        rng = np.random.default_rng(i)
        first, second = (self._frames[k] for k in rng.choice(len(self._frames), 2))
        chosen = np.repeat(rng.random(first.shape[1] // 36 + 1) < 0.5, 36)[: first.shape[1]]
        mixed = np.where(chosen, first, second) * rng.uniform(0.7, 1.3, first.shape[1])
        return mixed.astype(np.float16).astype(np.float32)


def peak(frames, n_sets, dimension):
    """Print memory and time of many sets."""
    _, seconds = timed(Mixed(frames, n_sets), dimension, pca.HELD_BYTES)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{n_sets} sets of 60 frames of {frames[0].shape[1]} values: peak {peak_mb:.0f} MB, {seconds:.0f} s")


def main():
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("features", type=Path)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--sets", type=int)
    args = parser.parse_args()
    threadpool_limits(1)
    files = [store.read(path, "frame_features") for path in sorted(args.features.glob("*.h5"))]
    entries = [entry for file in files for entry in file.entries.values()]
    frames = [entry.arrays["features"] for entry in entries if "features" in entry.arrays]
    if args.sets:
        peak(frames[:12], args.sets, args.dimension)
        return
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
