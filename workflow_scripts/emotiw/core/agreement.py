"""Agreement of two devices: the first output of a network on a GPU must equal that of the CPU up to rounding."""

from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError

AGREEMENT = 1e-4  # largest difference from the CPU's output that is accepted, as a share of the largest value


def check(name: str, output: npt.NDArray[Any], expected: npt.NDArray[Any], device: str) -> None:
    """Refuse a device whose output differs from the CPU's by more than `AGREEMENT` times the largest value.

    Parameters
    ----------
    name : str
        What was computed, for the error message.
    output, expected : ndarray
        What the device and the CPU compute for the same input.
    device : str
        Name of the device.

    Raises
    ------
    FeatureError
        If they differ by more, or have different shapes, or if a value is not finite.
    """
    if output.shape != expected.shape:
        raise FeatureError(
            f"{name} on {device}: has the shape {output.shape}, expected {expected.shape} as on the CPU;"
            " set accelerator to cpu"
        )
    if not output.size:
        return
    scale = max(float(np.abs(expected).max()), float(np.finfo(np.float32).tiny))
    difference = float(np.abs(output.astype(np.float64) - expected).max()) / scale
    if not difference <= AGREEMENT:
        raise FeatureError(
            f"{name} on {device}: differs from the CPU by {difference:.1e} of the largest value, expected at most "
            f"{AGREEMENT}; set accelerator to cpu"
        )
