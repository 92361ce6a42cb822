"""openSMILE features of a waveform: eGeMAPS of consecutive frames, and functionals of the whole utterance.

Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for voice research and affective computing",
IEEE Transactions on Affective Computing 7(2), 2016.
"""

import atexit
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from string import Template
from typing import Any

import numpy as np
import numpy.typing as npt
import opensmile

from emotiw.core.errors import FeatureError
from emotiw.core.resources import RESOURCES
from emotiw.core.status import Status
from emotiw.jobs.store import Arrays, Entry

FRAME_TEMPLATE = RESOURCES / "egemaps_frames.conf.inc"
RATE_HZ = 16000
LOW_LEVEL_STEP_S = 0.01  # of openSMILE's low-level descriptors
DELTA_REACH = 2  # frames on each side that a delta uses; HTK's default
FUNCTIONALS, LOW_LEVEL = "functionals", "low_level"
MODES = {FUNCTIONALS: (FUNCTIONALS,), LOW_LEVEL: (LOW_LEVEL,), "both": (FUNCTIONALS, LOW_LEVEL)}
FULL_SCALE = 32767 / 32768  # openSMILE's wrapper turns 1.0 into -32768
WITHOUT_FEATURES = (Status.NO_AUDIO, Status.SHORT_AUDIO, Status.UNDECODABLE)
VOICED_FRACTION = "voiced_fraction"

Floats = npt.NDArray[np.float32]


class TooShortError(FeatureError):
    """The waveform is shorter than one window of the feature."""


def preload() -> None:
    """Create a first openSMILE object, which searches all installed packages (0.25 s), before a job needs one."""
    opensmile.Smile()


def frames(
    waveform: Floats, *, feature_set: str, mode: str, frame_length_s: float, deltas: bool
) -> tuple[npt.NDArray[np.float64], Floats]:
    """Start times (n_frames,) in s and features (n_frames, n_features) of consecutive frames (Ding et al., ICMI 2016).

    Parameters
    ----------
    waveform : ndarray
        float32 (n_samples,) in [-1, 1], mono, 16 kHz.
    feature_set : str
        eGeMAPSv01a, eGeMAPSv01b or eGeMAPSv02.
    mode : str
        "functionals": the set's 88 functionals of each frame. "low_level": its low-level descriptors averaged over
        each frame, and the voiced share of the frame. Formant amplitudes hold a code in unvoiced descriptors, so they
        are averaged over voiced ones only; a frame without any gets the clip's mean. "both": all of these.
    frame_length_s : float
        Length of a frame and distance between frames.
    deltas : bool
        Whether the slopes of all these features (`slopes`) are appended.

    Raises
    ------
    TooShortError
        If the waveform is too short for one frame with its context.
    FeatureError
        If the waveform does not have the stated form, or a feature is not finite.
    """
    parts = [_frames_of_level(waveform, feature_set, level, frame_length_s) for level in MODES[mode]]
    n_frames = min(map(len, parts))  # functionals need context at the end, descriptors do not
    values = np.hstack([part[:n_frames] for part in parts])
    values = np.hstack([values, slopes(values)]) if deltas else values
    return np.arange(n_frames, dtype=np.float64) * frame_length_s, values


def columns(*, feature_set: str, mode: str, frame_length_s: float, deltas: bool) -> list[str]:
    """Names of the columns of `frames`."""
    names = []
    for level in MODES[mode]:
        names += _smile(feature_set, level, frame_length_s).feature_names
        names += [VOICED_FRACTION] if level == LOW_LEVEL else []
    return [*names, *(f"{name}_delta" for name in names)] if deltas else names


def slopes(values: Floats) -> Floats:
    """Slope per frame of the regression line through each frame and its two neighbours on each side.

    The delta coefficients of The HTK Book (Young et al.), with x_t the features of frame t and K = 2::

        d_t = sum_(k=1..K) k (x_(t+k) - x_(t-k)) / (2 sum_(k=1..K) k^2)

    The first and the last frame are repeated beyond the ends.

    Parameters
    ----------
    values : ndarray, shape (n_frames, n_features)
        Of consecutive frames.

    Returns
    -------
    ndarray, shape (n_frames, n_features)
        float32.
    """
    n = len(values)
    padded = np.pad(values.astype(np.float64), ((DELTA_REACH, DELTA_REACH), (0, 0)), mode="edge")
    reach = range(1, DELTA_REACH + 1)
    differences = [k * (padded[DELTA_REACH + k :][:n] - padded[DELTA_REACH - k :][:n]) for k in reach]
    deltas: Floats = (np.sum(differences, axis=0) / (2 * sum(k * k for k in reach))).astype(np.float32)
    return deltas


def utterance_functionals(waveform: Floats, *, feature_set: str) -> Floats:
    """Functionals (n_features,) of a whole waveform, float32 (n_samples,) in [-1, 1], mono, 16 kHz.

    `feature_set` is emobase (988 functionals) or ComParE_2016 (6373).

    Raises
    ------
    TooShortError, FeatureError
        As `frames`.
    """
    values: Floats = _extract(waveform, feature_set, "utterance", 0)[0]
    return values


def utterance_columns(*, feature_set: str) -> list[str]:
    """Names of the values of `utterance_functionals`."""
    return list(_smile(feature_set, "utterance", 0).feature_names)


def frame_entries(audio: Iterable[Entry], settings: Mapping[str, Any]) -> Iterator[Entry]:
    """Entries of kind `frame_features` from entries of kind `audio`; `settings` are the arguments of `frames`."""

    def arrays(waveform: Floats) -> Arrays:
        times, features = frames(waveform, **settings)
        return {"features": features, "time": times}

    return (_entry(entry, arrays) for entry in audio)


def utterance_entries(audio: Iterable[Entry], settings: Mapping[str, Any]) -> Iterator[Entry]:
    """Entries of kind `clip_features` from entries of kind `audio`."""
    return (
        _entry(entry, lambda waveform: {"features": utterance_functionals(waveform, **settings)}) for entry in audio
    )


def _entry(audio: Entry, compute: Callable[[Floats], Arrays]) -> Entry:
    """Entry with the features of an audio entry, or without if its sound is unusable; status and facts are kept."""
    if audio.status in WITHOUT_FEATURES:
        return Entry(audio.name, status=audio.status, facts=audio.facts)
    if audio.facts["rate_hz"] != RATE_HZ:
        raise FeatureError(
            f"{audio.name}: sound at {audio.facts['rate_hz']} Hz; expected {RATE_HZ} Hz; set audio.rate_hz"
        )
    try:
        return Entry(audio.name, compute(audio.arrays["waveform"]), audio.status, audio.facts)
    except TooShortError:
        return Entry(audio.name, status=Status.SHORT_AUDIO, facts=audio.facts)
    except FeatureError as error:
        raise FeatureError(f"{audio.name}: {error}") from error


def _frames_of_level(waveform: Floats, feature_set: str, level: str, frame_length_s: float) -> Floats:
    values = _extract(waveform, feature_set, level, frame_length_s)
    if level == FUNCTIONALS:
        return values
    names = _smile(feature_set, level, frame_length_s).feature_names
    return _frame_means(values, names, _steps(frame_length_s))


def _extract(waveform: Floats, feature_set: str, level: str, frame_length_s: float) -> Floats:
    _check(waveform)
    too_short = f"{feature_set}: {waveform.size / RATE_HZ} s of sound, too short for one value; leave the clip out"
    if not waveform.size:
        raise TooShortError(too_short)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Segment too short")  # a row of NaN says so below
        table = _smile(feature_set, level, frame_length_s).process_signal(
            np.clip(waveform, -FULL_SCALE, FULL_SCALE), RATE_HZ
        )
    values: Floats = table.to_numpy(np.float32)
    finite = np.isfinite(values).all(axis=0)
    if not finite.any():
        raise TooShortError(too_short)
    if not finite.all():
        names = ", ".join(table.columns[~finite])
        raise FeatureError(f"{feature_set}: {names} not finite; expected numbers; leave the clip out")
    return values


def _check(waveform: Floats) -> None:
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


def _frame_means(descriptors: Floats, names: list[str], steps: int) -> Floats:
    """Means over groups of `steps` rows (n, d) and their voiced share: (n / steps, d + 1); the last may be shorter."""
    starts = np.arange(0, len(descriptors), steps)
    voiced = descriptors[:, [name.startswith("F0semitone") for name in names]] > 0  # (n, 1)
    sizes = np.diff(starts, append=len(descriptors))[:, None]
    n_voiced = np.add.reduceat(voiced, starts, dtype=np.int64)
    means = np.add.reduceat(descriptors.astype(np.float64), starts) / sizes
    is_amplitude = np.array(["amplitude" in name for name in names])
    spoken = np.where(voiced, descriptors[:, is_amplitude], 0).astype(np.float64)
    default = spoken.sum(axis=0) / max(1, voiced.sum())
    means[:, is_amplitude] = np.where(n_voiced > 0, np.add.reduceat(spoken, starts) / np.maximum(1, n_voiced), default)
    features: Floats = np.hstack([means, n_voiced / sizes]).astype(np.float32)
    return features


def _steps(frame_length_s: float) -> int:
    steps = round(frame_length_s / LOW_LEVEL_STEP_S)
    if steps < 1 or not np.isclose(steps * LOW_LEVEL_STEP_S, frame_length_s):
        raise FeatureError(
            f"egemaps.frame_length_s is {frame_length_s}; expected a multiple of {LOW_LEVEL_STEP_S}; change it"
        )
    return steps


@cache
def _smile(feature_set: str, level: str, frame_length_s: float) -> opensmile.Smile:
    levels = opensmile.FeatureLevel
    feature_level = levels.LowLevelDescriptors if level == LOW_LEVEL else levels.Functionals
    options = {"frameModeFunctionalsConf": _frame_mode(frame_length_s)} if level == FUNCTIONALS else {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Feature set .* is deprecated", category=UserWarning)
        return opensmile.Smile(opensmile.FeatureSet[feature_set], feature_level, options=options)


def _frame_mode(frame_length_s: float) -> str:
    """Write an openSMILE include for frames of this length; it is read for every waveform, so it stays until exit."""
    descriptor, path = tempfile.mkstemp(suffix=".conf.inc")
    atexit.register(os.unlink, path)
    text = Template(FRAME_TEMPLATE.read_text(encoding="utf-8")).substitute(frame_length_s=frame_length_s)
    os.write(descriptor, text.encode())
    os.close(descriptor)
    return path
