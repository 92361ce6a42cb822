"""Draw the faces of the demo corpus: one portrait, warped and shaded by the action units of an expression.

A displacement field is the thin-plate spline through the displacements of `LANDMARKS`. It is linear in them, so each
action unit has one field and an expression is a weighted sum. The mouth opens along the lip line, a cut in the field.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from emotiw.demo.action_units import ACTION_UNITS, LANDMARKS, PROPORTIONS, WRINKLES, Expression
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
ITERATIONS = 2  # steps of the inversion of a displacement field
DARKEST = np.float32(0.4)  # smallest factor of the shading


@dataclass(frozen=True)
class Pose:
    """Map from face to picture: scale (picture px per face px), roll (rad), position (x, y) of the origin in px."""

    scale: float
    roll: float
    x: float
    y: float


@dataclass(frozen=True)
class Warp:
    """Identity and expression of a frame.

    Attributes
    ----------
    field : ndarray, shape (rows, columns, 2)
        Displacement in px at every `STEP` px, complex64-compatible float32.
    shade : ndarray, shape `SHAPE`
        Darkness of the wrinkles, weighted by `shading`.
    parted, teeth : float
        How far the lips part and the upper teeth show, px.
    """

    field: Floats
    shade: Floats
    parted: float = 0.0
    teeth: float = 0.0
    shading: float = 1.0


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
    lower = slice(int(np.argmax((v > LIP_LINE - 12).any(1))), None)  # rows that a moving mouth can touch
    v[lower], gap, depth = _part(u[lower], v[lower], motion.parted)
    column = np.clip((u - (LEFT - 0.5 / DENSITY)) * DENSITY, 0, SHAPE[1] - 1).astype(np.intp)
    row = np.clip((v - (TOP - 0.5 / DENSITY)) * DENSITY, 0, SHAPE[0] - 1).astype(np.intp)
    sample = row * SHAPE[1] + column
    # taking one 32-bit word per sample is faster than taking four bytes
    picture = source.view(np.uint32).ravel().take(sample).view(np.uint8).reshape(*size, 4).astype(np.float32)
    opacity = picture[..., 3] * np.float32(1 / 255)
    picture *= (1 - np.float32(motion.shading) * motion.shade.ravel().take(sample))[..., None]
    picture[..., 3] = opacity
    inside = gap > 0
    weight, mouth = gap[inside][:, None], _mouth(u[lower][inside], depth[inside], motion.teeth)
    picture[lower][inside, :3] += weight * (mouth - picture[lower][inside, :3])
    return np.asarray(picture)


def _origins(pose: Pose, field: Floats, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Where each picture px lies in the neutral face: z = p - field(z), solved by iteration at every second px."""
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
    """Row that a point of the parted lips comes from, its share of open mouth, and its depth below the upper lip."""
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
    dark, white = np.array([[70, 22, 25], [230, 222, 210]], np.float32)
    return np.asarray(dark + (bright * gaps)[:, None] * (white - dark))


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
    values = np.array(
        [
            [[s * shift.get(name, (0, 0))[0], shift.get(name, (0, 0))[1]] for name, _, _, s in points]
            for shift in shifts.values()
        ]
    )
    n = len(centres)
    affine = np.hstack([np.ones((n, 1)), centres])
    system = np.block([[_spline(centres, centres), affine], [affine.T, np.zeros((3, 3))]])
    known = np.vstack([values.transpose(1, 0, 2).reshape(n, -1), np.zeros((3, 2 * len(shifts)))])
    weights = np.linalg.solve(system, known)
    shape = _zero_field().shape[:2]
    row, column = np.indices(shape)
    places = np.stack([LEFT + STEP * column.ravel(), TOP + STEP * row.ravel()], -1).astype(float)
    surface = np.hstack([_spline(places, centres), np.ones((len(places), 1)), places]) @ weights
    fields = surface.reshape(*shape, len(shifts), 2).astype(np.float32)
    return {name: np.ascontiguousarray(fields[:, :, i]) for i, name in enumerate(shifts)}


def _spline(a: Floats, b: Floats) -> Floats:
    """Thin-plate kernel r^2 log r between points `a` (n, 2) and `b` (m, 2)."""
    squared = ((a[:, None] - b[None]) ** 2).sum(-1)
    return np.asarray(0.5 * squared * np.log(np.maximum(squared, 1e-12)))


@cache
def _wrinkle(name: str) -> Floats:
    u, v = grid()
    darkness, width, strokes = WRINKLES[name]
    both = [tuple((side * a, b) for a, b in line) for line in strokes for side in (1, -1)]
    return np.asarray(np.float32(darkness) * np.max([stroke(u, v, line, width) for line in both], axis=0))
