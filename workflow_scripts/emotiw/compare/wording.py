"""Sentences and table cells that every form of a comparison shares."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from emotiw.compare import stage_names
from emotiw.jobs.identity_changes import written
from emotiw.report.formats import MISSING, interval, percent, points, probability

UNEQUAL = ("n_different", "n_only_a", "n_only_b")
HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
LEVEL = 0.05  # of a p-value below which a difference is called clear
Content = Mapping[str, Any]
TESTS_HEADER = (
    *("run", "system", "base", "run's", "difference", "95 % interval", "won", "lost"),
    *("McNemar p", "with Holm", "permutation p", "with Holm"),
)
COSTS_HEADER = ("run", "jobs", "CPU time", "peak memory", "files", "clips from the cache")
UNPAIRED = "No run can be paired with the base."
FAMILY = (
    "Differences are those of a run from the base, on the same clips, in points of accuracy. Intervals: bootstrap over"
    " subjects. Exact McNemar takes clips to be independent; the permutation test exchanges whole subjects. Holm:"
    " corrected over all rows of this table."
)
CHANGED_HINT = (
    "won: wrong in the base and right in the run; lost: the reverse. p is what the fusion gives to the label."
)


def verdict(content: Content) -> list[str]:
    """One sentence for each run: better than the base, worse, or not distinguished from it."""
    base = content["runs"][0]["name"]
    reasons = {line["run"]: line["reason"] for line in content["refused"]}
    lines = []
    for run in content["runs"][1:]:
        name = run["name"]
        if name in reasons:
            lines.append(f"{name} is not paired with {base}: {reasons[name]}.")
        else:
            lines.append(_judged(name, base, content))
    return lines


def _judged(name: str, base: str, content: Content) -> str:
    paired = content["paired"]
    line = [test for test in paired["tests"] if test["run"] == name][-1]
    what = f"{line['system']} is right on {line['n_right']} of {line['n']} {content['part']} clips"
    against = f"{what}, that of {base} on {line['n_right_base']}"
    if not line["a_only"] and not line["b_only"]:
        return f"{name}: {against}; both are right on the same clips."
    ends = line["difference_interval"]
    judged = _clear(line, paired["n_subjects"])
    within = f" (95 % interval {interval(ends, signed=True)})" if ends else ""
    return (
        f"{name}: {against}: {points(line['difference'])}{within}; {judged}"
        f" (permutation of subjects, with Holm's correction: p {_p(line['permutation_holm'])})."
    )


def _clear(line: Mapping[str, Any], n_subjects: int) -> str:
    if 2 / line["n_permutations"] > LEVEL:  # the smallest p-value of the test
        return f"{n_subjects} subjects are too few to tell it from chance"
    ends = line["difference_interval"]
    clear = ends and (ends[0] > 0 or ends[1] < 0) and line["permutation_holm"] < LEVEL
    return "the difference is clear" if clear else "the difference may be chance"


def tests(content: Content) -> list[list[str]]:
    """Rows below `TESTS_HEADER`."""
    return [
        [
            *(
                line["run"],
                line["system"],
                percent(line["n_right_base"] / line["n"]),
                percent(line["n_right"] / line["n"]),
            ),
            *(points(line["difference"]), interval(line["difference_interval"], signed=True) or MISSING),
            *(str(line["a_only"]), str(line["b_only"])),
            *(probability(line[key]) for key in ("mcnemar_p", "mcnemar_holm", "permutation_p", "permutation_holm")),
        ]
        for line in content["paired"]["tests"]
    ]


def costs(content: Content) -> list[list[str]]:
    """Rows below `COSTS_HEADER`."""
    return [
        [
            *(line["run"], str(line["n_jobs"] or MISSING), hours(line["cpu_hours"]), megabytes(line["peak_mb"])),
            *(MISSING if line["bytes"] is None else megabytes(line["bytes"] / 1e6), str(line["n_cached"])),
        ]
        for line in content["costs"]
    ]


def facts(difference: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Differences of a run from the base in settings, versions, weights and clips, each with its name."""
    found = [(name, _of(difference[name])) for name in ("settings", "versions", "weights")]
    clips = difference["clips"]
    counts = [
        *((clips["only_base"], "of the base only"), (clips["only_other"], "of this run only")),
        (clips["other_content"], "with another content"),
    ]
    unequal = ", ".join(f"{n} {what}" for n, what in counts if n)
    return [*found, ("clips", unequal or f"the same {clips['common']}")]


def changed_stages(difference: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Title, count and reasons of each stage with other results than in the base.

    Where a stage differs in the same way for several features or networks, these are counted in one line.
    """
    alike: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for stage in difference["stages"] or ():
        if any(counts := [stage[key] for key in UNEQUAL]):
            reasons = "; ".join(reason for reason, _ in stage["reasons"][:4])
            alike.setdefault((stage["stage"], reasons, *map(bool, counts)), []).append(stage)
    return [(_title(found), _counted(found), key[1]) for key, found in alike.items()]


def equal_stages(difference: Mapping[str, Any]) -> list[str]:
    """Name the stages that depend on the same things in both, so that they need not run again.

    Of a stage that is equal for several features or networks, the number of these is given.
    """
    equal: dict[str, list[Mapping[str, Any]]] = {}
    for stage in difference["stages"] or ():
        if not any(stage[key] for key in UNEQUAL):
            equal.setdefault(stage["stage"], []).append(stage)
    return [_title(found) for found in equal.values()]


def _title(found: Sequence[Mapping[str, Any]]) -> str:
    first = found[0]
    return str(first["title"]) if len(found) == 1 else f"{stage_names.stage(first['stage'])} ({len(found)})"


def hours(value: float | None) -> str:
    """Write a time in h, min or s."""
    if value is None:
        return "not recorded"
    return f"{value:.1f} h" if value >= 1 else f"{60 * value:.1f} min" if value >= 1 / 60 else f"{3600 * value:.1f} s"


def megabytes(value: float | None) -> str:
    """Write a size in MB or GB."""
    if value is None:
        return "not recorded"
    return f"{value / 1000:.1f} GB" if value >= 1000 else f"{value:.0f} MB"


def _of(changes: Sequence[Sequence[Any]] | None) -> str:
    if changes is None:
        return "not recorded: one of the runs has no crate"
    return "; ".join(f"{name} {written(a)} -> {written(b)}" for name, a, b in map(_short, changes)) or "the same"


def _short(change: Sequence[Any]) -> tuple[str, Any, Any]:
    """Cut the hashes of a change to twelve digits."""
    name, *values = change
    first, second = (value[:12] if isinstance(value, str) and HASH.fullmatch(value) else value for value in values)
    return str(name), first, second


def _counted(found: Sequence[Mapping[str, Any]]) -> str:
    total = {key: sum(stage[key] for stage in found) for key in ("n_equal", *UNEQUAL)}
    unit = found[0]["unit"] if len(found) == 1 else "results"
    counts = (
        (total["n_different"], f"of {sum(total.values())} {unit} differ"),
        *((total["n_only_a"], "in the base only"), (total["n_only_b"], "in this run only")),
    )
    return ", ".join(f"{n} {what}" for n, what in counts if n)


def _p(value: float) -> str:
    text = probability(value)
    return text if text.startswith("<") else f"= {text}"
