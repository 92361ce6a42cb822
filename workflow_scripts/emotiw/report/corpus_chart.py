"""Chart of a run of several corpora: the accuracy of the main systems on each."""

from collections.abc import Mapping, Sequence
from typing import Any

from emotiw.evaluation.systems import OWN
from emotiw.report import charts
from emotiw.report.charts import Chart, Mark


def chart(metrics: Mapping[str, Any]) -> Chart:
    """Chart of the accuracy on each corpus, among its own classes; empty for a run of one corpus."""
    cells = metrics.get("corpora", [])
    marks = [
        Mark(_row(cells, cell), name, 100 * scores[OWN]["accuracy"], _hundredfold(scores[OWN]), cell["n"])
        for cell in cells
        for name, scores in cell["systems"].items()
        if scores
    ]
    title = "Accuracy on each corpus, among its classes"
    text = f"{title}: a row for each corpus tested, a mark for each system; values in the table below"
    return charts.interval_chart("corpora", title, marks, axis="accuracy, %", alt_text=text)


def _row(cells: Sequence[Mapping[str, Any]], cell: Mapping[str, Any]) -> str:
    """Name of a cell's corpus, with what was trained on where that is not the same for all tests of it."""
    alike = [other for other in cells if other["tested_on"] == cell["tested_on"]]
    return cell["tested_on"] if len(alike) == 1 else f"{cell['tested_on']} after {', '.join(cell['trained_on'])}"


def _hundredfold(scores: Mapping[str, Any]) -> list[float] | None:
    ends = scores["accuracy_interval"]
    return None if ends is None else [100 * end for end in ends]
