"""Clip explorer of the report: faces, scores of both modalities, prediction and errors of every clip."""

import base64
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from emotiw.core.emotions import HIDDEN
from emotiw.core.errors import StoreError
from emotiw.corpora.manifest import Manifest
from emotiw.evaluation import systems
from emotiw.evaluation.systems import COVERED_BY, MAIN
from emotiw.fusion import score_tables
from emotiw.jobs import gather, store
from emotiw.jobs.gather import Source
from emotiw.report import time_courses

JPEG_QUALITY = 60
# faces in a strip, and their side in px, up to a number of clips with faces
STRIPS = ((500, (12, 64)), (1200, (8, 56)), (10**9, (6, 48)))
MAX_COLUMNS, MIN_COLUMNS = 120, 24  # of a time course
STRIP_BYTES, COURSE_BYTES = 9_000_000, 4_500_000  # of all clips, so that the page of 16,000 clips has less than 25 MB
PER_MILLE = 1000
N_STATIC = 50  # clips that are in the page without its script
PART_ORDER = {"test": 0, "val": 1, "train": 2}
# name of a filter, and the marks that a clip must have (see `marks`); the first two are of a run of one modality too
ERRORS = {
    "wrong": "f0",
    "right": "f1",
    "audio right, video wrong": "a1 v0",
    "video right, audio wrong": "v1 a0",
    "both modalities wrong": "v0 a0",
    "both modalities right": "v1 a1",
    "a modality right, fusion wrong": "lost",
    "no modality right, fusion right": "won",
}

Images = npt.NDArray[np.uint8]


def filters(modalities: Sequence[str]) -> dict[str, str]:
    """Name the filters of errors that a run with these modalities has, and their marks."""
    return ERRORS if len(modalities) > 1 else dict(list(ERRORS.items())[:2])


@dataclass(frozen=True)
class ClipContents:
    """Pictures and scores of the clips, which the page shows beside their predictions.

    Attributes
    ----------
    strips : mapping of str to Strip
        A few faces of each clip that has faces; of a large corpus only of the first clips in the order of `ranked`.
    scores : mapping of str to mapping
        Posteriors of each modality and of `fusion`, by clip; a modality without a prediction is absent.
    courses : mapping of str to Course
        Audio posteriors over time of each clip that has them.
    files : mapping of str to str
        Relative address of each clip's file, from `clip_files.addresses`.
    """

    strips: Mapping[str, "Strip"]
    scores: Mapping[str, Mapping[str, Sequence[float]]]
    courses: Mapping[str, "Course"]
    files: Mapping[str, str] = field(default_factory=dict)

    def located(self, files: Mapping[str, str]) -> "ClipContents":
        """Return the same contents with the addresses of the clips' files."""
        return replace(self, files=files)


@dataclass(frozen=True)
class Strip:
    """Faces of a clip side by side as a JPEG picture, and the time of each in s."""

    picture: bytes
    times: Sequence[float]


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
    scores = _scores(corpus, rows, fusion)
    strips = face_strips(corpus, faces, ranked(rows, scores)) if faces else {}
    n_columns = COURSE_BYTES // (max(len(rows), 1) * len(corpus.classes))
    return ClipContents(strips, scores, _courses(rows, frames, min(MAX_COLUMNS, max(MIN_COLUMNS, n_columns))))


def ranked(rows: Mapping[str, Mapping[str, str]], scores: Mapping[str, Mapping[str, Sequence[float]]]) -> list[str]:
    """Clips in the order in which the page shows them: confident errors first, then the least confident clips.

    Errors on clips that were trained on come last, since they say nothing.
    """

    def place(clip: str) -> tuple[bool, bool, float, str]:
        confidence = max(scores[clip]["fusion"])
        is_wrong = outcome(rows[clip]) == "wrong"
        return rows[clip]["part"] == "train", not is_wrong, -confidence if is_wrong else confidence, clip

    return sorted(rows, key=place)


def face_strips(corpus: Manifest, folder: Path, clips: Sequence[str]) -> dict[str, Strip]:
    """Make strips of the clips that have faces, in the order of `clips`, until they hold `STRIP_BYTES`.

    One clip at a time is in memory.
    """
    strips: dict[str, Strip] = {}
    made = gather.jobs_with(corpus, "video")
    pictured = [clip for clip in clips if corpus.row_of_clip[clip].job in made]
    n_chips, side = next(form for limit, form in STRIPS if len(pictured) <= limit)
    n_bytes = 0
    for clip in pictured:
        arrays = gather.load(corpus, Source(folder, "faces", "video"), [clip])[clip].arrays
        if len(arrays.get("chips", ())):
            strips[clip] = _strip(arrays["chips"], arrays["time"], n_chips, side)
            n_bytes += len(strips[clip].picture)
        if n_bytes > STRIP_BYTES:
            break
    return strips


def clip_rows(rows: Mapping[str, Mapping[str, str]], contents: ClipContents) -> Iterator[dict[str, Any]]:
    """Yield the row of the page's table for each of the first clips (`ranked`), as they are without the script."""
    for clip in ranked(rows, contents.scores)[:N_STATIC]:
        row = rows[clip]
        yield {**row, "outcome": outcome(row), "confidence": max(contents.scores[clip]["fusion"])}


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
    judging = [name for name in MAIN if row["source"] in COVERED_BY.get(name, (row["source"],))]
    right = {name: row[f"predicted_{name}"] == row["label"] for name in judging}
    names = [f"{name[0]}{int(value)}" for name, value in right.items()]
    any_right = any(value for name, value in right.items() if name != "fusion")
    if any_right != right["fusion"]:
        names.append("lost" if any_right else "won")
    return names


def script_data(
    classes: Sequence[str], rows: Mapping[str, Mapping[str, str]], contents: ClipContents, modalities: Sequence[str]
) -> str:
    """JSON for the page's script: classes, main systems, and of each clip its facts, scores and pictures, `ranked`.

    The keys of a clip are n (name), u (subject), p (part), d (fold), l (label, -1 if hidden), o (source), q (status of
    video and audio), m (`marks`), y (predicted class of each main system, -1 without a prediction), P (posteriors of
    each main system in whole numbers per mille), s and k (strip and times of its faces), c and t (time course and its
    start and step), f (address of its file). Classes are numbers. A time course is base64 of one byte for each value
    (255 is 1), row by row.
    """
    shown = systems.shown(modalities)
    clips = [_entry(classes, shown, rows[clip], contents) for clip in ranked(rows, contents.scores)]
    text = json.dumps({"classes": list(classes), "systems": shown, "clips": clips}, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _entry(
    classes: Sequence[str], shown: Sequence[str], row: Mapping[str, str], contents: ClipContents
) -> dict[str, Any]:
    clip = row["clip"]
    values = contents.scores[clip]
    entry: dict[str, Any] = {
        **{"n": clip, "u": row["subject"], "p": row["part"], "d": row["fold"], "o": row["source"]},
        "l": -1 if row["label"] == HIDDEN else classes.index(row["label"]),
        "q": [row["status_video"], row["status_audio"]],
        "m": " ".join(marks(row)),
        "y": [classes.index(row[f"predicted_{name}"]) if name in values else -1 for name in shown],
        "P": [[round(PER_MILLE * value) for value in values[name]] if name in values else None for name in shown],
    }
    if strip := contents.strips.get(clip):
        entry |= {"s": base64.b64encode(strip.picture).decode(), "k": [round(time, 2) for time in strip.times]}
    if course := contents.courses.get(clip):
        entry |= {"c": base64.b64encode(course.levels.tobytes()).decode()}
        entry |= {"t": [round(course.start, 3), round(course.step, 4)]}
    if clip in contents.files:
        entry["f"] = contents.files[clip]
    return entry


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


def _courses(rows: Mapping[str, Mapping[str, str]], paths: Iterable[Path], n_columns: int) -> dict[str, Course]:
    course_of_clip = {}
    for path in paths:
        index = store.read(path, "posteriors", names=())
        clips = [clip for clip in index.statuses if clip in rows and rows[clip]["fold"] == index.facts["fold"]]
        for clip, entry in store.read(path, "posteriors", names=clips).entries.items():
            course_of_clip[clip] = _course(entry.arrays["posteriors"], entry.arrays["time"], n_columns)
    return course_of_clip


def _course(posteriors: npt.NDArray[Any], time: npt.NDArray[Any], n_columns: int) -> Course:
    short = time_courses.shortened(posteriors, n_columns)
    n_together = -(-len(posteriors) // max(len(short), 1))
    step = float(time[1] - time[0]) if len(time) > 1 else 0.0
    return Course(time_courses.quantised(short), float(time[0]), step * n_together)


def _strip(chips: Images, time: npt.NDArray[Any], n_chips: int, side: int) -> Strip:
    """Row of a few evenly spaced chips as a small JPEG."""
    places = np.linspace(0, len(chips) - 1, n_chips).round().astype(int)
    picture = Image.new("RGB", (n_chips * side, side))
    for i, index in enumerate(places):
        picture.paste(Image.fromarray(chips[index]).resize((side, side), Image.Resampling.BOX), (i * side, 0))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return Strip(stream.getvalue(), [float(time[index]) for index in places])
