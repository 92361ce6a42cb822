"""CPU seconds of scoring one feature (six kernels) with each classifier, whose parameter is selected in training sets.

Synthetic sets of seven classes, 25 sets per subject: 5/6 for training, the rest to score. Run with
`PYTHONPATH=workflow_scripts python benchmarks/classifiers.py --sets 600`.
"""

import argparse
import time

import numpy as np
from threadpoolctl import threadpool_limits

from emotiw.jobs import settings
from emotiw.statistics.cross_validation import Training
from emotiw.video import classifiers, kernel_scoring, kernels

N_CLASSES, PER_SUBJECT, DIMENSION = 7, 25, 200


def six_kernels(n, rng):
    """Three linear and three RBF kernels (n, n) of points around class means, and the classes of the points."""
    y = np.arange(n) % N_CLASSES
    matrices = {}
    for i in range(3):
        X = rng.standard_normal((n, DIMENSION)) + 0.2 * rng.standard_normal((N_CLASSES, DIMENSION))[y]
        G = X @ X.T
        diagonal = np.diagonal(G)
        D = kernels.squared_distances(G, diagonal, diagonal)
        matrices[f"linear{i}"] = kernels.normalised(G, diagonal, diagonal)
        matrices[f"rbf{i}"] = kernels.rbf_kernel(D, gamma=kernels.median_gamma(D))
    return matrices, y


def main():
    """Print two lines per classifier: with the parameter selected, and with a given one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=600)
    args = parser.parse_args()
    threadpool_limits(1)
    matrices, y = six_kernels(args.sets, np.random.default_rng(0))
    n_train = args.sets * 5 // 6
    training = Training(y[:n_train], tuple(f"s{i // PER_SUBJECT}" for i in range(n_train)), 3)
    kernels_of_sets = kernel_scoring.Kernels(matrices, n_train, args.sets)
    defaults = settings.load([])["video"]
    print(
        f"{n_train} training sets, {args.sets - n_train} others; CPU seconds, parameters selected, accuracy of the mean"
    )
    for name, family in classifiers.FAMILIES.items():
        for video in (defaults, {**defaults, family.parameter: classifiers.NOMINAL[family.parameter]}):
            start = time.process_time()
            by_kernel = kernel_scoring.feature_scores(name, video, kernels_of_sets, training)
            cost = time.process_time() - start
            accuracy = (by_kernel["mean"].values[-(args.sets - n_train) :].argmax(axis=1) == y[n_train:]).mean()
            selected = [scores.selection.value for kernel, scores in by_kernel.items() if kernel != "mean"]
            print(f"{name:12s} {cost:7.2f}  {selected}  {accuracy:.3f}")


if __name__ == "__main__":
    main()
