"""What the page shows of every clip: faces, scores of both modalities, the decision, and what went wrong."""

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
from emotiw.report import time_courses

N_CHIPS, CHIP_PX, JPEG_QUALITY = 6, 48, 60
MAX_COLUMNS = 120  # of a time course
PER_MILLE = 1000
PART_ORDER = {"test": 0, "val": 1, "train": 2}
# name of a filter and the marks of a clip that it asks for (see `marks`)
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
class Seen:
    """What a page needs of the clips beside their predictions.

    Attributes
    ----------
    strips : mapping of str to bytes
        JPEG picture of a few faces of each clip that has any.
    scores : mapping of str to mapping
        By clip and modality, and `fusion`, the posteriors; a modality that could not judge the clip is absent.
    courses : mapping of str to Course
        By clip, where there is one.
    """

    strips: Mapping[str, bytes]
    scores: Mapping[str, Mapping[str, Sequence[float]]]
    courses: Mapping[str, "Course"]


@dataclass(frozen=True)
class Course:
    """Scores over time: `levels` (n, n_classes) from 0 to 255, the time of the first and between two (s)."""

    levels: npt.NDArray[np.uint8]
    start: float
    step: float


def chosen(corpus: Manifest, predictions: Sequence[Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    """Row of each clip: its test row, else its validation row, else its training row.

    Raises
    ------
    StoreError
        If a clip has no row.
    """
    found: dict[str, Mapping[str, str]] = {}
    for row in sorted(predictions, key=lambda row: (row["clip"], PART_ORDER[row["part"]])):
        found.setdefault(row["clip"], row)
    if lost := sorted({row.clip for row in corpus.rows} - set(found)):
        raise StoreError(
            f"predictions: {len(lost)} of {len(corpus.rows)} clips are missing: {', '.join(lost[:5])}; run again"
        )
    return found


def seen(
    corpus: Manifest,
    rows: Mapping[str, Mapping[str, str]],
    *,
    faces: Path,
    fusion: Iterable[Path],
    frames: Iterable[Path],
) -> Seen:
    """Gather what the page shows of the clips of `rows`, each from the fold that its row names.

    Parameters
    ----------
    faces : Path
        Folder of the face artefacts.
    fusion, frames : iterable of Path
        Of each fold the fused scores, and the mean frame posteriors of its networks.
    """
    return Seen(face_strips(corpus, faces), _scores(corpus, rows, fusion), _courses(rows, frames))


def face_strips(corpus: Manifest, folder: Path) -> dict[str, bytes]:
    """Draw a few faces of each clip that has any; one clip at a time is in memory."""
    strips = {}
    for row in corpus.rows:
        arrays = gather.load(corpus, folder, "faces", [row.clip])[row.clip].arrays
        if len(arrays.get("chips", ())):
            strips[row.clip] = _strip(arrays["chips"])
    return strips


def clip_rows(rows: Mapping[str, Mapping[str, str]], about: Seen) -> Iterator[dict[str, Any]]:
    """Yield what the table of the page says of each clip."""
    for clip, row in rows.items():
        fused = about.scores[clip]["fusion"]
        yield {
            **row,
            "outcome": outcome(row),
            "marks": " ".join(marks(row)),
            "confidence": max(fused),
            "seen": clip in about.strips,
        }


def outcome(row: Mapping[str, str]) -> str:
    """Whether the fused decision is `right` or `wrong`, or `hidden` where the label is."""
    if row["label"] == HIDDEN:
        return "hidden"
    return "right" if row["predicted_fusion"] == row["label"] else "wrong"


def marks(row: Mapping[str, str]) -> list[str]:
    """Mark a clip for the filters: v1 or v0, a1 or a0, f1 or f0 (right or wrong), `won` or `lost` by fusion.

    A modality that could not judge the clip has no mark, nor has a clip whose label is hidden.
    """
    if row["label"] == HIDDEN:
        return []
    judges = [name for name in MAIN if row["source"] in COVERED_BY.get(name, (row["source"],))]
    right = {name: row[f"predicted_{name}"] == row["label"] for name in judges}
    found = [f"{name[0]}{int(value)}" for name, value in right.items()]
    any_right = any(value for name, value in right.items() if name != "fusion")
    if any_right != right["fusion"]:
        found.append("lost" if any_right else "won")
    return found


def data(classes: Sequence[str], rows: Iterable[str], about: Seen) -> str:
    """JSON for the page's script: the classes and, clip by clip in the order of `rows`, pictures and scores.

    Posteriors are whole per mille; a time course is base64 of one byte a value (255 is 1), class by class in each row.
    """
    clips = []
    for clip in rows:
        values = about.scores[clip]
        entry: dict[str, Any] = {
            name[0]: [round(PER_MILLE * value) for value in values[name]] for name in MAIN if name in values
        }
        if clip in about.strips:
            entry["s"] = base64.b64encode(about.strips[clip]).decode()
        if clip in about.courses:
            course = about.courses[clip]
            entry |= {"c": base64.b64encode(course.levels.tobytes()).decode()}
            entry |= {"t": [round(course.start, 3), round(course.step, 4)]}
        clips.append(entry)
    text = json.dumps({"classes": list(classes), "clips": clips}, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def changes(rows: Iterable[Mapping[str, str]], other: str, classes: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Clips of each class that fusion has right and `other` wrong, and the reverse."""
    found = {label: [0, 0] for label in classes}
    for row in rows:
        if row["label"] != HIDDEN:
            ours, theirs = (row[f"predicted_{name}"] == row["label"] for name in ("fusion", other))
            if ours != theirs:
                found[row["label"]][0 if ours else 1] += 1
    return {label: (won, lost) for label, (won, lost) in found.items()}


def _scores(
    corpus: Manifest, rows: Mapping[str, Mapping[str, str]], paths: Iterable[Path]
) -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = {}
    for path in paths:
        table = score_tables.read(path, corpus)
        clips = [clip for clip in table.clips if rows[clip]["fold"] == table.fold]
        values = {name: table.rows(name, clips)[0] for name in MAIN}
        for i, clip in enumerate(clips):
            source = rows[clip]["source"]
            names = [name for name in MAIN if source in COVERED_BY.get(name, (source,))]
            found[clip] = {name: [float(value) for value in values[name][i] / values[name][i].sum()] for name in names}
    if lost := sorted(set(rows) - set(found)):
        raise StoreError(
            f"fused scores: {len(lost)} of {len(rows)} clips are missing: {', '.join(lost[:5])}; run again"
        )
    return found


def _courses(rows: Mapping[str, Mapping[str, str]], paths: Iterable[Path]) -> dict[str, Course]:
    found = {}
    for path in paths:
        known = store.read(path, "posteriors", names=())
        clips = [clip for clip in known.statuses if clip in rows and rows[clip]["fold"] == known.facts["fold"]]
        for clip, entry in store.read(path, "posteriors", names=clips).entries.items():
            found[clip] = _course(entry.arrays["posteriors"], entry.arrays["time"])
    return found


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
