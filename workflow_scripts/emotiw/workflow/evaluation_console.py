"""An evaluation of a bundle on the terminal: progress, and the scores of each system."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from emotiw.evaluation.stranger_metrics import ALL, OWN, SYSTEMS
from emotiw.report.formats import interval, percent
from emotiw.workflow.evaluation_page import NAMES


@contextmanager
def progress(console: Console, n_clips: int) -> Iterator[Callable[[], None]]:
    """Show the number of clips that are judged; yields a function to be called after each one."""
    columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("clips"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=n_clips)
        yield lambda: bar.advance(task)


def scores(content: Mapping[str, Any]) -> Table:
    """Accuracy, UAR and calibration of each system, in percent, with 95 % intervals."""
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    for column in ("classes", "judged by", "accuracy", "95 % interval", "UAR", "95 % interval", "ECE", "clips"):
        is_name = column == "judged by"
        table.add_column(column, justify="left" if is_name else "right", no_wrap=is_name)
    among = content["scores"]["among"]
    for variant in (among[name] for name in (OWN, ALL) if name in among):
        for name in SYSTEMS:
            system = variant["systems"][name]
            if system["n_judged"]:
                figures = [_figures(system, key) for key in ("accuracy", "uar")]
                clips = f"{system['n_judged']} of {content['scores']['n']}"
                row = (
                    str(len(variant["classes"])),
                    NAMES[name],
                    *figures[0],
                    *figures[1],
                    percent(system["ece"]),
                    clips,
                )
                table.add_row(*row)
    return table


def _figures(system: Mapping[str, Any], name: str) -> tuple[str, str]:
    return percent(system[name]), interval(system[f"{name}_interval"])
