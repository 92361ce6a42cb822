"""Checks of a loaded bundle: each feature is computed of a probe, and must have the values that its models take."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.audio.sound import RATE_HZ, TooShortError
from emotiw.core.errors import BundleError, EmotiwError
from emotiw.prediction.bundle import AGAIN, Bundle
from emotiw.prediction.describers import DescribeFaces, DescribeSound
from emotiw.prediction.recogniser import Recogniser

TONE_HZ, TONES_S = 220.0, (1.0, 12.0)  # pitch and lengths of the tones; a frame lasts at most 10 s


def check(
    bundle: Bundle, recogniser: Recogniser, faces: Mapping[str, DescribeFaces], sound: Mapping[str, DescribeSound]
) -> None:
    """Compute each feature of a black face or of a tone, and compare its number of values with that of its models.

    Parameters
    ----------
    bundle : Bundle
    recogniser : Recogniser
    faces, sound : mapping of str to callable
        Functions that compute the features (`describers`).

    Raises
    ------
    BundleError
        If a feature fails on the probe, or has another number of values.
    """
    size = bundle.section("faces")["chip_size"]
    black = np.zeros((1, size, size, 3), np.uint8)
    for name, describe in faces.items():
        _check(bundle, recogniser, ("video", name, "face"), partial(describe, black))
    for name, hear in sound.items():
        _check(bundle, recogniser, ("audio", name, "tone"), partial(_of_a_tone, hear))


def _check(
    bundle: Bundle, recogniser: Recogniser, names: tuple[str, str, str], compute: Callable[[], npt.NDArray[Any]]
) -> None:
    modality, feature, probe = names
    try:
        n = compute().shape[1]
    except (EmotiwError, MemoryError, RuntimeError, ValueError) as error:  # the bundle's settings may be wrong
        raise BundleError(f"{bundle.folder}: {feature} fails on a {probe} ({error}); {AGAIN}") from error
    for member in recogniser.members:
        models = member.models(modality)
        if models and (expected := models[feature].n_values) != n:
            raise BundleError(
                f"{bundle.folder}: {feature} has {n} values, its model of {member.name} takes {expected}; {AGAIN}"
            )


def _of_a_tone(describe: DescribeSound) -> npt.NDArray[Any]:
    """Features of the shorter tone, or of the longer one if a frame lasts longer than the shorter."""
    *shorter, longest = (_tone(seconds) for seconds in TONES_S)
    for tone in shorter:
        try:
            return describe(tone)["features"]
        except TooShortError:
            continue
    return describe(longest)["features"]


def _tone(seconds: float) -> npt.NDArray[np.float32]:
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (0.5 * np.sin(2 * np.pi * TONE_HZ * time_s)).astype(np.float32)
