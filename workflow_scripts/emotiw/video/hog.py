"""Histograms of oriented gradients of aligned grey faces."""

from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError
from emotiw.video.grey import grey

Array = npt.NDArray[np.floating[Any]]
HOG_CLIP, HOG_NOISE = 0.2, 1e-5  # largest value of a block, and epsilon of the normalisation


def hog(images: Array, *, block: int, step: int, cell: int, bins: int) -> npt.NDArray[np.float32]:
    r"""Histograms of oriented gradients (Dalal and Triggs 2005), normalised by L2-Hys.

    .. math::
        v \leftarrow v / \sqrt{\|v\|^2 + \epsilon^2}, \quad v \leftarrow \min(v, 0.2), \quad
        v \leftarrow v / \sqrt{\|v\|^2 + \epsilon^2}

    v holds the histograms of a block's cells: the gradients' magnitudes summed by orientation.

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
        Blocks row by row; within a block, cells row by row.

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
    blocks = np.minimum(_normalised(blocks), HOG_CLIP)
    return _normalised(blocks).reshape(len(images), -1).astype(np.float32)


def face_hog(chips: npt.NDArray[np.uint8], *, size: int, **geometry: int) -> npt.NDArray[np.float32]:
    """`hog` of colour faces (n, height, width, 3), converted to grey at `size` px."""
    return hog(grey(chips, size=size), **geometry)


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


def _normalised(blocks: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Blocks v (n, row, column, cell row, cell column, bins) divided by sqrt(||v||^2 + epsilon^2)."""
    squares = (blocks**2).sum(axis=(3, 4, 5), keepdims=True)
    return np.asarray(blocks / np.sqrt(squares + HOG_NOISE**2))
