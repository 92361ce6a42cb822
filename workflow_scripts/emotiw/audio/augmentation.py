"""Altered copies of sound, so that a classifier learns little of the voice, the room and the microphone [ours].

Each copy is altered in some of five ways, in this order; a coin is tossed for each.

* *speed*: played faster or slower, which changes the pitch and the length of the vocal tract too, as another speaker
  would (Ko et al., "Audio augmentation for speech recognition", Interspeech 2015).
* *equaliser*: a random gain at seven frequencies, as of another microphone.
* *room*: convolved with noise that decays exponentially (Moorer, "About this reverberation business", 1979), behind the
  direct sound.
* *band*: a band-pass of second order, up to that of a telephone.
* *noise*: noise whose spectrum falls with the frequency, white at the least and pink at the most.

A copy is determined by the sound itself, its number and the settings, not by the clip's name or a seed of the run.
"""

import hashlib
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

from emotiw.audio.sound import RATE_HZ, check
from emotiw.audio.sound import Floats as Waveform
from emotiw.core.seeds import derived_seed

Rng = np.random.Generator
Floats = npt.NDArray[np.float64]

# how often each alteration is made [ours]
SPEED, EQUALISER, ROOM, BAND, NOISE = 0.7, 0.7, 0.5, 0.3, 0.7
CENTRES_HZ = (0, 250, 500, 1000, 2000, 4000, 8000)  # of the equaliser's gains
KNEE_HZ = 50  # added to a frequency before its logarithm, so that 0 Hz has one
DIRECT_DB = (-3.0, 12.0)  # power of the direct sound relative to the reverberation
DELAY_S = (0.001, 0.01)  # of the reverberation behind the direct sound
LARGEST_FACTOR = 40  # denominator of the ratio that stands for a speed
PEAK = 0.9  # of full scale: the largest sample of a copy


def copy(waveform: Waveform, number: int, settings: Mapping[str, Any]) -> Waveform:
    """Altered copy of a waveform.

    Parameters
    ----------
    waveform : ndarray
        float32 (n_samples,) in [-1, 1], mono, 16 kHz.
    number : int
        Number of the copy; another number gives another copy.
    settings : mapping
        `speed`, `equaliser_db`, `reverberation_s`, `low_hz`, `high_hz` and `snr_db` of the section `augmentation`.

    Returns
    -------
    ndarray of float32
        Of another length if the speed was changed; its largest sample is 0.9, or 0 if the waveform is silent.

    Raises
    ------
    FeatureError
        If the waveform does not have the stated form.
    """
    check(waveform)
    rng = generator(waveform, number)
    made: Floats = waveform.astype(np.float64)
    tossed = rng.random(5) < (SPEED, EQUALISER, ROOM, BAND, NOISE)
    for wanted, alter in zip(tossed, (_speed, _equalised, _in_a_room, _filtered, _noisy), strict=True):
        if wanted and made.any():
            made = alter(made, rng, settings)
    loudest = np.abs(made).max(initial=0.0)
    return np.asarray(made / loudest * PEAK if loudest else made, np.float32)


def generator(waveform: Waveform, number: int) -> Rng:
    """Random numbers of a copy, which depend on the samples of the waveform and the number of the copy."""
    return np.random.default_rng(derived_seed("augmentation", hashlib.sha256(waveform.tobytes()).hexdigest(), number))


def _speed(waveform: Floats, rng: Rng, settings: Mapping[str, Any]) -> Floats:
    ratio = Fraction(rng.uniform(*settings["speed"])).limit_denominator(LARGEST_FACTOR)
    return np.asarray(resample_poly(waveform, ratio.denominator, ratio.numerator))


def _equalised(waveform: Floats, rng: Rng, settings: Mapping[str, Any]) -> Floats:
    gains = rng.uniform(-settings["equaliser_db"], settings["equaliser_db"], len(CENTRES_HZ))
    frequencies = np.fft.rfftfreq(waveform.size, 1 / RATE_HZ)
    gain = np.interp(np.log(frequencies + KNEE_HZ), np.log(np.array(CENTRES_HZ) + KNEE_HZ), gains)
    return np.asarray(np.fft.irfft(np.fft.rfft(waveform) * 10 ** (gain / 20), waveform.size))


def _in_a_room(waveform: Floats, rng: Rng, settings: Mapping[str, Any]) -> Floats:
    n = max(1, round(rng.uniform(*settings["reverberation_s"]) * RATE_HZ))
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)  # 60 dB in n samples
    delay = round(rng.uniform(*DELAY_S) * RATE_HZ)
    response = np.concatenate([np.zeros(delay), tail / np.sqrt((tail**2).sum())])
    response[0] = 10 ** (rng.uniform(*DIRECT_DB) / 20)
    return np.asarray(fftconvolve(waveform, response)[: waveform.size])


def _filtered(waveform: Floats, rng: Rng, settings: Mapping[str, Any]) -> Floats:
    edges = [rng.uniform(*settings["low_hz"]), rng.uniform(*settings["high_hz"])]
    return np.asarray(sosfilt(butter(2, edges, "band", fs=RATE_HZ, output="sos"), waveform))


def _noisy(waveform: Floats, rng: Rng, settings: Mapping[str, Any]) -> Floats:
    spectrum = np.fft.rfft(rng.standard_normal(waveform.size))
    falling = np.arange(1, spectrum.size + 1) ** -rng.uniform(0, 0.5)  # of the amplitude: power falls up to 1 / f
    noise = np.fft.irfft(spectrum * falling, waveform.size)
    power = (waveform**2).mean() * 10 ** (-rng.uniform(*settings["snr_db"]) / 10)
    return np.asarray(waveform + noise * np.sqrt(power / (noise**2).mean()))
