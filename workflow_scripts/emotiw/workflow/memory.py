"""Memory of this machine, which local jobs share, and the jobs that may need more than it has."""

import math
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from emotiw.jobs import stages
from emotiw.workflow.costs import Costs

SHARE = 0.9  # of the memory, for jobs; the rest is for Snakemake and other programs
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def machine_mb(limits: Sequence[Path] = LIMITS) -> int:
    """Memory in MB that jobs on this machine, or in this container, may use together; 0 if it is unknown."""
    sizes = [int(text) for text in map(_text, limits) if text.isdecimal()]
    try:
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError):  # not known to this system
        pass
    return math.floor(SHARE * min(sizes) / 1e6) if sizes else 0


class Requests:
    """Memory that the jobs of a run request, here or on a cluster.

    On this machine, a job waits until what it requests is free. A job that may need more than there is requests
    everything, so it runs alone.

    Parameters
    ----------
    costs : Costs
    is_local : callable
        Whether jobs run on this machine, which Snakemake tells only when it has read the workflow.
    available_mb : int
        Memory of this machine for jobs; 0 if it is unknown.
    """

    def __init__(self, costs: Costs, is_local: Callable[[], bool], available_mb: int) -> None:
        self._costs, self._is_local, self.available_mb = costs, is_local, available_mb

    def of(self, stage: str) -> Callable[[Any, int], int]:
        """Megabytes that a job of a stage requests, as a function of its wildcards and of the attempt."""
        on_cluster, here = self._costs.memory_mb(stage), self._costs.local_mb(stage)

        def request(wildcards: Any, attempt: int) -> int:
            if not self._is_local():
                return attempt * on_cluster
            return min(here, self.available_mb or here)

        return request

    def hint(self, rules: Iterable[str]) -> str:
        """Say which jobs of these rules may need more memory than there is; empty if none does."""
        needs = {rule: self._costs.local_mb(rule) for rule in rules if rule in stages.ROWS}
        large = {rule: mb for rule, mb in needs.items() if mb > self.available_mb}
        if not self.available_mb or not large:
            return ""
        jobs = ", ".join(f"{rule} ({mb / 1e3:.1f} GB)" for rule, mb in sorted(large.items()))
        return (
            f"hint: jobs may need more than the {self.available_mb / 1e3:.1f} GB of memory here: {jobs}. Each runs"
            " alone; if one is killed, lower video.exact_clips or use a machine with more memory (docs/scale.md)"
        )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
