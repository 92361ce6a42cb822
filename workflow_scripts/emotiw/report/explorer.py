"""Clip explorer of the report: faces, scores of both modalities, prediction and errors of every clip."""

import base64
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from emotiw.core.emotions import HIDDEN
from emotiw.core.errors import StoreError
from emotiw.corpora.manifest import Manifest
from emotiw.evaluation.systems import COVERED_BY, MAIN
from emotiw.fusion import score_tables
from emotiw.jobs import gather, store
from emotiw.jobs.gather import Source
from emotiw.report import time_courses

N_CHIPS, CHIP_PX, JPEG_QUALITY = 6, 48, 60
MAX_COLUMNS = 120  # largest number of columns of a time course
PER_MILLE = 1000
PART_ORDER = {"test": 0, "val": 1, "train": 2}
# name of a filter, and the marks that a clip must have (see `marks`)
ERRORS = {
    "fusion wrong": "f0",
    "fusion right": "f1",
    "audio right, video wrong": "a1 v0",
    "video right, audio wrong": "v1 a0",
    "both modalities wrong": "v0 a0",
    "both modalities right": "v1 a1",
    "a modality right, fusion wrong": "lost",
    "no modality right, fusion right": "won",
}

Images = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ClipContents:
    """Pictures and scores of the clips, which the page shows beside their predictions.

    Attributes
    ----------
    strips : mapping of str to bytes
        JPEG picture of a few faces of each clip that has faces.
    scores : mapping of str to mapping
        Posteriors of each modality and of `fusion`, by clip; a modality without a prediction is absent.
    courses : mapping of str to Course
        Audio posteriors over time of each clip that has them.
    """

    strips: Mapping[str, bytes]
    scores: Mapping[str, Mapping[str, Sequence[float]]]
    courses: Mapping[str, "Course"]


@dataclass(frozen=True)
class Course:
    """Posteriors over time: `levels` (n, n_classes) from 0 to 255, time of the first row and step between rows in s."""

    levels: npt.NDArray[np.uint8]
    start: float
    step: float


def shown_rows(corpus: Manifest, predictions: Sequence[Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    """Row of `predictions.csv` shown for each clip: its test row, else its validation row, else its training row.

    Raises
    ------
    StoreError
        If a clip has no row.
    """
    row_of_clip: dict[str, Mapping[str, str]] = {}
    for row in sorted(predictions, key=lambda row: (row["clip"], PART_ORDER[row["part"]])):
        row_of_clip.setdefault(row["clip"], row)
    if missing := sorted({row.clip for row in corpus.rows} - set(row_of_clip)):
        raise StoreError(
            f"predictions: {len(missing)} of {len(corpus.rows)} clips are missing: {', '.join(missing[:5])};"
            " run the workflow again"
        )
    return row_of_clip


def clip_contents(
    corpus: Manifest,
    rows: Mapping[str, Mapping[str, str]],
    *,
    faces: Path | None,
    fusion: Iterable[Path],
    frames: Iterable[Path],
) -> ClipContents:
    """Pictures and scores of the clips of `rows`, each from the fold that its row names.

    Parameters
    ----------
    faces : Path or None
        Folder of the face artefacts; None if the run has no video.
    fusion, frames : iterable of Path
        Files of each fold: the fused scores, and the mean frame posteriors of its networks.
    """
    strips = face_strips(corpus, faces) if faces else {}
    return ClipContents(strips, _scores(corpus, rows, fusion), _courses(rows, frames))


def face_strips(corpus: Manifest, folder: Path) -> dict[str, bytes]:
    """JPEG picture of a few faces of each clip that has faces; one clip at a time is in memory."""
    strips = {}
    for row in corpus.rows:
        arrays = gather.load(corpus, Source(folder, "faces", "video"), [row.clip])[row.clip].arrays
        if len(arrays.get("chips", ())):
            strips[row.clip] = _strip(arrays["chips"])
    return strips


def clip_rows(rows: Mapping[str, Mapping[str, str]], contents: ClipContents) -> Iterator[dict[str, Any]]:
    """Yield the row of the page's table for each clip."""
    for clip, row in rows.items():
        fused = contents.scores[clip]["fusion"]
        yield {
            **row,
            "outcome": outcome(row),
            "marks": " ".join(marks(row)),
            "confidence": max(fused),
            "seen": clip in contents.strips,
        }


def outcome(row: Mapping[str, str]) -> str:
    """`right` or `wrong` for the fused prediction, or `hidden` if the label is hidden."""
    if row["label"] == HIDDEN:
        return "hidden"
    return "right" if row["predicted_fusion"] == row["label"] else "wrong"


def marks(row: Mapping[str, str]) -> list[str]:
    """Mark a clip for the filters: v1, a1, f1 (video, audio, fusion right), v0, a0, f0 (wrong), `won` or `lost`.

    A modality without a prediction gives no mark; a clip with a hidden label has none. `won` means that fusion is right
    and no modality is; `lost` that fusion is wrong and a modality is right.
    """
    if row["label"] == HIDDEN:
        return []
    systems = [name for name in MAIN if row["source"] in COVERED_BY.get(name, (row["source"],))]
    right = {name: row[f"predicted_{name}"] == row["label"] for name in systems}
    names = [f"{name[0]}{int(value)}" for name, value in right.items()]
    any_right = any(value for name, value in right.items() if name != "fusion")
    if any_right != right["fusion"]:
        names.append("lost" if any_right else "won")
    return names


def script_data(classes: Sequence[str], rows: Iterable[str], contents: ClipContents) -> str:
    """JSON for the page's script: the classes, and pictures and scores of the clips in the order of `rows`.

    Posteriors are whole numbers per mille. A time course is base64 of one byte for each value (255 is 1), row by row.
    """
    clips = []
    for clip in rows:
        values = contents.scores[clip]
        entry: dict[str, Any] = {
            name[0]: [round(PER_MILLE * value) for value in values[name]] for name in MAIN if name in values
        }
        if clip in contents.strips:
            entry["s"] = base64.b64encode(contents.strips[clip]).decode()
        if clip in contents.courses:
            course = contents.courses[clip]
            entry |= {"c": base64.b64encode(course.levels.tobytes()).decode()}
            entry |= {"t": [round(course.start, 3), round(course.step, 4)]}
        clips.append(entry)
    text = json.dumps({"classes": list(classes), "clips": clips}, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def changes(rows: Iterable[Mapping[str, str]], other: str, classes: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Count the clips of each class that fusion has right and `other` wrong, and the reverse."""
    counts = {label: [0, 0] for label in classes}
    for row in rows:
        if row["label"] != HIDDEN:
            fusion_right, other_right = (row[f"predicted_{name}"] == row["label"] for name in ("fusion", other))
            if fusion_right != other_right:
                counts[row["label"]][0 if fusion_right else 1] += 1
    return {label: (won, lost) for label, (won, lost) in counts.items()}


def _scores(
    corpus: Manifest, rows: Mapping[str, Mapping[str, str]], paths: Iterable[Path]
) -> dict[str, dict[str, list[float]]]:
    scores_of_clip: dict[str, dict[str, list[float]]] = {}
    for path in paths:
        table = score_tables.read(path, corpus)
        clips = [clip for clip in table.clips if rows[clip]["fold"] == table.fold]
        values = {name: table.rows(name, clips)[0] for name in MAIN}
        for i, clip in enumerate(clips):
            source = rows[clip]["source"]
            names = [name for name in MAIN if source in COVERED_BY.get(name, (source,))]
            scores_of_clip[clip] = {
                name: [float(value) for value in values[name][i] / values[name][i].sum()] for name in names
            }
    if missing := sorted(set(rows) - set(scores_of_clip)):
        raise StoreError(
            f"fused scores: {len(missing)} of {len(rows)} clips are missing: {', '.join(missing[:5])};"
            " run the workflow again"
        )
    return scores_of_clip


def _courses(rows: Mapping[str, Mapping[str, str]], paths: Iterable[Path]) -> dict[str, Course]:
    course_of_clip = {}
    for path in paths:
        index = store.read(path, "posteriors", names=())
        clips = [clip for clip in index.statuses if clip in rows and rows[clip]["fold"] == index.facts["fold"]]
        for clip, entry in store.read(path, "posteriors", names=clips).entries.items():
            course_of_clip[clip] = _course(entry.arrays["posteriors"], entry.arrays["time"])
    return course_of_clip


def _course(posteriors: npt.NDArray[Any], time: npt.NDArray[Any]) -> Course:
    short = time_courses.shortened(posteriors, MAX_COLUMNS)
    n_together = -(-len(posteriors) // max(len(short), 1))
    step = float(time[1] - time[0]) if len(time) > 1 else 0.0
    return Course(time_courses.quantised(short), float(time[0]), step * n_together)


def _strip(chips: Images) -> bytes:
    """Row of a few evenly spaced chips as a small JPEG."""
    places = np.linspace(0, len(chips) - 1, N_CHIPS).round().astype(int)
    picture = Image.new("RGB", (N_CHIPS * CHIP_PX, CHIP_PX))
    for i, index in enumerate(places):
        picture.paste(Image.fromarray(chips[index]).resize((CHIP_PX, CHIP_PX), Image.Resampling.BOX), (i * CHIP_PX, 0))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return stream.getvalue()
