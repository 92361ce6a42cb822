"""Predictions as text for a terminal of 80 columns."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from emotiw.prediction import card
from emotiw.prediction.prediction import UNCERTAIN, Prediction
from emotiw.prediction.records import shown

BAR, EIGHTHS = 30, " ▏▎▍▌▋▊▉"
SOURCES = {"fusion": "face and voice", "video": "the face alone", "audio": "the voice alone"}
WIDTH = 80


@dataclass(frozen=True)
class Outcome:
    """What the summary of a clip needs: whether it was judged, whether uncertainly, its length and computing time."""

    is_judged: bool
    is_uncertain: bool
    duration_s: float
    seconds: float

    @classmethod
    def of(cls, prediction: Prediction) -> Self:
        """Outcome of a prediction."""
        return cls(prediction.emotion is not None, prediction.is_uncertain, prediction.duration_s, prediction.seconds)


def block(prediction: Prediction) -> str:
    """One prediction in full: a bar for each class, all three posteriors, and the source of the decision."""
    fused = prediction.posteriors["fusion"]
    if fused is None:
        return f"{_short(shown(prediction.path) + prediction.of_person, WIDTH)}\n{_reason(prediction)}"
    n_frames, n_faces = (sum(getattr(part, name) for part in prediction.parts) for name in ("n_frames", "n_faces"))
    facts = f"{prediction.duration_s:.1f} s, {n_faces} faces in {n_frames} frames"
    name = _short(shown(prediction.path) + prediction.of_person, WIDTH - len(facts) - 2)
    lines = [f"{name:<{WIDTH - len(facts)}}{facts}", "", f"{'':14}{'fused':<{BAR + 10}}{'face':>9}{'voice':>9}"]
    for c in sorted(range(len(fused)), key=lambda c: -fused[c]):
        others = "".join(f"{_percent(prediction, modality, c):>9}" for modality in ("video", "audio"))
        lines.append(f"{prediction.classes[c]:<14.14}{_bar(fused[c]):<{BAR}} {100 * fused[c]:5.1f} %  {others}")
    lines += ["", f"{_answer(prediction)}, by {SOURCES[prediction.source]}{_missing(prediction)}"]
    return "\n".join([*(line.rstrip() for line in lines), *_notes(prediction)])


def heading() -> str:
    """Header of the table whose rows are made by `line`."""
    return f"{'clip':<27}{'emotion':<13}{'fused':>6}   {'face':<16}{'voice':<15}".rstrip()


def line(prediction: Prediction) -> str:
    """One prediction on a line; if there is none, the reason on the lines below."""
    name = _short(shown(Path(prediction.name)), 26)
    if prediction.emotion is None:
        outcome = "not judged" if prediction.is_of_the_moment else "abstains"
        return f"{name:<27}{outcome}\n{_reason(prediction)}"
    fused = f"{_best(prediction, 'fusion'):.0%}"
    single = [
        f"{prediction.best(modality)} {_best(prediction, modality):.0%}"
        if prediction.best(modality)
        else prediction.status[modality].replace("_", " ")
        for modality in ("video", "audio")
    ]
    row = f"{name:<27}{prediction.emotion:<13.13}{fused:>6}   {single[0]:<16.16}{single[1]:<15.15}".rstrip()
    return "\n".join([row, *_notes(prediction)])


def note(about: Mapping[str, Any]) -> str:
    """Say what a bundle is, and what it scored."""
    return textwrap.fill(card.line(about), WIDTH)


def tally(outcomes: Sequence[Outcome]) -> str:
    """Sum up all clips."""
    lasted_s, took_s = (sum(getattr(clip, name) for clip in outcomes) for name in ("duration_s", "seconds"))
    n_judged, n_uncertain = (sum(getattr(clip, name) for clip in outcomes) for name in ("is_judged", "is_uncertain"))
    speed = f", {lasted_s / took_s:.1f} times real time" if took_s else ""
    uncertain = f", {n_uncertain} of them uncertain" if n_uncertain else ""
    return f"{n_judged} of {len(outcomes)} clips judged{uncertain}; {lasted_s:.1f} s in {took_s:.1f} s{speed}"


def _answer(prediction: Prediction) -> str:
    """Name the class and its probability, or say that it is not probable enough."""
    best = f"{prediction.best('fusion')} ({prediction.confidence:.0%}"
    return f"{UNCERTAIN}: {best} < {prediction.min_confidence:.0%})" if prediction.is_uncertain else f"{best})"


def _notes(prediction: Prediction) -> list[str]:
    return [_indented(f"note: {text}") for text in prediction.notes]


def _reason(prediction: Prediction) -> str:
    text = prediction.reason if prediction.is_of_the_moment else f"abstains: {prediction.reason}"
    return _indented(text)


def _indented(text: str) -> str:
    printable = "".join(c if c.isprintable() else "?" for c in text)
    return textwrap.fill(printable, WIDTH, initial_indent="  ", subsequent_indent="  ")


def _missing(prediction: Prediction) -> str:
    absent = [
        f"{name} {prediction.status[name].replace('_', ' ')}"
        for name in ("video", "audio")
        if prediction.posteriors[name] is None
    ]
    return f" ({', '.join(absent)})" if absent else ""


def _best(prediction: Prediction, name: str) -> float:
    values = prediction.posteriors[name]
    return 0.0 if values is None else float(values.max())


def _percent(prediction: Prediction, name: str, c: int) -> str:
    values = prediction.posteriors[name]
    return "-" if values is None else f"{100 * values[c]:.1f} %"


def _bar(share: float) -> str:
    eighths = round(share * BAR * 8)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def _short(text: str, n: int) -> str:
    return text if len(text) <= n else f"{text[: n // 2 - 1]}…{text[len(text) - (n - n // 2) :]}"
