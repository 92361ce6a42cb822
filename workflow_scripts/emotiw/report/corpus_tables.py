"""Tables of a run of several corpora: trained on (rows) by tested on (columns), for each main system."""

from collections.abc import Mapping
from typing import Any

from emotiw.evaluation import systems
from emotiw.evaluation.systems import ALL, OWN
from emotiw.report.formats import MISSING, interval, percent, probability

NOTE = (
    "Each clip is judged among the classes of the corpus tested (own), and among all classes of the run. "
    "Intervals (95 %) are of resampled subjects. p: share of labels, permuted within subjects, met as often."
)
HEADER = ("trained on", "tested on", "clips", "subjects", "classes")
SCORES = ("accuracy, own", "UAR, own", "p", "accuracy, all", "UAR, all", "p")


def matrices(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each main system its name, the tested corpora, and rows of cells; empty for a run of one corpus.

    A row is the names of the training corpora and a text for each tested corpus, empty where nothing was tested.
    """
    cells = metrics.get("corpora", [])
    tested = list(dict.fromkeys(cell["tested_on"] for cell in cells))
    trained = list(dict.fromkeys(tuple(cell["trained_on"]) for cell in cells))
    of = {(tuple(cell["trained_on"]), cell["tested_on"]): cell["systems"] for cell in cells}
    return [
        {
            "name": name,
            "tested": tested,
            "rows": [
                (" + ".join(row), [_brief(of.get((row, column), {}).get(name)) for column in tested]) for row in trained
            ],
        }
        for name in (systems.shown(metrics["modalities"]) if cells else ())
    ]


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


def _brief(scores: Mapping[str, Any] | None) -> str:
    if not scores:
        return ""
    own = scores[OWN]
    ends = f" ({interval(own['accuracy_interval'])})" if own["accuracy_interval"] else ""
    return f"{percent(own['accuracy'])}{ends}, UAR {percent(own['uar'])}"


def _full(scores: Mapping[str, Any]) -> list[str]:
    texts = []
    for name in ("accuracy", "uar"):
        ends = scores[f"{name}_interval"]
        texts.append(percent(scores[name]) + (f" ({interval(ends)})" if ends else f" ({MISSING})"))
    return [*texts, probability(scores["p"])]
