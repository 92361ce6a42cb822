"""Published figures of the paper and the challenge, and verdicts whether this run agrees with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotiw.statistics.metrics import wilson_interval

TOLERANCE = 0.005  # difference of shares that still matches: half a point
MATCHES, WITHIN, DIFFERS = "matches", "within interval", "differs"
OTHER_CORPUS = "not testable on this corpus"
NO_LABEL, NOT_OURS, LOST = (
    "not testable: no label is known",
    "not testable: not a system of ours",
    "not testable: values lost",
)
RULES = {
    MATCHES: f"our value is at most {100 * TOLERANCE:.1f} points from the published value or range",
    WITHIN: "the distance is larger, but our 95 % interval overlaps the published value or range",
    DIFFERS: "our 95 % interval does not overlap the published value or range",
    "not testable": "another corpus, no known label, a system that is not implemented here, or lost published values",
}
Metrics = Mapping[str, Any]
Ours = tuple[float | None, Sequence[float] | None]


@dataclass(frozen=True)
class Figure:
    """A published figure of AFEW 2016.

    Attributes
    ----------
    what, part : str
        What was measured, and on which clips: `test`, `val`, or empty if unknown.
    text : str
        Value as it was printed.
    ends : tuple of float
        Lowest and highest value, as shares.
    source : str
        Where it was published, as far as known.
    ours : callable
        Returns our value and its 95 % interval from the content of `metrics.json` and a part; None if we have no such
        system.
    """

    what: str
    part: str
    text: str
    ends: tuple[float, float]
    source: str
    ours: Callable[[Metrics, str], Ours] | None = None


@dataclass(frozen=True)
class Line:
    """A published figure, our value and the verdict."""

    figure: Figure
    part: str
    value: float | None
    interval: Sequence[float] | None
    verdict: str


def accuracy(system: str) -> Callable[[Metrics, str], Ours]:
    """Getter of a system's accuracy and interval."""

    def ours(metrics: Metrics, part: str) -> Ours:
        system_metrics = metrics["parts"][part]["systems"].get(system, {})
        return system_metrics.get("accuracy"), system_metrics.get("accuracy_interval")

    return ours


def over_baseline(system: str) -> Callable[[Metrics, str], Ours]:
    """Getter of a system's accuracy minus that of its modality's baseline on the same clips."""

    def ours(metrics: Metrics, part: str) -> Ours:
        difference = metrics["parts"][part]["systems"].get(system, {}).get("over_baseline") or {}
        return difference.get("accuracy"), difference.get("accuracy_interval")

    return ours


def recall(system: str, label: str) -> Callable[[Metrics, str], Ours]:
    """Getter of a system's recall of a class, with Wilson's interval."""

    def ours(metrics: Metrics, part: str) -> Ours:
        if label not in metrics["classes"]:
            return None, None
        index = metrics["classes"].index(label)
        row = metrics["parts"][part]["systems"][system]["confusion"][index]
        return (row[index] / sum(row), wilson_interval(row[index], sum(row))) if sum(row) else (None, None)

    return ours


CHALLENGE, PAPER = "EmotiW 2016 challenge", "Ding et al. 2016"
FIGURES = (
    Figure("accuracy, audio and video fused", "test", "53.9 %", (0.539, 0.539), PAPER, accuracy("fusion")),
    Figure("accuracy, challenge baseline", "test", "40.47 %", (0.4047, 0.4047), CHALLENGE),
    Figure("accuracy, challenge winner", "test", "59.02 %", (0.5902, 0.5902), CHALLENGE),
    Figure(
        *("accuracy, audio networks", "val", "31 to 35 %", (0.31, 0.35)),
        *(f"{PAPER}, sec. 2.2.3: six structures", accuracy("audio")),
    ),
    Figure(
        *("accuracy of the audio networks above openSMILE + SVM (figure 4)", "val", "7 to 8 points", (0.07, 0.08)),
        *(f"{PAPER}; on which clips is not known", over_baseline("audio")),
    ),
    Figure(
        *("recall of anger", "", "80 %", (0.80, 0.80)),
        *(f"{PAPER}; on which clips is not known", recall("fusion", "anger")),
    ),
    Figure(
        *("recall of happiness", "", "75 %", (0.75, 0.75)),
        *(f"{PAPER}; on which clips is not known", recall("fusion", "happiness")),
    ),
)
PUBLISHED_INTERVAL = "320 of 593 clips, Wilson's 95 % interval 49.9 to 57.9"


def comparable(corpus: str) -> bool:
    """Whether a corpus is AFEW, which the paper used."""
    return corpus.lower().startswith("afew")


def lines(metrics: Metrics, part: str, corpus: str) -> list[Line]:
    """Each published figure with our value; one whose clips are unknown is compared on `part`."""
    compared = []
    for figure in FIGURES:
        where = figure.part or part
        value, ends = figure.ours(metrics, where) if figure.ours else (None, None)
        compared.append(Line(figure, where, value, ends, verdict(figure, value, ends, comparable(corpus))))
    return compared


def verdict(figure: Figure, value: float | None, ends: Sequence[float] | None, is_comparable: bool) -> str:
    """Verdict on our value and the ends of its interval against a published figure (see `RULES`).

    Parameters
    ----------
    figure : Figure
        Published figure.
    value : float or None
        Our value, as a share.
    ends : sequence of float or None
        Ends of its 95 % interval.
    is_comparable : bool
        Whether this run used the corpus of the paper.
    """
    if figure.ours is None:
        return NOT_OURS
    if not is_comparable:
        return OTHER_CORPUS
    if value is None:
        return NO_LABEL
    low, high = figure.ends
    if low - TOLERANCE <= value <= high + TOLERANCE:
        return MATCHES
    return WITHIN if ends and ends[0] <= high and low <= ends[1] else DIFFERS
