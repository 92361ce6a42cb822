"""Make the subjects of the demo corpus from one portrait: a neutral face with changed skin, hair, age and side.

Coordinates are (u, v) in pixels of the portrait, u to the right and v down, with the origin between the eyes and the u
axis through them. A `SHAPE` grid of samples, `DENSITY` a pixel, covers the head and the shoulders.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, map_coordinates
from skimage.draw import polygon2mask

Floats = npt.NDArray[np.floating[Any]]

LEFT, TOP, WIDTH, HEIGHT = -130, -104, 260, 264  # of the grid, px
DENSITY = 3  # samples a pixel, so that the nearest sample is near enough
SHAPE = (HEIGHT * DENSITY, WIDTH * DENSITY)

# skimage.data.astronaut(): read off the picture by hand, (x, y) in px
EYES = ((203.5, 100.5), (246.5, 103.0))
HEAD = (
    *((153.5, 70), (156, 60), (163, 51), (172, 45), (182, 38), (190, 34), (192, 29), (198, 25), (205, 21.5), (215, 19)),
    *(
        (224, 16.5),
        (231, 15.5),
        (240, 16),
        (248, 18),
        (256, 21),
        (264, 24.5),
        (270, 29),
        (277, 32),
        (284, 37),
        (290, 45),
    ),
    *(
        (294, 54),
        (296, 62),
        (298, 72),
        (299, 85),
        (298, 95),
        (296, 103),
        (291, 110),
        (285, 118),
        (278, 125),
        (275, 130),
    ),
    *((275, 133), (272, 136), (267, 136), (266, 140), (264, 148), (260, 157), (256, 165), (255, 174), (253, 177)),
    *(
        (249, 182),
        (240, 185.5),
        (228, 185.5),
        (210, 183.5),
        (195, 182),
        (190, 178),
        (187.5, 172),
        (187, 160),
        (186.5, 152),
    ),
    *((183, 143), (182, 131), (178, 131), (173, 127), (170.5, 121), (170, 118), (166, 112), (160, 106), (156, 98)),
    *((154, 88), (153, 78)),
)

# the neutral face, (u, v) in px
LIP_LINE = 42.0  # v of the closed lips
MOUTH_HALF_WIDTH = 18.0
SMILE_HALF_WIDTH = 21.0  # half width of the smiling mouth in the portrait, px
FACE = (
    *((-41, -24), (-28, -21), (0, -19.5), (15, -18.5), (30, -16), (38, -14), (42, -12), (45, 0), (46, 10), (46, 20)),
    *((50, 22), (49, 31), (45, 33), (43, 43), (36, 57), (33, 75), (32, 82), (0, 90), (-30, 84), (-35, 78), (-36, 58)),
    *((-39, 50), (-41, 40), (-42, 32), (-47, 30), (-49, 24), (-45, 20), (-44, 5), (-43, -5)),
)
SHOULDERS = (
    (-37, 79),
    (0, 83),
    (37, 79),
    (44, 94),
    (92, 112),
    (122, 132),
    (131, 162),
    (-131, 162),
    (-122, 132),
    (-92, 112),
    (-44, 94),
)
SMILE_FOLDS = (((-15, 20), (-20, 26), (-27, 35), (-27, 40)), ((13, 20), (20, 27), (27, 36), (27, 42)))
BROWS = (
    ((-36.5, -9.5), (-31, -11.5), (-25, -12), (-18, -11), (-12.5, -9)),
    ((36.5, -9.5), (31, -11.5), (25, -12), (18, -11), (12.5, -9)),
)


@dataclass(frozen=True)
class Look:
    """Appearance of a subject: skin, hair and clothes.

    Attributes
    ----------
    skin_gamma, hair_gamma : float
        Exponent of the relative brightness: above 1 darker.
    hair_tint, clothes : tuple of float
        Gain of the hair, and colour of the clothes (0 to 255), red, green, blue.
    brow, stubble, age : float
        Darkness of the brows, of the beard's shadow, and roughness of the skin, 0 to 1.
    mirrored : bool
        Whether left and right are swapped.
    seed : int
        Of the skin's roughness.
    """

    skin_gamma: float
    hair_gamma: float
    hair_tint: tuple[float, float, float]
    clothes: tuple[float, float, float]
    brow: float
    stubble: float
    age: float
    mirrored: bool
    seed: int


@dataclass(frozen=True)
class Neutral:
    """The neutral portrait: colour (height, width, 3), 0 to 255, and masks of head and face (height, width), 0 to 1."""

    colour: Floats
    head: Floats
    face: Floats


def neutral(image: npt.NDArray[np.uint8]) -> Neutral:
    """Close the mouth and smooth away the smile of the portrait `image` (height, width, 3)."""
    u, v = grid()
    x, y = _to_image(*_unsmile(u, v))
    colour = np.stack(
        [map_coordinates(image[..., c].astype(np.float32), (y, x), order=1, mode="nearest") for c in range(3)], -1
    )
    for fold in SMILE_FOLDS:
        colour = _smooth_over(colour, fold)
    line = np.exp(-(((v - LIP_LINE) / 0.8) ** 2)) * np.clip(1.2 - (u / MOUTH_HALF_WIDTH) ** 4, 0, 1)
    colour *= 1 - 0.5 * line[..., None] * np.array([0.8, 1.0, 1.0], np.float32)
    return Neutral(colour, _mask(_from_image(HEAD), 0.8), _mask(FACE, 1.5))


def grid() -> tuple[Floats, Floats]:
    """Coordinates u and v of the samples, each (height, width)."""
    u = LEFT + np.arange(SHAPE[1], dtype=np.float32) / DENSITY
    v = TOP + np.arange(SHAPE[0], dtype=np.float32) / DENSITY
    return np.broadcast_to(u, SHAPE), np.broadcast_to(v[:, None], SHAPE)


def subject(base: Neutral, look: Look) -> npt.NDArray[np.uint8]:
    """Red, green, blue and opacity (height, width, 4) of the subject's head and shoulders."""
    u, v = grid()
    colour = base.colour / 255
    skin = colour**look.skin_gamma
    hair = np.clip(colour**look.hair_gamma * np.array(look.hair_tint, np.float32), 0, 1)
    face = base.face[..., None]
    colour = face * skin + (1 - face) * hair
    shade = look.brow * sum(stroke(u, v, brow, 1.5) for brow in BROWS) + look.stubble * _beard(u, v)
    rough = gaussian_filter(np.random.default_rng(look.seed).standard_normal(SHAPE, dtype=np.float32), 1.5)
    colour *= (1 - np.clip(shade, 0, 0.85) + look.age * rough * base.face)[..., None]
    body = np.array(look.clothes, np.float32) / 255 * (0.75 + 0.25 * np.cos(u / 55))[..., None]
    opacity = np.maximum(base.head, _mask(SHOULDERS, 1.5))
    head = (base.head / np.maximum(opacity, 1e-3))[..., None]
    colour = head * colour + (1 - head) * body
    picture = np.rint(255 * np.clip(np.dstack([colour, opacity]), 0, 1)).astype(np.uint8)
    return np.ascontiguousarray(picture[:, ::-1] if look.mirrored else picture)


def stroke(u: Floats, v: Floats, points: tuple[tuple[float, float], ...], width: float) -> Floats:
    """Gaussian of the distance to a polyline: 1 on it, of standard deviation `width` px, shape of `u`.

    Parameters
    ----------
    u, v : ndarray, shape (height, width)
        Coordinates of the samples in px.
    points : tuple of (float, float)
        Corners (u, v) of the polyline.
    width : float
        Standard deviation in px.
    """
    nearest = np.full(u.shape, np.inf, np.float32)
    margin = 4 * width
    corners = np.array(points, np.float32)
    low, high = corners.min(0) - margin, corners.max(0) + margin
    rows = (v[:, 0] >= low[1]) & (v[:, 0] <= high[1])
    columns = (u[0] >= low[0]) & (u[0] <= high[0])
    window = np.ix_(rows, columns)
    for start, end in pairwise(corners):
        step = end - start
        du, dv = u[window] - start[0], v[window] - start[1]
        along = np.clip((du * step[0] + dv * step[1]) / (step @ step), 0, 1)
        nearest[window] = np.minimum(nearest[window], (du - along * step[0]) ** 2 + (dv - along * step[1]) ** 2)
    shape: Floats = np.exp(-nearest / (2 * width**2)).astype(np.float32)
    return shape


def ramp(x: Floats) -> Floats:
    """Smooth step 3 x^2 - 2 x^3 from 0 at x <= 0 to 1 at x >= 1."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def _unsmile(u: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Where the neutral face's (u, v) lies in the smiling one: above the lip line with the upper lip."""
    near = np.exp(-((u / 22) ** 2) - ((v - LIP_LINE) / 10) ** 2)
    u_smile = u * (1 + (SMILE_HALF_WIDTH / MOUTH_HALF_WIDTH - 1) * near)
    span = np.clip(1 - (u_smile / SMILE_HALF_WIDTH) ** 2, 0, None)
    beside = 1 - ramp((np.abs(u_smile) - SMILE_HALF_WIDTH) / 14)
    upper = (38.5 + 3.2 * span - LIP_LINE) * beside * ramp((v - 28) / 14)
    lower = (38.5 + 9.3 * span**0.8 - LIP_LINE) * beside * (1 - ramp((v - 47) / 29))
    return u_smile, v + np.where(v < LIP_LINE, upper, lower)


def _smooth_over(colour: Floats, fold: tuple[tuple[float, float], ...]) -> Floats:
    u, v = grid()
    weight = np.clip(1.6 * stroke(u, v, fold, 3.0), 0, 1)
    rows, columns = np.nonzero(weight.max(1) > 0.01)[0], np.nonzero(weight.max(0) > 0.01)[0]
    margin = 12 * DENSITY
    window = np.s_[rows[0] - margin : rows[-1] + margin, columns[0] - margin : columns[-1] + margin]
    keep = (1 - weight[window]) ** 2 * (colour[window][..., 0] > 150)
    total = gaussian_filter(keep, 5 * DENSITY) + 1e-4
    skin = np.stack([gaussian_filter(colour[window][..., c] * keep, 5 * DENSITY) / total for c in range(3)], -1)
    smoothed = colour.copy()
    smoothed[window] += weight[window][..., None] * (skin - colour[window])
    return smoothed


def _beard(u: Floats, v: Floats) -> Floats:
    jaw = ramp((v - 32) / 8) * (1 - ramp((v - 72) / 8)) * (1 - ramp((np.abs(u) - 30) / 12))
    lips = np.exp(-((u / 15) ** 4) - ((v - LIP_LINE) / 5) ** 4)
    return np.asarray(jaw * (1 - lips))


def _mask(points: tuple[tuple[float, float], ...], softness: float) -> Floats:
    corners = [((v - TOP) * DENSITY, (u - LEFT) * DENSITY) for u, v in points]
    return np.asarray(gaussian_filter(polygon2mask(SHAPE, corners).astype(np.float32), softness * DENSITY))


def _axes() -> tuple[float, float, float, float]:
    (x0, y0), (x1, y1) = EYES
    length = float(np.hypot(x1 - x0, y1 - y0))
    return (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / length, (y1 - y0) / length


def _to_image(u: Floats, v: Floats) -> tuple[Floats, Floats]:
    x, y, cosine, sine = _axes()
    return x + u * cosine - v * sine, y + u * sine + v * cosine


def _from_image(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    x0, y0, cosine, sine = _axes()
    return tuple(((x - x0) * cosine + (y - y0) * sine, (y - y0) * cosine - (x - x0) * sine) for x, y in points)
