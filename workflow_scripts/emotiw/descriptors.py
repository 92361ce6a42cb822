"""Hand-crafted descriptors of aligned grey faces: dense SIFT, HOG and LBP-TOP."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.errors import FeatureError

Array = npt.NDArray[np.floating[Any]]
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
SIFT_CELLS = 4  # along each side of a block
SIFT_ORIENTATIONS = 8
SIFT_CLIP = 0.2
HOG_CLIP, HOG_NOISE = 0.2, 1e-5  # largest value of a block, and what is added to its norm
LBP_NEIGHBOURS = 8
LBP_PATTERNS = LBP_NEIGHBOURS * (LBP_NEIGHBOURS - 1) + 3


def grey(chips: npt.NDArray[np.uint8], *, size: int) -> npt.NDArray[np.float32]:
    """Luma of colour faces, each pixel the mean of the square that it covers.

    Parameters
    ----------
    chips : ndarray, shape (n, height, width, 3)
        RGB, with sides that are multiples of `size`.
    size : int
        Side of the result in px.

    Returns
    -------
    ndarray, shape (n, size, size)
        Grey levels from 0 to 255.

    Raises
    ------
    FeatureError
        If a side is not a multiple of `size`.
    """
    n, height, width, _ = chips.shape
    if height % size or width % size:
        raise FeatureError(
            f"face of {width} x {height} px cannot be averaged to {size} px; make faces.chip_size a multiple of it"
        )
    luma = chips @ np.array(LUMA, np.float32)
    means: npt.NDArray[np.float32] = luma.reshape(n, size, height // size, size, width // size).mean(axis=(2, 4))
    return means


def dense_sift(images: Array, *, block: int, step: int, margin: float = 0) -> npt.NDArray[np.float32]:
    """SIFT descriptors (Lowe 2004, sec. 6) of square blocks on a regular grid, as VLFeat defines them.

    A block has 4 x 4 cells of 8 orientations. A gradient of magnitude m is shared linearly between the two nearest
    orientations and bilinearly between the nearest cells, and weighted by a Gaussian of standard deviation block / 2
    round the block's centre; beyond the picture the gradients are those of its edge. As that weight is separable, all
    blocks are W E W', where E holds the magnitudes of one orientation and the rows of W are the cells. Descriptors are
    scaled to norm 1, clipped at 0.2 and scaled again; those of a flat block are zero.

    Parameters
    ----------
    images : ndarray, shape (n, size, size)
    block, step : int
        Side and distance of the blocks in px.
    margin : float
        Distance in px of the outermost blocks from the edge; VLFeat's grid has (1 - block / 4) / 2.

    Returns
    -------
    ndarray, shape (n, rows * columns * 128)
        Blocks row by row; in a block cells row by row; in a cell orientations from 0 (brighter to the right) on.
    """
    W = _cell_weights(images.shape[1], block, step, margin)
    histograms: Array = W @ _orientation_energy(images) @ W.T  # (n, orientation, cell row, cell column)
    n, blocks = len(images), len(W) // SIFT_CELLS
    histograms = histograms.reshape(n, SIFT_ORIENTATIONS, blocks, SIFT_CELLS, blocks, SIFT_CELLS)
    descriptors = histograms.transpose(0, 2, 4, 3, 5, 1).reshape(n, blocks * blocks, -1)
    return _unit(np.minimum(_unit(descriptors), SIFT_CLIP)).reshape(n, -1)


def hog(images: Array, *, block: int, step: int, cell: int, bins: int) -> npt.NDArray[np.float32]:
    """Histograms of oriented gradients (Dalal and Triggs 2005), normalised by L2-Hys.

    Parameters
    ----------
    images : ndarray, shape (n, size, size)
    block, step, cell : int
        Side of a block, distance of the blocks and side of a cell, in px; `step` equals `cell`.
    bins : int
        Orientations from 0 to 180 degrees.

    Returns
    -------
    ndarray, shape (n, rows * columns * (block / cell)^2 * bins)
        Blocks row by row; in a block cells row by row.

    Raises
    ------
    FeatureError
        If `step` differs from `cell`, or `block` is no multiple of it.
    """
    if step != cell or block % cell:
        raise FeatureError(f"hog: step {step}, cell {cell}, block {block} px; step must equal cell and divide block")
    shares = _cell_histograms(images, cell, bins)  # (n, cell row, cell column, bins)
    window = (block // cell, block // cell)
    blocks = np.lib.stride_tricks.sliding_window_view(shares, window, axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
    blocks = np.minimum(_shortened(blocks), HOG_CLIP)
    return _shortened(blocks).reshape(len(images), -1).astype(np.float32)


def face_sift(chips: npt.NDArray[np.uint8], *, size: int, **geometry: int) -> npt.NDArray[np.float32]:
    """`dense_sift` of colour faces (n, height, width, 3), made grey at `size`; its settings are a section's."""
    return dense_sift(grey(chips, size=size), **geometry)


def face_hog(chips: npt.NDArray[np.uint8], *, size: int, **geometry: int) -> npt.NDArray[np.float32]:
    """`hog` of colour faces (n, height, width, 3), made grey at `size`; its settings are a section's."""
    return hog(grey(chips, size=size), **geometry)


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


def lbp_codes(volume: Array, axes: tuple[int, int]) -> npt.NDArray[np.intp]:
    """Classes of the uniform local binary patterns of the inner voxels of `volume` on the plane of two axes.

    Bit p is set where the value at angle 2 pi p / 8 (radius 1, from the second axis towards falling indices of the
    first, interpolated bilinearly) is at least the centre's. Classes are those of scikit-image's `nri_uniform`.

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


@cache
def _cell_weights(size: int, block: int, step: int, margin: float) -> npt.NDArray[np.float32]:
    """Weight of each pixel of a line (columns) in each cell of each block (rows)."""
    width = block / SIFT_CELLS
    starts = np.arange(margin, size - margin - block + 1, step)[:, None]
    centres = (starts + (np.arange(SIFT_CELLS) + 0.5) * width - 0.5).reshape(-1, 1)
    middles = np.repeat(starts + (block - 1) / 2, SIFT_CELLS, axis=1).reshape(-1, 1)
    pixels = np.arange(-block, size + block)
    weights = np.maximum(0, 1 - np.abs(pixels - centres) / width)
    weights *= np.exp(-0.5 * ((pixels - middles) / (block / 2)) ** 2)
    weights[:, block] += weights[:, :block].sum(axis=1)  # a pixel beyond the edge has the gradient of the edge
    weights[:, -block - 1] += weights[:, -block:].sum(axis=1)
    return weights[:, block:-block].astype(np.float32)


def _orientation_energy(images: Array) -> npt.NDArray[np.float32]:
    """Gradient magnitudes shared between orientations, (n, orientation, height, width)."""
    dy, dx = np.gradient(images.astype(np.float32), axis=(1, 2))
    magnitude = np.hypot(dx, dy)
    position = np.arctan2(dy, dx) * np.float32(SIFT_ORIENTATIONS / (2 * np.pi))
    lower = np.floor(position)
    upper_share = magnitude * (position - lower)
    energy = np.zeros((len(images), SIFT_ORIENTATIONS, *images.shape[1:]), np.float32)
    n, rows, columns = np.ogrid[: len(images), : images.shape[1], : images.shape[2]]
    orientation = lower.astype(np.intp) % SIFT_ORIENTATIONS
    energy[n, orientation, rows, columns] = magnitude - upper_share
    energy[n, (orientation + 1) % SIFT_ORIENTATIONS, rows, columns] = upper_share
    return energy


def _cell_histograms(images: Array, cell: int, bins: int) -> npt.NDArray[np.float64]:
    """Gradient magnitudes in each cell and orientation, (n, cell row, cell column, bins), divided by the cell's area.

    A gradient is the difference of two neighbours, not halved, and zero at the edge; it counts in one bin.
    """
    n, size, _ = images.shape
    grid = size // cell
    dy, dx = np.zeros((2, *images.shape))
    dy[:, 1:-1], dx[:, :, 1:-1] = images[:, 2:] - images[:, :-2], images[:, :, 2:] - images[:, :, :-2]
    cells = np.arange(grid * cell) // cell
    place = np.arange(n)[:, None, None] * grid**2 + cells[:, None] * grid + cells
    dy, dx = dy[:, : cells.size, : cells.size], dx[:, : cells.size, : cells.size]
    # an angle just below zero is rounded to 180: that last bin is dropped, as in scikit-image
    bin_of = (np.rad2deg(np.arctan2(dy, dx)) % 180 / (180 / bins)).astype(np.intp)
    sums = np.bincount((place * (bins + 1) + bin_of).ravel(), np.hypot(dx, dy).ravel(), n * grid**2 * (bins + 1))
    shares: npt.NDArray[np.float64] = sums.reshape(n, grid, grid, bins + 1)[..., :bins] / cell**2
    return shares


def _shortened(blocks: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Blocks (n, row, column, cell row, cell column, bins) over their norms, to which a little is added."""
    squares = (blocks**2).sum(axis=(3, 4, 5), keepdims=True)
    return np.asarray(blocks / np.sqrt(squares + HOG_NOISE**2))


def _unit(descriptors: Array) -> npt.NDArray[np.float32]:
    norm = np.linalg.norm(descriptors, axis=-1, keepdims=True)
    unit = np.zeros(descriptors.shape, np.float32)
    np.divide(descriptors, norm, out=unit, where=norm > 0)
    return unit


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
