"""The command `emotiw run`."""

from pathlib import Path
from typing import Annotated

import typer

from emotiw.commands.options import OK, ConfigFiles
from emotiw.core import extras


def run(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="Targets of the workflow, such as features or evaluate; none: everything.", show_default=False
        ),
    ] = None,
    configfile: ConfigFiles = None,
    cores: Annotated[str, typer.Option("--cores", "-c", help="Number of cores, or all.")] = "all",
    profile: Annotated[str, typer.Option(help="Folder in profiles/, or one of your own.")] = "default",
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what is expected, and start nothing.")] = False,
) -> None:
    """Run the workflow of this checkout; first say how many clips, jobs, hours and bytes are expected.

    The exit status is Snakemake's. Anything else that Snakemake can do: call `snakemake` itself.
    """
    from emotiw.corpora.inventory import refresh  # noqa: PLC0415
    from emotiw.jobs.settings import load  # noqa: PLC0415
    from emotiw.media.probing import probe  # noqa: PLC0415
    from emotiw.workflow import run as runs  # noqa: PLC0415

    extras.require("snakemake")
    runs.snakefile()
    config = load(configfile or [])
    request = runs.Request(configfile or [], targets or [], cores, profile)
    runs.profile(profile)
    table = refresh(config, Path("results", config["run"], "manifest.csv"), probe)
    typer.echo(runs.announcement(request, config, table))
    raise typer.Exit(OK if dry_run else runs.start(request))
