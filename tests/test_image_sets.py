"""Image-set models: identities of equations (2) to (5), few frames, PCA against scikit-learn."""

import numpy as np
import pytest
from scipy.linalg import logm
from sklearn.decomposition import PCA

from emotiw.core.errors import FeatureError
from emotiw.video import image_sets


@pytest.fixture(name="F")
def twelve_frames():
    """Twenty values each, their mean not zero."""
    return np.random.default_rng(0).standard_normal((12, 20)) + 1


def assert_same_span(P, Q):
    np.testing.assert_allclose(P @ P.T, Q @ Q.T, atol=1e-10)


def test_subspace_holds_the_leading_eigenvectors_of_the_scatter_matrix(F):
    P = image_sets.linear_subspace(F, 4)
    assert_same_span(P, np.linalg.eigh(F.T @ F)[1][:, -4:])
    np.testing.assert_allclose(P.T @ P, np.eye(4), atol=1e-12)


def test_subspace_has_the_largest_entry_of_each_column_positive(F):
    P = image_sets.linear_subspace(-F, 4)
    np.testing.assert_array_equal(P, image_sets.linear_subspace(F, 4))
    assert (P.max(axis=0) == np.abs(P).max(axis=0)).all()


@pytest.mark.parametrize("frames", [1, 5])
def test_subspace_of_few_frames_has_as_many_columns(F, frames):
    assert image_sets.linear_subspace(F[:frames], 10).shape == (20, frames)


def test_subspace_of_repeated_frames_stops_at_their_rank(F):
    assert image_sets.linear_subspace(np.repeat(F[:3], 4, axis=0), 10).shape == (20, 3)


def test_subspace_of_no_or_zero_frames_is_refused(F):
    with pytest.raises(FeatureError, match="0 frames; expected at least 1"):
        image_sets.linear_subspace(F[:0], 10)
    with pytest.raises(FeatureError, match="its 12 frames are zero"):
        image_sets.linear_subspace(0 * F, 10)


def test_covariance_is_that_of_numpy_plus_a_share_of_its_trace(F):
    C = np.cov(F.T)
    np.testing.assert_allclose(image_sets.covariance(F, 1e-3), C + 1e-3 * np.trace(C) * np.eye(20), atol=1e-14)


@pytest.mark.parametrize(
    "model", [image_sets.covariance, image_sets.gaussian_embedding, image_sets.log_covariance, image_sets.log_gaussian]
)
def test_covariance_of_one_frame_is_refused(F, model):
    with pytest.raises(FeatureError, match="1 frames; expected at least 2; exclude the clip"):
        model(F[:1], 1e-3)


def test_covariance_of_a_still_set_is_finite(F):
    still = np.repeat(F[:1], 5, axis=0)
    assert np.isfinite(image_sets.log_covariance(still, 1e-3)).all()
    assert np.isfinite(image_sets.log_gaussian(still, 1e-3)).all()


def test_gaussian_embedding_is_positive_definite_of_determinant_one(F):
    M = image_sets.gaussian_embedding(F, 1e-3)
    np.linalg.cholesky(M)
    assert np.linalg.slogdet(M)[1] == pytest.approx(0, abs=1e-10)


def test_gaussian_embedding_holds_the_mean_and_the_covariance(F):
    M = image_sets.gaussian_embedding(F, 1e-3)
    m, scale = F.mean(axis=0), M[-1, -1]
    np.testing.assert_allclose(M[-1, :-1], scale * m)
    np.testing.assert_allclose(M[:-1, :-1], scale * (image_sets.covariance(F, 1e-3) + np.outer(m, m)))


def test_gaussian_embedding_survives_determinants_beyond_float64():
    F = np.random.default_rng(0).standard_normal((10, 400)) * 1e-3
    assert np.linalg.det(image_sets.covariance(F, 1e-3)) == 0
    assert np.linalg.slogdet(image_sets.gaussian_embedding(F, 1e-3))[1] == pytest.approx(0, abs=1e-6)


def test_logarithm_is_that_of_scipy_for_one_and_for_many_matrices(F):
    C = np.stack([image_sets.covariance(F, 1e-3), image_sets.covariance(2 * F, 1e-2)])
    np.testing.assert_allclose(image_sets.logarithm(C), [logm(A) for A in C], atol=1e-10)


def test_logarithm_floors_what_rounding_made_negative():
    L = image_sets.logarithm(np.diag([1.0, -1e-17]))
    np.testing.assert_allclose(np.diagonal(L), [0, np.log(2 * image_sets.EPS)])


def test_logarithm_of_a_negative_matrix_is_refused():
    with pytest.raises(FeatureError, match="largest eigenvalue -1; expected it positive"):
        image_sets.logarithm(-np.eye(3))


@pytest.mark.parametrize("frames", [2, 5, 12, 60])
def test_logarithms_in_the_span_of_the_frames_equal_those_of_the_whole_matrix(frames):
    F = np.random.default_rng(0).standard_normal((frames, 20)) + 1
    for short, model in (
        (image_sets.log_covariance, image_sets.covariance),
        (image_sets.log_gaussian, image_sets.gaussian_embedding),
    ):
        np.testing.assert_allclose(short(F, 1e-3), image_sets.logarithm(model(F, 1e-3)), atol=1e-10)


@pytest.fixture
def frames():
    """Twenty sets of float32 frames with 30 features of falling variance, not centred."""
    rng = np.random.default_rng(0)
    return [(rng.standard_normal((n, 30)) * 0.8 ** np.arange(30) + 5).astype(np.float32) for n in range(5, 25)]


def test_pca_equals_that_of_scikit_learn(frames):
    found = image_sets.fit_pca(frames, 4)
    expected = PCA(4).fit(np.concatenate(frames).astype(np.float64))
    np.testing.assert_allclose(found.mean, expected.mean_)
    np.testing.assert_allclose(found.variance, expected.explained_variance_, rtol=1e-5)
    assert_same = np.abs((found.components * expected.components_).sum(axis=1))
    np.testing.assert_allclose(assert_same, 1, atol=1e-6)


def test_pca_does_not_depend_on_the_order_of_clips(frames):
    found, other = image_sets.fit_pca(frames, 4), image_sets.fit_pca(frames[::-1], 4)
    np.testing.assert_allclose(found.components, other.components, atol=1e-6)


def test_projection_has_the_variances_and_no_mean(frames):
    pca = image_sets.fit_pca(frames, 4)
    Z = np.concatenate([image_sets.project(F, pca) for F in frames])
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.cov(Z.T), np.diag(pca.variance), atol=1e-5)


@pytest.mark.parametrize(("wanted", "n_frames", "found"), [(4, 24, 4), (256, 24, 23), (256, 400, 30)])
def test_pca_dimension_is_bounded_by_frames_and_features(wanted, n_frames, found):
    F = np.random.default_rng(0).standard_normal((n_frames, 30))
    assert len(image_sets.fit_pca([F], wanted).components) == found


def test_pca_drops_directions_without_variance(frames):
    copies = [np.concatenate([F[:, :3], F[:, :3], np.ones_like(F[:, :2])], axis=1) for F in frames]
    assert image_sets.fit_pca(copies, 8).components.shape == (3, 8)


def test_pca_of_alike_or_no_frames_is_refused():
    with pytest.raises(FeatureError, match="all 6 training frames are alike"):
        image_sets.fit_pca([np.full((6, 4), 0.1)], 2)
    with pytest.raises(FeatureError, match="0 training frames; expected at least 2"):
        image_sets.fit_pca([], 2)
