"""What is recorded when a run ends: when it started and ended, and what its stages cost.

The files lie in the folder of logs, because they differ between runs whose results are equal.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emotiw.compare import cost_page, job_costs
from emotiw.core import files

TIMES, TABLE, PAGE = "times.jsonld", "costs.csv", "costs.html"
CONTEXT = "https://w3id.org/ro/crate/1.1/context"
STATUSES = {True: "http://schema.org/CompletedActionStatus", False: "http://schema.org/FailedActionStatus"}
RUN = "#run"  # the action of the crate


def record(run: Path, started: datetime, succeeded: bool) -> None:
    """Write the times of a run as JSON-LD, and its costs as CSV and as a page.

    Parameters
    ----------
    run : Path
        Folder of the run.
    started : datetime
        When the process of Snakemake started, with its time zone.
    succeeded : bool
        Whether all jobs succeeded.
    """
    logs = run / job_costs.LOGS
    starts = [*_earlier(logs / TIMES), _action(started, datetime.now(UTC), succeeded)]
    files.write_json(logs / TIMES, {"@context": CONTEXT, "@graph": [_whole(starts), *_named(starts)]})
    costs = job_costs.by_stage(run)
    files.write_atomic(logs / TABLE, cost_page.table(costs))
    times = {"start": _shown(starts[0]["startTime"]), "end": _shown(starts[-1]["endTime"]), "n_starts": len(starts)}
    files.write_atomic(logs / PAGE, cost_page.render(run.name, costs, times).encode())


def _earlier(path: Path) -> list[dict[str, Any]]:
    """Read the starts of the workflow that an earlier record names; none if there is no readable one."""
    try:
        graph = json.loads(path.read_bytes())["@graph"]
        return [action for action in graph if action["@id"] != RUN and {"startTime", "endTime"} <= set(action)]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _action(start: datetime, end: datetime, succeeded: bool) -> dict[str, Any]:
    return {
        "@type": "CreateAction",
        "startTime": start.astimezone(UTC).isoformat(timespec="seconds"),
        "endTime": end.isoformat(timespec="seconds"),
        "actionStatus": STATUSES[succeeded],
    }


def _whole(starts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Describe the run from the first start to the last end, under the identifier of the action in the crate."""
    return {**starts[-1], "@id": RUN, "startTime": starts[0]["startTime"]}


def _named(starts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**action, "@id": f"{RUN}-{number}"} for number, action in enumerate(starts, start=1)]


def _shown(time: str) -> str:
    return datetime.fromisoformat(time).strftime("%Y-%m-%d %H:%M UTC")
