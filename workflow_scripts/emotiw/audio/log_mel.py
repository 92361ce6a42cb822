"""Log-mel spectrogram of sound, as Whisper was trained on (Radford et al. 2022, sec. 2.2).

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", arXiv:2212.04356, 2022. The details are
those of the program published with the paper: short-time Fourier transform, Slaney's mel scale, range of 80 dB.
"""

import numpy as np
import numpy.typing as npt

from emotiw.audio.sound import RATE_HZ
from emotiw.core.errors import FeatureError

WINDOW, HOP, N_MELS = 400, 160, 80  # samples, samples, filters
SMALLEST = 1e-10  # power below which the logarithm is cut off
RANGE = 8.0  # of log10 of the power: 80 dB
# Slaney's mel scale (Auditory Toolbox, 1998): linear to 1 kHz, above it logarithmic
LINEAR_HZ, BREAK_HZ, STEP = 200 / 3, 1000.0, np.log(6.4) / 27


def log_mel(waveform: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    r"""Log-mel spectrogram of a waveform.

    With the power P of the windowed Fourier transform, centred every 160 samples, and mel filters M::

        L = log10(max(M P, 1e-10)),    S = (max(L, max(L) - 8) + 4) / 4

    Parameters
    ----------
    waveform : ndarray
        (n_samples,), in [-1, 1], mono, 16 kHz; more than 200 samples. The ends are reflected beyond themselves.

    Returns
    -------
    ndarray, shape (80, n_samples // 160)
        float32, a column each 10 ms.

    Raises
    ------
    FeatureError
        If the waveform has another form, or 200 samples or fewer.
    """
    if waveform.ndim != 1 or waveform.size <= WINDOW // 2:
        raise FeatureError(
            f"waveform is of shape {waveform.shape}; expected (n_samples,), more than {WINDOW // 2}; leave the clip out"
        )
    padded = np.pad(waveform.astype(np.float64), WINDOW // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][: waveform.size // HOP]
    power = np.abs(np.fft.rfft(windows * _hann())) ** 2
    logarithms = np.log10(np.maximum(mel_filters() @ power.T, SMALLEST))
    raised = np.maximum(logarithms, logarithms.max(initial=-np.inf) - RANGE)
    spectrogram: npt.NDArray[np.float32] = ((raised + 4) / 4).astype(np.float32)
    return spectrogram


def mel_filters() -> npt.NDArray[np.float64]:
    """Triangular filters, (80, 201), from 0 to 8 kHz with equal distances on the mel scale, each of area 1."""
    corners = _hz(np.linspace(0, _mel(RATE_HZ / 2), N_MELS + 2))
    frequencies = np.linspace(0, RATE_HZ / 2, WINDOW // 2 + 1)
    slopes = (frequencies - corners[:, None]) / np.r_[np.diff(corners), 1][:, None]
    rising, falling = slopes[:-2], 1 - slopes[1:-1]
    triangles: npt.NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling))
    return triangles * (2 / (corners[2:] - corners[:-2]))[:, None]


def _hann() -> npt.NDArray[np.float64]:
    """Periodic Hann window, (400,)."""
    window: npt.NDArray[np.float64] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    return window


def _mel(frequency_hz: float) -> float:
    """Slaney's mel value of a frequency of 1 kHz or more."""
    return BREAK_HZ / LINEAR_HZ + float(np.log(frequency_hz / BREAK_HZ)) / float(STEP)


def _hz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Frequencies of Slaney's mel values."""
    break_mel = BREAK_HZ / LINEAR_HZ
    above = BREAK_HZ * np.exp(STEP * (np.maximum(mels, break_mel) - break_mel))
    return np.where(mels < break_mel, LINEAR_HZ * mels, above)
