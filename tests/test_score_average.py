"""Means of several systems' scores."""

import numpy as np
import pytest

from emotiw.core.errors import StoreError
from emotiw.scoring import score_average


def test_mean_scores_are_over_common_clips():
    first = (["a", "b", "c"], ["x", "y"], np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]))
    second = (["c", "a"], ["x", "y"], np.array([[5.0, 2.0], [3.0, 4.0]]))
    clips, classes, scores = score_average.mean_scores([first, second])
    assert (clips, classes) == (["a", "c"], ["x", "y"])
    np.testing.assert_array_equal(scores, [[2, 2], [4, 1]])


def test_mean_of_other_class_orders_is_refused():
    first = (["a"], ["x", "y"], np.ones((1, 2)))
    with pytest.raises(StoreError, match="classes y, x, expected x, y"):
        score_average.mean_scores([first, (["a"], ["y", "x"], np.ones((1, 2)))])


def test_mean_without_a_common_clip_is_empty():
    tables = [([name], ["x", "y"], np.ones((1, 2))) for name in ("a", "b")]
    clips, classes, scores = score_average.mean_scores(tables)
    assert (clips, classes, scores.shape) == ([], ["x", "y"], (0, 2))
