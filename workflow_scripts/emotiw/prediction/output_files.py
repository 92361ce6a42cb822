"""Predictions as files: JSON, CSV, a picture of each clip, and a self-contained page."""

import base64
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emotiw.core import files
from emotiw.core.html import environment, resource
from emotiw.corpora.manifest import table_bytes
from emotiw.prediction import timeline
from emotiw.prediction.bundle import Bundle
from emotiw.prediction.predictor import NAMES, Floats, Prediction, SegmentPrediction

PICTURED = 100  # number of clips whose pictures are embedded in the page; it links to the others
DIGITS = 5


@dataclass
class PredictionFolder:
    """A folder of predictions; only a small record of each is held in memory.

    Attributes
    ----------
    folder : Path
    bundle : Bundle
        Bundle that made the predictions.
    """

    folder: Path
    bundle: Bundle
    records: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)

    def add(self, prediction: Prediction) -> None:
        """Write the picture of a prediction as PNG and SVG, and keep its record."""
        name = f"{len(self.records) + 1:04d}_{_safe(prediction.path.stem)}"
        drawn = timeline.pictures(prediction)
        for kind, data in drawn.items():
            files.write_atomic(self.folder / "timelines" / f"{name}.{kind}", data)
        encoded = base64.b64encode(drawn["png"]).decode() if len(self.records) < PICTURED else ""
        self.pictures.append(f"data:image/png;base64,{encoded}" if encoded else f"timelines/{name}.png")
        self.records.append(record(prediction) | {"timeline_file": f"timelines/{name}.png"})

    def finish(self) -> None:
        """Write `predictions.json`, `predictions.csv` and `predictions.html`."""
        about = self.bundle.about
        head = {"bundle": {key: about[key] for key in ("run", "sha256", "trained_on", "licences", "averaging")}}
        whole = head | {"classes": list(self.bundle.classes), "clips": self.records}
        files.write_json(self.folder / "predictions.json", whole)
        files.write_atomic(self.folder / "predictions.csv", table_bytes(rows(self.records, self.bundle.classes)))
        files.write_atomic(self.folder / "predictions.html", self._page().encode())

    def _page(self) -> str:
        template = environment().get_template("predictions.html.j2")
        return template.render(
            about=self.bundle.about,
            classes=self.bundle.classes,
            colours=[timeline.colour(c) for c in range(len(self.bundle.classes))],
            clips=list(zip(self.records, self.pictures, strict=True)),
            css=resource("report.css"),
        )


def shown(path: Path) -> str:
    """Path as printable text; other characters are escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def record(prediction: Prediction) -> dict[str, Any]:
    """Convert a prediction to JSON values."""
    return {
        "path": shown(prediction.path),
        "emotion": prediction.emotion,
        "source": prediction.source,
        "reason": prediction.reason,
        "status": prediction.status,
        "posteriors": {name: _listed(prediction.posteriors[name]) for name in NAMES},
        "duration_s": round(prediction.duration_s, 3),
        "n_frames": sum(part.n_frames for part in prediction.parts),
        "n_faces": sum(part.n_faces for part in prediction.parts),
        "segments": [_segment(part, prediction.classes) for part in prediction.parts],
        "timeline": {
            "time_s": [round(float(t), 3) for t in prediction.timeline.time_s],
            **{name: [_listed(row) for row in values] for name, values in prediction.timeline.posteriors.items()},
        },
    }


def rows(records: Sequence[dict[str, Any]], classes: Sequence[str]) -> list[list[str]]:
    """Rows of the CSV file, with the header first."""
    columns = [f"{name}_{label}" for name in NAMES for label in classes]
    header = [
        "path",
        "emotion",
        "source",
        "video_status",
        "audio_status",
        "duration_s",
        "n_frames",
        "n_faces",
        "reason",
    ]
    table = [[*header, *columns]]
    for clip in records:
        facts = [clip["path"], clip["emotion"] or "", clip["source"], clip["status"]["video"], clip["status"]["audio"]]
        counts = [str(clip[key]) for key in ("duration_s", "n_frames", "n_faces")]
        values = [value for name in NAMES for value in (clip["posteriors"][name] or [""] * len(classes))]
        table.append([*facts, *counts, clip["reason"], *map(str, values)])
    return table


def _segment(part: SegmentPrediction, classes: Sequence[str]) -> dict[str, Any]:
    fused = part.posteriors.mean["fusion"]
    return {
        "start_s": part.start_s,
        "duration_s": round(part.duration_s, 3),
        "emotion": None if fused is None else classes[int(fused.argmax())],
        "status": {name: str(status) for name, status in part.status.items()},
        "posteriors": {name: _listed(values) for name, values in part.posteriors.mean.items()},
    }


def _listed(values: Floats | None) -> list[float] | None:
    if values is None or np.isnan(values).any():
        return None
    return [round(float(value), DIGITS) for value in values]


def _safe(stem: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", stem)[:60]
