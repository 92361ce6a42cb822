"""Choose the track of a clip: the one that is named, else the default one, else the longest that decodes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import av
import av.container
from av.stream import Disposition

from emotiw.media.completeness import defect

Kind = Literal["video", "audio"]
Stream = av.VideoStream | av.AudioStream

KINDS: tuple[Kind, Kind] = ("video", "audio")
KEYS = {"video": "video_track", "audio": "audio_track"}  # settings that name a track, counted from 0


def chosen(
    path: Path, streams: Sequence[Stream], wanted: Mapping[str, Any], decodes: Callable[[Stream], bool]
) -> Stream | None:
    """One of the streams of a kind; None if there is none.

    Parameters
    ----------
    path : Path
        File, for error messages.
    streams : sequence
        Streams of one kind, in the order of the file.
    wanted : mapping
        May hold `audio_track` and `video_track`.
    decodes : callable
        Whether the beginning of a stream decodes.

    Raises
    ------
    MediaError
        If the named track does not exist, or no decoder is known for the chosen one.
    """
    if not streams:
        return None
    kind = streams[0].type
    number = wanted.get(KEYS[kind])
    if number is not None and not number < len(streams):
        remedy = f"correct media.{KEYS[kind]} (tracks count from 0)"
        raise defect(path, f"{len(streams)} {kind} tracks", f"a track {number}", remedy)
    stream = _best(streams, decodes) if number is None else streams[number]
    if stream.codec_context is None:
        raise defect(path, f"no decoder for its {kind}")
    return stream


def of_kind(container: av.container.InputContainer, kind: Kind) -> list[Stream]:
    """Streams of a kind in the order of the file, without cover pictures."""
    streams = container.streams.video if kind == "video" else container.streams.audio
    return [stream for stream in streams if not stream.disposition & Disposition.attached_pic]


def _best(streams: Sequence[Stream], decodes: Callable[[Stream], bool]) -> Stream:
    if len(streams) == 1:
        return streams[0]
    ranked = sorted(streams, key=lambda stream: (not stream.disposition & Disposition.default, -length_s(stream)))
    defaults = [stream for stream in streams if stream.disposition & Disposition.default][:1]
    usable = (stream for stream in [*defaults, *ranked] if stream.codec_context and decodes(stream))
    return next(usable, ranked[0])


def length_s(stream: Stream) -> float:
    """Length that the header states for a stream in s; 0 if it states none."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    stated = stream.metadata.get("DURATION", "").split(":")  # of Matroska: hours:minutes:seconds
    try:
        hours, minutes, seconds = map(float, stated)
    except ValueError:
        return 0.0
    return 3600 * hours + 60 * minutes + seconds
