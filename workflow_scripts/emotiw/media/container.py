"""Open clips with PyAV: allowed formats, limits, streams, and the facts of the header.

FFmpeg gets an open file and never a name, so that neither a name nor a playlist can make it open another file.
"""

import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import av
import av.container
import numpy as np
from av.stream import Disposition

from emotiw.core.errors import LengthError, MediaError
from emotiw.media.completeness import check_bytes, defect

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

Limits = Mapping[str, float]
StreamT = TypeVar("StreamT", av.VideoStream, av.AudioStream)


def probe(path: Path) -> dict[str, Any]:
    """Facts of the header: format, duration_s, width, height, fps, rate_hz and channels; {} if it cannot be read.

    The facts of a missing stream are None.
    """
    try:
        with open_container(path, PROBE_LIMITS) as container:
            video, sound = video_stream(path, container), audio_stream(path, container)
            return {
                "format": container.format.name,
                "duration_s": None if container.duration is None else container.duration / av.time_base,
                "width": (video and video.width) or None,
                "height": (video and video.height) or None,
                "fps": video and frame_rate(video),
                "rate_hz": sound and sound.codec_context.sample_rate,
                "channels": sound and sound.codec_context.channels,
            }
    except MediaError:
        return {}


@contextmanager
def open_container(path: Path, limits: Limits) -> Iterator[av.container.InputContainer]:
    """Container of a regular file, opened; an error of FFmpeg becomes a MediaError."""
    check_regular(path)
    with path.open("rb") as stream, _open(path, stream, limits) as container:
        check_length(path, (container.duration or 0) / av.time_base, limits.get("max_duration_s", np.inf))
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


def check_regular(path: Path) -> None:
    """Raise MediaError if `path` is not a regular file; opening a pipe would block."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise defect(path, error.strerror, "a file", "correct the manifest") from error
    if not stat.S_ISREG(mode):
        raise defect(path, "not a regular file", "a clip", "correct the manifest")


def video_stream(path: Path, container: av.container.InputContainer) -> av.VideoStream | None:
    """First video stream that is not a cover picture."""
    streams = (stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic)
    return _first(path, streams)


def audio_stream(path: Path, container: av.container.InputContainer) -> av.AudioStream | None:
    """First audio stream."""
    return _first(path, container.streams.audio)


def _first(path: Path, streams: Iterable[StreamT]) -> StreamT | None:
    stream = next(iter(streams), None)
    if stream is not None and stream.codec_context is None:
        raise defect(path, f"no decoder for its {stream.type}")
    return stream


def frame_rate(stream: av.VideoStream) -> float | None:
    """Average frame rate in Hz, or None if the header does not state it."""
    rate = stream.average_rate or stream.guessed_rate
    return None if rate is None else float(rate)


def check_length(path: Path, duration_s: float, max_duration_s: float) -> None:
    """Raise LengthError if a clip is longer than `max_duration_s`."""
    if duration_s > max_duration_s:
        raise LengthError(
            f"{path}: lasts {duration_s:.1f} s; expected at most {max_duration_s} s;"
            " cut it or raise limits.max_duration_s"
        )


def decoded(stream: av.VideoStream | av.AudioStream) -> Iterator[Any]:
    """Yield the decoded frames of a stream."""
    try:
        yield from stream.container.decode(stream)  # type: ignore[attr-defined]
    except IndexError:  # raised by PyAV 18 after the last frame of this stream if another one begins later
        return
