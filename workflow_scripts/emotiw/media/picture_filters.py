"""Filters of FFmpeg for pictures: conversion to RGB with square pixels, and deinterlacing."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from emotiw.media import dynamic_range
from emotiw.media.container import filter_graph

DEINTERLACE = ("yadif", "deint=interlaced")  # a frame for each frame; those that are not interlaced stay as they are

Image = npt.NDArray[np.uint8]


class Chain:
    """Filters for the frames of one size and pixel format, as (name, arguments)."""

    def __init__(self, frame: av.VideoFrame, time_base: Fraction, *filters: tuple[str, str]) -> None:
        graph = filter_graph()
        source = graph.add(
            "buffer",
            video_size=f"{frame.width}x{frame.height}",
            pix_fmt=frame.format.name,
            time_base=str(time_base),
            colorspace=str(int(frame.colorspace)),
            range=str(int(frame.color_range)),
        )
        nodes = [source, *(graph.add(name, arguments) for name, arguments in filters), graph.add("buffersink")]
        graph.link_nodes(*nodes).configure()
        self._graph, self._source, self._sink = graph, source, nodes[-1]

    def __call__(self, frame: av.VideoFrame | None) -> Iterator[Any]:
        """Yield the filtered frames that a frame completes; None flushes."""
        self._source.push(frame)
        while True:
            try:
                yield self._sink.pull()
            except (av.BlockingIOError, av.EOFError):
                return


class Scaler:
    """RGB pictures (height, width, 3) of frames, scaled to a width and height as by ffmpeg's `scale`.

    Colour matrix and range are those that a frame names, as for ffmpeg. A high dynamic range is mapped to the standard
    one (`dynamic_range`).
    """

    def __init__(self) -> None:
        self._kind: tuple[Any, ...] = ()

    def __call__(self, frame: av.VideoFrame, size: tuple[int, int]) -> Image:
        """Scale a frame."""
        is_high = dynamic_range.is_high(frame.color_trc)
        kind = frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range, size, is_high
        if kind != self._kind:
            scale = ("scale", f"{size[0]}:{size[1]}"), ("format", "rgb48le" if is_high else "rgb24")
            self._chain, self._kind = Chain(frame, Fraction(1, 1000), *scale), kind
        image = next(self._chain(frame)).to_ndarray()
        return dynamic_range.standard(image, frame.color_trc, frame.color_primaries) if is_high else image


def progressive(frames: Iterable[Any], time_base: Fraction) -> Iterator[Any]:
    """Yield frames; from the first interlaced one on they are deinterlaced, those of another size apart.

    Parameters
    ----------
    frames : iterable of av.VideoFrame
    time_base : Fraction
        Length of a tick of their times in s.
    """
    chain, kind = None, None
    for frame in frames:
        if chain is not None and kind != (frame.width, frame.height, frame.format.name):
            yield from _ticks(chain(None), time_base)
            chain = None
        if chain is None and not frame.interlaced_frame:
            yield frame
            continue
        if chain is None:
            chain, kind = Chain(frame, time_base, DEINTERLACE), (frame.width, frame.height, frame.format.name)
        yield from _ticks(chain(frame), time_base)
    if chain is not None:
        yield from _ticks(chain(None), time_base)


def _ticks(frames: Iterable[Any], time_base: Fraction) -> Iterator[Any]:
    """Yield frames with their times in ticks of `time_base`; the filter has made ticks of half the length."""
    for frame in frames:
        if frame.pts is not None:
            frame.pts = round(frame.pts * frame.time_base / time_base)
        frame.duration = round(frame.duration * frame.time_base / time_base)
        frame.time_base = time_base
        yield frame
