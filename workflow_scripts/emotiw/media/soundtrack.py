"""Decode the sound of a clip: mono, resampled, block by block or as a whole waveform."""

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from emotiw.media.completeness import defect, unpadded
from emotiw.media.container import Limits, audio_stream, check_length, decoded, open_container

FULL_SCALE = 32767 / 32768  # 1.0 would wrap to -32768 in 16 bits

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class AudioFacts:
    """Facts of a waveform: source, peak before clipping (full scale = 1), number of clipped samples, length in s."""

    format: str
    codec: str
    source_rate_hz: int
    channels: int
    rate_hz: int
    peak: float
    n_clipped: int
    duration_s: float


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

    The channels are averaged. `about` holds the first five fields of `AudioFacts`.

    Parameters
    ----------
    path : Path
        The clip.
    rate_hz : int
        Sampling rate of the result in Hz.
    limits : mapping
        `max_duration_s`, `max_pixels` and `min_decoded_fraction`, as in config.yaml.

    Raises
    ------
    MediaError
        If the sound cannot be decoded, exceeds the limits, holds a sample that is not finite, or ends early.
    """
    with ExitStack() as stack:
        container = stack.enter_context(open_container(path, limits))
        stream = audio_stream(path, container)
        if stream is None:
            return None
        context = stream.codec_context
        source = container.format.name, context.name, context.sample_rate, context.channels
        about = dict(zip(("format", "codec", "source_rate_hz", "channels"), source, strict=True), rate_hz=rate_hz)
        opened = stack.pop_all()
    return Sound(_read_sound(path, stream, rate_hz, limits, opened), about, opened.close)


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


def _mono_blocks(path: Path, stream: av.AudioStream, rate_hz: int, max_duration_s: float) -> Iterator[Floats]:
    resampler = av.AudioResampler(format="fltp", rate=rate_hz)
    n_samples = 0
    for frame in _uniform_sound(path, stream):
        for block in filter(None, resampler.resample(frame)):  # flushing without resampling returns None
            samples = block.to_ndarray().mean(axis=0, dtype=np.float32)
            if not np.isfinite(samples).all():
                raise defect(path, "holds a sample that is not finite", "sound")
            n_samples += len(samples)
            check_length(path, n_samples / rate_hz, max_duration_s)
            yield samples


def _uniform_sound(path: Path, stream: av.AudioStream) -> Iterator[av.AudioFrame | None]:
    """Frames of the sound, then None to flush; MediaError if rate, channels or format change."""
    first = None
    for frame in decoded(stream):
        properties = frame.sample_rate, frame.layout.name, frame.format.name
        first = first or properties
        if properties != first:
            raise defect(path, f"sound changes to {properties}", f"{first} as at the start", "convert the clip")
        yield frame
    yield None


def _read_sound(
    path: Path, stream: av.AudioStream, rate_hz: int, limits: Limits, opened: ExitStack
) -> Iterator[Floats]:
    with opened:
        blocks = _mono_blocks(path, stream, rate_hz, limits["max_duration_s"])
        yield from unpadded(path, stream, blocks, rate_hz, limits["min_decoded_fraction"])
