"""Video of the faces of all clips, in pages of a grid, in which a person can spot wrong tracks."""

import tempfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from moviepy import VideoClip
from PIL import Image, ImageDraw, ImageFont

from emotiw.core import files
from emotiw.corpora.manifest import Manifest
from emotiw.jobs import gather, store
from emotiw.jobs.gather import Source

COLUMNS, ROWS = 10, 6
FACE_PX, CAPTION_PX, MARGIN_PX = 96, 32, 4
CAPTION_CHARACTERS = 15  # characters in a line
FPS, N_FRAMES = 8, 32  # frames a second; frames of a page
FOREGROUND, BACKGROUND, EMPTY = "#f2f2f2", "#1a1a1a", "#4d4d4d"
# one thread, and no version or date in the file: the same faces give the same bytes
ENCODER = ["-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1", "-crf", "26"]

Images = npt.NDArray[np.uint8]


def write(path: Path, corpus: Manifest, folder: Path) -> None:
    """Write the video of a corpus's faces as H.264 in an mp4 file.

    Parameters
    ----------
    path : Path
        The mp4 file.
    corpus : Manifest
        The clips, shown in this order with their ids.
    folder : Path
        Folder of the face artefacts; one page of them is in memory at a time.
    """
    clips = [row.clip for row in corpus.rows]
    size = COLUMNS * ROWS
    pages = [clips[start : start + size] for start in range(0, len(clips), size)]

    @lru_cache(maxsize=1)
    def frames(page: int) -> list[Images]:
        return list(page_frames(list(gather.load(corpus, Source(folder, "faces", "video"), pages[page]).values())))

    def picture(time_s: float) -> Images:
        page, frame = divmod(min(round(time_s * FPS), len(pages) * N_FRAMES - 1), N_FRAMES)
        return frames(page)[frame]

    with tempfile.TemporaryDirectory() as temporary:
        film = Path(temporary) / "film.mp4"
        VideoClip(picture, duration=len(pages) * N_FRAMES / FPS).write_videofile(
            str(film), fps=FPS, codec="libx264", audio=False, preset="veryfast", ffmpeg_params=ENCODER, logger=None
        )
        files.write_atomic(path, film.read_bytes())


def page_frames(entries: Sequence[store.Entry]) -> Iterator[Images]:
    """Yield the frames of a page, (height, width, 3) each; every clip runs from its first face to its last one."""
    cells = [_faces(entry) for entry in entries]
    page = _page(entries)
    for i in range(N_FRAMES):
        picture = page.copy()
        for (x, y), faces in zip(_places(), cells, strict=False):
            if len(faces):
                picture[y : y + FACE_PX, x : x + FACE_PX] = faces[i]
        yield picture


def _faces(entry: store.Entry) -> Images:
    """Faces of a clip in each frame of the video, (n_frames, FACE_PX, FACE_PX, 3), or an empty array."""
    chips = entry.arrays.get("chips", np.zeros((0, 1, 1, 3), np.uint8))
    if not len(chips):
        return np.zeros((0, FACE_PX, FACE_PX, 3), np.uint8)
    chosen = np.linspace(0, len(chips) - 1, N_FRAMES).round().astype(int)
    pictures = {i: _resized(chips[i]) for i in set(chosen.tolist())}
    return np.stack([pictures[i] for i in chosen.tolist()])


def _resized(chip: Images) -> Images:
    return np.asarray(Image.fromarray(chip).resize((FACE_PX, FACE_PX), Image.Resampling.BOX), np.uint8)


def _page(entries: Sequence[store.Entry]) -> Images:
    """Page without the faces: captions, and the status of clips without faces."""
    image = Image.new("RGB", (COLUMNS * (FACE_PX + MARGIN_PX), ROWS * (FACE_PX + CAPTION_PX)), BACKGROUND)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    for (x, y), entry in zip(_places(), entries, strict=False):
        if not len(entry.arrays.get("chips", ())):
            draw.rectangle((x, y, x + FACE_PX - 1, y + FACE_PX - 1), fill=EMPTY)
            draw.text((x + 6, y + FACE_PX // 2 - 8), entry.status.value, FOREGROUND, font)
        lines = [entry.name[i : i + CAPTION_CHARACTERS] for i in range(0, 2 * CAPTION_CHARACTERS, CAPTION_CHARACTERS)]
        draw.text((x, y + FACE_PX + 1), "\n".join(filter(None, lines)), FOREGROUND, font, spacing=1)
    return np.asarray(image, np.uint8)


def _places() -> list[tuple[int, int]]:
    """Upper left corner (x, y) of each face of a page in px, row by row."""
    height = FACE_PX + CAPTION_PX
    return [(column * (FACE_PX + MARGIN_PX), row * height) for row in range(ROWS) for column in range(COLUMNS)]
