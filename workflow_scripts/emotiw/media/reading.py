"""A stream of a clip that is being decoded: its track, its clock, and the account of its packets."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.container

from emotiw.media import packets, tracks
from emotiw.media.clock import Clock, is_broadcast
from emotiw.media.container import Limits, both_tracks, track


@dataclass
class Reading:
    """A stream that is being decoded.

    Attributes
    ----------
    path : Path
    stream : av.VideoStream or av.AudioStream
    others : list
        The stream of the other modality, if any; the clock sees its packets too.
    track, n_tracks : int
        Number of the track among those of its kind, counted from 0, and their number.
    clock : Clock
    account : packets.Account
    """

    path: Path
    stream: Any
    others: list[tracks.Stream]
    track: int
    n_tracks: int
    clock: Clock
    account: packets.Account

    @classmethod
    def of(
        cls, path: Path, container: av.container.InputContainer, kind: tracks.Kind, limits: Limits
    ) -> "Reading | None":
        """Begin to read the chosen stream of a kind; None if the clip has none."""
        stream = track(path, container, kind, limits)
        if stream is None:
            return None
        both = both_tracks(path, container, limits)
        numbers = [one.index for one in tracks.of_kind(container, kind)]
        return cls(
            path=path,
            stream=stream,
            others=[one for one in both if one.index != stream.index],
            track=numbers.index(stream.index),
            n_tracks=len(numbers),
            clock=Clock(both, is_broadcast(container)),
            account=packets.account(container),
        )

    def frames(self) -> Iterator[Any]:
        """Decode the frames, on the clock of the clip; a packet that cannot be decoded is counted and left out."""
        return packets.frames(self.stream, self.others, self.clock, self.account)

    def check(self, fraction: float) -> None:
        """Raise MediaError if fewer packets than `fraction` of them decode."""
        self.account.check(self.path, self.stream.type, fraction)

    @property
    def stated_end_s(self) -> float | None:
        """End of the stream on the clock in s, by its header and the jumps so far; None if the header states none."""
        stream = self.stream
        if not stream.duration or not stream.time_base:
            return None
        end = ((stream.start_time or 0) + stream.duration) * stream.time_base
        return float(end - self.clock.start_s) + self.clock.offset_s

    @property
    def facts(self) -> dict[str, Any]:
        """Facts that are known when all frames are read."""
        account = self.account
        return {
            "n_jumps": self.clock.n_jumps,
            "n_undecodable": account.n_undecodable,
            "decoder_error": account.error,
        }
