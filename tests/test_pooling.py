"""Pooled statistics: against the standard library's moments and scikit-learn's pipeline."""

from statistics import fmean, pstdev

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emotiw.core.errors import FeatureError
from emotiw.statistics.pooling import PooledLinear, pooled


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_values_are_means_then_population_deviations(dtype):
    frames = np.random.default_rng(0).normal(3, 2, (17, 4)).astype(dtype)
    columns = frames.astype(float).T.tolist()
    expected = [*map(fmean, columns), *map(pstdev, columns)]
    found = pooled(frames)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_a_value_that_never_changes_has_exactly_no_deviation():
    frames = np.full((7, 2), 0.1, np.float64)
    assert frames.std(axis=0).any()  # which NumPy alone does not give
    assert pooled(frames).tolist() == [0.1, 0.1, 0, 0]


def test_one_frame_is_its_own_mean():
    assert pooled(np.float32([[1, -2]])).tolist() == [1, -2, 0, 0]


def test_a_clip_without_frames_is_refused():
    with pytest.raises(FeatureError, match="no frame, expected at least one"):
        pooled(np.zeros((0, 3), np.float32))


def test_decision_values_are_those_of_scikit_learns_pipeline():
    rng = np.random.default_rng(1)
    vectors, y = rng.normal(2, 5, (40, 6)), np.arange(40) % 3
    vectors[:, 4] = 2.5  # constant
    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(vectors, y)
    scaler, regression = fitted[0], fitted[1]
    model = PooledLinear(scaler.mean_, scaler.scale_, regression.coef_.T, regression.intercept_)
    assert (model.scale[4], model.coefficients[4].any()) == (1, False)
    new = rng.normal(2, 5, (9, 6))
    np.testing.assert_allclose(model.decision_values(new), fitted.decision_function(new), rtol=1e-12, atol=1e-12)
