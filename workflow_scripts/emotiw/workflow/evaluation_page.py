"""The page of an evaluation of a bundle: self-contained HTML that needs neither a network nor a script."""

from collections.abc import Mapping, Sequence
from typing import Any

from emotiw.core import html
from emotiw.evaluation.stranger_metrics import ALL, OWN, SYSTEMS
from emotiw.report import confusion_cells, formats
from emotiw.report.formats import interval, percent

TEMPLATE, STYLE, MACROS = "evaluation.html.j2", "report.css", "report_macros.html.j2"
NAMES = {"fusion": "face and voice", "video": "face", "audio": "voice"}
MAX_POINTS, MAX_ROWS = 200, 20  # points of a curve that are drawn, and those that are listed


def render(content: Mapping[str, Any]) -> str:
    """Render the page as HTML; the same content gives the same bytes.

    Parameters
    ----------
    content : mapping
        Content of `evaluation.json`.
    """
    environment = html.environment()
    environment.filters |= formats.FILTERS
    among = content["scores"]["among"]
    first = next(name for name in (OWN, ALL) if name in among)
    shown = [name for name in SYSTEMS if among[first]["systems"][name]["n_judged"]]
    curves = {name: among[first]["systems"][name]["by_coverage"] for name in shown}
    context = {
        **content,
        "style": html.resource(STYLE),
        "macros": MACROS,
        "names": NAMES,
        "shown": shown,
        "first": among[first],
        "variants": [among[name] for name in (OWN, ALL) if name in among],
        "verdict": verdict(content),
        "confusions": [
            confusion_cells.cells(NAMES[name], among[first]["systems"][name]["confusion"]) for name in shown
        ],
        "curves": {name: thinned(curve, MAX_POINTS) for name, curve in curves.items()},
        "steps": thinned(curves[shown[0]], MAX_ROWS) if shown else [],
    }
    return environment.get_template(TEMPLATE).render(context)


def verdict(content: Mapping[str, Any]) -> list[str]:
    """Lines that say it all: the accuracy, how sure the system is, and the clips that were left out or not judged."""
    scores, n = content["scores"], content["scores"]["n"]
    lines = [_accuracy(scores["among"][name], n) for name in (OWN, ALL) if name in scores["among"]]
    fused = scores["among"][ALL]["systems"]["fusion"]
    if fused["n_judged"]:
        lines.append(
            f"On average it gives its answer a probability of {percent(fused['confidence'])}, and"
            f" {percent(fused['accuracy'])} of the answers are right (expected calibration error"
            f" {percent(fused['ece'])})."
        )
    if lacking := content["bundle"]["lacking"]:
        lines.append(f"{lacking[0].upper()}{lacking[1:]}.")
    lines.append(_check(content["seen"]))
    return lines


def thinned(points: Sequence[Any], n: int) -> list[Any]:
    """At most `n` + 1 of the points, evenly spaced, the last one included."""
    step = -(-len(points) // n)
    return [*points[:-1:step], points[-1]] if len(points) > 1 else list(points)


def _accuracy(variant: Mapping[str, Any], n: int) -> str:
    fused, classes = variant["systems"]["fusion"], variant["classes"]
    ends = f" ({interval(fused['accuracy_interval'])})" if fused["accuracy_interval"] else ""
    missing = n - fused["n_judged"]
    lacking = f"; {missing} of {n} clips are not judged" if missing else ""
    return (
        f"Among the {len(classes)} classes {', '.join(classes)}: {percent(fused['accuracy'])} of {fused['n_judged']}"
        f" clips are judged rightly{ends}; chance is {percent(variant['chance'])}{lacking}."
    )


def _check(seen: Mapping[str, Any]) -> str:
    if not seen["checked"]:
        return (
            "Whether the bundle was trained on clips or people of this corpus could not be checked: it does not say"
            " what it was trained on."
        )
    if seen["n_seen"]:
        return f"{seen['n_seen']} clips that the bundle had seen were left out: {seen['seen']}."
    return "The bundle was trained on no clip, no subject and no film of this corpus, by their hashes."
