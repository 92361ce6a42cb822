"""Accuracy of every model, kernel and classifier on the Virus image sets, beside the published figures.

Protocol of Chen et al. (Pattern Recognition 2020): 15 classes of five sets of 20 images; three sets of each class
train, two test; ten draws; images of 20 x 20 pixels, their intensities as features. Published: covariance and PLS
62.84 +- 5.99, covariance and kernel SVM 66.57 +- 5.79, best of all methods 82.17 +- 5.81. Run with
`PYTHONPATH=workflow_scripts python benchmarks/virus.py virus.npz`.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from skimage.transform import resize
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from emotiw import classifiers, kernels
from emotiw.pls import KernelRowPLS

N_CLASSES, SIZE, N_TRAIN, N_TEST = 15, 20, 45, 30
C_GRID = 10.0 ** np.arange(-2, 5)
GRIDS = {
    "pls": {"n_components": range(1, 21)},
    "kernel_pls": {"n_components": range(1, 21)},
    "svm": {"onevsrestclassifier__estimator__C": C_GRID},
    "logistic": {"logisticregression__C": C_GRID},
}
SETTINGS = {"n_components": 20, "svm_c": 1.0, "logistic_c": 1.0}


def image_sets_of(path):
    """Read the image sets (75, 20, 400) and their class indices (75,)."""
    with np.load(path) as data:
        images, label = data["images"], np.unique(data["label"], return_inverse=True)[1]
    small = resize(images.astype(float), (*images.shape[:2], SIZE, SIZE), anti_aliasing=True)
    return small.reshape(*images.shape[:2], -1), label


def draw(label, rng):
    """Draw indices of three training sets of each class, then of two test sets of each."""
    sets = np.stack([rng.permutation(np.flatnonzero(label == c)) for c in range(N_CLASSES)])
    return np.concatenate([sets[:, :3].ravel(), sets[:, 3:].ravel()])


def predictions(name, K, y):
    """Score the test sets; the parameter is chosen by leaving one set of each class out."""
    folds = [(np.flatnonzero(np.arange(N_TRAIN) % 3 != k), np.arange(k, N_TRAIN, 3)) for k in range(3)]
    search = GridSearchCV(classifiers.make_classifier(name, SETTINGS), GRIDS[name], cv=folds)
    search.fit(K[:N_TRAIN, :N_TRAIN], y[:N_TRAIN])
    return classifiers.decision_values(search.best_estimator_, K[N_TRAIN:, :N_TRAIN])


def staged_accuracies(K, y):
    """Accuracy of PLS on kernel rows with 1 to 20 components, then of plain least squares on the same rows."""
    train, test, truth = K[:N_TRAIN, :N_TRAIN], K[N_TRAIN:, :N_TRAIN], y[N_TRAIN:]
    staged = KernelRowPLS(20).fit(train, y[:N_TRAIN]).staged_class_scores(test).argmax(axis=2)
    squares = LinearRegression().fit(train, np.eye(N_CLASSES)[y[:N_TRAIN]]).predict(test).argmax(axis=1)
    return (np.vstack([staged, squares]) == truth).mean(axis=1)


def main():
    """Run all draws and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    threadpool_limits(1)
    sets, label = image_sets_of(args.data)
    rng = np.random.default_rng(args.seed)
    table, path = defaultdict(list), defaultdict(list)
    for _ in range(args.draws):
        order = draw(label, rng)
        y = label[order]
        found = kernels.feature_kernels(
            {f"set{i}": sets[i] for i in order}, N_TRAIN, rank=10, regularisation=1e-3, degree=1
        )
        for classifier in GRIDS:
            values = {name: predictions(classifier, kernel.matrix, y) for name, kernel in found.items()}
            for name, scores in (values | {"mean of six": np.mean(list(values.values()), axis=0)}).items():
                table[name, classifier].append((scores.argmax(axis=1) == y[N_TRAIN:]).mean())
        for name, kernel in found.items():
            path[name].append(staged_accuracies(kernel.matrix, y))
    report(table, path)


def report(table, path):
    """Print mean and standard deviation over the draws, in per cent."""
    print(f"{'parameter chosen in training':30s}" + "".join(f"{name:>15s}" for name in GRIDS))
    for kernel in dict.fromkeys(name for name, _ in table):
        cells = [100 * np.array(table[kernel, classifier]) for classifier in GRIDS]
        print(
            f"{kernel:30s}"
            + "".join(f"{cell.mean():8.2f} +-{cell.std(ddof=min(1, cell.size - 1)):5.2f}" for cell in cells)
        )
    print("\nPLS on kernel rows with 1 to 20 components, and plain least squares")
    for kernel, values in path.items():
        print(f"{kernel:24s}" + "".join(f"{value:6.1f}" for value in 100 * np.mean(values, axis=0)))


if __name__ == "__main__":
    main()
