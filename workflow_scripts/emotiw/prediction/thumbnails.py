"""Small pictures of faces, embedded in a page."""

import base64
from collections.abc import Sequence
from fractions import Fraction

import av

from emotiw.prediction.prediction import Chip

SIZE_PX = 64


def address(strip: Sequence[tuple[float, Chip]]) -> str:
    """Return the data address of the middle one of the faces that were judged, empty if there is none."""
    if not strip:
        return ""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg(strip[len(strip) // 2][1])).decode()}"


def jpeg(face: Chip) -> bytes:
    """Encode a face (height, width, 3) as a JPEG file of `SIZE_PX` px."""
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width = encoder.height = SIZE_PX
    encoder.pix_fmt, encoder.time_base = "yuvj444p", Fraction(1)
    frame = av.VideoFrame.from_ndarray(face, format="rgb24").reformat(SIZE_PX, SIZE_PX, "yuvj444p", threads=1)
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))
