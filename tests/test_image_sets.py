"""Image-set models: identities of equations (2) to (5), few frames."""

import numpy as np
import pytest
from scipy.linalg import logm

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


def regularised_covariance(F):
    """Equation (3) frame by frame, plus lambda I."""
    mean = sum(F) / len(F)
    C = sum(np.outer(f - mean, f - mean) for f in F) / (len(F) - 1)
    return C + 1e-3 * np.trace(C) * np.eye(len(C))


def embedded_gaussian(F):
    """Equations (4) and (5) as they are written: |S|^(-1/(d+1)) [[S + m m', m], [m', 1]]."""
    m, S = F.mean(axis=0), regularised_covariance(F)
    M = np.block([[S + np.outer(m, m), m[:, None]], [m[None], np.ones((1, 1))]])
    return np.exp(-np.linalg.slogdet(S)[1] / (len(S) + 1)) * M


def test_covariance_is_that_of_numpy_plus_a_share_of_its_trace(F):
    C = image_sets.covariance(F)
    np.testing.assert_allclose(C, np.cov(F.T), atol=1e-14)
    assert image_sets.ridge(C, 1e-3) == pytest.approx(1e-3 * np.trace(np.cov(F.T)))


@pytest.mark.parametrize("model", [image_sets.log_covariance, image_sets.log_gaussian])
def test_covariance_of_one_frame_is_refused(F, model):
    with pytest.raises(FeatureError, match="1 frames; expected at least 2; exclude the clip"):
        model(F[:1], 1e-3)


@pytest.mark.parametrize("model", [image_sets.log_covariance, image_sets.log_gaussian])
def test_values_whose_squares_no_float_holds_are_refused(F, model):
    with pytest.raises(FeatureError, match=r"values beyond 1e\+145, whose squares no float64 holds"):
        model(F * 1e160, 1e-3)


def test_covariance_of_a_still_set_is_finite(F):
    still = np.repeat(F[:1], 5, axis=0)
    assert np.isfinite(image_sets.log_covariance(still, 1e-3)).all()
    assert np.isfinite(image_sets.log_gaussian(still, 1e-3)).all()


def test_gaussian_matrix_has_the_determinant_of_the_covariance(F):
    S = regularised_covariance(F)
    M = image_sets.gaussian_matrix(F.mean(axis=0), S)
    np.linalg.cholesky(M)
    assert np.linalg.slogdet(M)[1] == pytest.approx(np.linalg.slogdet(S)[1], abs=1e-10)


def test_gaussian_matrix_holds_the_mean_and_the_covariance(F):
    m, S = F.mean(axis=0), regularised_covariance(F)
    M = image_sets.gaussian_matrix(m, S)
    np.testing.assert_allclose(M[-1], [*m, 1])
    np.testing.assert_allclose(M[:-1, :-1], S + np.outer(m, m))


def test_embedded_gaussian_survives_determinants_beyond_float64():
    F = np.random.default_rng(0).standard_normal((10, 400)) * 1e-3
    assert np.linalg.det(regularised_covariance(F)) == 0
    assert np.trace(image_sets.log_gaussian(F, 1e-3)) == pytest.approx(0, abs=1e-6)  # log of a determinant of 1


def test_logarithm_is_that_of_scipy_for_one_and_for_many_matrices(F):
    C = np.stack([regularised_covariance(F), 2 * regularised_covariance(2 * F)])
    np.testing.assert_allclose(image_sets.logarithm(C), [logm(A) for A in C], atol=1e-10)


def test_logarithm_floors_what_rounding_made_negative():
    L = image_sets.logarithm(np.diag([1.0, -1e-17]))
    np.testing.assert_allclose(np.diagonal(L), [0, np.log(2 * image_sets.EPS)])


def test_logarithm_of_a_negative_matrix_is_refused():
    with pytest.raises(FeatureError, match="largest eigenvalue -1; expected it positive"):
        image_sets.logarithm(-np.eye(3))


@pytest.mark.parametrize("n_frames", [2, 5, 12, 60])
@pytest.mark.parametrize(
    ("in_the_span", "as_in_the_paper"),
    [(image_sets.log_covariance, regularised_covariance), (image_sets.log_gaussian, embedded_gaussian)],
)
def test_logarithms_in_the_span_of_the_frames_equal_those_of_the_papers_matrices(
    n_frames, in_the_span, as_in_the_paper
):
    F = np.random.default_rng(0).standard_normal((n_frames, 20)) + 1
    np.testing.assert_allclose(in_the_span(F, 1e-3), image_sets.logarithm(as_in_the_paper(F)), atol=1e-10)
