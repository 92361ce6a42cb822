"""Kernels: identities of the two metrics, pyRiemann as a second implementation, no influence of test sets."""

import numpy as np
import pytest
from pyriemann.geometry.kernel import kernel_logeuclid
from scipy.linalg import logm
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import KernelCenterer

from emotiw.core.errors import FeatureError
from emotiw.video import image_sets, kernels


def image_set(seed, n_frames=15, d=12):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_frames, d)) + rng.standard_normal(d)


@pytest.fixture
def bases():
    return [image_sets.linear_subspace(image_set(seed), r) for seed, r in enumerate((3, 5, 5, 2))]


@pytest.fixture
def spd():
    return np.stack([np.cov(image_set(seed).T) for seed in range(6)])


@pytest.fixture
def sets():
    """Fourteen sets, the first ten for training, of differing numbers of frames."""
    return {f"clip{seed}": image_set(seed, n_frames=5 + seed) for seed in range(14)}


def six(sets, n_train=10, rank=4, degree=1):
    return dict(kernels.feature_kernels(sets, n_train, rank=rank, regularisation=1e-3, degree=degree))


def projection_products(bases):
    return kernels.inner_products(map(kernels.projector, bases))


def test_projection_products_are_squared_norms_of_basis_products(bases):
    expected = [[np.linalg.norm(P.T @ Q) ** 2 for Q in bases] for P in bases]
    np.testing.assert_allclose(projection_products(bases), expected)


def test_projection_products_do_not_depend_on_sign_or_rotation_of_the_basis(bases):
    rng = np.random.default_rng(0)
    turned = [-P @ np.linalg.qr(rng.standard_normal((P.shape[1], P.shape[1])))[0] for P in bases]
    np.testing.assert_allclose(projection_products(turned), projection_products(bases), atol=1e-12)


@pytest.mark.parametrize("degree", [1, 2])
def test_projection_kernels_do_not_depend_on_how_frames_are_mixed(sets, degree):
    """Orthogonal mixtures of the frames, R F, have the same F' F, hence the same subspace in another basis."""
    rng = np.random.default_rng(0)
    mixed = {name: np.linalg.qr(rng.standard_normal((len(F), len(F))))[0] @ F for name, F in sets.items()}
    for name in ("subspace_polynomial", "subspace_rbf"):
        expected, computed = six(sets, degree=degree)[name], six(mixed, degree=degree)[name]
        np.testing.assert_allclose(computed.matrix, expected.matrix, atol=1e-10)


def test_projection_distance_is_between_projectors(bases):
    G = projection_products(bases)
    expected = [[np.linalg.norm(P @ P.T - Q @ Q.T) ** 2 for Q in bases] for P in bases]
    np.testing.assert_allclose(kernels.squared_distances(G, np.diagonal(G), np.diagonal(G)), expected, atol=1e-12)


def test_log_euclidean_products_equal_pyriemanns(spd):
    L = image_sets.logarithm(spd)
    np.testing.assert_allclose(kernels.inner_products(L), kernel_logeuclid(spd, reg=0), rtol=1e-10)


def test_rbf_kernel_equals_that_of_scikit_learn_on_half_vectors(spd):
    V = kernels.half_vectors(image_sets.logarithm(spd))
    G = V @ V.T
    D = kernels.squared_distances(G, np.diagonal(G), np.diagonal(G))
    np.testing.assert_allclose(kernels.rbf_kernel(D, gamma=0.1), rbf_kernel(V, gamma=0.1), rtol=1e-10)


def test_distances_are_never_negative():
    G = np.array([[1, 1 + 1e-15], [1 + 1e-15, 1]])
    assert (kernels.squared_distances(G, np.diagonal(G), np.diagonal(G)) >= 0).all()


def test_polynomial_kernel_is_a_power():
    np.testing.assert_array_equal(kernels.polynomial_kernel(np.array([[2.0, -1.0]]), gamma=3, degree=2), [[36, 9]])


def test_subspaces_that_are_the_whole_space_are_refused_instead_of_a_kernel_of_their_rounding():
    rng = np.random.default_rng(0)
    sets = {f"c{i}": rng.normal(size=(12, 4)) for i in range(8)}
    with pytest.raises(
        FeatureError, match=r"median distance of 6 training sets is 0; .* below the number of principal"
    ):
        dict(kernels.feature_kernels(sets, 6, rank=4, regularisation=1e-3, degree=1))
    assert dict(kernels.feature_kernels(sets, 6, rank=3, regularisation=1e-3, degree=1))


def test_gamma_is_one_over_the_median_squared_distance():
    D = squareform(pdist(np.random.default_rng(0).standard_normal((9, 3)), "sqeuclidean"))
    assert kernels.median_gamma(D) == 1 / np.median(squareform(D))


@pytest.mark.parametrize("n", [1, 4])
def test_gamma_of_equal_sets_is_refused(n):
    with pytest.raises(FeatureError, match=f"median distance of {n} training sets is 0"):
        kernels.median_gamma(np.zeros((n, n)))


def test_normalised_kernel_is_the_cosine():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((3, 5)), rng.standard_normal((4, 5))
    expected = [[x @ y / np.linalg.norm(x) / np.linalg.norm(y) for y in Y] for x in X]
    computed = kernels.normalised(X @ Y.T, np.diagonal(X @ X.T), np.diagonal(Y @ Y.T))
    np.testing.assert_allclose(computed, expected)


def test_normalising_a_set_without_size_is_refused():
    with pytest.raises(FeatureError, match="product with itself is not positive"):
        kernels.normalised(np.zeros((2, 2)), np.zeros(2), np.ones(2))


def test_rounding_is_symmetrised_and_the_smallest_eigenvalue_told():
    K, smallest = kernels.symmetrised(np.array([[1.0, 1.0 + 1e-9], [1.0, 1.0]]))
    np.testing.assert_array_equal(K, K.T)
    assert smallest == pytest.approx(-5e-10)


@pytest.mark.parametrize(
    ("K", "message"),
    [
        ([[1.0, 2.0], [2.0, 1.0]], r"eigenvalues -1 to 3; expected none negative"),
        ([[1.0, 0.1], [0.0, 1.0]], "reaches 0.1"),
    ],
)
def test_a_matrix_that_is_no_kernel_is_refused(K, message):
    with pytest.raises(FeatureError, match=message):
        kernels.symmetrised(np.array(K))


def test_a_power_beyond_float64_is_refused():
    G = np.array([[4.0, 1.0], [1.0, 4.0]])
    for degree in (400, 600):  # the products overflow; the powers themselves do
        K = kernels.polynomial_kernel(G, degree=degree)
        with pytest.raises(FeatureError, match=r"lower video\.polynomial_degree"):
            kernels.normalised(K, np.diagonal(K), np.diagonal(K))


def test_six_kernels_are_normalised_symmetric_and_positive(sets):
    computed = six(sets, degree=2)
    assert sorted(computed) == sorted(
        f"{m}_{k}" for m in ("subspace", "covariance", "gaussian") for k in ("polynomial", "rbf")
    )
    for kernel in computed.values():
        np.testing.assert_allclose(np.diagonal(kernel.matrix), 1)
        np.testing.assert_array_equal(kernel.matrix, kernel.matrix.T)
        assert kernel.min_eigenvalue == pytest.approx(np.linalg.eigvalsh(kernel.matrix)[0], abs=1e-12)


def projectors(F):
    P = np.linalg.eigh(F.T @ F)[1][:, -4:]
    return P @ P.T


def log_regularised_covariance(F):
    C = np.cov(F.T)
    return logm(C + 1e-3 * np.trace(C) * np.eye(len(C)))


def log_embedded_gaussian(F):
    m, C = F.mean(axis=0), np.cov(F.T)
    S = C + 1e-3 * np.trace(C) * np.eye(len(C))
    M = np.block([[S + np.outer(m, m), m[:, None]], [m[None], np.ones((1, 1))]])
    return logm(np.linalg.det(S) ** (-1 / (len(S) + 1)) * M)


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize(
    ("name", "point"),
    [("subspace", projectors), ("covariance", log_regularised_covariance), ("gaussian", log_embedded_gaussian)],
)
def test_six_kernels_follow_the_papers_formulas(sets, name, point, degree):
    """What a program computes, against the equations written out, by SciPy's logarithm of the whole matrix."""
    points = [point(F) for F in sets.values()]
    K = np.array([[np.trace(A @ B) ** degree for B in points] for A in points])
    D = np.array([[np.linalg.norm(A - B) ** 2 for B in points] for A in points])
    gamma = 1 / np.median(D[:10, :10][np.triu_indices(10, 1)])
    computed = six(sets, degree=degree)
    cosines = K / np.sqrt(np.outer(np.diagonal(K), np.diagonal(K)))
    np.testing.assert_allclose(computed[f"{name}_polynomial"].matrix, cosines, atol=1e-10)
    assert computed[f"{name}_rbf"].gamma == pytest.approx(gamma)
    np.testing.assert_allclose(computed[f"{name}_rbf"].matrix, np.exp(-gamma * D), atol=1e-10)


def test_test_sets_cannot_influence_what_training_sees(sets):
    replaced = {name: F if i < 10 else 100 * image_set(i + 100, 7) for i, (name, F) in enumerate(sets.items())}
    for kernel, other in zip(six(sets).values(), six(replaced).values(), strict=True):
        np.testing.assert_allclose(kernel.matrix[:10, :10], other.matrix[:10, :10], rtol=1e-12)
        assert kernel.gamma == pytest.approx(other.gamma, rel=1e-12)


def test_the_order_of_training_sets_changes_nothing_but_the_order(sets):
    order = [*range(9, -1, -1), 12, 10, 13, 11]
    shuffled = dict(np.array(list(sets.items()), dtype=object)[order].tolist())
    for kernel, other in zip(six(sets).values(), six(shuffled).values(), strict=True):
        np.testing.assert_allclose(other.matrix, kernel.matrix[np.ix_(order, order)], rtol=1e-10)


def test_a_clip_that_has_no_model_is_named(sets):
    with pytest.raises(FeatureError, match="clip3: image set: 1 frames; expected at least 2"):
        six(sets | {"clip3": sets["clip3"][:1]})


def test_kernels_without_training_sets_are_refused(sets):
    with pytest.raises(FeatureError, match="1 training clips are usable; expected at least 2"):
        six(sets, n_train=1)


def test_centring_uses_training_rows_only(sets):
    K = six(sets)["covariance_rbf"].matrix
    centerer = KernelCenterer().fit(K[:10, :10])
    np.testing.assert_allclose(centerer.transform(K[:10, :10]).sum(axis=0), 0, atol=1e-12)
    one = centerer.transform(K[12:13, :10])
    np.testing.assert_allclose(centerer.transform(K[10:, :10])[2:3], one, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kernels_with_other_sets_are_rows_of_those_between_all(dtype):
    rng = np.random.default_rng(5)
    sets = {f"clip{i}": rng.standard_normal((6 + i % 3, 5)) + i % 4 for i in range(80)}
    fit = {"rank": 3, "regularisation": 1e-3}
    whole = dict(kernels.feature_kernels(sets, 70, **fit, degree=2))
    training = {name: F for name, F in list(sets.items())[:70]}
    vectors = kernels.training_vectors(training, **fit)
    references = {name: kernels.Reference.of(values.astype(dtype)) for name, values in vectors.items()}
    gammas = {name: kernel.gamma for name, kernel in whole.items()}
    rows = kernels.kernels_with(list(sets.values())[70:], references, gammas, {**fit, "degree": 2})
    assert set(rows) == set(whole)
    for name, K in rows.items():
        tolerance = 1e-10 if dtype is np.float64 else 1e-5
        np.testing.assert_allclose(K, whole[name].matrix[70:, :70], atol=tolerance)
