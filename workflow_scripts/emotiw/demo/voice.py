"""Synthesise the voices of the demo corpus: meaningless syllables from a glottal source and resonators.

Each emotion has a manner of speaking. The source is the derivative of the glottal flow of D. Klatt and L. Klatt, J.
Acoust. Soc. Am. 87, 1990 (KLGLOTT88); the filter is a cascade of five resonators. The manners follow the review of
K. Scherer, Speech Communication 40, 2003; their sizes are [ours].
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, lfilter, sosfilt

Floats = npt.NDArray[np.float64]

RATE_HZ = 16000
BLOCK = 160  # samples (10 ms) during which the vocal tract does not change
VOWELS_HZ = np.array(  # first three formants of an adult male's a, e, i, o, u, schwa
    [[730, 1090, 2440], [530, 1840, 2480], [270, 2290, 3010], [570, 840, 2410], [300, 870, 2240], [500, 1500, 2500]],
    float,
)
HIGHER_HZ = (3500.0, 4500.0)
BANDWIDTHS_HZ = np.array([70.0, 90.0, 130.0, 250.0, 300.0])
SYLLABLE_S = 0.20  # length of a syllable of a neutral voice
SILENCE_S = 0.12  # length of the silence before and after the speech


@dataclass(frozen=True)
class Speaker:
    """A subject's voice: mean pitch, formants relative to the table's, breathiness and brightness of the speaker."""

    pitch_hz: float
    formants: float
    breath: float
    tilt: float


@dataclass(frozen=True)
class Manner:
    """Difference between the voice of an emotion and a neutral voice; 0 is neutral in each field.

    Attributes
    ----------
    pitch, pitch_range, rate, formants : float
        Natural logarithm of the factor on the mean pitch, on its movement, on the syllables a second, on the formants.
    rise : float
        Slope of the pitch over the utterance, in octaves.
    dynamics : float
        Difference between strong and weak syllables, added to the neutral 4 dB, in units of 4 dB.
    tilt : float
        Steepness of the source's spectrum; below 0 brighter.
    breath : float
        Noise of the breath relative to the voice, added to the speaker's.
    jitter, shimmer : float
        Relative standard deviations of period and amplitude, added to the neutral 0.6 and 4 %, in units of 1 and 5 %.
    tremor : float
        Depth of a 6 Hz vibration of the pitch, in 5 per cent.
    attack : float
        Abruptness of the syllables.
    """

    pitch: float = 0.0
    pitch_range: float = 0.0
    rate: float = 0.0
    formants: float = 0.0
    rise: float = 0.0
    dynamics: float = 0.0
    tilt: float = 0.0
    breath: float = 0.0
    jitter: float = 0.0
    shimmer: float = 0.0
    tremor: float = 0.0
    attack: float = 0.0


NEUTRAL = Manner()
MANNERS: dict[str, Manner] = {
    "anger": Manner(0.24, 0.45, 0.22, 0.02, -0.15, 1.0, -1.2, -0.02, 0.7, 0.9, 0.0, 1.0),
    "disgust": Manner(-0.16, 0.10, -0.22, -0.03, -0.25, 0.4, 0.2, 0.02, 1.4, 1.4, 0.0, 0.3),
    "fear": Manner(0.42, -0.25, 0.35, 0.01, 0.05, 0.1, 0.1, 0.12, 0.9, 0.4, 1.2, -0.2),
    "happiness": Manner(0.36, 0.80, 0.08, 0.09, 0.05, 0.5, -0.4, 0.0, -0.1, -0.1, 0.0, 0.4),
    "neutral": NEUTRAL,
    "sadness": Manner(-0.12, -0.80, -0.35, -0.01, -0.20, -0.5, 1.0, 0.10, 0.2, 0.2, 0.1, -0.8),
    "surprise": Manner(0.38, 0.75, -0.08, 0.03, 0.65, 0.4, -0.2, 0.06, 0.0, 0.1, 0.0, 0.2),
}
# standard deviation of each value of a manner between utterances
VARIATION = Manner(0.07, 0.20, 0.09, 0.015, 0.10, 0.25, 0.25, 0.02, 0.25, 0.25, 0.15, 0.25)


@dataclass(frozen=True)
class Utterance:
    """Samples (n_samples,) of root mean square 1 while speaking, and the mouth's opening at each, 0 to 1."""

    samples: Floats
    opening: Floats


def blend(own: Manner, other: Manner, share: float, intensity: float) -> Manner:
    """`intensity` times the mixture (1 - share) own + share other."""
    a, b = intensity * (1 - share), intensity * share
    return Manner(**{f.name: a * getattr(own, f.name) + b * getattr(other, f.name) for f in fields(Manner)})


def varied(manner: Manner, rng: np.random.Generator, amount: float) -> Manner:
    """Add to the manner `amount` times the `VARIATION` between utterances, at random."""
    return Manner(
        **{
            f.name: getattr(manner, f.name) + amount * getattr(VARIATION, f.name) * rng.standard_normal()
            for f in fields(Manner)
        }
    )


def utterance(rng: np.random.Generator, speaker: Speaker, manner: Manner, *, duration_s: float) -> Utterance:
    """Speak syllables for `duration_s`, with a short silence before and after.

    Parameters
    ----------
    rng : numpy.random.Generator
    speaker : Speaker
    manner : Manner
    duration_s : float
        Length in s.
    """
    n = round(duration_s * RATE_HZ)
    onsets = _onsets(rng, manner, duration_s)
    level, opening = _loudness(rng, manner, onsets, n)
    source = _source(rng, speaker, manner, pitch=_pitch(rng, speaker, manner, onsets, n))
    voiced = _filter(source * level, _formants(rng, speaker, manner, onsets, n))
    samples = voiced + _consonants(rng, onsets, n) * np.sqrt(np.mean(voiced**2))
    speaking = opening > 0.05
    return Utterance(samples / np.sqrt(np.mean(samples[speaking] ** 2)), opening)


def with_noise(samples: Floats, rng: np.random.Generator, *, level_db: float, noise_db: float) -> Floats:
    """Set the level to `level_db` (dB re full scale), add a room's noise `noise_db` below, limit to full scale.

    Parameters
    ----------
    samples : ndarray, shape (n_samples,)
        Speech of root mean square 1.
    rng : numpy.random.Generator
    level_db : float
        Level of the speech in dB re full scale.
    noise_db : float
        Level of the noise in dB below the speech.
    """
    room = lfilter([1.0], [1.0, -0.9], rng.standard_normal(len(samples)))
    room *= 10 ** (-noise_db / 20) / np.sqrt(np.mean(room**2))
    return np.asarray(np.clip(10 ** (level_db / 20) * (samples + room), -0.999, 0.999))


def _onsets(rng: np.random.Generator, manner: Manner, duration_s: float) -> Floats:
    """Draw the times of the syllables' beginnings and of the last one's end, in s."""
    syllable = SYLLABLE_S * np.exp(-manner.rate)
    count = max(2, int(np.floor((duration_s - 2 * SILENCE_S) / syllable)))
    lengths = syllable * rng.uniform(0.8, 1.2, count)
    lengths *= min(1.0, (duration_s - 2 * SILENCE_S) / lengths.sum())
    start = SILENCE_S + rng.uniform(0, 1) * (duration_s - 2 * SILENCE_S - lengths.sum())
    return np.asarray(start + np.concatenate([[0.0], np.cumsum(lengths)]))


def _pitch(rng: np.random.Generator, speaker: Speaker, manner: Manner, onsets: Floats, n: int) -> Floats:
    """Pitch of each sample in Hz: accents of the syllables on a line that falls, or rises with the manner."""
    time = np.arange(n) / RATE_HZ
    accents = 0.14 * np.exp(manner.pitch_range) * rng.standard_normal(len(onsets))
    place = np.interp(time, onsets, np.arange(len(onsets)) / (len(onsets) - 1))
    octaves = np.interp(time, onsets, accents) + (manner.rise - 0.12) * (place**2 - 1 / 3)
    tremor = 0.05 * max(manner.tremor, 0) * np.sin(2 * np.pi * 6 * time + rng.uniform(0, 6))
    return np.asarray(np.clip(speaker.pitch_hz * np.exp(manner.pitch + tremor) * 2**octaves, 60, 600))


def _source(rng: np.random.Generator, speaker: Speaker, manner: Manner, *, pitch: Floats) -> Floats:
    """Make the derivative of the glottal flow, with jitter, shimmer, breath and spectral tilt."""
    period = np.cumsum(pitch / RATE_HZ).astype(int)
    jitter = 0.01 * max(0.1, 0.6 + manner.jitter)
    shimmer = 0.04 + 0.05 * max(-0.7, manner.shimmer)
    phase = np.cumsum(pitch / RATE_HZ * (1 + jitter * rng.standard_normal(period[-1] + 2)[period]))
    period = phase.astype(int)
    amplitude = np.clip(1 + shimmer * rng.standard_normal(period[-1] + 1), 0.2, 2)[period]
    tilt = speaker.tilt + manner.tilt
    open_quotient = np.clip(0.62 + 0.12 * tilt, 0.4, 0.85)
    x = np.minimum((phase - period) / open_quotient, 1)
    flow = amplitude * (2 * x - 3 * x**2)  # its integral x^2 - x^3 is the flow while the glottis is open
    breath = max(0.01, 0.04 + speaker.breath + manner.breath)
    noise = breath * rng.standard_normal(len(pitch)) * (0.4 + x * (1 - x) * 4)
    pole = np.clip(0.55 + 0.22 * tilt, 0.05, 0.93)
    return np.asarray(lfilter([1 - pole], [1, -pole], flow) + noise)


def _loudness(rng: np.random.Generator, manner: Manner, onsets: Floats, n: int) -> tuple[Floats, Floats]:
    """Amplitude of the voice and opening of the mouth for each sample."""
    time = np.arange(n) / RATE_HZ
    index = np.clip(np.searchsorted(onsets, time, side="right") - 1, 0, len(onsets) - 2)
    place = np.clip((time - onsets[index]) / np.diff(onsets)[index], 0, 1)
    speaking = (time >= onsets[0]) & (time < onsets[-1])
    sharp = np.exp(-0.7 * manner.attack)
    hill = np.sin(np.pi * place**0.8) ** (0.7 * sharp) * speaking
    weak = rng.uniform(0, 1, len(onsets) - 1)[index] * np.clip(4 + 4 * manner.dynamics, 0, 12)
    decline = 10 ** (-3 * (time - onsets[0]) / 20)
    return 10 ** (-weak / 20) * hill * decline, hill * 10 ** (-weak / 40)


def _formants(rng: np.random.Generator, speaker: Speaker, manner: Manner, onsets: Floats, n: int) -> Floats:
    """Formants (n_blocks, 5) in Hz, gliding from vowel to vowel."""
    vowels = VOWELS_HZ[rng.integers(0, len(VOWELS_HZ), len(onsets))] * rng.uniform(0.95, 1.05, (len(onsets), 3))
    centres = (np.arange(-(-n // BLOCK)) + 0.5) * BLOCK / RATE_HZ
    gliding = [np.interp(centres, onsets, vowels[:, k]) for k in range(3)]
    higher = [np.full(len(centres), hz) for hz in HIGHER_HZ]
    formants = np.stack(gliding + higher, -1) * speaker.formants * np.exp(manner.formants)
    return np.asarray(np.clip(formants, 150, 0.47 * RATE_HZ))


def _filter(source: Floats, formants: Floats) -> Floats:
    """Cascade of resonators y(t) = a x(t) + b y(t-1) + c y(t-2), of gain 1 at 0 Hz, moved every `BLOCK` samples."""
    radius = np.exp(-np.pi * BANDWIDTHS_HZ / RATE_HZ)
    b = 2 * radius * np.cos(2 * np.pi * formants / RATE_HZ)
    c = np.broadcast_to(-(radius**2), b.shape)
    zero, one = np.zeros_like(b), np.ones_like(b)
    sections = np.stack([1 - b - c, zero, zero, one, -b, -c], -1)
    state = np.zeros((5, 2))
    blocks = []
    for block, section in zip(np.split(source, range(BLOCK, len(source), BLOCK)), sections, strict=True):
        filtered, state = sosfilt(section, block, zi=state)
        blocks.append(filtered)
    return np.concatenate(blocks)


def _consonants(rng: np.random.Generator, onsets: Floats, n: int) -> Floats:
    """Hiss at the beginning of about half of the syllables."""
    time = np.arange(n) / RATE_HZ
    chosen = onsets[:-1][rng.uniform(size=len(onsets) - 1) < 0.5]
    shape = sum((np.exp(-(((time - onset) / 0.018) ** 2)) for onset in chosen), np.zeros(n))
    hiss = sosfilt(butter(2, rng.uniform(2500, 4500), "high", fs=RATE_HZ, output="sos"), rng.standard_normal(n))
    return np.asarray(0.35 * shape * hiss)
