"""Decode the frames of a clip, upright and with their times, one at a time."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from emotiw.media.completeness import check_frames, defect
from emotiw.media.container import Limits, check_length, decoded, frame_rate, open_container, video_stream


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
        container = stack.enter_context(open_container(path, limits))
        stream = video_stream(path, container)
        if stream is None:
            return None
        _check_pixels(path, stream, limits)
        name, codec = container.format.name, stream.codec_context.name
        facts = VideoFacts(name, codec, stream.width, stream.height, frame_rate(stream), stream.frames)
        opened = stack.pop_all()
    return Frames(_read_frames(path, stream, facts, limits, opened), facts, opened.close)


def _check_pixels(path: Path, stream: av.VideoStream, limits: Limits) -> None:
    # FFmpeg reports 0 x 0 for a stream that it refused to decode because of max_pixels
    pixels, max_pixels = stream.width * stream.height, limits["max_pixels"]
    if not 0 < pixels <= max_pixels:
        description = f"{stream.width} x {stream.height} pixels" if pixels else "no frame size, or too large a one"
        raise defect(path, description, f"at most {max_pixels:.0f} pixels", "scale it down or raise limits.max_pixels")


def _read_frames(
    path: Path, stream: av.VideoStream, facts: VideoFacts, limits: Limits, opened: ExitStack
) -> Iterator[Frame]:
    stream.thread_type = "NONE"  # threads take longer for frames of this size
    stream.codec_context.options = {"max_pixels": str(int(limits["max_pixels"]))}
    first, ticks, end = None, [], 0
    with opened:
        for index, frame in enumerate(decoded(stream)):
            geometry = frame.width, frame.height, frame.rotation
            first = first or geometry
            _check_frame(path, index, geometry, first)
            if frame.pts is None:
                raise defect(path, f"frame {index} has no time", "timestamps", "convert the clip")
            ticks.append(frame.pts)
            end = max(end, frame.pts + frame.duration)
            check_length(path, float((frame.pts - ticks[0]) * frame.time_base), limits["max_duration_s"])
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
