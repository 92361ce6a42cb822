"""Open clips with PyAV: allowed formats, limits, streams, and the facts of the header.

FFmpeg gets an open file and never a name, so that neither a name nor a playlist can make it open another file.
"""

import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import av
import av.container
import av.filter
import numpy as np

from emotiw.core.errors import LengthError, MediaError
from emotiw.media import packets, tracks
from emotiw.media.clock import JUMP_S, Clock, is_broadcast
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
N_PROBED = 100_000  # packets, which are about 25 minutes of a film, or some seconds of reading

Limits = Mapping[str, Any]


def probe(path: Path) -> dict[str, Any]:
    """Facts of the header: format, duration_s, width, height, fps, rate_hz and channels; {} if it cannot be read.

    The facts of a missing stream are None.
    """
    try:
        with open_container(path, PROBE_LIMITS) as container:
            video: Any = track(path, container, "video", PROBE_LIMITS)
            sound: Any = track(path, container, "audio", PROBE_LIMITS)
            return {
                "format": container.format.name,
                "duration_s": _duration_s(path, container),
                "width": (video and video.width) or None,
                "height": (video and video.height) or None,
                "fps": video and frame_rate(video),
                "rate_hz": sound and sound.codec_context.sample_rate,
                "channels": sound and sound.codec_context.channels,
            }
    except MediaError:
        return {}


def _duration_s(path: Path, container: av.container.InputContainer) -> float | None:
    """Length in s that the header states; that of the packets if it states none, or if the clock jumps.

    A header with a jump of the clock states the time that was jumped over too. Program and transport streams have no
    header, and FFmpeg guesses. Files of more than `N_PROBED` packets are not read whole: the header is believed.
    """
    stated_s = None if container.duration is None else container.duration / av.time_base
    guessed = is_broadcast(container)
    if stated_s is not None and stated_s <= JUMP_S and not guessed:
        return stated_s  # too short for a jump
    clock, n_packets = None, 0
    with suppress(MediaError, av.FFmpegError), path.open("rb") as file, _open(path, file, PROBE_LIMITS) as again:
        chosen = both_tracks(path, again, PROBE_LIMITS)
        clock = Clock(chosen, is_broadcast(again))
        for packet in islice(packets.packets(chosen), N_PROBED + 1):
            clock.place(packet)
            n_packets += 1
    if clock is None or not 0 < n_packets <= N_PROBED:
        return stated_s
    if stated_s is None or guessed:
        return clock.last_s
    return min(stated_s, clock.last_s) if clock.n_jumps else stated_s


def decoding(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Limits and tracks of the sections `limits` and `media` of settings; the second may be absent."""
    return {**settings["limits"], **settings.get("media", {})}


@contextmanager
def open_container(path: Path, limits: Limits) -> Iterator[av.container.InputContainer]:
    """Container of a regular file, opened; an error of FFmpeg becomes a MediaError."""
    check_regular(path)
    with path.open("rb") as stream, _open(path, stream, limits) as container:
        if not container.streams.video and not container.streams.audio:
            raise defect(path, "no video or audio stream")
        try:
            if (container.duration or 0) / av.time_base > limits.get("max_duration_s", np.inf):
                _check_packets(path, limits)
            yield container
        except (av.FFmpegError, OSError) as error:
            raise defect(path, error.strerror) from error


def _check_packets(path: Path, limits: Limits) -> None:
    """Raise LengthError if the packets are as long as the header says; a jump of the clock makes the header wrong."""
    with path.open("rb") as file, _open(path, file, limits) as container:
        chosen = both_tracks(path, container, limits)
        clock = Clock(chosen, is_broadcast(container))
        for packet in packets.packets(chosen):
            clock.place(packet)
            if clock.end_s > limits["max_duration_s"]:
                check_length(path, (container.duration or 0) / av.time_base, limits["max_duration_s"])


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


def track(
    path: Path, container: av.container.InputContainer, kind: tracks.Kind, limits: Limits
) -> tracks.Stream | None:
    """Video or audio stream of a clip, as `tracks.chosen` chooses it; None if it has none."""
    return tracks.chosen(path, tracks.of_kind(container, kind), limits, partial(_decodes, path, limits))


def both_tracks(path: Path, container: av.container.InputContainer, limits: Limits) -> list[tracks.Stream]:
    """Video and audio stream of a clip, without what it has not or what cannot be chosen."""
    found = []
    for kind in tracks.KINDS:
        with suppress(MediaError):
            found.append(track(path, container, kind, limits))
    return [stream for stream in found if stream is not None]


def _decodes(path: Path, limits: Limits, stream: tracks.Stream) -> bool:
    """Whether the first packets of a stream yield a frame; the container of the stream is not touched."""
    try:
        with path.open("rb") as file, _open(path, file, limits) as container:
            return packets.begins(container.streams[stream.index])  # type: ignore[arg-type]
    except (av.FFmpegError, OSError, MediaError):
        return False


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


def filter_graph() -> av.filter.Graph:
    """Return an empty graph of FFmpeg's filters, which computes in the calling thread.

    Threads of its own would outlive a prediction until Python collects the graph, and a process with such threads must
    not be forked: where a fork collects the graph, it waits for threads that it does not have.
    """
    graph = av.filter.Graph()
    graph.threads = 1
    return graph
