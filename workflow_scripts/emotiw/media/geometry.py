"""Show a decoded picture as ffmpeg does: with square pixels, turned and mirrored by the display matrix."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import Type

TOLERANCE = 1.0  # degrees from a quarter turn, as in ffmpeg
BELIEVED = Fraction(
    16
)  # a pixel that is wider than high, or higher than wide, by more than this is an error of the header

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Display:
    """How a picture is to be shown: counterclockwise angle in degrees, then mirrored left to right or not."""

    rotation: float = 0.0
    mirrored: bool = False

    @property
    def quarters(self) -> int | None:
        """Angle in quarter turns; None if it is not a whole number of them."""
        quarters = round(self.rotation / 90)
        return quarters if abs(self.rotation - 90 * quarters) < TOLERANCE else None


def display(frame: av.VideoFrame) -> Display:
    """Display matrix of a frame; a matrix that is not invertible is none, as for ffmpeg.

    The matrix (a, b, u, c, d, v, ...) maps a point (x, y) of the picture to (a x + c y, b x + d y).
    """
    data: Any = frame.side_data.get(Type.DISPLAYMATRIX)  # type: ignore[call-overload]
    if data is None:
        return Display()
    a, b, _, c, d = (float(value) for value in np.frombuffer(data, np.int32)[:5])
    determinant = a * d - b * c
    if not determinant:
        return Display()
    across, down = math.hypot(a, c), math.hypot(b, d)
    side = math.copysign(1.0, determinant)
    return Display(-math.degrees(math.atan2(b / down, side * a / across)), determinant < 0)


def square(width: int, height: int, stream: av.VideoStream) -> tuple[int, int]:
    """Width and height of a picture of `stream` with square pixels, as by ffmpeg's `scale=iw*sar:ih`."""
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
    if not 1 / BELIEVED <= aspect <= BELIEVED:
        return width, height
    return max(1, int(width * aspect)), height


def upright(image: Image, shown: Display) -> Image:
    """Picture (height, width, 3) as it is to be shown."""
    turned = np.rot90(image, shown.quarters or 0)
    return np.ascontiguousarray(turned[:, ::-1] if shown.mirrored else turned)
