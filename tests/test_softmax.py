"""The softmax function: the bits of SciPy's, also where a class is impossible."""

import numpy as np
import pytest
import scipy.special

from emotiw.statistics.softmax import softmax


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0, 1e4])
def test_it_gives_the_bits_of_scipy(scale):
    logits = scale * np.random.default_rng(0).normal(size=(200, 7))
    np.testing.assert_array_equal(softmax(logits), scipy.special.softmax(logits, axis=1))


def test_an_impossible_class_has_no_posterior():
    logits = np.array([[0.0, -np.inf, 0.0], [-np.inf, 3.0, -np.inf]])
    np.testing.assert_array_equal(softmax(logits), [[0.5, 0, 0.5], [0, 1, 0]])
