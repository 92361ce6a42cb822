"""Start Snakemake from a checkout, and estimate beforehand the time and disk space of the run."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotiw.core.errors import ConfigError
from emotiw.corpora.manifest import Manifest
from emotiw.jobs import stages
from emotiw.workflow import explain, hints
from emotiw.workflow.costs import Costs, Estimate, estimate
from emotiw.workflow.layout import Layout
from emotiw.workflow.plan import WORKFLOW
from emotiw.workflow.protocol import Protocol
from emotiw.workflow.run_progress import RunProgress

STATS = re.compile(r"^(\w+) +(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Request:
    """Arguments of `emotiw run`.

    Attributes
    ----------
    configfiles : sequence of Path
        Each overrides the defaults and the files before it.
    targets : sequence of str
        Targets of the workflow, or files; empty: everything.
    cores : str
        Number of cores, or `all`.
    profile : str
        Name of a folder in profiles/, or path of another profile.
    more : sequence of str
        Further options of Snakemake.
    """

    configfiles: Sequence[Path]
    targets: Sequence[str] = ()
    cores: str = "all"
    profile: str = "default"
    more: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Check the number of cores.

        Raises
        ------
        ConfigError
            If it is neither a positive whole number nor `all`.
        """
        if self.cores != "all" and not (self.cores.isdecimal() and int(self.cores) > 0):
            raise ConfigError(f"--cores {self.cores}: expected a whole number above 0, or all")

    def command(self, *more: str) -> list[str]:
        """Command line of Snakemake."""
        chosen = ["--configfile", *map(str, self.configfiles)] if self.configfiles else []
        return [sys.executable, "-m", "snakemake", "-s", str(snakefile()), *chosen, "-c", self.cores, *more]


def snakefile() -> Path:
    """Path of the workflow's Snakefile.

    Raises
    ------
    ConfigError
        If the package is not in a checkout of the repository.
    """
    path = WORKFLOW / "Snakefile"
    if not path.is_file():
        raise ConfigError(
            f"{path}: missing; the workflow runs from a checkout of the repository: clone it, run `make setup` there, "
            "and use its .venv/bin/emotiw"
        )
    return path


def profile(name: str) -> Path:
    """Folder of a profile of the repository, or of the user's own.

    Raises
    ------
    ConfigError
        If there is none.
    """
    for path in (WORKFLOW / "profiles" / name, Path(name)):
        if (path / "config.yaml").is_file():
            return path
    known = ", ".join(sorted(path.name for path in (WORKFLOW / "profiles").iterdir()))
    raise ConfigError(f"--profile {name}: no such profile; expected one of {known}, or a folder with a config.yaml")


def job_counts(request: Request) -> dict[str, int]:
    """Count the jobs of each rule that would run, from a dry run of Snakemake.

    Raises
    ------
    ConfigError
        If Snakemake refuses to plan.
    """
    quiet = ("--quiet", "rules", "reason", "host")
    text = explain.dry_run(snakefile(), request.configfiles, request.targets, *request.more, *quiet)
    table = text.partition("Job stats:")[2].partition("total")[0]
    return {rule: int(count) for rule, count in STATS.findall(table)}


def expected(counts: Mapping[str, int], costs: Costs, protocol: Protocol) -> Estimate:
    """Estimate for these jobs; all jobs of single clips are taken to hold equally many clips."""
    return estimate(costs, _sizes(counts, costs.n_clips, len(protocol.clips_of_job)))


def summary(what: Estimate, n_cores: int, folder: str) -> str:
    """Text of an estimate, in two lines.

    Parameters
    ----------
    what : Estimate
        Expected size of the run.
    n_cores : int
        Number of cores that the run uses.
    folder : str
        Folder of the run's files.
    """
    if not what.n_jobs:
        return f"nothing to do: every file of {folder} is there and up to date"
    return (
        f"{what.n_jobs} jobs for {what.n_clips} clips; about {_hours(what.cpu_hours / n_cores)} on {n_cores} "
        f"{'core' if n_cores == 1 else 'cores'} ({_hours(what.cpu_hours)} of CPU time)\n"
        f"about {_bytes(what.n_bytes)} of features in {folder}; measured on clips of 2.5 s, so longer clips take more"
    )


def announcement(request: Request, config: Mapping[str, Any], manifest: Manifest, counts: Mapping[str, int]) -> str:
    """Text of the estimate for a requested run whose jobs `job_counts` has counted, with advice."""
    what = expected(counts, Costs(config, manifest), Protocol(config, manifest))
    n_cores = (os.cpu_count() or 1) if request.cores == "all" else int(request.cores)
    text = f"run {config['run']}: {summary(what, n_cores, Layout(config['run']).folder)}"
    n_clips = len(manifest.rows)
    advice = hints.small_corpus(config, n_clips), hints.batches(config, n_clips, request.profile)
    return "\n".join(filter(None, (text, *advice)))


def progress(config: Mapping[str, Any], manifest: Manifest, counts: Mapping[str, int]) -> RunProgress:
    """Progress of a run whose jobs `job_counts` has counted, before its first job."""
    costs, n_jobs = Costs(config, manifest), len(Protocol(config, manifest).clips_of_job)
    sizes = dict(_sizes(dict.fromkeys(counts, 1), costs.n_clips, n_jobs))
    known = {rule: n for rule, n in sizes.items() if rule in stages.ROWS and stages.ROWS[rule].cost}
    seconds = {rule: costs.expected_seconds(rule, n) for rule, n in known.items()}
    return RunProgress(counts, costs.n_clips, seconds)


def start_command(request: Request, *options: str) -> list[str]:
    """Command line that runs Snakemake with the profile of a request; `options` override those of the profile."""
    more = ["--workflow-profile", str(profile(request.profile)), *request.more, *options]
    return [*request.command(*more), "--", *request.targets]


def start(request: Request) -> int:
    """Run Snakemake in the foreground with its own output; return its exit status."""
    return subprocess.run(start_command(request), check=False).returncode


def _sizes(counts: Mapping[str, int], n_clips: int, n_jobs: int) -> Iterator[tuple[str, float]]:
    for rule, count in counts.items():
        per_clip = rule in stages.ROWS and stages.ROWS[rule].per_clip
        yield from [(rule, n_clips / n_jobs if per_clip else n_clips)] * count


def _hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{max(1, round(60 * hours))} min"


def _bytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{max(1, round(n_bytes / 1e6))} MB"
