"""Decode the frames of a clip, upright, with square pixels and on the clip's clock, one at a time."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from emotiw.media import dynamic_range, geometry
from emotiw.media.completeness import defect
from emotiw.media.container import Limits, check_length, frame_rate, open_container
from emotiw.media.picture_filters import Scaler, progressive
from emotiw.media.reading import Reading
from emotiw.media.stated_lengths import check_frames

Seen = tuple[int, int, int, bool]  # width, height, rotation, mirrored


@dataclass(frozen=True)
class Frame:
    """A decoded picture: time in s on the clip's clock, RGB pixels (height, width, 3), and position in the stream."""

    time_s: float
    image: npt.NDArray[np.uint8]
    index: int


@dataclass
class VideoFacts:
    """Facts of a video stream; the fields from `rotation` to `decoder_error` are final when all frames have been read.

    Attributes
    ----------
    width, height : int
        Size of the pictures as they are shown.
    fps, n_announced : float or None, int
        Average frame rate in Hz and number of frames in the header; None and 0 if it does not state them.
    rotation : int
        Angle in degrees, counterclockwise, by which the pictures were turned to be upright.
    mirrored : bool
        Whether the pictures were mirrored left to right after that.
    interlaced, hdr : bool
        Whether there were interlaced pictures, which were deinterlaced, and pictures of a high dynamic range, which
        were mapped to the standard one.
    n_frames : int
    variable_frame_rate : bool
        Whether the time between frames varies by more than two ticks of the stream's clock.
    end_s : float
        End of the last frame on the clip's clock in s.
    n_jumps, n_undecodable, decoder_error
        As in `soundtrack.AudioFacts`.
    track, n_tracks : int
        Number of the track that was taken, counted from 0, and number of tracks.
    """

    format: str
    codec: str
    width: int
    height: int
    fps: float | None
    n_announced: int
    rotation: int = 0
    mirrored: bool = False
    interlaced: bool = False
    hdr: bool = False
    n_frames: int = 0
    variable_frame_rate: bool = False
    end_s: float = 0.0
    n_jumps: int = 0
    n_undecodable: int = 0
    decoder_error: str = ""
    track: int = 0
    n_tracks: int = 1


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


def read(path: Path, limits: Limits) -> Frames | None:
    """RGB frames of a clip as they are to be shown, decoded one at a time; None if the clip has no video.

    Times count from the start of the earlier of sound and pictures.

    Parameters
    ----------
    path : Path
        The clip.
    limits : mapping
        `max_pixels`, `max_duration_s` and `min_decoded_fraction`, as in config.yaml; also `audio_track` and
        `video_track` if they are not to be chosen.

    Raises
    ------
    MediaError
        If the clip cannot be decoded, exceeds the limits, changes its frame size, or ends early.
    """
    with ExitStack() as stack:
        container = stack.enter_context(open_container(path, limits))
        reading = Reading.of(path, container, "video", limits)
        if reading is None:
            return None
        stream = reading.stream
        _check_pixels(path, stream, limits)
        name, codec = container.format.name, stream.codec_context.name
        size = geometry.square(stream.width, stream.height, stream)
        facts = VideoFacts(name, codec, *size, frame_rate(stream), stream.frames)
        facts.track, facts.n_tracks = reading.track, reading.n_tracks
        opened = stack.pop_all()
    return Frames(_read_frames(reading, facts, limits, opened), facts, opened.close)


def _check_pixels(path: Path, stream: av.VideoStream, limits: Limits) -> None:
    # FFmpeg reports 0 x 0 for a stream that it refused to decode because of max_pixels
    width, height = geometry.square(stream.width, stream.height, stream)
    pixels, max_pixels = stream.width and width * height, limits["max_pixels"]
    if not 0 < pixels <= max_pixels:
        description = f"{width} x {height} pixels" if pixels else "no frame size, or too large a one"
        raise defect(path, description, f"at most {max_pixels:.0f} pixels", "scale it down or raise limits.max_pixels")


def _read_frames(reading: Reading, facts: VideoFacts, limits: Limits, opened: ExitStack) -> Iterator[Frame]:
    path, stream = reading.path, reading.stream
    stream.thread_type = "NONE"  # threads take longer for frames of this size
    stream.codec_context.options = {"max_pixels": str(int(limits["max_pixels"]))}
    first, ticks, scaler = None, [], Scaler()
    with opened:
        for index, frame in enumerate(progressive(_noted(reading, facts), stream.time_base)):
            shown = geometry.display(frame)
            if shown.quarters is None:
                raise defect(path, f"rotated by {int(shown.rotation)} degrees", "a multiple of 90", "convert the clip")
            seen = frame.width, frame.height, 90 * shown.quarters, shown.mirrored
            first = first or seen
            _check_frame(path, index, seen, first)
            if frame.pts is None:
                raise defect(path, f"frame {index} has no time", "timestamps", "convert the clip")
            ticks.append(frame.pts)
            check_length(path, float((frame.pts - ticks[0]) * stream.time_base), limits["max_duration_s"])
            image = geometry.upright(scaler(frame, geometry.square(frame.width, frame.height, stream)), shown)
            facts.rotation, facts.mirrored, facts.height, facts.width = *seen[2:], *image.shape[:2]
            lasts = frame.duration or (ticks[-1] - ticks[-2] if len(ticks) > 1 else 0)
            facts.end_s = float((ticks[-1] + lasts) * stream.time_base)
            yield Frame(max(0.0, float(frame.pts * stream.time_base)), image, index)  # a header may state a later start
        facts.n_frames = len(ticks)
        facts.variable_frame_rate = len(ticks) > 2 and bool(np.ptp(np.diff(np.sort(ticks))) > 2)
        vars(facts).update(reading.facts)
        reading.check(limits["min_decoded_fraction"])
        check_frames(reading, len(ticks), facts.end_s, limits["min_decoded_fraction"])


def _noted(reading: Reading, facts: VideoFacts) -> Iterator[Any]:
    """Yield frames and note what they are; pixels that change their shape midway are refused as another size is."""
    first = None
    for index, frame in enumerate(reading.frames()):
        aspect = reading.stream.codec_context.sample_aspect_ratio
        first = first or aspect
        if aspect and aspect != first:
            found = f"frame {index} has pixels of {aspect.numerator}:{aspect.denominator}"
            expected = f"{first.numerator}:{first.denominator} as before"
            raise defect(reading.path, found, expected, "cut the clip there")
        facts.interlaced = facts.interlaced or frame.interlaced_frame
        facts.hdr = facts.hdr or dynamic_range.is_high(frame.color_trc)
        yield frame


def _check_frame(path: Path, index: int, seen: Seen, first: Seen) -> None:
    if seen != first:
        names, n = ("width, height, rotation", 3) if seen[:3] != first[:3] else ("width, height, rotation, mirrored", 4)
        raise defect(path, f"frame {index} has {names} {seen[:n]}", f"{first[:n]} as before", "cut the clip there")
