"""A comparison of runs as text and tables for the terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from rich.box import SIMPLE
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from emotiw.compare import wording
from emotiw.compare.wording import Content
from emotiw.report.formats import interval, probability

TESTS = ("system", "run", "A", "run's", "difference", "95 % interval", "won", "lost", "McNemar p", "permut. p")
CLASSES = ("class", "run", "A", "run's", "difference", "95 % interval")
CHANGED = ("clip", "label", "A", "run", "run's", "")
SHOWN = 20  # clips and subjects that are listed; a page lists all


def shown(content: Content) -> Iterator[RenderableType]:
    """Yield what the terminal shows, from the verdict to the cost."""
    if content["synthetic"]:
        yield Text("SYNTHETIC: a self-test, never a result")
    for name, letter in _letters(content).items():
        yield Text(f"{letter}  {name}{'  (the base)' if letter == 'A' else ''}")
    for line in wording.verdict(content):
        yield Text(f"\n{line}")
    for difference in content["differences"]:
        yield Text(f"\n{difference['run']} against {content['runs'][0]['name']}")
        for name, text in wording.facts(difference):
            yield Text(f"  {name}: {text}")
        yield from _stages(difference)
    if content["paired"]:
        yield from _paired(content)
    yield Text("\nCost")
    yield _table(wording.COSTS_HEADER, wording.costs(content))


def _stages(difference: Content) -> Iterator[RenderableType]:
    if difference["stages"] is None:
        yield Text("  stages: not recorded: a crate does not hold the intermediate files")
        return
    if changed := wording.changed_stages(difference):
        yield _table(("stage", "results", "because of"), changed, n_left=3)
    if equal := wording.equal_stages(difference):
        yield Text(f"  equal, so there was nothing to compute again: {', '.join(equal)}")


def _paired(content: Content) -> Iterator[RenderableType]:
    paired, letters = content["paired"], _letters(content)
    chief = paired["systems"][-1]
    yield Text(f"\n{paired['n_clips']} {content['part']} clips of {paired['n_subjects']} subjects; accuracy in %")
    yield _table(TESTS, [_test(letters, line) for line in paired["tests"]], n_left=2)
    classes = [line for line in paired["classes"] if line["system"] == chief]
    yield Text(f"Recall of each class, {chief}")
    yield _table(CLASSES, [[line["class"], *_difference(letters, line)] for line in classes], n_left=2)
    subjects = [[line["subject"], str(line["n"]), *map(str, line["right"])] for line in paired["subjects"]]
    yield Text(f"Right clips of each subject, {chief}")
    yield _table(("subject", "clips", *(letters[name] for name in paired["runs"])), subjects[:SHOWN])
    yield from _more(len(subjects))
    changed = [line for line in paired["changed"] if line["system"] == chief]
    yield Text(f"Clips that changed sides, {chief}: {len(changed)}")
    if changed:
        yield _table(CHANGED, [_change(letters, line) for line in changed[:SHOWN]], n_left=len(CHANGED))
    yield from _more(len(changed))


def _letters(content: Content) -> dict[str, str]:
    """Letter of each run, which is short enough for a table; a number beyond the alphabet."""
    return {
        run["name"]: ascii_uppercase[i] if i < len(ascii_uppercase) else str(i + 1)
        for i, run in enumerate(content["runs"])
    }


def _test(letters: Mapping[str, str], line: Mapping[str, Any]) -> list[str]:
    p = [probability(line[key]) for key in ("mcnemar_holm", "permutation_holm")]
    accuracies = [f"{100 * line[key] / line['n']:.1f}" for key in ("n_right_base", "n_right")]
    ends = interval(line["difference_interval"], signed=True)
    return [
        *(line["system"], letters[line["run"]], *accuracies, f"{100 * line['difference']:+.1f}", ends),
        *(str(line["a_only"]), str(line["b_only"]), *p),
    ]


def _difference(letters: Mapping[str, str], line: Mapping[str, Any]) -> list[str]:
    shares = [f"{line[key]} of {line['n']}" for key in ("n_right_base", "n_right")]
    ends = interval(line["difference_interval"], signed=True)
    return [letters[line["run"]], *shares, f"{100 * line['difference']:+.1f}", ends]


def _change(letters: Mapping[str, str], line: Mapping[str, Any]) -> list[str]:
    return [
        *(line["clip"], line["label"], line["base_predicted"], letters[line["run"]], line["predicted"]),
        "won" if line["won"] else "lost",
    ]


def _more(n: int) -> Iterator[RenderableType]:
    if n > SHOWN:
        yield Text(f"  and {n - SHOWN} more; see --page or --json")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], *, n_left: int = 1) -> Table:
    """Table whose first columns are text, and the others numbers."""
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    for i, name in enumerate(header):
        table.add_column(Text(name), justify="left" if i < n_left else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
