"""Accuracy of every model, kernel and classifier on the Virus image sets, beside the published figures, and beyond.

Protocol of Chen et al. (Pattern Recognition 2020): 15 classes of five sets of 20 images; three sets of each class
train, two test; ten draws; images of 20 x 20 pixels, their intensities as features. Published: covariance and PLS
62.84 +- 5.99, covariance and kernel SVM 66.57 +- 5.79, best of all methods 82.17 +- 5.81. The row "linear"
is the log-Euclidean kernel tr(log C1 log C2) as it is, which comes closest to both published figures; the six kernels
of this system are normalised or RBF. Which kernel the publication used is not known here.

The second part leaves the protocol by other features, of the same 20 x 20 or of the published 41 x 41 pixels, with the
same draws, image-set models, kernels and PLS. Everything is chosen inside the 45 training sets of a draw, by leaving
one set of each class out in turn: the number of components, and in the last lines the feature and the kernel.

With `--choices`, another table instead: PLS with its number of components chosen by each rule of
`emotiw.statistics.cross_validation`, in one division of the training sets into three folds or in five, against Liu's
20. The intervals are of the mean paired difference over the draws (t distribution); draws share sets, so they are too
narrow for another sample of sets.

Run: PYTHONPATH=workflow_scripts python benchmarks/virus.py virus.npz [--weights alexnet_conv_imagenet.npz], or
PYTHONPATH=workflow_scripts python benchmarks/virus.py virus.npz --choices --draws 40.
"""

import argparse
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
import virus_features
from scipy.stats import t
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from emotiw.statistics import cross_validation
from emotiw.statistics.cross_validation import Choosing, Grid, Training
from emotiw.video import classifiers, kernel_scoring, kernels
from emotiw.video.pls import KernelPLS, KernelRowPLS

N_CLASSES, N_TRAIN, N_COMPONENTS = 15, 45, 20
RANK, REGULARISATION = 10, 1e-3
C_GRID = 10.0 ** np.arange(-2, 5)
GRIDS = {
    "pls": {"n_components": range(1, N_COMPONENTS + 1)},
    "kernel_pls": {"n_components": range(1, N_COMPONENTS + 1)},
    "svm": {"weightedonevsrest__estimator__C": C_GRID},
    "logistic": {"logisticregression__C": C_GRID},
}
SETTINGS = {"n_components": N_COMPONENTS, "svm_c": 1.0, "logistic_c": 1.0}
FOLDS = [(np.flatnonzero(np.arange(N_TRAIN) % 3 != k), np.arange(k, N_TRAIN, 3)) for k in range(3)]
LINEAR, MEAN = "covariance_linear", "mean of six"
PLS = {"PLS": KernelRowPLS, "kernel PLS": KernelPLS}
N_COMPONENTS_MAX, FIXED = 40, f"{N_COMPONENTS} components"
CHOICES = {f"{rule}, {n} division{'s' * (n > 1)}": Choosing(rule, n) for n in (1, 5) for rule in cross_validation.RULES}


def images_of(path):
    """Read the images (75, 20, 41, 41) and the class indices of the sets (75,)."""
    with np.load(path) as data:
        return data["images"], np.unique(data["label"], return_inverse=True)[1]


def draws(label, n, seed=0):
    """Draw indices of three training sets of each class, then of two test sets of each, `n` times."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        sets = np.stack([rng.permutation(np.flatnonzero(label == c)) for c in range(N_CLASSES)])
        yield np.concatenate([sets[:, :3].ravel(), sets[:, 3:].ravel()])


def products(sets):
    """Inner products of the three models of all sets, which no draw changes."""
    sets = [np.asarray(F, float) for F in sets]
    models = kernels.point_models(rank=RANK, regularisation=REGULARISATION)
    # F' F = R' R: the same subspace at a fraction of the time where frames are many
    triangles = [np.linalg.qr(F, mode="r") for F in sets]
    return {
        name: kernels.inner_products(map(model, triangles if name == "subspace" else sets))
        for name, model in models.items()
    }


def six_kernels(inner, order):
    """Give the kernels of `emotiw.video.kernels.feature_kernels` for the sets of a draw."""
    matrices = {}
    for model, products_of_all in inner.items():
        G = products_of_all[np.ix_(order, order)]
        g = np.diagonal(G)
        D = kernels.squared_distances(G, g, g)
        matrices[f"{model}_polynomial"] = kernels.normalised(G, g, g)
        matrices[f"{model}_rbf"] = kernels.rbf_kernel(D, gamma=kernels.median_gamma(D[:N_TRAIN, :N_TRAIN]))
    return matrices


def linear_kernel(inner, order):
    """Log-Euclidean kernel of covariances, scaled by one factor that makes C comparable between draws."""
    G = inner["covariance"][np.ix_(order, order)]
    return G / np.diagonal(G)[:N_TRAIN].mean()


def predictions(name, K, y):
    """Score the test sets by a classifier whose parameter is selected in the training sets."""
    family = classifiers.family(name)
    search = GridSearchCV(family.make(SETTINGS[family.parameter]), GRIDS[name], cv=FOLDS)
    search.fit(K[:N_TRAIN, :N_TRAIN], y[:N_TRAIN])
    return classifiers.decision_values(search.best_estimator_, K[N_TRAIN:, :N_TRAIN])


def staged_accuracies(K, y):
    """Accuracy of PLS on kernel rows with 1 to 20 components, then of plain least squares on the same rows."""
    train, test, truth = K[:N_TRAIN, :N_TRAIN], K[N_TRAIN:, :N_TRAIN], y[N_TRAIN:]
    staged = KernelRowPLS(N_COMPONENTS).fit(train, y[:N_TRAIN]).staged_class_scores(test).argmax(axis=2)
    squares = LinearRegression().fit(train, np.eye(N_CLASSES)[y[:N_TRAIN]]).predict(test).argmax(axis=1)
    return (np.vstack([staged, squares]) == truth).mean(axis=1)


def published_protocol(inner, label, orders):
    """Accuracies by kernel and classifier, and of PLS by number of components, a value a draw."""
    table, path = defaultdict(list), defaultdict(list)
    for order in orders:
        y = label[order]
        matrices = six_kernels(inner, order)
        for classifier in GRIDS:
            values = {name: predictions(classifier, K, y) for name, K in matrices.items()}
            values[MEAN] = np.mean(list(values.values()), axis=0)
            values[LINEAR] = predictions(classifier, linear_kernel(inner, order), y)
            for name, scores in values.items():
                table[name, classifier].append((scores.argmax(axis=1) == y[N_TRAIN:]).mean())
        for name, K in {LINEAR: linear_kernel(inner, order), **matrices}.items():
            path[name].append(staged_accuracies(K, y))
    return table, path


def chosen_components(model, K, y):
    """Scores of all sets by PLS: out-of-fold ones of the training sets, then those of the test sets, (75, 15)."""
    inside = np.zeros((N_COMPONENTS, N_TRAIN, N_CLASSES))
    for train, test in FOLDS:
        fitted = model(N_COMPONENTS).fit(K[np.ix_(train, train)], y[train])
        inside[:, test] = fitted.staged_class_scores(K[np.ix_(test, train)])
    best = (inside.argmax(axis=2) == y[:N_TRAIN]).mean(axis=1).argmax()
    fitted = model(N_COMPONENTS).fit(K[:N_TRAIN, :N_TRAIN], y[:N_TRAIN])
    return np.concatenate([inside[best], fitted.staged_class_scores(K[N_TRAIN:, :N_TRAIN])[best]])


def candidates(inner, label, orders):
    """Scores by classifier and kernel, (n_draws, 75, 15)."""
    scores_of = defaultdict(list)
    for order in orders:
        of_draw = six_kernels(inner, order)
        for classifier, model in PLS.items():
            scores = {name: chosen_components(model, K, label[order]) for name, K in of_draw.items()}
            for name, values in (scores | {MEAN: np.mean(list(scores.values()), axis=0)}).items():
                scores_of[classifier, name].append(values)
    return {key: np.array(values) for key, values in scores_of.items()}


def accuracies(scores, truth):
    """Accuracy in the training sets (out of fold) and in the test sets, each a value a draw."""
    correct = scores.argmax(axis=2) == truth
    return correct[:, :N_TRAIN].mean(axis=1), correct[:, N_TRAIN:].mean(axis=1)


def chosen_in_training(scores, truth):
    """Scores of the candidate that is best out of fold in each draw; ties go to the smaller squared error."""
    inside = np.array([accuracies(values, truth)[0] for values in scores])
    squares = np.array([((v - np.eye(N_CLASSES)[truth])[:, :N_TRAIN] ** 2).mean(axis=(1, 2)) for v in scores])
    best = [np.lexsort((squares[:, k], -inside[:, k]))[0] for k in range(len(truth))]
    return np.array([scores[i][k] for k, i in enumerate(best)])


def chosen_by_rule(name, inner, label, orders):
    """Accuracies of PLS by kernel and way of choosing, and the chosen numbers of components, a value a draw."""
    table, numbers = defaultdict(list), defaultdict(list)
    grid = Grid(tuple(range(1, N_COMPONENTS_MAX + 1)))
    for order in orders:
        y, truth = label[order][:N_TRAIN], label[order][N_TRAIN:]
        matrices = {**six_kernels(inner, order), LINEAR: linear_kernel(inner, order)}
        given = kernel_scoring.Kernels(matrices, N_TRAIN, len(order))
        inside = {kernel: kernel_scoring.kernel_scorer(name, given, kernel, y) for kernel in matrices}
        test = {
            kernel: classifiers.family(name).grid_scores(grid.values, K[:N_TRAIN, :N_TRAIN], y, K[N_TRAIN:, :N_TRAIN])
            for kernel, K in matrices.items()
        }
        inside[MEAN] = mean_of([inside[kernel] for kernel in matrices if kernel != LINEAR])
        test[MEAN] = np.mean([test[kernel] for kernel in matrices if kernel != LINEAR], axis=0)
        for kernel, scorer in inside.items():
            right = (test[kernel].argmax(axis=2) == truth).mean(axis=1)
            table[kernel, FIXED].append(right[N_COMPONENTS - 1])
            for way, choosing in CHOICES.items():
                training = Training(y, tuple(map(str, range(N_TRAIN))), 3, choosing=choosing)
                selection = cross_validation.select(scorer, grid, training, np.arange(N_TRAIN))
                table[kernel, way].append(right[selection.index])
                numbers[kernel, way].append(selection.value)
    return table, numbers


def mean_of(scorers):
    """Scorer of the mean of several scorers' values."""
    return lambda values, train, test: np.mean([scorer(values, train, test) for scorer in scorers], axis=0)


def difference(values, others):
    """Write the mean paired difference over the draws in points, with its 95 % interval."""
    d = 100 * (np.array(values) - np.array(others))
    half = t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d))
    return f"{d.mean():+5.2f} ({d.mean() - half:+.2f} to {d.mean() + half:+.2f})"


def report_choices(name, table, numbers):
    """Print the accuracies by way of choosing, and their paired differences."""
    first = next(iter(CHOICES))
    heading = f"against {FIXED}", f"against {first}", "median of the components"
    print(f"\n{name:29s}{'':32s}{'':17s}" + "".join(f"{text:>26s}" for text in heading))
    means = defaultdict(list)
    for (kernel, way), values in table.items():
        chosen = f"{np.median(numbers[kernel, way]):.0f}" if (kernel, way) in numbers else ""
        against = [difference(values, table[kernel, other]) for other in (FIXED, first)]
        print(f"{kernel:24s}{way:32s}{cell(values)}" + "".join(f"{text:>28s}" for text in (*against, chosen)))
        means[way].append(values)
    of_draws = {way: np.mean(values, axis=0) for way, values in means.items()}
    for way, values in of_draws.items():
        against = [difference(values, of_draws[other]) for other in (FIXED, first)]
        print(f"{'mean of these lines':24s}{way:32s}{cell(values)}" + "".join(f"{text:>28s}" for text in against))


def cell(values):
    """Write mean and standard deviation over the draws, in per cent."""
    values = 100 * np.array(values)
    return f"{values.mean():8.2f} +-{values.std(ddof=min(1, values.size - 1)):5.2f}"


def report_protocol(table, path):
    """Print the published protocol's tables."""
    print(f"{'20 px, intensities':30s}" + "".join(f"{name:>16s}" for name in GRIDS))
    for kernel in dict.fromkeys(name for name, _ in table):
        print(f"{kernel:30s}" + "".join(f"{cell(table[kernel, classifier])}" for classifier in GRIDS))
    print(f"{'published, covariance':30s}   62.84 +- 5.99{'':16s}   66.57 +- 5.79; best of all methods 82.17 +- 5.81")
    print("\nPLS on kernel rows with 1 to 20 components, and plain least squares")
    for kernel, values in path.items():
        print(f"{kernel:24s}" + "".join(f"{value:6.1f}" for value in 100 * np.mean(values, axis=0)))


def report_beyond(by_feature, truth):
    """Print each feature's accuracies, then the combinations; in brackets the accuracy in training, out of fold."""
    names = list(dict.fromkeys(kernel for scores in by_feature.values() for _, kernel in scores))
    for classifier in PLS:
        print(f"\n{classifier:31s}" + "".join(f"{name:>23s}" for name in names))
        for feature, scores in by_feature.items():
            pairs = [accuracies(scores[classifier, name], truth) for name in names]
            print(f"{feature:31s}" + "".join(f"{cell(test)} ({100 * train.mean():4.1f})" for train, test in pairs))
    print("\nof all features of these pixels")
    for pixels in ("20 px", "41 px", ""):
        inside = {feature: scores for feature, scores in by_feature.items() if feature.startswith(pixels)}
        for classifier in PLS:
            mean = np.mean([scores[classifier, MEAN] for scores in inside.values()], axis=0)
            line(f"{pixels or 'both'}, mean of features' means, {classifier}", mean, truth)
        tried = [values for scores in inside.values() for values in scores.values()]
        line(f"{pixels or 'both'}, chosen in training from {len(tried)}", chosen_in_training(tried, truth), truth)


def line(name, scores, truth):
    """Print one combination."""
    train, test = accuracies(scores, truth)
    print(f"{name:48s}{cell(test)} ({100 * train.mean():4.1f})")


def main():
    """Run all draws and print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, help="AlexNet's convolution layers; without them its rows are missing")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--choices", action="store_true", help="compare the ways of choosing the components of PLS")
    args = parser.parse_args()
    threadpool_limits(1)
    torch.set_num_threads(1)
    images, label = images_of(args.data)
    orders = list(draws(label, args.draws, args.seed))
    truth = label[np.array(orders)]
    inner = products(virus_features.intensities(virus_features.reduced(set_)) for set_ in images)
    if args.choices:
        for name in ("pls", "kernel_pls"):
            report_choices(name, *chosen_by_rule(name, inner, label, orders))
        print(f"\n{time.process_time():.0f} s of CPU time")
        return
    report_protocol(*published_protocol(inner, label, orders))
    print(
        "\nBeyond the protocol: other features of the same images, the same draws; in brackets: out of fold in training"
    )
    by_feature = {"20 px, intensities": candidates(inner, label, orders)}
    for name, feature in virus_features.features(args.weights).items():
        by_feature[name] = candidates(products(feature(set_) for set_ in images), label, orders)
    report_beyond(by_feature, truth)
    print(f"\n{time.process_time():.0f} s of CPU time")


if __name__ == "__main__":
    main()
