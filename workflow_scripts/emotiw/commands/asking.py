"""The command `emotiw why`."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from emotiw.commands.options import ConfigFiles
from emotiw.core import extras

if TYPE_CHECKING:
    from emotiw.workflow.explain import Job

SHOWN = 6  # rules that a line names


def why(
    clip: Annotated[
        str | None,
        typer.Argument(help="Id of a clip, as in results/<run>/manifest.csv, or its path there; none: the whole run."),
    ] = None,
    configfile: ConfigFiles = None,
    snakefile: Annotated[Path, typer.Option(help="The workflow.")] = Path("Snakefile"),
) -> None:
    """Show which jobs Snakemake would run, and why: for a clip, its features and its scores, or for the whole run."""
    # commands import their modules themselves, so that `emotiw --help` answers at once
    from emotiw.corpora.inventory import refresh  # noqa: PLC0415
    from emotiw.jobs.settings import load  # noqa: PLC0415
    from emotiw.media.probing import probe  # noqa: PLC0415
    from emotiw.workflow import explain, imported_clips  # noqa: PLC0415
    from emotiw.workflow.files import Files  # noqa: PLC0415
    from emotiw.workflow.plan import Plan  # noqa: PLC0415

    extras.require("snakemake")
    config = load(configfile or [])
    corpus = refresh(config, Path("results", config["run"], "manifest.csv"), probe)
    imports = imported_clips.refresh(config, corpus)
    if clip is None:
        _tell_run(config["run"], explain.jobs(explain.dry_run(snakefile, configfile or [], [])))
        return
    row, targets = explain.targets(Files(Plan(config, corpus, imports)), clip)
    jobs = explain.jobs(explain.dry_run(snakefile, configfile or [], targets))
    own = [job for job in jobs if any(Path(path).stem == row.job for path in job.output.split(", "))]
    typer.echo(f"{row.clip} ({row.path}), job {row.job}: {len(own)} of its own jobs would run")
    _tell_clip(own, [job for job in jobs if job not in own])


def _tell_clip(own: Sequence["Job"], others: Sequence["Job"]) -> None:
    table = Table(box=None, padding=(0, 1), show_header=False)
    for job in own:
        table.add_row(Text(job.rule), Text(job.reason))
    for rule, n in Counter(job.rule for job in others).items():
        reasons = Counter(job.reason for job in others if job.rule == rule)
        table.add_row(Text(rule), Text(f"{_jobs(n)} for its scores: {reasons.most_common(1)[0][0]}"))
    Console(highlight=False).print(table)


def _tell_run(name: str, jobs: Sequence["Job"]) -> None:
    from emotiw.workflow import explain  # noqa: PLC0415

    n_jobs = len(jobs) - sum(job.rule == "all" for job in jobs)
    typer.echo(f"run {name}: {_jobs(n_jobs) if n_jobs else 'no job'} would run")
    table = Table(box=None, padding=(0, 1), show_header=False)
    for column in ("cause", "jobs", "rules"):
        table.add_column(column, justify="right" if column == "jobs" else "left", overflow="fold")
    for cause, rules in explain.causes(jobs).items():
        named = ", ".join(f"{rule} {n}" for rule, n in rules.most_common(SHOWN))
        more = f" and {len(rules) - SHOWN} other rules" if len(rules) > SHOWN else ""
        table.add_row(Text(cause), Text(_jobs(rules.total())), Text(named + more))
    Console(highlight=False).print(table)


def _jobs(n: int) -> str:
    return f"{n} job{'s' * (n > 1)}"
