"""Predictions as files: JSON, CSV, a picture of each clip, and a self-contained page."""

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emotiw.core import files
from emotiw.core.html import environment, resource
from emotiw.corpora.manifest import table_bytes
from emotiw.prediction import card, thumbnails, timeline
from emotiw.prediction.bundle import Bundle
from emotiw.prediction.output_checks import FILES, PICTURES
from emotiw.prediction.prediction import Prediction
from emotiw.prediction.records import record, rows

PICTURED = 100  # number of clips whose pictures are embedded in the page; it links to the others


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
    faces: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """Line on the bundle beside every answer."""
        return card.line(self.bundle.about)

    def add(self, prediction: Prediction) -> None:
        """Write the picture of a prediction as PNG and SVG, and keep its record."""
        name = f"{len(self.records) + 1:04d}_{_safe(prediction.path.stem)}"
        drawn = timeline.pictures(prediction, self.line)
        for kind, data in drawn.items():
            files.write_atomic(self.folder / PICTURES / f"{name}.{kind}", data)
        encoded = base64.b64encode(drawn["png"]).decode() if len(self.records) < PICTURED else ""
        self.pictures.append(f"data:image/png;base64,{encoded}" if encoded else f"{PICTURES}/{name}.png")
        self.faces.append(thumbnails.address(prediction.strip))
        self.records.append(record(prediction) | {"timeline_file": f"{PICTURES}/{name}.png"})

    def finish(self) -> None:
        """Write `predictions.json`, `predictions.csv` and `predictions.html`."""
        about = self.bundle.about
        kept = {key: about[key] for key in ("run", "sha256", "trained_on", "licences", "averaging")}
        lacking = {member["fold"]: member.get("lacking", {}) for member in about["members"]}
        whole = {"bundle": kept | {"line": self.line, "lacking": lacking}} | {
            "classes": list(self.bundle.classes),
            "clips": self.records,
        }
        json_file, csv_file, page = (self.folder / name for name in FILES)
        files.write_json(json_file, whole)
        files.write_atomic(csv_file, table_bytes(rows(self.records, self.bundle.classes, self.line)))
        files.write_atomic(page, self._page().encode())

    def _page(self) -> str:
        template = environment().get_template("predictions.html.j2")
        return template.render(
            about=self.bundle.about,
            classes=self.bundle.classes,
            colours=[timeline.colour(c) for c in range(len(self.bundle.classes))],
            clips=list(zip(self.records, self.pictures, self.faces, strict=True)),
            n_clips=sum(record["person"] == 1 for record in self.records),
            line=self.line,
            css=resource("report.css") + resource("predictions.css"),
            script=resource("predictions.js"),
        )


def _safe(stem: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", stem)[:60]
