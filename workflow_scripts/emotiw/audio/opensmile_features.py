"""Functions that all openSMILE features share: extractors, the check of the waveform, and entries of artefacts."""

import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import opensmile

from emotiw.core.errors import FeatureError
from emotiw.core.status import Status
from emotiw.jobs.store import Arrays, Entry

RATE_HZ = 16000
FULL_SCALE = 32767 / 32768  # openSMILE's wrapper turns 1.0 into -32768
WITHOUT_FEATURES = (Status.NO_AUDIO, Status.SHORT_AUDIO, Status.UNDECODABLE)

Floats = npt.NDArray[np.float32]


class TooShortError(FeatureError):
    """The waveform is shorter than one window of the feature."""


def preload() -> None:
    """Create a first openSMILE object, which searches all installed packages (0.25 s), before a job needs one."""
    opensmile.Smile()


@cache
def extractor(feature_set: str, level: str, options: tuple[tuple[str, str], ...] = ()) -> opensmile.Smile:
    """Feature extractor of openSMILE for a feature set; it is created once per process.

    Parameters
    ----------
    feature_set : str
        Name in `opensmile.FeatureSet`.
    level : str
        Name in `opensmile.FeatureLevel`: `Functionals` or `LowLevelDescriptors`.
    options : tuple of (str, str)
        Options of openSMILE's configuration.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Feature set .* is deprecated", category=UserWarning)
        return opensmile.Smile(opensmile.FeatureSet[feature_set], opensmile.FeatureLevel[level], options=dict(options))


def extract(smile: opensmile.Smile, waveform: Floats) -> Floats:
    """Features (n_rows, n_features) of a waveform, float32 (n_samples,) in [-1, 1], mono, 16 kHz.

    Raises
    ------
    TooShortError
        If the waveform is too short for one row.
    FeatureError
        If the waveform does not have the stated form, or a feature is not finite.
    """
    _check(waveform)
    name = smile.feature_set.name
    too_short = f"{name}: {waveform.size / RATE_HZ} s of sound, too short for one value; leave the clip out"
    if not waveform.size:
        raise TooShortError(too_short)
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Segment too short"
        )  # such a waveform gives a row of NaN, which is checked below
        table = smile.process_signal(np.clip(waveform, -FULL_SCALE, FULL_SCALE), RATE_HZ)
    values: Floats = table.to_numpy(np.float32)
    finite = np.isfinite(values).all(axis=0)
    if not finite.any():
        raise TooShortError(too_short)
    if not finite.all():
        names = ", ".join(table.columns[~finite])
        raise FeatureError(f"{name}: {names} not finite; expected numbers; leave the clip out")
    return values


def entry(audio: Entry, compute: Callable[[Floats], Arrays]) -> Entry:
    """Entry with the features of an audio entry, without any if its sound is unusable; status and facts are kept."""
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
