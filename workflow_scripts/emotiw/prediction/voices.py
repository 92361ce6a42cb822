"""Which of several faces speaks: the movement of each mouth is compared with the loudness of the sound.

The movement is the mean absolute difference of the mouth's region in consecutive aligned faces, so that movements of
the head count little. Its logarithm is correlated with that of the loudness, both as moving means, at the best of a few
delays. A circular shift of one against the other, which keeps the course of each, tells how large the correlation
becomes by chance.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
MOUTH = (0.67, 0.91, 0.34, 0.66)  # top, bottom, left, right, as shares of the aligned face [ours]
LOUDNESS_S = 0.08  # length of the windows of the loudness [ours]
N_SMOOTH, MAX_DELAY = 3, 2  # frames of the moving mean, and of the largest delay either way [ours]
MIN_FRAMES = 20  # with fewer movements of a mouth, nothing is decided [ours]
MIN_SHIFT = 0.15  # smallest circular shift as a share of the movements; smaller ones change little [ours]
LEVEL = 0.2  # largest share of shifts that may correlate as well as the unshifted course [ours]
CONSTANT = 1e-9  # a course that varies less is constant but for rounding
QUIET = 0.01  # loudness, relative to the loudest window, that is added before the logarithm [ours]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Match:
    """Correlation of a mouth's movement with the loudness, and the share of circular shifts that reach it."""

    correlation: float
    p: float


def movement(faces: npt.NDArray[np.uint8]) -> Floats:
    """Logarithm of the mouth's movement between consecutive aligned faces.

    Parameters
    ----------
    faces : ndarray, shape (n, size, size, 3)

    Returns
    -------
    ndarray, shape (n - 1,)
    """
    top, bottom, left, right = (round(share * faces.shape[1]) for share in MOUTH)
    grey = faces[:, top:bottom, left:right] @ np.array(LUMA, np.float32)
    return np.asarray(np.log(np.abs(np.diff(grey, axis=0)).mean(axis=(1, 2)) + 0.5), np.float64)


def loudness(waveform: npt.NDArray[np.float32], rate_hz: int, time_s: Floats) -> Floats:
    """Root mean square (n_times,) of a waveform (n_samples,) in windows around the times."""
    energy = np.concatenate([[0.0], np.cumsum(waveform.astype(np.float64) ** 2)])
    first, last = (
        np.clip(np.rint((time_s + side * LOUDNESS_S / 2) * rate_hz).astype(int), 0, len(waveform)) for side in (-1, 1)
    )
    return np.asarray(np.sqrt((energy[last] - energy[first]) / np.maximum(last - first, 1)))


def match(moved: Floats, loud: Floats) -> Match:
    """Compare the movement (n,) of a mouth with the loudness (n,) at the same times."""
    n = len(moved)
    if n < MIN_FRAMES:
        return Match(0.0, 1.0)
    a, b = _smooth(moved), _smooth(np.log(loud + QUIET * loud.max() + 1e-12))
    found = _correlation(a, b)
    least = max(2 * MAX_DELAY + 1, round(MIN_SHIFT * n))
    shifted = [_correlation(np.roll(a, shift), b) for shift in range(least, n - least + 1)]
    return Match(found, (1 + sum(value >= found for value in shifted)) / (1 + len(shifted)))


def speaker(matches: Mapping[int, Match]) -> int | None:
    """Person whose mouth moves with the sound best, or None if no mouth does so beyond chance."""
    credible = {number: it for number, it in matches.items() if it.p <= LEVEL and it.correlation > 0}
    return max(credible, key=lambda number: credible[number].correlation, default=None)


def _smooth(values: Floats) -> Floats:
    padded = np.pad(values, N_SMOOTH // 2, mode="edge")
    return np.convolve(padded, np.full(N_SMOOTH, 1 / N_SMOOTH), "valid")


def _correlation(a: Floats, b: Floats) -> float:
    """Largest correlation of two courses over the delays; 0 for a constant course."""
    n = len(a)
    delayed = [(a[max(0, d) : n + min(0, d)], b[max(0, -d) : n + min(0, -d)]) for d in range(-MAX_DELAY, MAX_DELAY + 1)]
    return max(_pearson(x, y) for x, y in delayed)


def _pearson(x: Floats, y: Floats) -> float:
    if min(np.ptp(x), np.ptp(y)) < CONSTANT:
        return 0.0
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))
