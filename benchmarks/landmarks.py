"""What the low-rank kernels lose: accuracy of PLS on the kernels of a finished run, exact and by landmarks.

Run: PYTHONPATH=workflow_scripts python benchmarks/landmarks.py results/RUN FEATURE --landmarks 50 100 200 [--folds 3].
Accuracy is that of the mean of the six kernels over the test clips of the folds, all of which are scored by each way;
`agree` is the share of these clips that both ways give the same class. CPU seconds are those of kernels and scores.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from emotiw.corpora import manifest
from emotiw.jobs import settings
from emotiw.jobs.gather import Source
from emotiw.video import fold_kernels, fold_pca, fold_scores

EXACT = 1_000_000


def tested(table, sets, video, above):
    """Predicted class of each test clip of a fold, by the mean of the kernels."""
    kernels = fold_kernels.six_kernels(sets, video, feature="feature", above=above)
    given = fold_scores.FoldKernels(kernels.facts, dict(kernels.matrices))
    fold = fold_scores.scored(table, given, video, system="video/feature/pls", classifier="pls")
    best = fold.scores["mean"].values.argmax(axis=1)
    named = zip(fold.facts["clips"], fold.facts["parts"], best, strict=True)
    return {clip: table.classes[k] for clip, part, k in named if part == "test"}


def main():
    """Print a line for the exact kernels and for each number of landmarks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("feature")
    parser.add_argument("--landmarks", type=int, nargs="+", default=[50, 100, 200])
    parser.add_argument("--folds", type=int, default=3)
    args = parser.parse_args()
    threadpool_limits(1)
    table, video = manifest.read(args.run / "manifest.csv"), settings.load([])["video"]
    source = Source(args.run / "features" / args.feature, stream="video")
    ways = {EXACT: {"exact_clips": EXACT}} | {n: {"exact_clips": 1, "landmarks": n} for n in args.landmarks}
    found, cpu = {way: {} for way in ways}, dict.fromkeys(ways, 0.0)
    for fold in list(manifest.folds(table).values())[: args.folds]:
        pca, facts = fold_pca.fit(table, fold, source, feature=args.feature, dimension=video["pca_dimension"])
        sets = fold_kernels.projected(table, fold, source, pca)
        frames = sets.of_clips(sets.clips)
        held = fold_kernels.ImageSets(sets.clips, sets.parts, frames.__getitem__)
        for way, over in ways.items():
            start = time.process_time()
            found[way] |= tested(table, held, video | over, facts)
            cpu[way] += time.process_time() - start
        print(f"{fold.name}: {len(sets.training)} training clips of {len(sets.clips)}", flush=True)
    truth = {clip: table.row_of_clip[clip].label for clip in found[EXACT]}
    print(f"\n{len(truth)} test clips\n\n| kernels | accuracy | agree | CPU s |\n|---|---|---|---|")
    for way, predicted in found.items():
        right, same = (np.mean([predicted[clip] == other[clip] for clip in truth]) for other in (truth, found[EXACT]))
        print(f"| {'exact' if way == EXACT else f'{way} landmarks'} | {right:.3f} | {same:.3f} | {cpu[way]:.0f} |")


if __name__ == "__main__":
    main()
