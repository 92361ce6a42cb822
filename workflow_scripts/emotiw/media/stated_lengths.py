"""Compare what was decoded with the number of frames and the length that the header states."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from emotiw.media.completeness import PADDING_S, defect
from emotiw.media.reading import Reading

STATED_LENGTHS = ("mov", "flac")  # formats whose header states the length of the sound; others estimate it

Floats = npt.NDArray[np.float32]


def check_frames(reading: Reading, n_frames: int, end_s: float, fraction: float) -> None:
    """Raise MediaError if a stream has fewer frames than its header states and also ends early.

    Both are required, because dropped frames (AVI) and edit lists (MP4) reduce the number of frames only.

    Parameters
    ----------
    reading : Reading
        Stream whose header is compared.
    n_frames, end_s : int, float
        Number of decoded frames, and end of the last one in s.
    fraction : float
        Smallest share of the stated frames and duration.
    """
    path, stated = reading.path, reading.stream.frames
    if not n_frames:
        raise defect(path, "no frame decodes")
    if n_frames >= int(fraction * stated):
        return
    stated_s = reading.stated_end_s
    if stated_s is None or end_s < fraction * stated_s:
        raise defect(path, f"{n_frames} frames decode", f"{fraction:.0%} of the {stated} that its header states")


def unpadded(reading: Reading, blocks: Iterable[Floats], rate_hz: int, fraction: float) -> Iterator[Floats]:
    """Blocks of sound without the padding of the encoder; MediaError if they are shorter than the header states.

    Parameters
    ----------
    reading : Reading
        Stream whose header states the length.
    blocks : iterable of ndarray, shape (n_samples,)
        Decoded sound, from the start of the clip.
    rate_hz : int
        Sampling rate of the blocks in Hz.
    fraction : float
        Smallest share of the stated length.
    """
    name = reading.stream.container.format.name.partition(",")[0]
    if name not in STATED_LENGTHS or not reading.stated_end_s:
        yield from blocks
        return
    n, beyond = 0, []
    for samples in blocks:
        stated_s = reading.stated_end_s
        inside, n = samples[: max(0, round(stated_s * rate_hz) - n)], n + len(samples)
        yield inside
        if len(inside) < len(samples):  # an empty slice would keep the whole block in memory
            beyond.append(samples[len(inside) :])
        if n / rate_hz > stated_s + PADDING_S:  # longer than any padding: the header is wrong
            yield from beyond
            beyond = []
    stated_s = reading.stated_end_s
    if n / rate_hz < fraction * stated_s - PADDING_S:
        raise defect(
            reading.path, f"{n / rate_hz:.2f} s of sound decode", f"the {stated_s:.2f} s that its header states"
        )
