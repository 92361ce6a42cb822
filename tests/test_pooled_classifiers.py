"""Linear classifiers of pooled statistics: against scikit-learn on the same rows, and what their scores have seen."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from emotiw.jobs import settings
from emotiw.scoring import pooled_classifiers
from emotiw.scoring.pooled_classifiers import Clips
from emotiw.statistics.cross_validation import Training

SETTINGS = settings.load([])["pooled"]
CLASSES = ("anger", "fear", "sadness")
NAMES = tuple(pooled_classifiers.FAMILIES)


def rows(n=60, n_values=7, n_classes=3, *, seed=0):
    """Vectors of clips of ten subjects whose classes overlap; one value is constant."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = rng.normal(0, 3, (n, n_values)) + 2.5 * np.eye(n_classes, n_values)[y] + np.arange(n_values)
    X[:, -1] = 4.2
    return X, y


def training(y, n_groups=10, **changes):
    clips = [(f"c{i}", CLASSES[label], f"s{i % n_groups}") for i, label in enumerate(y)]
    return Training.of(clips, CLASSES[: int(y.max()) + 1], SETTINGS | changes)


def oracle(name, c, class_weight=None):
    """The same learner, put together by scikit-learn alone."""
    if name == "pooled_logistic":
        return make_pipeline(
            StandardScaler(), LogisticRegression(C=c, class_weight=class_weight, tol=1e-9, max_iter=20000)
        )
    return make_pipeline(StandardScaler(), SVC(kernel="linear", C=c, class_weight=class_weight))


def one_against_the_rest(fit, X, y, new):
    """Decision values of a two-class learner for each class against the others."""
    return np.stack([fit().fit(X, y == k).decision_function(new) for k in range(y.max() + 1)], axis=1)


@pytest.mark.parametrize("c", [0.01, 1.0])
@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_logistic_regression_is_that_of_scikit_learns_pipeline(c, class_weights):
    X, y = rows()
    X, y = X[y != 2][:24].tolist() + X[y == 2].tolist(), y[y != 2][:24].tolist() + y[y == 2].tolist()  # not balanced
    X, y, new = np.array(X), np.array(y), rows(seed=1)[0]
    check_logistic(c, class_weights, (X, y), new)


def test_more_values_than_clips_give_the_classifier_of_all_values():
    check_logistic(0.01, "none", rows(n=30, n_values=90), rows(n=12, n_values=90, seed=1)[0])
    X, y = rows(n=30, n_values=90)
    found = pooled_classifiers.fit("pooled_svm", 0.01, X, y, "none").decision_values(X)
    scaled = StandardScaler().fit_transform(X)
    expected = one_against_the_rest(lambda: SVC(kernel="linear", C=0.01), scaled, y, scaled)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def check_logistic(c, class_weights, clips, new):
    X, y = clips
    found = pooled_classifiers.fit("pooled_logistic", c, X, y, class_weights).decision_values(new)
    weight = None if class_weights == "none" else "balanced"
    expected = oracle("pooled_logistic", c, weight).fit(X, y).decision_function(new)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("c", [0.01, 1.0])
def test_the_support_vector_machine_is_linear_and_one_against_the_rest(c):
    X, y = rows()
    new = rows(seed=1)[0]
    found = pooled_classifiers.fit("pooled_svm", c, X, y, "none").decision_values(new)
    expected = one_against_the_rest(lambda: oracle("pooled_svm", c), X, y, new)
    np.testing.assert_allclose(found, expected, atol=2e-3)  # SVC stops at a tolerance of 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_balanced_weights_do_what_repeating_a_rare_class_does(name):
    """A class of 10 clips beside two of 20: the weights are 5/6, 5/6 and 5/3, those of its clips given twice."""
    rng = np.random.default_rng(3)
    y = np.repeat([0, 1, 2], [20, 20, 10])
    X = rng.normal(0, 2, (50, 4)) + np.eye(3, 4)[y]
    scaled = (X - X.mean(0)) / X.std(0)  # learners without the standardisation, which repeated clips would change
    twice, labels = np.concatenate([scaled, scaled[y == 2]]), np.concatenate([y, y[y == 2]])
    make, c = pooled_classifiers.FAMILIES[name], 0.3
    balanced = make(c, "balanced").fit(scaled, y).decision_function(scaled)
    expected = make(c * 5 / 6, "none").fit(twice, labels).decision_function(scaled)
    np.testing.assert_allclose(balanced, expected, atol=3e-3)
    assert np.abs(balanced - make(c, "none").fit(scaled, y).decision_function(scaled)).max() > 0.05


@pytest.mark.parametrize("name", NAMES)
def test_of_two_classes_each_has_a_column_and_the_more_likely_one_is_greater(name):
    X, y = rows(n_classes=2)
    model = pooled_classifiers.fit(name, 0.1, X, y, "none")
    values = model.decision_values(X)
    assert values.shape == (60, 2)
    np.testing.assert_allclose(values[:, 0], -values[:, 1], atol=1e-12)
    expected = oracle(name, 0.1).fit(X, y).decision_function(X)
    np.testing.assert_allclose(values[:, 1] - values[:, 0], expected, atol=2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_a_value_that_is_constant_in_training_has_no_influence(name):
    X, y = rows()
    model = pooled_classifiers.fit(name, 0.1, X, y, "none")
    assert (model.mean[-1], model.scale[-1], model.coefficients[-1].any()) == (4.2, 1, False)
    elsewhere = np.where(np.arange(X.shape[1]) == X.shape[1] - 1, 1e6, X)
    np.testing.assert_array_equal(model.decision_values(elsewhere), model.decision_values(X))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("c", ["auto", 0.03])
def test_out_of_fold_scores_have_never_seen_the_clip_s_group(name, c):
    """Other labels and values of one subject change the scores of the others only."""
    X, y = rows()
    chosen = SETTINGS | {"c": c, "c_grid": [0.01, 0.1, 1.0]}
    before = pooled_classifiers.clip_scores(name, Clips(X), training(y), chosen)
    mine = np.arange(60) % 10 == 4
    other = np.where(mine[:, None], X[:, ::-1] * 3 - 50, X)
    after = pooled_classifiers.clip_scores(name, Clips(other), training(y), chosen)
    assert before.scored.all()
    assert not np.allclose(before.values[~mine], after.values[~mine])
    # its own scores are those of models without it, at its new values
    folds = [test for _, test in training(y).folds(np.arange(60)) if mine[test].any()]
    (held_out,) = folds
    assert mine.nonzero()[0].tolist() == [row for row in held_out.tolist() if mine[row]]
    train = np.setdiff1d(np.arange(60), held_out)
    values = after.selection.grid if c == "auto" else (c,)
    models = [pooled_classifiers.fit(name, value, X[train], y[train], "none") for value in values]
    candidates = np.stack([model.decision_values(other[mine]) for model in models])
    assert (np.abs(candidates - after.values[mine]).max(axis=(1, 2)) < 1e-9).any()


@pytest.mark.parametrize("name", NAMES)
def test_other_clips_are_scored_by_a_model_of_all_training_clips(name):
    X, y = rows()
    new = rows(9, seed=5)[0]
    found = pooled_classifiers.clip_scores(name, Clips(np.concatenate([X, new])), training(y), SETTINGS | {"c": 0.1})
    expected = pooled_classifiers.fit(name, 0.1, X, y, "none").decision_values(new)
    np.testing.assert_array_equal(found.values[60:], expected)
    np.testing.assert_array_equal(found.model.decision_values(new), expected)
    assert found.selection.value == 0.1


def test_c_is_the_one_with_the_best_accuracy_in_the_folds():
    X, y = rows(90)
    grid = [1e-3, 0.1, 10.0]
    found = pooled_classifiers.clip_scores("pooled_logistic", Clips(X), training(y), SETTINGS | {"c_grid": grid[::-1]})
    correct = np.zeros(3)
    for train, test in training(y).folds(np.arange(90)):
        correct += [
            (oracle("pooled_logistic", c).fit(X[train], y[train]).predict(X[test]) == y[test]).sum() for c in grid
        ]
    assert found.selection.grid == tuple(grid)
    np.testing.assert_allclose(found.selection.accuracies, correct / 90)
    assert found.selection.value == grid[int(correct.argmax())]


def copied(X, n_copies=2, seed=5):
    """Copies of each vector, each near it."""
    return X[:, None] + np.random.default_rng(seed).normal(0, 0.3, (len(X), n_copies, X.shape[1]))


@pytest.mark.parametrize("weights", ["none", "balanced"])
@pytest.mark.parametrize("name", NAMES)
def test_copies_are_learnt_from_as_examples_of_a_share_of_their_clip(name, weights):
    X, y = rows(60)
    X, copies = X[:, :6], copied(X[:, :6])
    clips, of = Clips(np.concatenate([X, X[:4]]), copies), training(y[:60], class_weights=weights)
    found = pooled_classifiers.clip_scores(name, clips, of, SETTINGS | {"c": 0.1})
    every = np.concatenate([X, copies.reshape(-1, 6)])
    y_all, share = np.concatenate([y, np.repeat(y, 2)]), np.tile(of.weights(np.arange(60)) / 3, 1)
    share = np.concatenate([share, np.repeat(share, 2)])
    scaler = StandardScaler().fit(every, sample_weight=share)
    if name == "pooled_logistic":
        model = LogisticRegression(C=0.1, tol=1e-10, max_iter=20000).fit(scaler.transform(every), y_all, share)
        expected = model.decision_function(scaler.transform(X[:4]))
        centred = found.values[-4:] - found.values[-4:].mean(axis=1, keepdims=True)
        np.testing.assert_allclose(centred, expected - expected.mean(axis=1, keepdims=True), atol=2e-3)
    else:
        ones = [SVC(C=0.1, kernel="linear", tol=1e-6).fit(scaler.transform(every), y_all == c, share) for c in range(3)]
        expected = np.stack([model.decision_function(scaler.transform(X[:4])) for model in ones], axis=1)
        np.testing.assert_allclose(found.values[-4:], expected, atol=2e-2)


@pytest.mark.parametrize("name", NAMES)
def test_copies_that_equal_their_clip_change_nothing(name):
    X, y = rows(60)
    same = np.repeat(X[:, None], 3, axis=1)
    alone = pooled_classifiers.clip_scores(name, Clips(X), training(y), SETTINGS | {"c": 0.1})
    found = pooled_classifiers.clip_scores(name, Clips(X, same), training(y), SETTINGS | {"c": 0.1})
    np.testing.assert_allclose(found.values, alone.values, atol=2e-2 if name == "pooled_svm" else 2e-3)


def test_an_out_of_fold_score_knows_no_copy_of_its_clips_group():
    X, y = rows(60)
    copies = copied(X)
    other = copies.copy()
    of_group = np.flatnonzero(np.arange(60) % 10 == 3)
    other[of_group] += 100
    before, after = (
        pooled_classifiers.clip_scores("pooled_logistic", Clips(X, given), training(y), SETTINGS | {"c": 0.1})
        for given in (copies, other)
    )
    np.testing.assert_array_equal(before.values[of_group], after.values[of_group])
    assert not np.allclose(before.model.coefficients, after.model.coefficients)


def test_clips_that_cannot_be_divided_have_no_score_and_the_nominal_c():
    X, y = rows(12)
    found = pooled_classifiers.clip_scores(
        "pooled_svm", Clips(np.concatenate([X, X[:2]])), training(y, n_groups=1), SETTINGS
    )
    assert found.scored.tolist() == [False] * 12 + [True] * 2
    assert found.values.shape == (2, 3)
    assert found.selection.value == pooled_classifiers.NOMINAL_C
