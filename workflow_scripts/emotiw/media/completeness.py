"""Check that a clip is complete: compare size, frames and length with what the container states.

FFmpeg decodes the beginning of most truncated files and reports no error. Containers that do not state their size (MPEG
transport and program streams, raw streams, MP3) cannot be checked.
"""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from emotiw.core.errors import MediaError

PADDING_S = 0.1  # length that an encoder may add to the sound or remove from it
RIFF_SIZES = range(1, 0xFFFFFF00)  # sizes that are not placeholders
OGG_PAGE = 65307  # largest size of a page, bytes
MAX_ELEMENTS = 10_000_000  # number of elements after which the check ends and the file is accepted
BOXES = frozenset(
    b"ftyp moov mdat free skip wide moof mfra styp sidx ssix uuid meta pdin emsg prft udta pnot PICT".split()
)
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")

Missing = tuple[str, str] | None  # what was found, what was expected


def defect(
    path: Path, found: str | None, expected: str = "a decodable clip", remedy: str = "replace it or leave it out"
) -> MediaError:
    """MediaError of a clip with what was found, what was expected and what to do."""
    return MediaError(f"{path}: {found}; expected {expected}; {remedy}")


def check_bytes(path: Path, stream: BinaryIO, fraction: float) -> None:
    """Raise MediaError if a file has less than `fraction` of the size that its container states.

    Parameters
    ----------
    path : Path
        File, for error messages.
    stream : file object
        The open file; its position is set to the beginning.
    fraction : float
        Smallest share of the stated size; 0 turns the check off.

    Raises
    ------
    MediaError
        If the file is empty or was cut short.
    """
    size = os.fstat(stream.fileno()).st_size
    if not size:
        raise defect(path, "empty file")
    if not fraction:
        return
    head = stream.read(64)
    try:
        missing = next((check(stream, size, fraction) for fits, check in CHECKS if fits(head)), None)
    except (struct.error, IndexError):  # not such a container after all; FFmpeg will refuse it
        missing = None
    stream.seek(0)
    if missing:
        raise defect(path, *missing, "replace the clip")


def _riff(stream: BinaryIO, size: int, fraction: float) -> Missing:
    """AVI and WAV: size of the outer chunk."""
    stated = int.from_bytes(_at(stream, 4, 4), "little")
    return _fewer(size, stated + 8 if stated in RIFF_SIZES else 0, fraction)


def _asf(stream: BinaryIO, size: int, fraction: float) -> Missing:
    """WMV and ASF: file size in the properties; 0 in a broadcast."""
    head = _at(stream, 0, 1 << 16)
    place = head.find(ASF_FILE)
    return None if place < 0 else _fewer(size, struct.unpack_from("<Q", head, place + 40)[0], fraction)


def _matroska(stream: BinaryIO, size: int, fraction: float) -> Missing:
    """Matroska and WebM: size of the segment; all bits are 1 if it is live."""
    begin = 4 + sum(_variable(_at(stream, 4, 8)))
    length, stated = _variable(_at(stream, begin + 4, 8))
    unknown = stated == (1 << 7 * length) - 1
    return None if unknown else _fewer(size, begin + 4 + length + stated, fraction)


def _variable(data: bytes) -> tuple[int, int]:
    """Length of an EBML integer in bytes, and its value."""
    length = 9 - data[0].bit_length()
    return length, int.from_bytes(data[:length], "big") & (1 << 7 * length) - 1


def _mp4(stream: BinaryIO, size: int, fraction: float) -> Missing:
    """MP4 and QuickTime: end of the last box; the last fragment, if any, must be complete."""
    end = 0
    kinds: set[bytes] = set()
    for _ in range(MAX_ELEMENTS):
        head = _at(stream, end, 16)
        if len(head) < 8:
            break
        length, kind = struct.unpack_from(">I4s", head)
        length = struct.unpack_from(">Q", head, 8)[0] if length == 1 else length or size - end
        if kind not in BOXES or length < 8:
            break
        end, kinds = end + length, kinds | {kind}
    if b"moof" in kinds and end > size:
        return f"ends within a fragment, after {size} bytes", f"{end} at least"
    return _fewer(size, end, fraction)


def _flv(stream: BinaryIO, size: int, fraction: float) -> Missing:
    """FLV: time of the last complete tag, compared with the duration that the first tag states."""
    end, last_ms, stated_s = int.from_bytes(_at(stream, 5, 4), "big") + 4, 0, 0.0
    for _ in range(MAX_ELEMENTS):
        head = _at(stream, end, 11)
        length = 11 + int.from_bytes(head[1:4], "big") + 4
        if len(head) < 11 or end + length - 4 > size:
            break
        if head[0] & 31 == 18:
            stated_s = stated_s or _flv_duration(_at(stream, end + 11, length - 15))
        last_ms = max(last_ms, head[7] << 24 | int.from_bytes(head[4:7], "big"))
        end += length
    if last_ms / 1000 >= fraction * stated_s - PADDING_S:
        return None
    return f"ends after {last_ms / 1000:.2f} s", f"{stated_s:.2f} s as its header states"


def _flv_duration(script: bytes) -> float:
    place = script.find(b"\x00\x08duration\x00")
    stated: float = struct.unpack_from(">d", script, place + 11)[0] if place >= 0 else 0.0
    return stated if 0 < stated < 1e9 else 0.0


def _ogg(stream: BinaryIO, size: int, fraction: float) -> Missing:
    """Ogg: the last page must be complete."""
    start = max(0, size - OGG_PAGE)
    tail = _at(stream, start, OGG_PAGE)
    page = tail.rfind(b"OggS")
    n_segments = tail[page + 26]
    table = tail[page + 27 : page + 27 + n_segments]
    end = start + page + 27 + n_segments + sum(table)
    return (f"ends within a page, after {size} bytes", f"{end} at least") if end > size else None


def _fewer(size: int, stated: int, fraction: float) -> Missing:
    if size >= fraction * stated:
        return None
    return f"ends after {size} bytes", f"{stated} as its header states"


def _at(stream: BinaryIO, place: int, n: int) -> bytes:
    stream.seek(place)
    return stream.read(n)


# check of each container, by the first bytes of the file
CHECKS: tuple[tuple[Callable[[bytes], bool], Callable[[BinaryIO, int, float], Missing]], ...] = (
    (lambda head: head[:4] == b"RIFF", _riff),
    (lambda head: head[:16] == ASF, _asf),
    (lambda head: head[:4] == b"\x1a\x45\xdf\xa3", _matroska),
    (lambda head: head[:3] == b"FLV", _flv),
    (lambda head: head[:4] == b"OggS", _ogg),
    (lambda head: head[4:8] in BOXES, _mp4),
)
