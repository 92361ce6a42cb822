"""Tables of a run of several corpora: what was trained on which, and tested on which, by each main system."""

from collections.abc import Mapping
from typing import Any

from emotiw.evaluation import systems
from emotiw.evaluation.systems import ALL, OWN
from emotiw.report.formats import MISSING, interval, percent, probability

NOTE = (
    "Each clip is judged among the classes of the corpus tested (own), and among all classes of the run. "
    "Intervals (95 %) are of resampled groups of clips. p: share of labels, permuted within subjects, met as often."
)
Cell = str | tuple[str, ...]  # a text, or a text and the small print below it
COLUMNS = ("tested on", "trained on", "clips", "subjects", "chance")
HEADER = ("trained on", "tested on", "clips", "subjects", "classes")
SCORES = ("accuracy, own", "UAR, own", "p", "accuracy, all", "UAR, all", "p")


def table(metrics: Mapping[str, Any]) -> tuple[list[str], list[list[Cell]]]:
    """Header and rows: a row for each set of training corpora and each corpus tested, a column for each main system."""
    cells = metrics.get("corpora", [])
    shown = systems.shown(metrics["modalities"])
    rows: list[list[Cell]] = []
    for cell in cells:
        facts: list[Cell] = [cell["tested_on"], ", ".join(cell["trained_on"])]
        counts = [str(cell["n"]), str(cell["n_subjects"]), percent(1 / len(cell["classes"]))]
        rows.append([*facts, *counts, *(_brief(cell["systems"].get(name)) for name in shown)])
    return [*COLUMNS, *shown], rows


def lines(metrics: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Name of a main system and the values of `HEADER` and `SCORES`, for each cell that has scores of it."""
    made = []
    for cell in metrics.get("corpora", []):
        facts = [" + ".join(cell["trained_on"]), cell["tested_on"]]
        facts += [str(cell["n"]), str(cell["n_subjects"]), str(len(cell["classes"]))]
        for name, scores in cell["systems"].items():
            if scores:
                values = [text for among in (OWN, ALL) for text in _full(scores[among])]
                made.append((name, [*facts, *values]))
    return sorted(made, key=lambda line: systems.MAIN.index(line[0]))


def markdown(metrics: Mapping[str, Any]) -> str:
    """Table of all cells in Markdown; empty for a run of one corpus."""
    found = lines(metrics)
    if not found:
        return ""
    header = ["system", *HEADER, *SCORES]
    rows = [header, ["---"] * len(header), *([name, *values] for name, values in found)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"\n## Trained on, tested on\n\n{NOTE}\n\n{table}\n"


def _brief(scores: Mapping[str, Any] | None) -> Cell:
    if not scores:
        return "no clip"
    own = scores[OWN]
    ends = interval(own["accuracy_interval"])
    return percent(own["accuracy"]), ends, f"UAR {percent(own['uar'])}", f"p {probability(own['p'])}"


def _full(scores: Mapping[str, Any]) -> list[str]:
    texts = []
    for name in ("accuracy", "uar"):
        ends = scores[f"{name}_interval"]
        texts.append(percent(scores[name]) + (f" ({interval(ends)})" if ends else f" ({MISSING})"))
    return [*texts, probability(scores["p"])]
