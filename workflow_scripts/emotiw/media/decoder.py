"""Decode clips with PyAV: frames with their times, the waveform, and the facts of the header.

FFmpeg gets an open file and never a name, so that neither a name nor a playlist can make it open another file.
"""

import stat
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import av
import av.container
import numpy as np
import numpy.typing as npt
from av.stream import Disposition

from emotiw.core import files
from emotiw.core.errors import MediaError
from emotiw.core.status import Status
from emotiw.jobs.store import Entry
from emotiw.media.completeness import check_bytes, check_frames, defect, unpadded

FORMATS = (
    "mov",
    "mp4",
    "avi",
    "matroska",
    "webm",
    "flv",
    "asf",
    "mpeg",
    "mpegts",
    "mpegvideo",
    "wav",
    "flac",
    "ogg",
    "mp3",
    "aac",
)
WHITELISTS = {"protocol_whitelist": "pipe", "format_whitelist": ",".join(FORMATS)}
PROBE_LIMITS = {"max_pixels": float(1 << 24)}
FULL_SCALE = 32767 / 32768  # 1.0 would wrap to -32768 in 16 bits

Limits = Mapping[str, float]
Floats = npt.NDArray[np.float32]
StreamT = TypeVar("StreamT", av.VideoStream, av.AudioStream)


@dataclass(frozen=True)
class Frame:
    """A decoded picture: time in s from the container, RGB pixels (height, width, 3), and position in the stream."""

    time_s: float
    image: npt.NDArray[np.uint8]
    index: int


@dataclass
class VideoFacts:
    """Facts of a video stream; the fields from `rotation` on are final when all frames have been read.

    Attributes
    ----------
    fps, n_announced : float or None, int
        Average frame rate in Hz and number of frames in the header; None and 0 if it does not state them.
    rotation : int
        Angle in degrees, counterclockwise, by which the pictures were turned to be upright.
    variable_frame_rate : bool
        Whether the time between frames varies by more than two ticks of the stream's clock.
    """

    format: str
    codec: str
    width: int
    height: int
    fps: float | None
    n_announced: int
    rotation: int = 0
    n_frames: int = 0
    variable_frame_rate: bool = False


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


class Frames:
    """Iterator over the frames of a clip; `facts` is final when the iterator is exhausted."""

    def __init__(self, reader: Iterator[Frame], facts: VideoFacts, close: Callable[[], None]) -> None:
        self.facts = facts
        self._reader = reader
        self.close = weakref.finalize(self, close)

    def __iter__(self) -> "Frames":
        return self

    def __next__(self) -> Frame:
        return next(self._reader)


def frames(path: Path, limits: Limits) -> Frames | None:
    """Upright RGB frames of a clip, decoded one at a time; None if the clip has no video.

    Parameters
    ----------
    path : Path
        The clip.
    limits : mapping
        `max_pixels`, `max_duration_s` and `min_decoded_fraction`, as in config.yaml.

    Raises
    ------
    MediaError
        If the clip cannot be decoded, exceeds the limits, changes its frame size, or ends early.
    """
    with ExitStack() as stack:
        container = stack.enter_context(_opened(path, limits))
        stream = _video(path, container)
        if stream is None:
            return None
        _check_pixels(path, stream, limits)
        name, codec = container.format.name, stream.codec_context.name
        facts = VideoFacts(name, codec, stream.width, stream.height, _fps(stream), stream.frames)
        opened = stack.pop_all()
    return Frames(_read_frames(path, stream, facts, limits, opened), facts, opened.close)


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


def sound(path: Path, rate_hz: int, limits: Limits) -> Sound | None:
    """Mono sound of a clip, resampled to `rate_hz`, block by block; None if the clip has no sound.

    The channels are averaged. `about` holds the first five fields of `AudioFacts`.

    Raises
    ------
    MediaError
        If the sound cannot be decoded, exceeds the limits, holds a sample that is not finite, or ends early.
    """
    with ExitStack() as stack:
        container = stack.enter_context(_opened(path, limits))
        stream = _sound(path, container)
        if stream is None:
            return None
        context = stream.codec_context
        source = container.format.name, context.name, context.sample_rate, context.channels
        about = dict(zip(("format", "codec", "source_rate_hz", "channels"), source, strict=True), rate_hz=rate_hz)
        opened = stack.pop_all()
    return Sound(_read_sound(path, stream, rate_hz, limits, opened), about, opened.close)


def waveform(path: Path, rate_hz: int, limits: Limits) -> tuple[Floats, AudioFacts] | None:
    """Whole waveform (n_samples,) of a clip, limited by `limit_peaks`, and its facts; None if it has no sound."""
    blocks = sound(path, rate_hz, limits)
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


def probe(path: Path) -> dict[str, Any]:
    """Facts of the header: format, duration_s, width, height, fps, rate_hz and channels; {} if it cannot be read.

    The facts of a missing stream are None.
    """
    try:
        with _opened(path, PROBE_LIMITS) as container:
            video, sound = _video(path, container), _sound(path, container)
            return {
                "format": container.format.name,
                "duration_s": None if container.duration is None else container.duration / av.time_base,
                "width": (video and video.width) or None,
                "height": (video and video.height) or None,
                "fps": video and _fps(video),
                "rate_hz": sound and sound.codec_context.sample_rate,
                "channels": sound and sound.codec_context.channels,
            }
    except MediaError:
        return {}


def check_hash(path: Path, sha256: str, clip: str) -> None:
    """Raise MediaError if a clip's content differs from the manifest.

    Raises
    ------
    MediaError
        If `path` is no regular file or its SHA-256 is not `sha256`.
    """
    _check_regular(path)
    actual = files.sha256(path)
    if actual != sha256:
        actual = f"clip changed while running: {clip} has sha256 {actual}"
        raise defect(path, actual, sha256, "run the workflow again")


def guarded(clip: str, path: Path, on_defect: str, make: Callable[[], Entry]) -> Entry:
    """Entry that `make` returns, or an entry with status `undecodable` and the reason if `make` raises MediaError.

    With `on_defect` "fail" the error is raised.
    """
    try:
        return make()
    except MediaError as error:
        if on_defect == "fail":
            raise
        # without the path, because an artefact depends on the clip's content only
        return Entry(clip, status=Status.UNDECODABLE, facts={"reason": str(error).removeprefix(f"{path}: ")})


@contextmanager
def _opened(path: Path, limits: Limits) -> Iterator[av.container.InputContainer]:
    """Container of a regular file, opened; an error of FFmpeg becomes a MediaError."""
    _check_regular(path)
    with path.open("rb") as stream, _open(path, stream, limits) as container:
        _check_length(path, (container.duration or 0) / av.time_base, limits.get("max_duration_s", np.inf))
        if not container.streams.video and not container.streams.audio:
            raise defect(path, "no video or audio stream")
        try:
            yield container
        except (av.FFmpegError, OSError) as error:
            raise defect(path, error.strerror) from error


def _open(path: Path, stream: BinaryIO, limits: Limits) -> av.container.InputContainer:
    check_bytes(path, stream, limits.get("min_decoded_fraction", 0))
    pixels = {"max_pixels": str(int(limits["max_pixels"]))}  # opening may decode a frame
    try:
        return av.open(stream, mode="r", options=WHITELISTS | pixels, metadata_errors="replace")
    except av.ArgumentError as error:
        raise defect(path, "format not allowed", f"one of {', '.join(FORMATS)}", "convert the clip") from error
    except (av.FFmpegError, OSError) as error:
        raise defect(path, error.strerror) from error


def _check_regular(path: Path) -> None:
    """Raise MediaError if `path` is not a regular file; opening a pipe would block."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise defect(path, error.strerror, "a file", "correct the manifest") from error
    if not stat.S_ISREG(mode):
        raise defect(path, "not a regular file", "a clip", "correct the manifest")


def _video(path: Path, container: av.container.InputContainer) -> av.VideoStream | None:
    """First video stream that is not a cover picture."""
    streams = (stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic)
    return _first(path, streams)


def _sound(path: Path, container: av.container.InputContainer) -> av.AudioStream | None:
    return _first(path, container.streams.audio)


def _first(path: Path, streams: Iterable[StreamT]) -> StreamT | None:
    stream = next(iter(streams), None)
    if stream is not None and stream.codec_context is None:
        raise defect(path, f"no decoder for its {stream.type}")
    return stream


def _fps(stream: av.VideoStream) -> float | None:
    rate = stream.average_rate or stream.guessed_rate
    return None if rate is None else float(rate)


def _check_pixels(path: Path, stream: av.VideoStream, limits: Limits) -> None:
    # FFmpeg reports 0 x 0 for a stream that it refused to decode because of max_pixels
    pixels, max_pixels = stream.width * stream.height, limits["max_pixels"]
    if not 0 < pixels <= max_pixels:
        description = f"{stream.width} x {stream.height} pixels" if pixels else "no frame size, or too large a one"
        raise defect(path, description, f"at most {max_pixels:.0f} pixels", "scale it down or raise limits.max_pixels")


def _decoded(stream: av.VideoStream | av.AudioStream) -> Iterator[Any]:
    try:
        yield from stream.container.decode(stream)  # type: ignore[attr-defined]
    except IndexError:  # raised by PyAV 18 after the last frame of this stream if another one begins later
        return


def _read_frames(
    path: Path, stream: av.VideoStream, facts: VideoFacts, limits: Limits, opened: ExitStack
) -> Iterator[Frame]:
    stream.thread_type = "NONE"  # threads take longer for frames of this size
    stream.codec_context.options = {"max_pixels": str(int(limits["max_pixels"]))}
    first, ticks, end = None, [], 0
    with opened:
        for index, frame in enumerate(_decoded(stream)):
            geometry = frame.width, frame.height, frame.rotation
            first = first or geometry
            _check_frame(path, index, geometry, first)
            if frame.pts is None:
                raise defect(path, f"frame {index} has no time", "timestamps", "convert the clip")
            ticks.append(frame.pts)
            end = max(end, frame.pts + frame.duration)
            _check_length(path, float((frame.pts - ticks[0]) * frame.time_base), limits["max_duration_s"])
            image = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90))
            facts.rotation, facts.height, facts.width = frame.rotation, *image.shape[:2]
            yield Frame(float(frame.pts * frame.time_base), image, index)
        facts.n_frames = len(ticks)
        facts.variable_frame_rate = len(ticks) > 2 and bool(np.ptp(np.diff(np.sort(ticks))) > 2)
        check_frames(path, stream, len(ticks), end - (stream.start_time or 0), limits["min_decoded_fraction"])


def _check_frame(path: Path, index: int, geometry: tuple[int, int, int], first: tuple[int, int, int]) -> None:
    if geometry != first:
        raise defect(
            path, f"frame {index} has width, height, rotation {geometry}", f"{first} as before", "cut the clip there"
        )
    if geometry[2] % 90:
        raise defect(path, f"rotated by {geometry[2]} degrees", "a multiple of 90", "convert the clip")


def _check_length(path: Path, duration_s: float, max_duration_s: float) -> None:
    if duration_s > max_duration_s:
        raise defect(
            path, f"lasts {duration_s:.1f} s", f"at most {max_duration_s} s", "cut it or raise limits.max_duration_s"
        )


def _mono_blocks(path: Path, stream: av.AudioStream, rate_hz: int, max_duration_s: float) -> Iterator[Floats]:
    resampler = av.AudioResampler(format="fltp", rate=rate_hz)
    n_samples = 0
    for frame in _uniform_sound(path, stream):
        for block in filter(None, resampler.resample(frame)):  # flushing without resampling returns None
            samples = block.to_ndarray().mean(axis=0, dtype=np.float32)
            if not np.isfinite(samples).all():
                raise defect(path, "holds a sample that is not finite", "sound")
            n_samples += len(samples)
            _check_length(path, n_samples / rate_hz, max_duration_s)
            yield samples


def _uniform_sound(path: Path, stream: av.AudioStream) -> Iterator[av.AudioFrame | None]:
    """Frames of the sound, then None to flush; MediaError if rate, channels or format change."""
    first = None
    for frame in _decoded(stream):
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
