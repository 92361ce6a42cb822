"""Functionals of a whole utterance by openSMILE, which the challenge's audio baseline is trained on."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from emotiw.audio import opensmile_features, sound_entries
from emotiw.audio.sound import Floats
from emotiw.jobs.store import Arrays, Entry


def utterance_functionals(waveform: Floats, *, feature_set: str) -> Floats:
    """Functionals (n_features,) of a whole waveform, float32 (n_samples,) in [-1, 1], mono, 16 kHz.

    `feature_set` is emobase (988 functionals) or ComParE_2016 (6373).

    Raises
    ------
    TooShortError, FeatureError
        As `opensmile_features.extract`.
    """
    values: Floats = opensmile_features.extract(_extractor(feature_set), waveform)[0]
    return values


def utterance_columns(*, feature_set: str) -> list[str]:
    """Names of the values of `utterance_functionals`."""
    return list(_extractor(feature_set).feature_names)


def utterance_entries(audio: Iterable[Entry], settings: Mapping[str, Any]) -> Iterator[Entry]:
    """Entries of kind `clip_features` from entries of kind `audio`."""

    def arrays(waveform: Floats) -> Arrays:
        return {"features": utterance_functionals(waveform, **settings)}

    return (sound_entries.entry(entry, arrays) for entry in audio)


def _extractor(feature_set: str) -> Any:
    return opensmile_features.extractor(feature_set, "Functionals")
