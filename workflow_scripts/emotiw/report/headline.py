"""Top of the report: tiles of the main figures, one sentence that judges them, and warnings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotiw.evaluation import systems
from emotiw.report import names
from emotiw.report.formats import interval, percent, points

FEW_GROUPS, FEW_CLIPS = 10, 50  # below these, intervals are rough
LOW_COVERAGE, RARE_MODALITY = 0.9, 0.5  # shares of clips that the run's main system, and that a modality judges
SOURCES = {"fusion": "video and audio", "video": "video alone", "audio": "audio alone", "prior": "neither"}

Metrics = Mapping[str, Any]


@dataclass(frozen=True)
class Bar:
    """A value with its interval on an axis, and a mark to compare it with; all in percent."""

    value: float
    ends: Sequence[float] | None
    mark: float
    mark_text: str
    domain: tuple[float, float] = (0, 100)

    def place(self, value: float) -> float:
        """Place of a value on the axis, in percent of its length."""
        low, high = self.domain
        return min(100.0, max(0.0, 100 * (value - low) / (high - low)))


@dataclass(frozen=True)
class Tile:
    """A figure with its name, a remark below it, and either a bar or shares (name, number) of clips."""

    name: str
    value: str
    remark: str
    bar: Bar | None = None
    shares: Sequence[tuple[str, str, int]] = ()


def best_modality(metrics: Metrics, part: str) -> str | None:
    """Most accurate modality among those that judged any clip of a part; None if none did."""
    of_system = metrics["parts"][part]["systems"]
    judged = [name for name in metrics["modalities"] if of_system[name]["n_covered"]]
    return max(judged, key=lambda name: of_system[name]["accuracy"] or 0, default=None)


def chief(metrics: Metrics) -> str:
    """Name the main system of a run: the fusion, or its only modality."""
    return systems.shown(metrics["modalities"])[-1]


def tiles(metrics: Metrics, part: str) -> list[Tile]:
    """Accuracy, gain (of a run of one modality: UAR) and coverage; coverage alone if no label is known."""
    about = metrics["parts"][part]
    if not about["n_scored"]:
        return [_coverage(metrics, part)]
    second = _gain(metrics, part) if chief(metrics) == "fusion" else _uar(metrics, part)
    return [_accuracy(metrics, part), second, _coverage(metrics, part)]


def sentence(metrics: Metrics, part: str) -> str:
    """Say whether the main system is better than guessing, the same, or worse."""
    about, name = metrics["parts"][part], chief(metrics)
    if not about["n_scored"]:
        return "No label is known, so nothing is scored; every clip has a prediction."
    system, constant = about["systems"][name], about["majority_class"]
    if not system["n_covered"]:
        return f"{name.capitalize()} judged none of the {about['n_scored']} {part} clips, so there is nothing to score."
    fitted = " (to which its weights were fitted)" if part == "val" and name == "fusion" else ""
    return (
        f"{name.capitalize()} {_judged(system['over_majority']['accuracy_interval'])}: it is right on"
        f" {percent(system['accuracy'])} of the {about['n_scored']} {part} clips{fitted}; always answering"
        f" “{constant['label']}”, their most frequent class, would be right on {percent(constant['accuracy'])}."
    )


def account(metrics: Metrics, part: str) -> str:
    """Account of all clips: from which modalities they were predicted."""
    about = metrics["parts"][part]
    sources = {name: about["sources"][name] for name in SOURCES if about["sources"][name] or name == chief(metrics)}
    words = {"fusion": "from both modalities", "video": "from video alone", "audio": "from audio alone"}
    counted = [
        f"{number} {words.get(name, 'from the class frequencies of training')}" for name, number in sources.items()
    ]
    return (
        f"All {metrics['n_clips']} clips are accounted for. Of the {about['n']} {part} clips, "
        f"{names.listed(counted)} were predicted."
    )


def warnings(metrics: Metrics, part: str) -> list[str]:
    """List what a reader must know before believing the figures of a part."""
    about = metrics["parts"][part]
    found = list(_absent(metrics, part))
    if about["n_scored"]:
        found += [*_chance(metrics, part), *_small(about)]
    if not metrics["ledger"]["passed"]:
        found.append("A choice saw the labels of test clips, so the figures on them are optimistic.")
    return found


def _absent(metrics: Metrics, part: str) -> Iterator[str]:
    """Systems that judged nothing or little."""
    about = metrics["parts"][part]
    for name in systems.shown(metrics["modalities"]):
        system = about["systems"][name]
        n, n_covered = system["n"], system["n_covered"]
        if n and not n_covered:
            yield (
                f"{name.capitalize()} judged none of the {n} {part} clips: it is absent, and compared with no other"
                " system."
            )
        elif n and n_covered / n < (LOW_COVERAGE if name == chief(metrics) else RARE_MODALITY):
            yield (
                f"{name.capitalize()} judged {n_covered} of the {n} {part} clips; the others count by the class"
                " frequencies of training."
            )


def _chance(metrics: Metrics, part: str) -> Iterator[str]:
    """Systems that do not beat guessing."""
    about = metrics["parts"][part]
    for name in systems.shown(metrics["modalities"]):
        system = about["systems"][name]
        if system["n_covered"] / system["n"] < RARE_MODALITY:
            continue
        if system["accuracy"] < about["majority_class"]["accuracy"]:
            yield (
                f"{name.capitalize()} is worse than always answering “{about['majority_class']['label']}”:"
                f" {percent(system['accuracy'])} against {percent(about['majority_class']['accuracy'])}."
            )
        chance, ends = 1 / system["n_classes_present"], system["uar_interval"] or [system["uar"]] * 2
        if ends[0] <= chance:
            shown = f", interval {interval(ends)}" if system["uar_interval"] else ""
            yield (
                f"The mean recall of {name} (UAR) cannot be told from chance: {percent(system['uar'])}{shown};"
                f" chance is {percent(chance)}."
            )


def _small(about: Mapping[str, Any]) -> Iterator[str]:
    n_groups = about["n_groups"]
    if n_groups < FEW_GROUPS:
        yield (
            f"The {about['n_scored']} scored clips form {n_groups} independent group{'s'[: n_groups != 1]} (clips that"
            f" share a subject, film or content)"
            + ("; with so few, intervals are rough and too narrow." if n_groups > 1 else ", so there are no intervals.")
        )
    if about["n_scored"] < FEW_CLIPS:
        yield f"Only {about['n_scored']} clips are scored; one clip is {100 / about['n_scored']:.1f} points."


def _accuracy(metrics: Metrics, part: str) -> Tile:
    about, name = metrics["parts"][part], chief(metrics)
    system, constant = about["systems"][name], about["majority_class"]
    if not system["n_covered"]:
        return Tile(f"Accuracy of {name}", "none", "It judged no clip.")
    bar = Bar(
        100 * system["accuracy"],
        _hundredfold(system["accuracy_interval"]),
        100 * constant["accuracy"],
        f"always “{constant['label']}”: {percent(constant['accuracy'])}",
    )
    return Tile(f"Accuracy of {name}", percent(system["accuracy"]), _ends(system["accuracy_interval"]), bar)


def _uar(metrics: Metrics, part: str) -> Tile:
    system = metrics["parts"][part]["systems"][chief(metrics)]
    if not system["n_covered"]:
        return Tile("Mean recall of the classes (UAR)", "none", "It judged no clip.")
    chance = 1 / system["n_classes_present"]
    bar = Bar(100 * system["uar"], _hundredfold(system["uar_interval"]), 100 * chance, f"chance: {percent(chance)}")
    return Tile("Mean recall of the classes (UAR)", percent(system["uar"]), _ends(system["uar_interval"]), bar)


def _gain(metrics: Metrics, part: str) -> Tile:
    best = best_modality(metrics, part)
    if best is None:
        return Tile("Gain of fusion", "none", "No modality judged a clip by itself.")
    about = metrics["parts"][part]
    gain = about["fusion_gain"][best]
    ends = gain["accuracy_interval"]
    widest = max(2.0, *(abs(100 * end) for end in [*(ends or ()), gain["accuracy"]]))
    bar = Bar(
        100 * gain["accuracy"],
        _hundredfold(ends),
        0,
        f"{best} alone: {percent(about['systems'][best]['accuracy'])}",
        (-1.1 * widest, 1.1 * widest),
    )
    undecided = " It cannot be told from zero." if ends and ends[0] <= 0 <= ends[1] else ""
    remark = _ends(ends, signed=True) + undecided
    return Tile(f"Gain of fusion over {best}", points(gain["accuracy"]), remark, bar)


def _coverage(metrics: Metrics, part: str) -> Tile:
    about = metrics["parts"][part]
    shown = {name: about["sources"][name] for name in SOURCES if about["sources"][name]}
    judged = about["n"] - about["sources"]["prior"]
    shares = [(name, SOURCES[name], number) for name, number in shown.items()]
    value = percent(judged / about["n"]) if about["n"] else "none"
    return Tile("Clips judged", value, f"{judged} of {about['n']} {part} clips", shares=shares)


def _judged(ends: Sequence[float] | None) -> str:
    if not ends:
        return "has too few independent clips to be told from guessing"
    if ends[0] > 0:
        return "is better than guessing"
    return "is worse than guessing" if ends[1] < 0 else "is no better than guessing, as far as these clips can tell"


def _ends(ends: Sequence[float] | None, signed: bool = False) -> str:
    return f"95 % interval {interval(ends, signed)}." if ends else "No interval: a single group of clips."


def _hundredfold(ends: Sequence[float] | None) -> list[float] | None:
    return None if ends is None else [100 * end for end in ends]
