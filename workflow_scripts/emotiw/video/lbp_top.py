"""Local binary patterns on three orthogonal planes (LBP-TOP) of a clip's aligned grey faces."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError
from emotiw.video.grey import grey

Array = npt.NDArray[np.floating[Any]]
LBP_NEIGHBOURS = 8
LBP_PATTERNS = LBP_NEIGHBOURS * (LBP_NEIGHBOURS - 1) + 3


def lbp_top(sequence: Array, *, grid: int) -> npt.NDArray[np.float32]:
    """Local binary patterns on three orthogonal planes (Zhao and Pietikainen 2007), block by block.

    Each inner voxel has a code of 8 neighbours at radius 1 on the planes XY, XT and YT; the picture is cut into
    grid x grid blocks; the 59 classes of uniform codes are counted in each, over all times, and divided by their sum.

    Parameters
    ----------
    sequence : ndarray, shape (n, height, width)
        Grey faces in the order of time.
    grid : int
        Blocks along each side.

    Returns
    -------
    ndarray, shape (grid * grid * 3 * 59,)
        Blocks row by row; in a block the planes XY, XT, YT.

    Raises
    ------
    FeatureError
        If there are fewer than three frames.
    """
    n, height, width = sequence.shape
    if n < 3:
        raise FeatureError(f"LBP-TOP of {n} frames; it needs at least 3: raise faces.min_frames")
    rows = np.arange(1, height - 1) * grid // height
    columns = np.arange(1, width - 1) * grid // width
    blocks = rows[:, None] * grid + columns  # (height - 2, width - 2)
    planes = [_histograms(lbp_codes(sequence, axes), blocks, grid * grid) for axes in ((1, 2), (0, 2), (0, 1))]
    return np.stack(planes, axis=1).astype(np.float32).ravel()


def face_lbp_top(chips: npt.NDArray[np.uint8], *, size: int, grid: int) -> npt.NDArray[np.float32]:
    """`lbp_top` of a clip's colour faces (n, height, width, 3), converted to grey at `size` px."""
    return lbp_top(grey(chips, size=size), grid=grid)


def lbp_codes(volume: Array, axes: tuple[int, int]) -> npt.NDArray[np.intp]:
    """Classes of the uniform local binary patterns of the inner voxels of `volume` on the plane of two axes.

    The code of a voxel with value g_c is sum_p 2^p [g_p >= g_c] over its 8 neighbours: g_p is the value at angle
    2 pi p / 8 (radius 1, from the second axis towards falling indices of the first, interpolated bilinearly). Classes
    are those of scikit-image's `nri_uniform`.

    Returns
    -------
    ndarray, shape of `volume` less 2 along each axis
        Integers from 0 to 58.
    """
    centre = _shifted(volume, axes, (0, 0))
    codes = np.zeros(centre.shape, np.intp)
    for p in range(LBP_NEIGHBOURS):
        angle = 2 * np.pi * p / LBP_NEIGHBOURS
        codes |= (_interpolated(volume, axes, (-np.sin(angle), np.cos(angle))) >= centre).astype(np.intp) << p
    return _uniform_classes()[codes]


def _histograms(codes: npt.NDArray[np.intp], blocks: npt.NDArray[np.intp], n_blocks: int) -> npt.NDArray[np.float64]:
    """Shares of the patterns in each block, (block, pattern)."""
    counts = np.bincount((blocks * LBP_PATTERNS + codes).ravel(), minlength=n_blocks * LBP_PATTERNS)
    counts = counts.reshape(n_blocks, LBP_PATTERNS)
    shares: npt.NDArray[np.float64] = counts / counts.sum(axis=1, keepdims=True)
    return shares


def _shifted(volume: Array, axes: tuple[int, int], offset: tuple[int, int]) -> Array:
    """Inner voxels of `volume`, each replaced by the one at `offset` along two axes."""
    shifts = dict(zip(axes, offset, strict=True))
    return volume[
        tuple(slice(1 + shifts.get(axis, 0), size - 1 + shifts.get(axis, 0)) for axis, size in enumerate(volume.shape))
    ]


def _interpolated(volume: Array, axes: tuple[int, int], offset: tuple[float, float]) -> Array:
    """Bilinear interpolation at `offset`, |offset| <= 1, exact between equal values."""
    signs = [int(np.sign(round(value, 5))) for value in offset]
    u, v = (abs(round(value, 5)) for value in offset)
    near = _between(volume, axes, ((0, 0), (0, signs[1])), v)
    far = _between(volume, axes, ((signs[0], 0), (signs[0], signs[1])), v)
    return near + u * (far - near)


def _between(
    volume: Array, axes: tuple[int, int], ends: tuple[tuple[int, int], tuple[int, int]], share: float
) -> Array:
    first, second = (_shifted(volume, axes, end) for end in ends)
    return first + share * (second - first)


@cache
def _uniform_classes() -> npt.NDArray[np.intp]:
    """Class of each of the 256 codes: uniform ones by number of ones and rotation, the others together as the last."""
    classes = np.full(1 << LBP_NEIGHBOURS, LBP_PATTERNS - 1)
    classes[0], classes[-1] = 0, LBP_PATTERNS - 2
    for ones in range(1, LBP_NEIGHBOURS):
        for first in range(LBP_NEIGHBOURS):
            bits = [(first + k) % LBP_NEIGHBOURS for k in range(ones)]
            rotation = (LBP_NEIGHBOURS - first) % LBP_NEIGHBOURS
            classes[sum(1 << bit for bit in bits)] = 1 + (ones - 1) * LBP_NEIGHBOURS + rotation
    return classes
