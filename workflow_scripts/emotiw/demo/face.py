"""The synthetic demo's faces: expressions as sums of action units that move landmarks of one portrait.

A displacement field is the thin-plate spline through the displacements of `LANDMARKS` (linear in them, so that each
action unit is one field and an expression a weighted sum); the lips part along the lip line, where the field is cut.
Action units after P. Ekman and W. Friesen, Facial Action Coding System, 1978.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from emotiw.demo.portrait import (
    DENSITY,
    HEIGHT,
    LEFT,
    LIP_LINE,
    MOUTH_HALF_WIDTH,
    SHAPE,
    TOP,
    WIDTH,
    Floats,
    grid,
    ramp,
    stroke,
)

STEP = 2  # px between the points of a displacement field
ITERATIONS = 2  # of its inversion
DARKEST = np.float32(0.4)  # of the shading

# (u, v) of the neutral face in px (see portrait); only the right half of the picture, the left is its mirror image
LANDMARKS = {
    "brow_inner": (12.5, -9.0),
    "brow_middle": (25.0, -12.0),
    "brow_outer": (36.5, -9.5),
    "lid_upper": (22.0, -4.5),
    "lid_lower": (22.0, 3.7),
    "eye_inner": (11.5, 2.0),
    "eye_outer": (33.0, 0.0),
    "cheek": (27.0, 20.0),
    "nose_wing": (11.0, 28.0),
    "lip_corner": (18.0, 42.0),
    "lip_upper": (8.0, 38.3),
    "lip_lower": (8.0, 47.3),
    "jaw": (36.0, 57.0),
    "jaw_low": (20.0, 70.0),
    "temple": (44.0, -5.0),
    "cheekbone": (46.0, 15.0),
    "fringe": (18.0, -24.0),
    "hair_top": (35.0, -80.0),
    "hair_side": (72.0, -20.0),
    "hair_low": (66.0, 12.0),
    "neck": (36.0, 84.0),
    "border_top": (80.0, -104.0),
    "border_side": (130.0, 0.0),
    "shoulder": (95.0, 120.0),
    # on the midline
    "bridge": (0.0, 4.0),
    "nose_tip": (0.0, 25.0),
    "nose_base": (0.0, 31.5),
    "chin": (0.0, 76.0),
    "crown": (0.0, -86.0),
    "collar": (0.0, 92.0),
}

Shift = Mapping[str, tuple[float, float]]

# displacement (du outwards, dv downwards) of the landmarks in px at weight 1
ACTION_UNITS: dict[str, Shift] = {
    "inner_brow_raiser": {"brow_inner": (-1, -6), "brow_middle": (-0.5, -2), "lid_upper": (0, -0.5)},  # AU 1
    "outer_brow_raiser": {"brow_middle": (0, -5), "brow_outer": (1, -5)},  # AU 2
    "brow_lowerer": {"brow_inner": (-3.5, 5), "brow_middle": (-1.5, 3.5), "brow_outer": (0, 0.5), "lid_upper": (0, 0.8)},  # AU 4
    "upper_lid_raiser": {"lid_upper": (0, -2.6), "lid_lower": (0, 0.9)},  # AU 5
    "cheek_raiser": {"cheek": (1, -4), "lid_lower": (0, -1.4), "eye_outer": (0.5, 0.3)},  # AU 6
    "lid_tightener": {"lid_lower": (0, -1.5), "lid_upper": (0, 0.9)},  # AU 7
    "lid_droop": {"lid_upper": (0, 2.2), "eye_outer": (0, 1.0)},  # AU 43, partly closed
    "nose_wrinkler": {"nose_wing": (1, -4), "nose_tip": (0, -1.5), "lip_upper": (0, -2.5), "brow_inner": (-1.5, 3), "cheek": (-1, -2.5)},  # AU 9
    "upper_lip_raiser": {"lip_upper": (0.5, -3.5), "nose_wing": (0.8, -1.5), "lip_corner": (-0.5, -0.5)},  # AU 10
    "lip_corner_puller": {"lip_corner": (5.5, -5.0), "lip_upper": (1.5, -0.5), "lip_lower": (2, -1), "cheek": (1.5, -2.5)},  # AU 12
    "lip_corner_depressor": {"lip_corner": (0.5, 4.5), "lip_lower": (0, -0.8), "jaw_low": (0, 0.5)},  # AU 15
    "chin_raiser": {"lip_lower": (0, -1.5), "lip_upper": (0, -1.0), "chin": (0, -2.0)},  # AU 17
    "lip_stretcher": {"lip_corner": (5.5, 3.0), "lip_upper": (1.5, 0.3), "lip_lower": (2, 0.5)},  # AU 20
    "lip_tightener": {"lip_upper": (-0.5, 1.8), "lip_lower": (-0.5, -2.4), "lip_corner": (-1.5, 0.8)},  # AU 23 and 24
    "lip_rounder": {"lip_corner": (-4.0, 0.5), "lip_upper": (-1, -0.5), "lip_lower": (-1, 1)},  # AU 18 and 22
    "blink": {"lid_upper": (0, 6.5), "lid_lower": (0, -0.6)},  # AU 45
}
# proportions that tell subjects apart, in the same way
PROPORTIONS: dict[str, Shift] = {
    "wide_face": {"temple": (4, 0), "cheekbone": (4, 0), "jaw": (3, 0), "hair_side": (4, 0), "hair_low": (4, 0), "cheek": (1, 0)},
    "wide_jaw": {"jaw": (4, 1), "jaw_low": (4, 1), "neck": (3, 0)},
    "long_chin": {"chin": (0, 5), "jaw_low": (0, 4), "jaw": (0, 2), "lip_lower": (0, 0.5)},
    "long_nose": {"nose_tip": (0, 2), "nose_base": (0, 2), "nose_wing": (0, 2)},
    "wide_nose": {"nose_wing": (2, 0)},
    "wide_mouth": {"lip_corner": (2.2, 0), "lip_upper": (0.8, 0), "lip_lower": (0.8, 0)},
    "low_mouth": {"lip_corner": (0, 1.5), "lip_upper": (0, 1.5), "lip_lower": (0, 1.5)},
    "turned_mouth": {"lip_corner": (0, 1.3)},
    "full_lips": {"lip_upper": (0, -1), "lip_lower": (0, 1.2)},
    "high_brows": {"brow_inner": (0, -1.5), "brow_middle": (0, -1.7), "brow_outer": (0, -1.5)},
    "slanted_brows": {"brow_inner": (0, 1.4), "brow_outer": (0, -1.4)},
    "large_eyes": {"lid_upper": (0, -0.9), "lid_lower": (0, 0.6), "eye_outer": (0.8, 0), "eye_inner": (-0.4, 0)},
    "wide_eyes": {name: (1.8, 0) for name in ("lid_upper", "lid_lower", "eye_inner", "eye_outer", "brow_inner", "brow_middle")},
    "high_hair": {"hair_top": (0, -6), "crown": (0, -7), "hair_side": (0, -3)},
    "wide_hair": {"hair_side": (9, 0), "hair_low": (9, 0), "hair_top": (4, 0)},
}

# shading at weight 1: darkness, width in px, and strokes on the right half (mirrored, as above)
Wrinkle = tuple[float, float, tuple[tuple[tuple[float, float], ...], ...]]
WRINKLES: dict[str, Wrinkle] = {
    "inner_brow_raiser": (0.16, 0.8, (((0, -16.5), (12, -15.5)),)),
    "outer_brow_raiser": (0.14, 0.8, (((14, -16.5), (32, -14.5)),)),
    "brow_lowerer": (0.25, 1.0, (((3.2, -13), (3.6, -5)),)),
    "cheek_raiser": (0.22, 0.8, (((35, 1), (40, -1)), ((35, 2.5), (41, 4)), ((15, 7), (24, 8.5), (31, 7)))),
    "nose_wrinkler": (0.20, 1.2, (((0, 2), (7, 0)), ((0, 6), (8, 5)), ((12, 22), (17, 27), (20, 34)))),
    "upper_lip_raiser": (0.16, 1.8, (((13, 23), (18, 29), (22, 38)),)),
    "lip_corner_puller": (0.22, 1.7, (((13.5, 22), (20, 29), (25, 38), (25, 43)),)),
    "lip_corner_depressor": (0.18, 1.5, (((20, 43), (24, 50)),)),
    "chin_raiser": (0.20, 2.0, (((0, 54.5), (9, 55)),)),
    "lip_stretcher": (0.16, 1.1, (((24, 38), (26, 46)),)),
}


@dataclass(frozen=True)
class Expression:
    """Weights of action units, the px by which the lips part, and how far the upper teeth show (px)."""

    units: Mapping[str, float]
    parted: float = 0.0
    teeth: float = 0.0


NEUTRAL = Expression({})
EXPRESSIONS: dict[str, Expression] = {
    "anger": Expression({"brow_lowerer": 1.15, "upper_lid_raiser": 0.3, "lid_tightener": 0.5, "lip_tightener": 1.0, "lip_corner_depressor": 0.3}),
    "disgust": Expression({"nose_wrinkler": 1.0, "upper_lip_raiser": 0.9, "brow_lowerer": 0.35, "lid_tightener": 0.9, "lip_corner_depressor": 0.5, "chin_raiser": 0.3}),
    "fear": Expression({"inner_brow_raiser": 0.9, "outer_brow_raiser": 0.3, "brow_lowerer": 0.3, "upper_lid_raiser": 1.1, "lip_stretcher": 1.0}, 5.0, 3.0),
    "happiness": Expression({"cheek_raiser": 1.0, "lip_corner_puller": 1.2}, 6.5, 5.0),
    "neutral": NEUTRAL,
    "sadness": Expression({"inner_brow_raiser": 1.0, "brow_lowerer": 0.3, "lid_droop": 1.0, "lip_corner_depressor": 1.1, "chin_raiser": 0.7}),
    "surprise": Expression({"inner_brow_raiser": 0.9, "outer_brow_raiser": 1.1, "upper_lid_raiser": 1.0, "lip_rounder": 0.9}, 15.0, 2.0),
}


@dataclass(frozen=True)
class Pose:
    """From the face to the picture: scale (picture px a face px), roll (rad), and where the origin lands (x, y) in px."""

    scale: float
    roll: float
    x: float
    y: float


@dataclass(frozen=True)
class Warp:
    """Displacement in px, (height, width, 2) at every `STEP` px, darkness (`SHAPE`) and its weight, parted lips and visible teeth in px."""

    field: Floats
    shade: Floats
    parted: float = 0.0
    teeth: float = 0.0
    shading: float = 1.0


def blend(own: Expression, other: Expression, share: float, intensity: float) -> Expression:
    """`intensity` times the mixture (1 - share) own + share other."""
    a, b = intensity * (1 - share), intensity * share
    names = sorted({*own.units, *other.units})
    units = {name: a * own.units.get(name, 0) + b * other.units.get(name, 0) for name in names}
    return Expression(units, a * own.parted + b * other.parted, a * own.teeth + b * other.teeth)


def warp(expression: Expression) -> Warp:
    """Field and shading of an expression: sums of those of its action units, weighted."""
    field, shade = _zero_field(), np.zeros(SHAPE, np.float32)
    for name, weight in expression.units.items():
        field = field + np.float32(weight) * _fields()[name]
        if name in WRINKLES:
            shade = shade + np.float32(weight) * _wrinkle(name)
    return Warp(field, DARKEST * np.tanh(shade / DARKEST), expression.parted, expression.teeth)


def identity_field(proportions: Mapping[str, float]) -> Floats:
    """Displacement (height, width, 2) of a subject's proportions, weighted."""
    return sum((np.float32(weight) * _fields()[name] for name, weight in proportions.items()), _zero_field())


def draw(source: npt.NDArray[np.uint8], pose: Pose, motion: Warp, size: tuple[int, int]) -> Floats:
    """Picture (height, width, 4) of a subject: red, green, blue (0 to 255), opacity (0 to 1).

    Parameters
    ----------
    source : ndarray, shape (height, width, 4)
        The subject (`portrait.subject`), `DENSITY` samples a px.
    pose : Pose
    motion : Warp
        Identity and expression together.
    size : tuple of int
        Height and width of the picture in px, both even.
    """
    u, v = _origins(pose, motion.field, size)
    v, gap, depth = _part(u, v, motion.parted)
    column = np.clip((u - (LEFT - 0.5 / DENSITY)) * DENSITY, 0, SHAPE[1] - 1).astype(np.intp)
    row = np.clip((v - (TOP - 0.5 / DENSITY)) * DENSITY, 0, SHAPE[0] - 1).astype(np.intp)
    sample = row * SHAPE[1] + column
    # one 32-bit word a sample is taken faster than four bytes
    picture = source.view(np.uint32).ravel().take(sample).view(np.uint8).reshape(*size, 4).astype(np.float32)
    picture[..., :3] *= (1 - np.float32(motion.shading) * motion.shade.ravel().take(sample))[..., None]
    picture[..., 3] *= np.float32(1 / 255)
    inside = gap > 0
    weight = gap[inside][:, None]
    picture[inside, :3] = (1 - weight) * picture[inside, :3] + weight * _mouth(u[inside], depth[inside], motion.teeth)
    return picture


def _origins(pose: Pose, field: Floats, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Where in the neutral face each picture px comes from: z = p - field(z) by fixed-point iteration, at every second px."""
    x = np.arange(0, size[1] + 1, 2, dtype=np.float32) - np.float32(pose.x)
    y = np.arange(0, size[0] + 1, 2, dtype=np.float32)[:, None] - np.float32(pose.y)
    seen = (x + 1j * y).astype(np.complex64) * np.complex64(np.exp(-1j * pose.roll) / pose.scale)
    flat = field.view(np.complex64).ravel()
    origin = seen
    for _ in range(ITERATIONS):
        origin = seen - _interpolated(flat, origin)
    fine = _doubled(_doubled(origin).T).T[: size[0], : size[1]]
    return np.ascontiguousarray(fine.real), np.ascontiguousarray(fine.imag)


def _interpolated(field: npt.NDArray[np.complex64], points: npt.NDArray[np.complex64]) -> npt.NDArray[np.complex64]:
    """Bilinear value of the flat field at `points`, both u + i v."""
    columns = WIDTH // STEP
    x = np.clip((points.real - LEFT) / STEP, 0, columns - 1.001)
    y = np.clip((points.imag - TOP) / STEP, 0, HEIGHT // STEP - 1.001)
    column, row = x.astype(np.intp), y.astype(np.intp)
    right, down = x - column.astype(np.float32), y - row.astype(np.float32)
    first = row * columns + column
    a, b = field.take(first), field.take(first + columns)
    above = a + right * (field.take(first + 1) - a)
    below = b + right * (field.take(first + columns + 1) - b)
    return above + down * (below - above)


def _doubled(values: npt.NDArray[np.complex64]) -> npt.NDArray[np.complex64]:
    """Rows of `values` with their means in between."""
    fine = np.empty((2 * len(values) - 1, *values.shape[1:]), values.dtype)
    fine[::2] = values
    fine[1::2] = (values[:-1] + values[1:]) / 2
    return fine


def _part(u: Floats, v: Floats, parted: float) -> tuple[Floats, Floats, Floats]:
    """Where the parted lips come from, how much of a point is the open mouth (0 to 1), and its depth below the upper lip (px)."""
    profile = np.sqrt(np.clip(1 - (u / MOUTH_HALF_WIDTH) ** 2, 0, None))
    jaw = 1 - ramp(np.abs(u) / 46)
    below = ramp((v - LIP_LINE) / 24)
    drop = np.float32(0.75 * parted) * ((1 - below) * profile + below * jaw)
    rise = np.float32(0.25 * parted) * profile
    upper, lower = LIP_LINE - rise, LIP_LINE + np.float32(0.75 * parted) * profile
    gap = np.clip(np.minimum(v - upper, lower - v) * 1.2, 0, 1)
    raised = v + rise * ramp((v - 30) / 10)
    dropped = v - drop * (1 - ramp((v - 80 - 0.75 * parted) / 30))
    return np.where(v < (upper + lower) / 2, raised, dropped), gap, v - upper


def _mouth(u: Floats, depth: Floats, teeth: float) -> Floats:
    """Colour of the open mouth: teeth down to `teeth` px below the upper lip, dark below."""
    bright = np.clip((teeth - depth) * 1.5, 0, 1) * np.clip(1.15 - (u / (0.9 * MOUTH_HALF_WIDTH)) ** 2, 0, 1)
    gaps = 1 - 0.12 * np.exp(-((np.mod(u + 2, 4) - 2) ** 2) * 4)
    return np.array([70, 22, 25], np.float32) + (bright * gaps)[:, None] * np.array([160, 200, 185], np.float32)


def _zero_field() -> Floats:
    return np.zeros((HEIGHT // STEP, WIDTH // STEP, 2), np.float32)


def _both_sides(points: Mapping[str, tuple[float, float]]) -> list[tuple[str, float, float, int]]:
    right = [(name, u, v, 1) for name, (u, v) in points.items()]
    return right + [(name, -u, v, -1) for name, u, v, _ in right if u > 0]


@cache
def _fields() -> dict[str, Floats]:
    """Thin-plate spline through the landmarks' displacements, on the grid, for each action unit and proportion."""
    points = _both_sides(LANDMARKS)
    centres = np.array([(u, v) for _, u, v, _ in points])
    shifts = {**ACTION_UNITS, **PROPORTIONS}
    values = np.array([[[s * shift.get(name, (0, 0))[0], shift.get(name, (0, 0))[1]] for name, _, _, s in points] for shift in shifts.values()])
    n = len(centres)
    affine = np.hstack([np.ones((n, 1)), centres])
    system = np.block([[_spline(centres, centres), affine], [affine.T, np.zeros((3, 3))]])
    known = np.vstack([values.transpose(1, 0, 2).reshape(n, -1), np.zeros((3, 2 * len(shifts)))])
    weights = np.linalg.solve(system, known)
    shape = _zero_field().shape[:2]
    row, column = np.indices(shape)
    places = np.stack([LEFT + STEP * column.ravel(), TOP + STEP * row.ravel()], -1)
    surface = np.hstack([_spline(places, centres), np.ones((len(places), 1)), places]) @ weights
    fields = surface.reshape(*shape, len(shifts), 2).astype(np.float32)
    return {name: np.ascontiguousarray(fields[:, :, i]) for i, name in enumerate(shifts)}


def _spline(a: npt.NDArray[np.floating], b: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Thin-plate kernel r^2 log r between points `a` (n, 2) and `b` (m, 2)."""
    squared = ((a[:, None] - b[None]) ** 2).sum(-1)
    return 0.5 * squared * np.log(np.maximum(squared, 1e-12))


@cache
def _wrinkle(name: str) -> Floats:
    u, v = grid()
    darkness, width, strokes = WRINKLES[name]
    both = [tuple((side * a, b) for a, b in line) for line in strokes for side in (1, -1)]
    return np.float32(darkness) * np.max([stroke(u, v, line, width) for line in both], axis=0)
