"""What a finished run cost, by stage: a table as CSV, and a page with charts that needs neither network nor script."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotiw.compare import stage_names, wording
from emotiw.compare.job_costs import StageCost
from emotiw.core import html

TEMPLATE, STYLE, OWN_STYLE = "costs.html.j2", "report.css", "costs.css"
HEADER = ("stage", "jobs", "cpu_hours", "peak_mb", "clips_from_the_cache", "bytes")


@dataclass(frozen=True)
class Bars:
    """A chart of bars: its title, and of each stage the length from 0 to 1 and the value as text."""

    title: str
    rows: Sequence[tuple[str, float, str]]


def ranked(costs: Mapping[str, StageCost]) -> list[tuple[str, StageCost]]:
    """Title and cost of each stage, the most CPU time first, then the most bytes."""
    order = sorted(costs, key=lambda name: (-costs[name].seconds, -costs[name].n_bytes, name))
    return [(stage_names.stage(name), costs[name]) for name in order]


def table(costs: Mapping[str, StageCost]) -> bytes:
    """Costs as CSV, a row for each stage in the order of `ranked`; CPU time in hours, memory in MB, sizes in bytes."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(HEADER)
    for name, cost in ranked(costs):
        hours = f"{cost.seconds / 3600:.5f}"
        writer.writerow([name, cost.n_jobs, hours, f"{cost.peak_mb:.0f}", cost.n_cached, cost.n_bytes])
    return stream.getvalue().encode()


def render(run: str, costs: Mapping[str, StageCost], times: Mapping[str, Any]) -> str:
    """Render the page.

    Parameters
    ----------
    run : str
        Name of the run.
    costs : mapping of str to StageCost
        From `job_costs.by_stage`.
    times : mapping
        `start` and `end` as text, and `n_starts`, how often the workflow was started.
    """
    environment = html.environment()
    environment.filters |= {"hours": wording.hours, "megabytes": wording.megabytes}
    rows = ranked(costs)
    context = {
        "style": html.resource(STYLE) + html.resource(OWN_STYLE),
        "run": run,
        "times": times,
        "charts": _charts(rows),
        "rows": rows,
        "n_jobs": sum(cost.n_jobs for _, cost in rows),
        "hours": sum(cost.seconds for _, cost in rows) / 3600,
        "peak_mb": max((cost.peak_mb for _, cost in rows), default=0.0),
        "megabytes": sum(cost.n_bytes for _, cost in rows) / 1e6,
        "n_cached": sum(cost.n_cached for _, cost in rows),
    }
    return environment.get_template(TEMPLATE).render(context)


def _charts(rows: Sequence[tuple[str, StageCost]]) -> list[Bars]:
    of_jobs = [(name, cost) for name, cost in rows if cost.n_jobs]
    of_files = sorted(((name, cost.n_bytes / 1e6) for name, cost in rows if cost.n_bytes), key=lambda row: -row[1])
    return [
        _bars("CPU time", [(name, cost.seconds / 3600) for name, cost in of_jobs], wording.hours),
        _bars("Peak memory of a job", [(name, cost.peak_mb) for name, cost in of_jobs], wording.megabytes),
        _bars("Files", of_files, wording.megabytes),
    ]


def _bars(heading: str, values: Sequence[tuple[str, float]], written: Callable[[float], str]) -> Bars:
    largest = max((value for _, value in values), default=0.0) or 1.0
    return Bars(heading, [(name, value / largest, written(value)) for name, value in values])
