"""Grey pictures of aligned colour faces."""

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def grey(chips: npt.NDArray[np.uint8], *, size: int) -> npt.NDArray[np.float32]:
    """Luma of colour faces, 0.299 R + 0.587 G + 0.114 B, averaged over squares to `size` px.

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
