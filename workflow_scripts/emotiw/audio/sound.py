"""The waveform that features of sound are computed from: its form, and its check."""

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError

RATE_HZ = 16000

Floats = npt.NDArray[np.float32]


class TooShortError(FeatureError):
    """The waveform is shorter than one window of the feature."""


def check(waveform: Floats) -> None:
    """Raise FeatureError unless a waveform is float32 (n_samples,), finite, in [-1, 1]."""
    if waveform.dtype != np.float32 or waveform.ndim != 1:
        raise FeatureError(
            f"waveform is {waveform.dtype} {waveform.shape}; expected float32 (n_samples,); see media.waveform"
        )
    if not np.isfinite(waveform).all():
        raise FeatureError("waveform holds NaN or infinity; expected samples in [-1, 1]; see media.waveform")
    if np.abs(waveform).max(initial=0) > 1:
        raise FeatureError(
            f"waveform peaks at {np.abs(waveform).max():.3g}; expected samples in [-1, 1]; see media.waveform"
        )
