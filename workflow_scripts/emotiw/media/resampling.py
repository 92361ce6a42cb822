"""Bring decoded sound to one rate and a clock without gaps, and mix its channels, by FFmpeg's resampler.

Gaps become silence and overlaps are dropped as by ffmpeg's `aresample=async=1:first_pts=0`. Two channels stay as they
are; more are mixed by FFmpeg's standard matrix, in which the centre keeps its level, or averaged if they have no
places.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import cast

import av
import numpy as np
import numpy.typing as npt

from emotiw.media.container import filter_graph

MOST_GUESSED = 8  # channels without places that are taken for a usual layout; more are those of several microphones
LONGEST_FILL_S = 10.0  # a longer gap is filled piece by piece, which bounds the memory

Floats = npt.NDArray[np.float32]


class Resampler:
    """Resampler of frames of one rate, layout and sample format.

    Parameters
    ----------
    frame : av.AudioFrame
        First frame.
    rate_hz : int
        Rate of the result.
    n_before : int
        Number of samples of the result that came before.

    Attributes
    ----------
    mix : str
        How the channels are mixed.
    """

    def __init__(self, frame: av.AudioFrame, rate_hz: int, n_before: int) -> None:
        self._source_of = frame.layout.name, frame.sample_rate, frame.format.name
        self._aresample = f"{rate_hz}:async=1:first_pts={n_before}:out_sample_fmt=fltp"
        self._end_s = n_before / rate_hz
        n = frame.layout.nb_channels
        self.mix = "one channel" if n == 1 else f"mean of {n} channels"
        if n <= 2:
            self._connect([None])
        elif n > MOST_GUESSED and frame.layout.name == f"{n} channels":
            self._connect([None], _plain_mix(frame.layout))
        else:
            self._connect_standard(frame.layout)

    def push(self, frame: av.AudioFrame | None, time_s: float = 0.0) -> Iterator[Floats]:
        """Blocks (n, n_samples) of a frame at a time; n is 1, or 2 channels, or 3: the mix and two channels.

        None flushes.
        """
        if frame is not None:
            yield from self._filled(time_s)
            self._feed(frame, time_s)
        else:
            self._source.push(None)
        yield from self._pulled()

    def _connect_standard(self, layout: av.AudioLayout) -> None:
        try:
            self._connect(["mono", "stereo"])
            self.mix = f"standard mix of {layout.nb_channels} channels"
        except (av.FFmpegError, ValueError):  # FFmpeg has no matrix for these channels
            self._connect([None], _plain_mix(layout))

    def _connect(self, mixes: Sequence[str | None], pan: str | None = None) -> None:
        layout, rate_hz, sample_format = self._source_of
        self._graph, self._sinks = filter_graph(), []
        self._source = self._graph.add(
            "abuffer",
            channel_layout=layout,
            sample_rate=str(rate_hz),
            sample_fmt=sample_format,
            time_base=f"1/{rate_hz}",
        )
        last = self._graph.add("pan", pan) if pan else self._graph.add("asplit", str(len(mixes)))
        self._source.link_to(last)
        for i, mix in enumerate(mixes):
            sink = self._graph.add("abuffersink")
            resample = self._graph.add("aresample", self._aresample + (f":out_chlayout={mix}" if mix else ""))
            last.link_to(resample, i)
            resample.link_to(sink)
            self._sinks.append(sink)
        self._graph.configure()

    def _feed(self, frame: av.AudioFrame, time_s: float) -> None:
        rate_hz = self._source_of[1]
        frame.time_base, frame.pts = Fraction(1, rate_hz), round(time_s * rate_hz)
        self._end_s = time_s + frame.samples / rate_hz
        self._source.push(frame)

    def _filled(self, time_s: float) -> Iterator[Floats]:
        if time_s - self._end_s > LONGEST_FILL_S:
            silence = _second_of_silence(*self._source_of)
            while time_s - self._end_s > 2:  # what is left must be more than the 0.1 s that FFmpeg lets pass
                self._feed(silence, self._end_s)
                yield from self._pulled()

    def _pulled(self) -> Iterator[Floats]:
        while True:
            try:
                yield np.concatenate([cast(av.AudioFrame, sink.pull()).to_ndarray() for sink in self._sinks])
            except (av.BlockingIOError, av.EOFError):
                return


def _plain_mix(layout: av.AudioLayout) -> str:
    """Argument of `pan` for the mean of channels; the first channel of an ambisonic sound is heard from everywhere."""
    n = 1 if layout.name.startswith("ambisonic") else layout.nb_channels
    return "mono|c0=" + "+".join(f"{1 / n:.9f}*c{i}" for i in range(n))


def _second_of_silence(layout: str, rate_hz: int, sample_format: str) -> av.AudioFrame:
    graph = filter_graph()
    nodes = [
        graph.add("anullsrc", channel_layout=layout, sample_rate=str(rate_hz), nb_samples=str(rate_hz)),
        graph.add("aformat", f"sample_fmts={sample_format}"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    return cast(av.AudioFrame, nodes[-1].pull())
