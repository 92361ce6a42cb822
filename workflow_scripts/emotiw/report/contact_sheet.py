"""Contact sheets: a strip of the faces of each clip of a job, in which a person can spot wrong tracks."""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from emotiw.faces.tracking import evenly_spaced
from emotiw.jobs.store import Entry

N_CHIPS, CHIP_PX, GAP_PX = 12, 80, 4  # largest number of chips in a strip; sizes in px
HEAD_PX, TIME_PX, FOOT_PX = 18, 16, 6
WIDTH = N_CHIPS * (CHIP_PX + GAP_PX) + GAP_PX
HEIGHT = HEAD_PX + CHIP_PX + TIME_PX + FOOT_PX  # of a strip
FONT_PX = 12
PAPER, INK, EMPTY = "#f2f2f2", "#1a1a1a", "#d0d0d0"
ELLIPSIS = "..."

Images = npt.NDArray[np.uint8]


def sheet(entries: Sequence[Entry]) -> bytes:
    """Draw the strips of entries of kind `faces` below one another, as PNG; the same entries give the same bytes.

    A strip is `WIDTH` x `HEIGHT` px. It shows the clip's id, its status and the share of frames with a face; below, at
    most `N_CHIPS` chips, evenly spaced in time, each with its time in s. A clip without faces shows its status instead.
    """
    picture = Image.new("RGB", (WIDTH, HEIGHT * len(entries)), PAPER)
    for i, entry in enumerate(entries):
        picture.paste(_strip(entry), (0, i * HEIGHT))
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=9)
    return stream.getvalue()


def summary(entry: Entry) -> str:
    """Status of a clip, and the shares of the searched frames with a detected and with a kept face."""
    facts = entry.facts
    if "detected_fraction" not in facts:
        return entry.status.value
    text = f"{entry.status.value}, a face in {facts['detected_fraction']:.0%} of {facts['n_searched']} frames"
    return text if facts["n_kept"] == facts["n_detected"] else f"{text}, kept in {facts['kept_fraction']:.0%}"


def _strip(entry: Entry) -> Image.Image:
    picture = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(FONT_PX)
    heading = summary(entry)
    left = WIDTH - GAP_PX - int(font.getlength(heading))
    draw.text((left, 2), heading, INK, font)
    draw.text((GAP_PX, 2), _shortened(entry.name, left - 4 * GAP_PX, font), INK, font)
    chips = entry.arrays.get("chips", np.zeros((0, 1, 1, 3), np.uint8))
    if not len(chips):
        draw.rectangle((GAP_PX, HEAD_PX, WIDTH - GAP_PX - 1, HEAD_PX + CHIP_PX - 1), EMPTY)
        reason = entry.facts.get("reason", "")
        text = _shortened(f"{entry.status.value}: {reason}" if reason else entry.status.value, WIDTH - 40, font)
        draw.text((WIDTH // 2, HEAD_PX + CHIP_PX // 2), text, INK, font, anchor="mm")
        return picture
    times = entry.arrays["time"]
    for column, i in enumerate(evenly_spaced(times, N_CHIPS)):
        x = GAP_PX + column * (CHIP_PX + GAP_PX)
        picture.paste(_resized(chips[i]), (x, HEAD_PX))
        place = (x + CHIP_PX // 2, HEAD_PX + CHIP_PX + TIME_PX // 2)
        draw.text(place, f"{times[i]:.2f} s", INK, font, anchor="mm")
    return picture


def _resized(chip: Images) -> Image.Image:
    return Image.fromarray(chip).resize((CHIP_PX, CHIP_PX), Image.Resampling.BOX)


def _shortened(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Text that is at most `width` px wide; the middle of a longer text is omitted."""
    if font.getlength(text) <= width:
        return text
    kept = next(n for n in range(len(text), 0, -1) if font.getlength(_without_middle(text, n)) <= width)
    return _without_middle(text, kept)


def _without_middle(text: str, n: int) -> str:
    return text[: (n + 1) // 2] + ELLIPSIS + text[len(text) - n // 2 :]
