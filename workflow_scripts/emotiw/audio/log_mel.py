"""Log-mel spectrograms of sound; the defaults are those that Whisper was trained on (Radford et al. 2022, sec. 2.2).

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", arXiv:2212.04356, 2022. Whisper's details
are those of the program published with the paper: short-time Fourier transform, Slaney's mel scale, range of 80 dB.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.audio.sound import RATE_HZ
from emotiw.core.errors import FeatureError

WINDOW, HOP, N_MELS = 400, 160, 80  # samples, samples, filters
# Slaney's mel scale (Auditory Toolbox, 1998): linear to 1 kHz, above it logarithmic
LINEAR_HZ, BREAK_HZ, STEP = 200 / 3, 1000.0, np.log(6.4) / 27
HTK_MEL, HTK_HZ = 2595.0, 700.0  # the scale of HTK: 2595 log10(1 + f / 700)


@dataclass(frozen=True)
class Settings:
    """How a spectrogram is computed; the defaults are Whisper's.

    Attributes
    ----------
    n_fft, window, hop : int
        Samples of the Fourier transform, of the periodic Hann window in its middle, and between two windows.
    bands : int
        Mel filters.
    low_hz, high_hz : float
        Where the first filter begins and the last one ends.
    scale : str
        Mel scale: slaney or htk.
    norm : str
        slaney: each filter has the area 1; none: each has the height 1.
    power : int
        2: filters are applied to the squared magnitudes, 1: to the magnitudes.
    centred : bool
        True: a window is centred at each multiple of `hop`, and the ends of the sound are reflected beyond themselves.
        False: the first window begins with the sound, and the last one ends before it does.
    log : str
        log10 or ln.
    floor : float
        Smallest value of which the logarithm is taken.
    floored : str
        max: smaller values are raised to `floor`; sum: `floor` is added to all.
    range : float or None
        Values lower than the largest one of the sound by more than this are raised, in units of the logarithm.
    offset, divisor : float
        At last, (value + offset) / divisor.
    """

    n_fft: int = WINDOW
    window: int = WINDOW
    hop: int = HOP
    bands: int = N_MELS
    low_hz: float = 0.0
    high_hz: float = RATE_HZ / 2
    scale: str = "slaney"
    norm: str = "slaney"
    power: int = 2
    centred: bool = True
    log: str = "log10"
    floor: float = 1e-10
    floored: str = "max"
    range: float | None = 8.0  # 80 dB
    offset: float = 4.0
    divisor: float = 4.0

    @classmethod
    def of(cls, section: str | Mapping[str, Any]) -> "Settings":
        """Take the settings from a section of the configuration; the text `whisper` stands for the defaults."""
        return cls() if isinstance(section, str) else cls(**section)

    @property
    def shortest(self) -> int:
        """Smallest number of samples that has a spectrogram."""
        return self.n_fft // 2 + 1 if self.centred else self.n_fft

    def columns(self, n_samples: int) -> int:
        """Count the columns of the spectrogram of a sound of this length."""
        return n_samples // self.hop if self.centred else max(0, (n_samples - self.n_fft) // self.hop + 1)


WHISPER = Settings()


def log_mel(waveform: npt.NDArray[np.float32], settings: Settings = WHISPER) -> npt.NDArray[np.float32]:
    r"""Log-mel spectrogram of a waveform.

    With the magnitudes P of the windowed Fourier transform to the power of `power`, and mel filters M, for Whisper::

        L = log10(max(M P, 1e-10)),    S = (max(L, max(L) - 8) + 4) / 4

    Parameters
    ----------
    waveform : ndarray
        (n_samples,), in [-1, 1], mono, 16 kHz.
    settings : Settings
        By default those of Whisper.

    Returns
    -------
    ndarray, shape (bands, n_columns)
        float32, a column each `hop` samples: n_samples // hop columns if the windows are centred.

    Raises
    ------
    FeatureError
        If the waveform has another form, or is too short for one window.
    """
    if waveform.ndim != 1 or waveform.size < settings.shortest:
        raise FeatureError(
            f"waveform is of shape {waveform.shape}; expected (n_samples,), more than {settings.shortest - 1};"
            " leave the clip out"
        )
    padding = settings.n_fft // 2 if settings.centred else 0
    padded = np.pad(waveform.astype(np.float64), padding, mode="reflect") if padding else waveform.astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(padded, settings.n_fft)[:: settings.hop]
    spectrum = np.abs(np.fft.rfft(windows[: settings.columns(waveform.size)] * _hann(settings))) ** settings.power
    energies = mel_filters(settings) @ spectrum.T
    logarithm = np.log10 if settings.log == "log10" else np.log
    raised = energies + settings.floor if settings.floored == "sum" else np.maximum(energies, settings.floor)
    logarithms = logarithm(raised)
    if settings.range is not None:
        logarithms = np.maximum(logarithms, logarithms.max(initial=-np.inf) - settings.range)
    spectrogram: npt.NDArray[np.float32] = ((logarithms + settings.offset) / settings.divisor).astype(np.float32)
    return spectrogram


@cache
def mel_filters(settings: Settings = WHISPER) -> npt.NDArray[np.float64]:
    """Triangular filters, (bands, n_fft // 2 + 1), with equal distances on the mel scale."""
    low, high = (_mel(frequency, settings.scale) for frequency in (settings.low_hz, settings.high_hz))
    corners = _hz(np.linspace(low, high, settings.bands + 2), settings.scale)
    frequencies = np.linspace(0, RATE_HZ / 2, settings.n_fft // 2 + 1)
    slopes = (frequencies - corners[:, None]) / np.r_[np.diff(corners), 1][:, None]
    rising, falling = slopes[:-2], 1 - slopes[1:-1]
    triangles: npt.NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling))
    if settings.norm == "slaney":
        triangles *= (2 / (corners[2:] - corners[:-2]))[:, None]
    return triangles


def _hann(settings: Settings) -> npt.NDArray[np.float64]:
    """Periodic Hann window in the middle of (n_fft,) samples."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(settings.window) / settings.window)
    left = (settings.n_fft - settings.window) // 2
    placed: npt.NDArray[np.float64] = np.pad(window, (left, settings.n_fft - settings.window - left))
    return placed


def _mel(frequency_hz: float, scale: str) -> float:
    """Mel value of a frequency."""
    if scale == "htk":
        return HTK_MEL * float(np.log10(1 + frequency_hz / HTK_HZ))
    if frequency_hz < BREAK_HZ:
        return frequency_hz / LINEAR_HZ
    return BREAK_HZ / LINEAR_HZ + float(np.log(frequency_hz / BREAK_HZ)) / float(STEP)


def _hz(mels: npt.NDArray[np.float64], scale: str) -> npt.NDArray[np.float64]:
    """Frequencies of mel values."""
    if scale == "htk":
        htk: npt.NDArray[np.float64] = HTK_HZ * (10 ** (mels / HTK_MEL) - 1)
        return htk
    break_mel = BREAK_HZ / LINEAR_HZ
    above = BREAK_HZ * np.exp(STEP * (np.maximum(mels, break_mel) - break_mel))
    return np.where(mels < break_mel, LINEAR_HZ * mels, above)
