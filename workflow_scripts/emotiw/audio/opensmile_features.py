"""Functions that all openSMILE features share: extractors and their use."""

import warnings
from functools import cache

import numpy as np
import opensmile

from emotiw.audio import sound
from emotiw.audio.sound import RATE_HZ, Floats, TooShortError
from emotiw.core.errors import FeatureError

FULL_SCALE = 32767 / 32768  # openSMILE's wrapper turns 1.0 into -32768


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
    sound.check(waveform)
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
