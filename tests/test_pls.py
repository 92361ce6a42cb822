"""PLS on kernels: scikit-learn's PLSRegression as second implementation, numerical rank, scikit-learn's checks."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from emotiw.video.pls import KernelPLS, KernelRowPLS

BOTH = pytest.mark.parametrize("model", [KernelRowPLS, KernelPLS])


@pytest.fixture
def task():
    """Training data, test data, class indices of 60 samples of 5 classes, 80 features."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 5
    return rng.standard_normal((60, 80)) + rng.standard_normal((5, 80))[y], rng.standard_normal((20, 80)), y


def rosipal(K, Y, n_components):
    """Dual coefficients of NIPALS as in Rosipal and Trejo (2001), table 1: on the deflated kernel matrix."""
    K0, Y0, T, U = K, Y, [], []
    for _ in range(n_components):
        u = Y[:, 0]
        for _ in range(5000):
            t = K @ u / np.linalg.norm(K @ u)
            u = Y @ (Y.T @ t) / np.linalg.norm(Y @ (Y.T @ t))
        deflation = np.eye(len(K)) - np.outer(t, t)
        K, Y = deflation @ K @ deflation, deflation @ Y
        T.append(t)
        U.append(u)
    T, U = np.array(T).T, np.array(U).T
    return U @ np.linalg.solve(T.T @ K0 @ U, T.T @ Y0)


@parametrize_with_checks([KernelRowPLS(2), KernelPLS(2)])
def test_scikit_learn_finds_no_fault(estimator, check):
    check(estimator)


@pytest.mark.parametrize("n_components", [1, 2, 7, 20])
def test_row_pls_equals_one_unscaled_regression_a_class(task, n_components):
    X, Z, y = task
    K, Kz = X @ X.T, Z @ X.T
    one = [PLSRegression(n_components, scale=False).fit(K, y == c).predict(Kz) for c in range(5)]
    scores = KernelRowPLS(n_components).fit(K, y).class_scores(Kz)
    np.testing.assert_allclose(scores, np.stack(one, axis=1).reshape(20, 5), atol=1e-10)


@pytest.mark.parametrize("n_components", [1, 2, 7, 20])
def test_kernel_pls_on_a_linear_kernel_equals_linear_pls(task, n_components):
    X, Z, y = task
    linear = PLSRegression(n_components, scale=False, tol=1e-28, max_iter=100_000).fit(X, np.eye(5)[y])
    scores = KernelPLS(n_components).fit(X @ X.T, y).class_scores(Z @ X.T)
    np.testing.assert_allclose(scores, linear.predict(Z), atol=1e-10)


def test_kernel_pls_equals_nipals_on_the_deflated_kernel(task):
    X, _, y = task
    K = np.exp(-0.01 * ((X[:, None] - X) ** 2).sum(axis=2))
    model = KernelPLS(6).fit(K, y)
    centred, Y = model.centerer_.transform(K), np.eye(5)[y]
    np.testing.assert_allclose(model.coef_path_[-1], rosipal(centred, Y - Y.mean(axis=0), 6), atol=1e-10)


@BOTH
def test_one_fit_holds_all_smaller_models(task, model):
    X, Z, y = task
    K, Kz = X @ X.T, Z @ X.T
    staged = model(6).fit(K, y).staged_class_scores(Kz)
    for k in range(6):
        np.testing.assert_allclose(staged[k], model(k + 1).fit(K, y).class_scores(Kz), atol=1e-12)


@BOTH
def test_with_all_components_row_pls_is_least_squares(task, model):
    X, _, y = task
    scores = model(59).fit(X @ X.T, y).class_scores(X @ X.T)
    np.testing.assert_allclose(scores, np.eye(5)[y], atol=1e-6)


@BOTH
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_components_stop_at_the_numerical_rank(task, model, rank):
    X, _, y = task
    K = X[:, :rank] @ X[:, :rank].T
    fitted = model(10).fit(K, y)
    np.testing.assert_array_equal(fitted.n_components_, rank)
    np.testing.assert_allclose(fitted.class_scores(K), model(rank).fit(K, y).class_scores(K), atol=1e-12)


@BOTH
def test_coefficients_beyond_the_numerical_rank_do_not_grow(task, model):
    """At rank 1, further components of unguarded PLS are rounding divided by nearly nothing: coefficients of 1e14."""
    _, _, y = task
    v = np.random.default_rng(2).standard_normal((60, 1))
    path = model(5).fit(v @ v.T, y).coef_path_
    np.testing.assert_array_equal(path, np.broadcast_to(path[:1], path.shape))
    assert np.abs(path).max() < 1


def test_components_stop_when_the_labels_are_explained():
    y = np.arange(12) % 2
    X = np.stack([2.0 * y, np.zeros(12)], axis=1)
    assert KernelPLS(5).fit(X @ X.T + 1e-3 * np.eye(12) @ np.ones((12, 12)), y).n_components_ == 1


@BOTH
def test_the_constructor_says_how_many_components_at_most(task, model):
    X, _, y = task
    with pytest.raises(ValueError, match="n_components=61 with 60 training sets; choose 1 to 60"):
        model(61).fit(X @ X.T, y)
    with pytest.raises(ValueError, match="n_components=0 with 60 training sets"):
        model(0).fit(X @ X.T, y)


@BOTH
def test_a_constant_kernel_is_refused(model):
    with pytest.raises(ValueError, match="rank 0 after centring"):
        model(1).fit(np.full((6, 6), 0.1), [0, 1, 2, 0, 1, 2])


@BOTH
def test_kernels_that_are_not_square_or_not_finite_are_refused(task, model):
    X, _, y = task
    with pytest.raises(ValueError, match="K is 60 x 80; expected the square kernel"):
        model(2).fit(X, y)
    with pytest.raises(ValueError, match="contains NaN"):
        model(2).fit(X @ X.T + np.nan, y)


@BOTH
def test_one_class_is_refused(task, model):
    X, _, y = task
    with pytest.raises(ValueError, match="one class in y"):
        model(2).fit(X @ X.T, 0 * y)


@BOTH
def test_two_classes_have_one_decision_value(task, model):
    X, Z, y = task
    fitted = model(3).fit(X @ X.T, np.where(y < 2, "no", "yes"))
    decisions = fitted.decision_function(Z @ X.T)
    assert decisions.shape == (20,)
    np.testing.assert_array_equal(fitted.predict(Z @ X.T), np.where(decisions > 0, "yes", "no"))


@BOTH
def test_the_order_of_training_sets_changes_nothing(task, model):
    X, Z, y = task
    order = np.random.default_rng(1).permutation(60)
    scores = model(5).fit(X @ X.T, y).class_scores(Z @ X.T)
    other = model(5).fit(X[order] @ X[order].T, y[order]).class_scores(Z @ X[order].T)
    np.testing.assert_allclose(other, scores, atol=1e-10)


@BOTH
def test_a_clone_is_equal_and_pairwise(model):
    fitted = model(3, tol=1e-8)
    assert clone(fitted).get_params() == {"n_components": 3, "tol": 1e-8, "class_weight": None}
    assert fitted.__sklearn_tags__().input_tags.pairwise


# class weights


def repeated(y, times):
    """Rows of a task with the sets of each class repeated."""
    return np.repeat(np.arange(len(y)), np.array(times)[y])


@BOTH
@pytest.mark.parametrize("n_components", [1, 3, 12])
def test_a_set_of_weight_w_counts_as_w_equal_sets(task, model, n_components):
    X, Z, y = task
    times = [1, 2, 3, 1, 4]
    rows = repeated(y, times)
    weighted = model(n_components, class_weight=dict(enumerate(times))).fit(X @ X.T, y)
    copies = model(n_components).fit(X[rows] @ X[rows].T, y[rows])
    computed, expected = weighted.staged_class_scores(Z @ X.T), copies.staged_class_scores(Z @ X[rows].T)
    np.testing.assert_allclose(computed, expected, atol=1e-8)


@BOTH
def test_balanced_weights_equal_repeating_the_rare_classes(task, model):
    X, Z, _ = task
    y = np.repeat([0, 1, 2], [36, 18, 6])
    rows = repeated(y, [1, 2, 6])
    weighted = model(5, class_weight="balanced").fit(X @ X.T, y)
    copies = model(5).fit(X[rows] @ X[rows].T, y[rows])
    np.testing.assert_allclose(weighted.class_scores(Z @ X.T), copies.class_scores(Z @ X[rows].T), atol=1e-8)
    np.testing.assert_allclose(weighted.intercept_, 1 / 3)


def test_weighted_kernel_pls_is_weighted_linear_pls(task):
    """The textbook form: weighted means, rows times the root of their weights, PLS without another centring."""
    X, Z, y = task
    w = np.array([1.0, 0.3, 2.5, 1, 0.7])[y]
    mean, root = np.average(X, axis=0, weights=w), np.sqrt(w)[:, None]
    Y = np.eye(5)[y]
    Y_mean = np.average(Y, axis=0, weights=w)
    # both signs of each row: their mean is zero, so PLSRegression's own centring does nothing
    A, B = root * (X - mean), root * (Y - Y_mean)
    linear = PLSRegression(4, scale=False, tol=1e-28, max_iter=100_000).fit(np.vstack([A, -A]), np.vstack([B, -B]))
    expected = (Z - mean) @ linear.coef_.T + Y_mean
    weights = {c: w[y == c][0] for c in range(5)}
    computed = KernelPLS(4, class_weight=weights).fit(X @ X.T, y).class_scores(Z @ X.T)
    np.testing.assert_allclose(computed, expected, atol=1e-8)


@BOTH
def test_weights_of_balanced_classes_change_nothing(task, model):
    X, Z, y = task
    plain, weighted = (model(6, class_weight=w).fit(X @ X.T, y).class_scores(Z @ X.T) for w in (None, "balanced"))
    np.testing.assert_allclose(weighted, plain, atol=1e-9)


@BOTH
def test_a_class_of_one_set_has_as_much_weight_as_the_others(task, model):
    X, _, _ = task
    y = np.repeat([0, 1, 2], [40, 19, 1])
    fitted = model(10, class_weight="balanced").fit(X @ X.T, y)
    assert fitted.predict(X @ X.T)[-1] == 2
    assert np.isfinite(fitted.coef_path_).all()
