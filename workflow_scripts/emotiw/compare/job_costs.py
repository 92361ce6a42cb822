"""What the jobs of a run took, from the last lines of their logs, and the bytes of its files."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LOGS = "logs"
TOOK = re.compile(r"took (\d+(?:\.\d+)?) s of CPU time and (\d+) MB of memory\s*$")  # runtime.COST
CACHED = re.compile(r"(\d+) of (\d+) clips were in the cache")
TAIL_BYTES = 4096  # of a log, in which its last lines are looked for
REST = "tables"  # files of the run's folder itself


@dataclass(frozen=True)
class StageCost:
    """Cost of the jobs of a stage.

    Attributes
    ----------
    n_jobs : int
        Jobs whose log states their cost.
    seconds : float
        CPU time of all of them in s.
    peak_mb : float
        Memory of the largest in MB.
    n_cached : int
        Clips that were taken from the cache.
    n_bytes : int
        Size of the files in bytes.
    """

    n_jobs: int = 0
    seconds: float = 0.0
    peak_mb: float = 0.0
    n_cached: int = 0
    n_bytes: int = 0


def by_stage(run: Path) -> dict[str, StageCost]:
    """Cost of each stage of the run in a folder; of a job that ran twice, that of the last time."""
    costs: dict[str, StageCost] = {}
    for path in sorted((run / LOGS).rglob("*.log")):
        stage = path.relative_to(run / LOGS).parts[0].removesuffix(".log")
        text = _tail(path)
        took, cached = TOOK.search(text), CACHED.search(text)
        if took:
            before = costs.get(stage, StageCost())
            costs[stage] = StageCost(
                before.n_jobs + 1,
                before.seconds + float(took[1]),
                max(before.peak_mb, float(took[2])),
                before.n_cached + (int(cached[1]) if cached else 0),
            )
    for stage, n_bytes in _sizes(run):
        before = costs.get(stage, StageCost())
        costs[stage] = StageCost(
            before.n_jobs, before.seconds, before.peak_mb, before.n_cached, before.n_bytes + n_bytes
        )
    return costs


def _tail(path: Path) -> str:
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return stream.read().decode(errors="replace")


def _sizes(run: Path) -> Iterator[tuple[str, int]]:
    """Stage and size of each file; the files of the folds are taken together."""
    for path in run.rglob("*"):
        parts = path.relative_to(run).parts
        if path.is_file() and not path.is_symlink() and parts[0] != LOGS:
            yield parts[1] if parts[0] == "features" else parts[0] if len(parts) > 1 else REST, path.stat().st_size
