"""Predictions as JSON values and as rows of a CSV table."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emotiw.prediction.prediction import NAMES, Floats, Prediction, SegmentPrediction

DIGITS = 5
# columns of the table that are facts of a record
FACTS = (
    "path",
    "person",
    "emotion",
    "probability",
    "source",
    "video_status",
    "audio_status",
    "duration_s",
    "n_frames",
    "n_faces",
    "reason",
)


def shown(path: Path) -> str:
    """Path as printable text; other characters are escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def record(prediction: Prediction) -> dict[str, Any]:
    """Convert a prediction to JSON values."""
    return {
        "path": shown(prediction.path),
        "person": prediction.person,
        "n_people": prediction.n_people,
        "emotion": prediction.emotion,
        "most_probable": prediction.best("fusion"),
        "probability": None if prediction.confidence is None else round(prediction.confidence, DIGITS),
        "source": prediction.source,
        "reason": prediction.reason,
        "notes": list(prediction.notes),
        "status": prediction.status,
        "posteriors": {name: _by_class(prediction.posteriors[name], prediction.classes) for name in NAMES},
        "duration_s": round(prediction.duration_s, 3),
        "n_frames": sum(part.n_frames for part in prediction.parts),
        "n_faces": sum(part.n_faces for part in prediction.parts),
        "segments": [_segment(part, prediction.classes) for part in prediction.parts],
        "timeline": {
            "time_s": [round(float(t), 3) for t in prediction.timeline.time_s],
            **{name: _courses(values, prediction.classes) for name, values in prediction.timeline.posteriors.items()},
        },
    }


def rows(records: Sequence[Mapping[str, Any]], classes: Sequence[str], bundle: str) -> list[list[str]]:
    """Rows of the CSV file, with the header first.

    Parameters
    ----------
    records : sequence of mapping
        From `record`.
    classes : sequence of str
    bundle : str
        Line on the bundle (`card.line`), which every row repeats.
    """
    columns = [f"{name}_{label}" for name in NAMES for label in classes]
    return [[*FACTS, "notes", *columns, "bundle"], *(_row(record, len(classes), bundle) for record in records)]


def _row(record: Mapping[str, Any], n_classes: int, bundle: str) -> list[str]:
    facts = {**record} | {f"{modality}_status": status for modality, status in record["status"].items()}
    posteriors = [record["posteriors"][name] for name in NAMES]
    values = [value for of in posteriors for value in (of.values() if of else [""] * n_classes)]
    known = ["" if facts[name] is None else str(facts[name]) for name in FACTS]
    return [*known, "; ".join(record["notes"]), *map(str, values), bundle]


def _segment(part: SegmentPrediction, classes: Sequence[str]) -> dict[str, Any]:
    fused = part.posteriors.mean["fusion"]
    return {
        "start_s": part.start_s,
        "duration_s": round(part.duration_s, 3),
        "emotion": None if fused is None else classes[int(fused.argmax())],
        "status": {name: str(status) for name, status in part.status.items()},
        "posteriors": {name: _by_class(values, classes) for name, values in part.posteriors.mean.items()},
    }


def _by_class(values: Floats | None, classes: Sequence[str]) -> dict[str, float] | None:
    if values is None:
        return None
    return {label: round(float(value), DIGITS) for label, value in zip(classes, values, strict=True)}


def _courses(values: Floats, classes: Sequence[str]) -> dict[str, list[float | None]]:
    """Course of each class, of values (n_windows, n_classes); None where a window has no posteriors."""
    return {
        label: [None if np.isnan(value) else round(float(value), DIGITS) for value in values[:, c]]
        for c, label in enumerate(classes)
    }
