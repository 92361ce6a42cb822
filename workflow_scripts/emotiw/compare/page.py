"""The page of a comparison of runs: self-contained HTML that needs neither a network nor a script."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from emotiw.compare import stage_names, wording
from emotiw.compare.wording import Content
from emotiw.core import html
from emotiw.report import formats, names

TEMPLATE, STYLE, OWN_STYLE = "compare.html.j2", "report.css", "compare.css"
MAX_ROWS = 40  # of a chart; with more, the table alone is shown
FIRST = ("fusion", "video", "audio")
STEP = 10  # points between two ticks, or a multiple of it


@dataclass(frozen=True)
class Bar:
    """A difference in points, with the ends of its interval."""

    label: str
    value: float
    ends: tuple[float, float] | None


@dataclass(frozen=True)
class Differences:
    """A chart of differences, drawn by the template around zero."""

    name: str
    title: str
    rows: Sequence[Bar]

    @property
    def reach(self) -> int:
        """End of the axis in points."""
        values = [abs(value) for row in self.rows for value in (row.value, *(row.ends or ()))]
        return max(STEP, math.ceil(max(values, default=0) / STEP) * STEP)


def render(content: Content, folder: Path, sweep: Mapping[str, Any] | None = None) -> str:
    """Render the page as HTML; the same content gives the same bytes.

    Parameters
    ----------
    content : mapping
        From `content.compare`.
    folder : Path
        Folder of the page, from which it links to the reports of the runs.
    sweep : mapping, optional
        Record of the sweep that the runs belong to (`sweep_choice.chosen`).
    """
    environment = html.environment()
    environment.filters |= formats.FILTERS | {"system": names.system, "stage": stage_names.stage}
    environment.filters |= {"hours": wording.hours, "megabytes": wording.megabytes}
    context = {
        **content,
        "style": html.resource(STYLE) + html.resource(OWN_STYLE),
        "base": content["runs"][0],
        "verdict": wording.verdict(content),
        "wording": wording,
        "content": content,
        "links": {run["name"]: _link(run["page"], folder) for run in content["runs"]},
        "charts": _charts(content),
        "main": sorted((line for line in content["systems"] if "/" not in line["system"]), key=_place),
        "others": [line for line in content["systems"] if "/" in line["system"]],
        "sweep": sweep,
    }
    return environment.get_template(TEMPLATE).render(context)


def _place(line: Mapping[str, Any]) -> int:
    """Place of a system in the table: the fusion, the modalities, other fusions."""
    return FIRST.index(line["system"]) if line["system"] in FIRST else len(FIRST)


def _link(page: str | None, folder: Path) -> str | None:
    return quote(Path(os.path.relpath(page, folder)).as_posix()) if page else None


def _charts(content: Content) -> list[Differences]:
    paired = content["paired"]
    if not paired:
        return []
    base, chief = content["runs"][0]["name"], paired["systems"][-1]
    several = len(paired["runs"]) > 2
    title = f"Accuracy of each run minus that of {base}, in points"
    rows = [_bar(line, line["system"], several) for line in paired["tests"]]
    drawn = [Differences("systems", title, rows)]
    title = f"Recall of each class minus that of {base}, {chief}, in points"
    rows = [_bar(line, line["class"], several) for line in paired["classes"] if line["system"] == chief]
    return [*drawn, Differences("classes", title, rows)] if len(rows) <= MAX_ROWS else drawn


def _bar(line: Mapping[str, Any], label: str, several: bool) -> Bar:
    ends = line["difference_interval"]
    name = f"{label}, {line['run']}" if several else label
    return Bar(name, 100 * line["difference"], (100 * ends[0], 100 * ends[1]) if ends else None)
