"""How shares, differences and tests are written."""

import pytest

from emotiw.report import formats


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (formats.percent(0.5), "50.0 %"),
        (formats.percent(None), "n/a"),
        (formats.points(-0.0123), "-1.2 points"),
        (formats.points(None), "n/a"),
        (formats.number(0.5), "0.50"),
        (formats.number(None), "n/a"),
        (formats.probability(0.0009), "< 0.001"),
        (formats.probability(0.25), "0.250"),
        (formats.probability(None), "n/a"),
        (formats.interval((0.1, 0.25)), "10.0 to 25.0"),
        (formats.interval((-0.1, 0.25), signed=True), "-10.0 to +25.0"),
        (formats.interval(None), ""),
    ],
)
def test_values_are_written(written, expected):
    assert written == expected
