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


def active(waveform: Floats, length: int, n: int, silence_db: float) -> npt.NDArray[np.bool_]:
    """Tell which of the first `n` consecutive frames of a waveform are not silent.

    Parameters
    ----------
    waveform : ndarray
        float32 (n_samples,), at least n * length samples.
    length : int
        Samples of a frame.
    n : int
        Number of frames.
    silence_db : float
        A frame is silent if its power is more than this many dB below that of the loudest frame. A waveform of zeros
        has no silent frame.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    power = np.square(waveform[: n * length].reshape(n, length), dtype=np.float64).mean(axis=1)
    return np.asarray(power >= power.max(initial=0.0) * 10 ** (-silence_db / 10))
