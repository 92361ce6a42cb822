"""Decode the sound of a clip: mono, resampled, on the clip's clock, block by block or as a whole waveform."""

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt

from emotiw.media.completeness import defect
from emotiw.media.container import Limits, check_length, open_container
from emotiw.media.mixing import Mixer
from emotiw.media.reading import Reading
from emotiw.media.resampling import Resampler
from emotiw.media.stated_lengths import unpadded

FULL_SCALE = 32767 / 32768  # 1.0 would wrap to -32768 in 16 bits

Floats = npt.NDArray[np.float32]
Kind = tuple[int, str, str]  # rate in Hz, layout, sample format


@dataclass(frozen=True)
class AudioFacts:
    """Facts of a waveform.

    Attributes
    ----------
    format, codec, source_rate_hz, channels, rate_hz : str or int
        The source, and the rate of the waveform in Hz.
    peak, n_clipped, duration_s : float, int, float
        Peak before clipping (full scale = 1), number of clipped samples, and length in s.
    track, n_tracks : int
        Number of the track that was taken, counted from 0, and number of tracks.
    mix : str
        How the channels became one.
    cancelled_s : float
        Time in which the channels cancel each other in the mix, so that the louder one was taken, in s.
    n_jumps : int
        Jumps and stray stamps of the clip's clock that were corrected.
    n_undecodable, decoder_error : int, str
        Number of packets that could not be decoded, and what FFmpeg said of the first one.
    """

    format: str
    codec: str
    source_rate_hz: int
    channels: int
    rate_hz: int
    peak: float
    n_clipped: int
    duration_s: float
    track: int = 0
    n_tracks: int = 1
    mix: str = ""
    cancelled_s: float = 0.0
    n_jumps: int = 0
    n_undecodable: int = 0
    decoder_error: str = ""


class Sound:
    """Iterator over blocks (n_samples,) of a clip's mono sound; `close` ends it early. `about` holds source facts."""

    def __init__(self, reader: Iterator[Floats], about: dict[str, Any], close: Callable[[], None]) -> None:
        self.about = about
        self._reader = reader
        self.close = weakref.finalize(self, close)

    def __iter__(self) -> "Sound":
        return self

    def __next__(self) -> Floats:
        return next(self._reader)


def read(path: Path, rate_hz: int, limits: Limits) -> Sound | None:
    """Mono sound of a clip, resampled to `rate_hz`, block by block; None if the clip has no sound.

    The first sample is that of the time at which the earlier of sound and pictures begins; gaps are silence.
    `mixing` and `resampling` say how channels become one. `about` holds the fields of `AudioFacts` without the three
    that `limit_peaks` adds; those from `mix` on are final when the iterator is exhausted.

    Parameters
    ----------
    path : Path
        The clip.
    rate_hz : int
        Sampling rate of the result in Hz.
    limits : mapping
        `max_duration_s`, `max_pixels` and `min_decoded_fraction`, as in config.yaml; also `audio_track` and
        `video_track` if they are not to be chosen.

    Raises
    ------
    MediaError
        If the sound cannot be decoded, exceeds the limits, changes its rate, holds a sample that is not finite, or ends
        early.
    """
    with ExitStack() as stack:
        container = stack.enter_context(open_container(path, limits))
        reading = Reading.of(path, container, "audio", limits)
        if reading is None:
            return None
        context = reading.stream.codec_context
        source = container.format.name, context.name, context.sample_rate, context.channels
        about = dict(zip(("format", "codec", "source_rate_hz", "channels"), source, strict=True), rate_hz=rate_hz)
        opened = stack.pop_all()
    about |= {"track": reading.track, "n_tracks": reading.n_tracks}
    return Sound(_read_sound(reading, about, limits, opened), about, opened.close)


def waveform(path: Path, rate_hz: int, limits: Limits) -> tuple[Floats, AudioFacts] | None:
    """Whole waveform (n_samples,) of a clip, limited by `limit_peaks`, and its facts; None if it has no sound."""
    blocks = read(path, rate_hz, limits)
    return None if blocks is None else limit_peaks(np.concatenate([np.empty(0, np.float32), *blocks]), blocks.about)


def limit_peaks(samples: Floats, source: Mapping[str, Any]) -> tuple[Floats, AudioFacts]:
    """Clip samples (n_samples,) to +-32767/32768, and measure them; `source` is the `about` of a `Sound`."""
    facts = AudioFacts(
        **source,
        peak=float(np.abs(samples).max(initial=0)),
        n_clipped=int(np.count_nonzero(np.abs(samples) > FULL_SCALE)),
        duration_s=len(samples) / source["rate_hz"],
    )
    return np.clip(samples, -FULL_SCALE, FULL_SCALE, dtype=np.float32), facts


def _read_sound(reading: Reading, about: dict[str, Any], limits: Limits, opened: ExitStack) -> Iterator[Floats]:
    with opened:
        blocks = _mono_blocks(reading, about, limits)
        yield from unpadded(reading, blocks, about["rate_hz"], limits["min_decoded_fraction"])


def _mono_blocks(reading: Reading, about: dict[str, Any], limits: Limits) -> Iterator[Floats]:
    rate_hz, n_samples = about["rate_hz"], 0
    mixer = Mixer(rate_hz)
    for samples in mixer.mixed(_channels(reading, about)):
        if not np.isfinite(samples).all():
            raise defect(reading.path, "holds a sample that is not finite", "sound")
        n_samples += len(samples)
        check_length(reading.path, n_samples / rate_hz, limits["max_duration_s"])
        about |= reading.facts | {"cancelled_s": mixer.n_cancelled / rate_hz}
        yield samples
    about |= reading.facts
    reading.check(limits["min_decoded_fraction"])


def _channels(reading: Reading, about: dict[str, Any]) -> Iterator[Floats]:
    """Yield blocks (n, n_samples) of the channels."""
    kind: Kind | None = None
    resampler, end_s, n_samples = None, 0.0, 0
    for frame in reading.frames():
        blocks: list[Floats] = []
        if kind != (frame.sample_rate, frame.layout.name, frame.format.name):
            blocks += _flushed(resampler)
            _check_rate(reading.path, kind, frame)
            kind = frame.sample_rate, frame.layout.name, frame.format.name
            resampler = Resampler(frame, about["rate_hz"], n_samples + sum(block.shape[1] for block in blocks))
            about["mix"] = resampler.mix
        start_s = end_s if frame.pts is None else float(frame.pts * reading.stream.time_base)
        end_s = start_s + frame.samples / frame.sample_rate
        for block in chain(blocks, cast(Resampler, resampler).push(frame, start_s)):
            n_samples += block.shape[1]
            yield block
    yield from _flushed(resampler)


def _flushed(resampler: Resampler | None) -> Iterator[Floats]:
    return iter(()) if resampler is None else resampler.push(None)


def _check_rate(path: Path, before: Kind | None, frame: av.AudioFrame) -> None:
    if before and before[0] != frame.sample_rate:
        found = f"sound changes to {(frame.sample_rate, frame.layout.name, frame.format.name)}"
        raise defect(path, found, f"{before} as at the start", "convert the clip")
