"""Dense SIFT of aligned grey faces."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.video.grey import grey

Array = npt.NDArray[np.floating[Any]]
SIFT_CELLS = 4  # along each side of a block
SIFT_ORIENTATIONS = 8
SIFT_CLIP = 0.2


def dense_sift(images: Array, *, block: int, step: int, margin: float = 0) -> npt.NDArray[np.float32]:
    """SIFT descriptors (Lowe 2004, sec. 6) of square blocks on a regular grid, as VLFeat defines them.

    A block has 4 x 4 cells of 8 orientations. A gradient of magnitude m is shared linearly between the two nearest
    orientations and bilinearly between the nearest cells, and weighted by a Gaussian of standard deviation block / 2
    around the block's centre; beyond the picture the gradients are those of its edge. As that weight is separable, all
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
        Blocks row by row; within a block, cells row by row; within a cell, orientations from 0 (brighter to the right).
    """
    W = _cell_weights(images.shape[1], block, step, margin)
    histograms: Array = W @ _orientation_energy(images) @ W.T  # (n, orientation, cell row, cell column)
    n, blocks = len(images), len(W) // SIFT_CELLS
    histograms = histograms.reshape(n, SIFT_ORIENTATIONS, blocks, SIFT_CELLS, blocks, SIFT_CELLS)
    descriptors = histograms.transpose(0, 2, 4, 3, 5, 1).reshape(n, blocks * blocks, -1)
    return _unit(np.minimum(_unit(descriptors), SIFT_CLIP)).reshape(n, -1)


def face_sift(chips: npt.NDArray[np.uint8], *, size: int, **geometry: int) -> npt.NDArray[np.float32]:
    """`dense_sift` of colour faces (n, height, width, 3), converted to grey at `size` px."""
    return dense_sift(grey(chips, size=size), **geometry)


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


def _unit(descriptors: Array) -> npt.NDArray[np.float32]:
    norm = np.linalg.norm(descriptors, axis=-1, keepdims=True)
    unit = np.zeros(descriptors.shape, np.float32)
    np.divide(descriptors, norm, out=unit, where=norm > 0)
    return unit
