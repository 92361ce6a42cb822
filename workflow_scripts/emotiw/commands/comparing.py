"""The command `emotiw compare`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from emotiw.commands.options import NEGATIVE

Runs = Annotated[
    list[Path],
    typer.Argument(
        help="Folders of results, such as results/demo, or their crates; the first is the base.", show_default=False
    ),
]


def compare(  # noqa: PLR0913 - one argument an option
    runs: Runs,
    *,
    part: Annotated[
        Literal["test", "val"] | None,
        typer.Option(help="Clips to compare; by default test, if its labels are known."),
    ] = None,
    common: Annotated[
        bool, typer.Option("--common", help="Leave out clips that not all runs score, instead of refusing to pair.")
    ] = False,
    page: Annotated[Path | None, typer.Option(help="HTML page to write.")] = None,
    json: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    latex: Annotated[Path | None, typer.Option(help="LaTeX table to write.")] = None,
) -> None:
    """Show what differs between finished runs, and what it changed: scores, clips, cost.

    Runs with other labels or other test clips are not paired; the reason is shown, and the exit status is 1.
    """
    # commands import their modules themselves, so that `emotiw --help` answers at once
    from rich.console import Console  # noqa: PLC0415

    from emotiw.compare import console as texts  # noqa: PLC0415
    from emotiw.compare import content as contents  # noqa: PLC0415
    from emotiw.compare import latex as tables  # noqa: PLC0415
    from emotiw.compare import page as pages  # noqa: PLC0415
    from emotiw.compare import run_files  # noqa: PLC0415
    from emotiw.core import files  # noqa: PLC0415

    found = contents.compare(run_files.read_all(runs), part=part or "", common=common)
    console = Console(highlight=False)
    for shown in texts.shown(found):
        console.print(shown)
    if json:
        files.write_json(json, found)
    if latex:
        files.write_atomic(latex, tables.table(found).encode())
    if page:
        files.write_atomic(page, pages.render(found, page.parent).encode())
    if found["refused"]:
        raise typer.Exit(NEGATIVE)
