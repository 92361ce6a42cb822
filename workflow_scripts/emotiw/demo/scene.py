"""Draw the backgrounds and the light of the demo corpus."""

from collections.abc import Mapping

import numpy as np
from scipy.ndimage import gaussian_filter

from emotiw.demo.portrait import Floats


def scene(rng: np.random.Generator, nuisance: Mapping[str, float], size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Draw a background (height, width, 3), 0 to 255, and the light on the subject, a factor of the same shape.

    Parameters
    ----------
    rng : numpy.random.Generator
    nuisance : mapping of str to float
        A value for each of `design.NUISANCES`.
    size : tuple of int
        Height and width in px.
    """
    y, x = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j].astype(np.float32)
    colour = np.float32(nuisance["brightness"]) * np.array(
        [1 + nuisance["warmth"], 1, 1 - nuisance["warmth"]], np.float32
    )
    side = x * np.cos(nuisance["light_angle"]) + y * np.sin(nuisance["light_angle"])
    light = (1 + np.float32(nuisance["contrast"]) * side.astype(np.float32) / 1.4)[..., None] * colour
    pattern = _pattern(min(int(nuisance["backdrop"]), 6), rng, x, y)[..., None]
    first, second = rng.uniform(40, 215, (2, 3)).astype(np.float32)
    return np.clip((pattern * first + (1 - pattern) * second) * colour, 0, 255), light


def _pattern(kind: int, rng: np.random.Generator, x: Floats, y: Floats) -> Floats:
    """One of seven backgrounds, 0 to 1."""
    a, b = rng.uniform(-0.8, 0.8, 2)
    noise = gaussian_filter(rng.standard_normal(x.shape), 18 + 6 * a) * 18
    kinds = (
        np.full_like(x, 0.5 + 0.4 * a),
        (1 + y) / 2,
        (2 + x + y) / 4,
        0.5 + noise,
        0.5 + 0.5 * np.sin(9 * (x + a * y) + 5 * b),
        np.exp(-4 * ((x - a) ** 2 + (y - b) ** 2)),
        (np.floor(2.5 * (x + a)) + np.floor(2.5 * (y + b))) % 2,
    )
    return np.asarray(np.clip(gaussian_filter(kinds[kind], 2.0), 0, 1), np.float32)
