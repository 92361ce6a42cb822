"""Decode the packets of a stream, and count those that cannot be decoded.

FFmpeg's programs drop a packet that cannot be decoded and go on. So does this module, as long as enough is left.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import av
import av.container

from emotiw.media.clock import Clock, is_broadcast
from emotiw.media.completeness import defect
from emotiw.media.tracks import Stream

# formats of which only an incomplete last packet shows that the file was cut; their packets begin with this byte
UNSTATED, SYNC = ("aac", "flac"), b"\xff"
N_TRIED = 60  # packets within which a track must yield a frame


@dataclass
class Account:
    """Number of packets, and what FFmpeg said of those that cannot be decoded.

    Attributes
    ----------
    joined : bool
        Whether the format can be joined midway, as a broadcast, so that its first packets may lack what they refer to.
        They do not count until a first frame is complete.
    unstated : bool
        Whether nothing but the last packet tells that a file of this format was cut.
    n_packets, n_undecodable, n_leading : int
        Number of packets, of those that cannot be decoded, and of those of them that do not count.
    has_begun : bool
        Whether a frame was decoded.
    is_cut : bool
        Whether the last packet is the beginning of one, in a format where nothing else tells that a file was cut.
    error : str
        What FFmpeg said of the first packet that cannot be decoded.
    """

    joined: bool = False
    unstated: bool = False
    is_cut: bool = False
    n_packets: int = 0
    n_undecodable: int = 0
    n_leading: int = 0
    has_begun: bool = False
    error: str = ""

    def fail(self, error: av.FFmpegError, packet: bytes = b"") -> None:
        """Count a packet that cannot be decoded."""
        self.is_cut = self.unstated and packet.startswith(SYNC)
        self.n_undecodable += 1
        self.n_leading += self.joined and not self.has_begun
        self.error = self.error or str(error.strerror)

    def check(self, path: Path, kind: str, fraction: float) -> None:
        """Raise MediaError if nothing was decoded, or fewer packets than `fraction`; a single one is always forgiven.

        `kind` is "video" or "audio". With a `fraction` above 0, a file that was cut within a packet is refused too.
        """
        if self.is_cut and fraction:
            raise defect(path, f"ends within a packet: {self.error}", "a whole last packet", "replace the clip")
        n, n_bad = self.n_packets - self.n_leading, self.n_undecodable - self.n_leading
        if (self.error and not self.has_begun) or (n_bad > 1 and n - n_bad < int(fraction * n)):
            found = f"{self.error} ({self.n_undecodable} of {self.n_packets} packets of its {kind})"
            raise defect(path, found, f"that {fraction:.0%} of them decode")


def account(container: av.container.InputContainer) -> Account:
    """Account of a stream of a container before anything is read."""
    return Account(joined=is_broadcast(container), unstated=container.format.name in UNSTATED)


def frames(
    stream: Stream,
    others: list[Stream],
    clock: Clock,
    account: Account,
) -> Iterator[Any]:
    """Yield the decoded frames of a stream, with times on the clock, in order.

    Parameters
    ----------
    stream : av.VideoStream or av.AudioStream
    others : list
        Streams whose packets the clock sees too.
    clock : Clock
    account : Account
        Counts the packets of the stream.
    """
    return clock.in_order(_decoded(stream, others, clock, account))


def _decoded(
    stream: Stream,
    others: list[Stream],
    clock: Clock,
    account: Account,
) -> Iterator[Any]:
    for packet in packets([stream, *others]):
        clock.place(packet)
        if packet.stream_index == stream.index:
            account.n_packets += 1
            try:
                found = packet.decode()
            except av.error.MemoryError:
                raise
            except av.FFmpegError as error:
                account.fail(error, bytes(packet)[:1])
            else:
                account.is_cut = False
                account.has_begun = account.has_begun or bool(found)
                yield from found
    try:
        rest = _flushed(stream)
    except av.FFmpegError as error:
        account.fail(error)
        return
    account.has_begun = account.has_begun or bool(rest)
    yield from rest


def begins(stream: Stream) -> bool:
    """Whether one of the first packets of a stream completes a frame."""
    for packet in islice(packets([stream]), N_TRIED):
        with suppress(av.FFmpegError):
            if packet.decode():
                return True
    return bool(_flushed(stream))


def packets(streams: list[Stream]) -> Iterator["av.Packet[Any]"]:
    """Packets of streams of one container; those without content, which would end the decoder, are left out."""
    try:
        yield from (packet for packet in streams[0].container.demux(streams) if packet.size)  # type: ignore[attr-defined]
    except IndexError:  # raised by PyAV 18 after the last packet if a stream begins later than the others
        return


def _flushed(stream: Stream) -> list[Any]:
    frames: list[Any] = stream.codec_context.decode(None)
    for frame in frames:
        frame.time_base = stream.time_base
    return frames
