"""The command `emotiw run`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emotiw.commands.options import OK, ConfigFiles
from emotiw.core import extras

if TYPE_CHECKING:
    from emotiw.workflow.run import Request
    from emotiw.workflow.sweep import Candidate


def run(  # noqa: PLR0913 - one argument an option
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="Targets of the workflow, such as features or evaluate; none: everything.", show_default=False
        ),
    ] = None,
    *,
    configfile: ConfigFiles = None,
    cores: Annotated[str, typer.Option("--cores", "-c", help="Number of cores, or all.")] = "all",
    profile: Annotated[str, typer.Option(help="Folder in profiles/, or one of your own.")] = "default",
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what is expected, and start nothing.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Show Snakemake's own output in place of one line.")] = False,
) -> None:
    """Run the workflow of this checkout; first say how many clips, jobs, hours and bytes are expected.

    A configuration with a section `sweep` makes several runs and chooses one by its validation clips. The exit status
    is Snakemake's. Anything else that Snakemake can do: call `snakemake` itself.
    """
    # commands import their modules themselves, so that `emotiw --help` answers at once
    from emotiw.jobs.settings import load  # noqa: PLC0415
    from emotiw.workflow import run as runs  # noqa: PLC0415
    from emotiw.workflow import sweep  # noqa: PLC0415

    extras.require("snakemake")
    runs.snakefile()
    config = load(configfile or [])
    request = runs.Request(configfile or [], targets or [], cores, profile)
    runs.profile(profile)
    if sweep.wanted(config):
        raise typer.Exit(_sweep(config, request, dry_run=dry_run, raw=raw))
    raise typer.Exit(_run(config, request, dry_run=dry_run, raw=raw))


def _run(config: dict[str, Any], request: "Request", *, dry_run: bool, raw: bool) -> int:
    """Say what is expected, and start it; return the exit status."""
    from rich.console import Console  # noqa: PLC0415

    from emotiw.corpora.inventory import refresh  # noqa: PLC0415
    from emotiw.media.probing import probe  # noqa: PLC0415
    from emotiw.workflow import following  # noqa: PLC0415
    from emotiw.workflow import run as runs  # noqa: PLC0415
    from emotiw.workflow.layout import Layout  # noqa: PLC0415

    table = refresh(config, Path("results", config["run"], "manifest.csv"), probe)
    counts = runs.job_counts(request)
    typer.echo(runs.announcement(request, config, table, counts))
    if dry_run:
        return OK
    if raw:
        return runs.start(request)
    log = following.log_path(Layout(config["run"]).folder)
    return following.follow(request, runs.progress(config, table, counts), log, Console(highlight=False))


def _sweep(config: dict[str, Any], request: "Request", *, dry_run: bool, raw: bool) -> int:
    from emotiw.core.errors import ConfigError  # noqa: PLC0415
    from emotiw.workflow import run as runs  # noqa: PLC0415
    from emotiw.workflow import sweep  # noqa: PLC0415

    extras.require("statsmodels")
    if request.targets:
        raise ConfigError(f"sweep: makes whole runs, and cannot make {request.targets[0]} alone; name no target")
    made = sweep.candidates(config)
    typer.echo("\n".join([f"sweep {config['run']}: {len(made)} runs, to {sweep.folder(config)}", *sweep.listed(made)]))

    def start(candidate: "Candidate") -> int:
        own = runs.Request([candidate.path], [candidate.target], request.cores, request.profile)
        return _run(dict(candidate.config), own, dry_run=False, raw=raw)

    return OK if dry_run else sweep.run(config, start, typer.echo)
