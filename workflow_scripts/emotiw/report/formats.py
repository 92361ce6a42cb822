"""Text of shares, differences and intervals in the pages (filters of the templates)."""

from collections.abc import Sequence

MISSING = "n/a"


def percent(value: float | None) -> str:
    """Write a share in percent."""
    return MISSING if value is None else f"{100 * value:.1f} %"


def points(value: float | None) -> str:
    """Write a difference of shares in points, with its sign."""
    return MISSING if value is None else f"{100 * value:+.1f} points"


def bare_points(value: float | None) -> str:
    """Write a difference of shares in points, with its sign and without the unit."""
    return MISSING if value is None else f"{100 * value:+.1f}"


def number(value: float | None) -> str:
    """Write a share with two decimals."""
    return MISSING if value is None else f"{value:.2f}"


def probability(value: float | None) -> str:
    """Write the p-value of a test with three decimals, or "< 0.001"."""
    return MISSING if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def interval(ends: Sequence[float] | None, signed: bool = False) -> str:
    """Write the ends of an interval in percent; an empty text if there is none."""
    return "" if ends is None else " to ".join(f"{100 * end:{'+' if signed else ''}.1f}" for end in ends)


FILTERS = {
    "percent": percent,
    "points": points,
    "bare_points": bare_points,
    "number": number,
    "probability": probability,
    "interval": interval,
}
