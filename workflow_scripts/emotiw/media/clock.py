"""Time stamps of a clip on one clock, which starts at the earlier of its two streams.

A stamp that no gap explains is a fault: the clock of the file has jumped, or a single stamp is wrong. A gap is what the
other stream covers, or what is short enough. FFmpeg's programs take the same view of program and transport streams.
"""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any, cast

import av
import av.container
from av.format import Flags

from emotiw.media import tracks

DISCONTINUITY_S = 10.0  # `dts_delta_threshold` of ffmpeg, for formats whose clock may jump (AVFMT_TS_DISCONT)
RESET_S = 0.1  # step back that begins another part in such formats, as in ffmpeg: parts were joined
JUMP_S = 60.0  # the longest gap of both streams that is believed in other formats [ours]
LONGEST_PACKET_S = 1.0  # a longer duration is that of a gap behind the packet
N_REMEMBERED = 8  # corrections that are tried again, since packets of both streams alternate around a jump


def is_broadcast(container: av.container.InputContainer) -> bool:
    """Whether a container is a program or transport stream, whose clock may jump, and which may be joined midway."""
    return bool(container.format.flags & cast(int, Flags.ts_discont.value))


class Clock:
    """Clock that places the packets of the streams, in the order of the file.

    Every reader of a file shows it the packets of both streams, so that all readers find the same times.

    Parameters
    ----------
    streams : sequence
        Streams whose packets it sees.
    broadcast : bool
        From `is_broadcast`.

    Attributes
    ----------
    start_s : Fraction
        Its zero on the clock of the file, in s.
    n_jumps : int
        Number of jumps and stray stamps that were corrected.
    offset_s : float
        Present correction, in s.
    """

    def __init__(self, streams: Sequence[tracks.Stream], broadcast: bool) -> None:
        self._jump_s = DISCONTINUITY_S if broadcast else JUMP_S
        self._back_s = RESET_S if broadcast else DISCONTINUITY_S
        # a picture may be shown for as long as it likes where no other stream lasts as long and tells the time
        lengths_s = [tracks.length_s(stream) for stream in streams]
        alone = len(streams) < 2 or (all(lengths_s) and max(lengths_s) - min(lengths_s) > self._jump_s)
        self._longest_s = {
            stream.index: float("inf") if alone and (stream.type == "video" or len(streams) < 2) else DISCONTINUITY_S
            for stream in streams
        }
        self._tick_s = {stream.index: float(stream.time_base or 0) for stream in streams}
        starts = [stream.start_time * (stream.time_base or 0) for stream in streams if stream.start_time is not None]
        self.start_s = min(starts, default=Fraction(0))
        self._front_s = float(self.start_s)
        self._ends: dict[int, float] = {}
        self._steps = dict.fromkeys(self._tick_s, 0.0)
        self._corrections = [0.0]
        # former correction, for the streams that have had no packet since the present one: the last packet of a part
        # may come after the first one of the next part
        self._late: dict[int, float] = {}
        self.offset_s = 0.0
        self.n_jumps = 0

    @property
    def end_s(self) -> float:
        """End of the packets so far, in s of this clock."""
        return self._front_s - float(self.start_s)

    @property
    def last_s(self) -> float:
        """End of the packets so far, without the time that their durations state beyond the usual one."""
        return max(self._ends.values(), default=float(self.start_s)) - float(self.start_s)

    def place(self, packet: "av.Packet[Any]") -> None:
        """Move the stamps of the next packet to this clock."""
        stamp = packet.pts if packet.dts is None else packet.dts
        index = packet.stream_index
        tick_s = self._tick_s[index]
        if stamp is None or not tick_s:
            return
        raw_s = stamp * tick_s
        offset_s = self._offset(index, raw_s, DISCONTINUITY_S if packet.dts is None else self._back_s)
        self._note(index, raw_s + offset_s, (packet.duration or 0) * tick_s)
        self._shift(packet, round((offset_s - float(self.start_s)) / tick_s), round(self._jump_s / tick_s))

    def _offset(self, index: int, raw_s: float, back_s: float) -> float:
        """Correction of a packet; that of the other packets changes if this one fits nowhere."""
        before_s = self._late.pop(index, None)
        if before_s is not None and self._distance(index, raw_s + before_s) < self._distance(
            index, raw_s + self.offset_s
        ):
            self._late[index] = before_s
            return before_s
        if not self._fits(index, raw_s + self.offset_s, back_s):
            before_s, self.offset_s = self.offset_s, self._correction(index, raw_s)
            self._late = dict.fromkeys(set(self._tick_s) - {index}, before_s)
            for other in self._late.keys() & self._ends.keys():  # it begins its part together with this stream
                self._ends[other] = min(self._ends[other], raw_s + self.offset_s)
        return self.offset_s

    def _distance(self, index: int, time_s: float) -> float:
        return abs(time_s - self._ends.get(index, self._front_s))

    def _fits(self, index: int, time_s: float, back_s: float = DISCONTINUITY_S) -> bool:
        own_s = self._ends.get(index, float(self.start_s))
        return own_s - back_s <= time_s <= max(own_s, self._front_s) + self._jump_s

    def _correction(self, index: int, raw_s: float) -> float:
        expected_s = self._ends.get(index, self._front_s)
        known = [offset for offset in self._corrections if self._fits(index, raw_s + offset, self._back_s)]
        if known:
            return min(known, key=lambda offset: abs(raw_s + offset - expected_s))
        self.n_jumps += 1
        self._corrections = [*self._corrections[-N_REMEMBERED:], expected_s - raw_s]
        return self._corrections[-1]

    def _note(self, index: int, time_s: float, duration_s: float) -> None:
        if 0 < duration_s <= LONGEST_PACKET_S:
            self._steps[index] = duration_s
        self._ends[index] = time_s + self._steps[index]
        self._front_s = max(self._front_s, time_s + min(max(duration_s, self._steps[index]), self._longest_s[index]))

    def in_order(self, frames: Iterable[Any]) -> Iterator[Any]:
        """Yield decoded frames; one whose time lies outside those of its neighbours gets a time after the one before.

        A frame is held until the next one is known. Frames without a time pass.
        """
        before, step, held = None, 0, None
        for frame in frames:
            if held is not None:
                if held.pts is not None and frame.pts is not None:
                    held.pts = self._between(
                        before, held.pts, frame.pts, (held.duration or 0) if before is None else step
                    )
                    step = held.duration or (step if before is None else held.pts - before)
                    before = held.pts
                yield held
            held = frame
        if held is not None:
            yield held

    def _between(self, before: int | None, ticks: int, after: int, step: int) -> int:
        """Time of a frame, in ticks, which lies between those of its neighbours, `step` ticks from one of them."""
        if before is None:
            placed = ticks if ticks <= after else after - step
        else:
            placed = ticks if before <= ticks <= after or after <= before else min(before + step, after)
        self.n_jumps += placed != ticks
        return placed

    def _shift(self, packet: "av.Packet[Any]", ticks: int, furthest: int) -> None:
        if packet.dts is not None and packet.pts is not None and abs(packet.pts - packet.dts) > furthest:
            packet.pts = packet.dts
            self.n_jumps += 1
        if ticks:
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks
