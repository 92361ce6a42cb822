"""Entries of artefacts with features of sound."""

from collections.abc import Callable

from emotiw.audio.sound import RATE_HZ, Floats, TooShortError
from emotiw.core.errors import FeatureError
from emotiw.core.status import Status
from emotiw.jobs.store import Arrays, Entry

WITHOUT_FEATURES = (Status.NO_AUDIO, Status.SHORT_AUDIO, Status.UNDECODABLE, Status.CRASHED)


def entry(audio: Entry, compute: Callable[[Floats], Arrays]) -> Entry:
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
