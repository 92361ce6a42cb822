"""Map pictures of a high dynamic range (PQ, HLG) to the standard one, in which detectors and networks know faces.

As by FFmpeg's filters `zscale=t=linear:npl=203`, `zscale=p=bt709`, `tonemap=mobius:desat=0:peak=4.926` and
`zscale=t=bt709`: light below `KNEE` stays as it is, so that a face at usual brightness has the values of a standard
recording; brighter light is compressed. FFmpeg as PyAV brings it lacks these filters.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

PQ, HLG = 16, 18  # transfer characteristics of ITU-T H.273
WHITE_NITS, PEAK_NITS = 203.0, 1000.0  # reference white (ITU-R BT.2408) and brightest light that is told apart
KNEE = 0.3  # light above which it is compressed, as a share of the white; default of FFmpeg's `mobius`
GAMMA = 2.4  # of a standard display (ITU-R BT.1886)
ROWS = 256  # rows that are mapped at a time, which bounds the memory
# chromaticities x, y of red, green, blue and white, by the number of the primaries in ITU-T H.273
D65 = (0.3127, 0.3290)
PRIMARIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), D65),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),
}
USUAL = 9  # of a high dynamic range, where the header names none of these

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]


def is_high(transfer: int) -> bool:
    """Whether a transfer characteristic is that of a high dynamic range."""
    return transfer in (PQ, HLG)


def standard(image: npt.NDArray[np.uint16], transfer: int, primaries: int) -> Image:
    """Picture of the standard dynamic range, RGB (height, width, 3).

    Parameters
    ----------
    image : ndarray, shape (height, width, 3)
        RGB over the full range of 16 bits.
    transfer, primaries : int
        Numbers of the transfer characteristics and of the colour primaries in ITU-T H.273.
    """
    light, matrix = LIGHT[transfer](), _to_bt709(primaries if primaries in PRIMARIES else USUAL)
    found = np.empty(image.shape, np.uint8)
    for row in range(0, len(image), ROWS):
        shown = compressed(light[image[row : row + ROWS]] @ matrix)
        found[row : row + ROWS] = np.round(255 * np.clip(shown, 0, 1) ** np.float32(1 / GAMMA))
    return found


def compressed(light: Floats) -> Floats:
    """Light (..., 3), 1 for the white, after the curve `mobius` of FFmpeg's `tonemap`; 1 is the peak then."""
    brightest = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    peak = PEAK_NITS / WHITE_NITS
    a = -(KNEE**2) * (peak - 1) / (KNEE**2 - 2 * KNEE + peak)
    b = (KNEE**2 - 2 * KNEE * peak + peak) / (peak - 1)
    curve = (b**2 + 2 * b * KNEE + KNEE**2) / (b - a) * (brightest + a) / (brightest + b)
    return np.asarray(light * np.where(brightest > KNEE, curve / brightest, 1), np.float32)


@cache
def _pq() -> Floats:
    """Light of a display by the perceptual quantiser (SMPTE ST 2084)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = np.linspace(0, 1, 1 << 16) ** (1 / m2)
    light = (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    return np.asarray(light * 10000 / WHITE_NITS, np.float32)


@cache
def _hlg() -> Floats:
    """Light of a display of 1000 nits by hybrid log-gamma (ITU-R BT.2100), with its gamma of 1.2 on each channel."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    value = np.linspace(0, 1, 1 << 16)
    scene = np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12)
    return np.asarray(scene**1.2 * PEAK_NITS / WHITE_NITS, np.float32)


LIGHT: dict[int, Callable[[], Floats]] = {PQ: _pq, HLG: _hlg}  # of each value of 16 bits, 1 for the white


@cache
def _to_bt709(primaries: int) -> Floats:
    """Matrix that multiplies rows of light of some primaries from the right, and gives that of BT.709."""
    matrix = np.linalg.inv(_xyz(PRIMARIES[1])) @ _xyz(PRIMARIES[primaries])
    return np.asarray(matrix.T, np.float32)


def _xyz(chromaticities: Sequence[tuple[float, float]]) -> Matrix:
    """Matrix from light of three primaries to CIE XYZ; equal light of all three is the white."""
    *of, white = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in chromaticities)
    columns = np.stack(of, axis=1)
    return np.asarray(columns * np.linalg.solve(columns, white))
