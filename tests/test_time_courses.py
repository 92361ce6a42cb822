"""Scores over time: shortening, one byte a value."""

import numpy as np
import pytest

from emotiw.report import time_courses


def test_a_short_course_stays_as_it_is():
    course = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(time_courses.shortened(course, 3), course)


def test_a_long_course_is_the_mean_of_equally_many_frames_each():
    course = np.arange(7.0)[:, None]
    np.testing.assert_allclose(time_courses.shortened(course, 3), [[1.0], [4.0], [6.0]])


@pytest.mark.parametrize("n", [1, 119, 120, 121, 500])
def test_no_course_is_longer_than_the_limit_and_means_stay(n):
    course = np.random.default_rng(n).random((n, 2))
    found = time_courses.shortened(course, 120)
    assert len(found) <= 120
    together = -(-n // 120)
    np.testing.assert_allclose(found[0], course[:together].mean(axis=0))


def test_an_empty_course_stays_empty():
    assert time_courses.shortened(np.zeros((0, 7)), 5).shape == (0, 7)


def test_one_byte_keeps_a_score_to_half_a_level():
    scores = np.linspace(0, 1, 1001)
    assert (
        np.abs(time_courses.quantised(scores) / time_courses.LEVELS - scores).max() <= 0.5 / time_courses.LEVELS + 1e-12
    )
