"""The command `emotiw`: what a user does beside running the workflow."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from emotiw import splits
from emotiw.emotions import HIDDEN
from emotiw.errors import EmotiwError
from emotiw.manifest import Manifest

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

REPORTED = {
    "report.html": "the report",
    "metrics.json": "every metric",
    "contact_sheets.html": "the faces of every clip",
    "faces.mp4": "a film of the faces",
}

ConfigFiles = Annotated[
    list[Path] | None, typer.Option("--configfile", help="Laid over config.yaml; of several, later ones win.")
]
Output = Annotated[Path | None, typer.Option(help="The table to write; by default results/<run>/manifest.csv.")]


@app.callback()
def emotiw() -> None:
    """Audio-video emotion recognition: what can be done beside running the workflow."""


@app.command()
def manifest(configfile: ConfigFiles = None, output: Output = None) -> None:
    """Check the corpus of a configuration and write its table of clips."""
    # Heavy imports wait until the command is known: `emotiw --help` answers at once.
    from emotiw.corpora.inventory import refresh  # noqa: PLC0415
    from emotiw.media import probe  # noqa: PLC0415
    from emotiw.settings import load  # noqa: PLC0415

    try:
        config = load(configfile or [])
        path = output or Path("results", config["run"], "manifest.csv")
        made = refresh(config, path, probe)
    except EmotiwError as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise typer.Exit(1) from None
    console = Console()
    console.print(Text(heading(made)))
    console.print(summary(made))
    for note in made.notes:
        console.print(Text(f"note: {note}"))
    console.print(Text(f"{_n_subjects(made)}; written to {path}"))


@app.command()
def results(run: Annotated[Path, typer.Argument(help="A folder of results, such as results/demo.")]) -> None:
    """Show what a finished run found, and where to look."""
    report = run / "report"
    try:
        metrics = json.loads((report / "metrics.json").read_bytes())
    except OSError as error:
        typer.echo(f"{error.filename}: missing; run the workflow to make it", err=True)
        raise typer.Exit(1) from None
    console = Console()
    console.print(Text(about_run(metrics)))
    console.print(scores(metrics))
    for modality, counts in metrics["status"].items():
        console.print(Text(f"{modality}: " + ", ".join(f"{count} {status}" for status, count in counts.items())))
    for name, what in REPORTED.items():
        console.print(Text(f"{what:<20} {report / name}"))


def about_run(metrics: Mapping[str, Any]) -> str:
    """Name the run and its corpus; a synthetic one is called a self-test."""
    warning = " -- SYNTHETIC: a self-test, never a result" if metrics["synthetic"] else ""
    return f"{metrics['run']}: {metrics['n_clips']} clips of {metrics['corpus']}{warning}"


def scores(metrics: Mapping[str, Any]) -> Table:
    """Accuracy and UAR of the three systems on the scored parts, in percent, with their 95 % intervals."""
    table = Table(box=SIMPLE, padding=0)
    for column in ("part", "system", "accuracy", "95 % interval", "UAR", "95 % interval", "clips"):
        table.add_column(column, justify="left" if column in ("part", "system") else "right")
    for part, about in metrics["parts"].items():
        if about["n_scored"]:
            for name in ("video", "audio", "fusion"):
                system = about["systems"][name]
                accuracy = _percent(system["accuracy"], system["accuracy_interval"])
                recall = _percent(system["uar"], system["uar_interval"])
                table.add_row(part, name, *accuracy, *recall, str(about["n_scored"]))
            table.add_row(part, "majority class", *_percent(about["majority_class"]["accuracy"], None))
    return table


def heading(made: Manifest) -> str:
    """Name the corpus, what it is, and the protocol."""
    kind = f"{made.corpus} (synthetic)" if made.synthetic else made.corpus
    return f"{kind}: {len(made.rows)} clips, scheme {made.scheme}"


def summary(made: Manifest) -> Table:
    """Count the clips of a manifest by split or fold and by class."""
    counts = Counter((row.split or row.fold, row.label) for row in made.rows)
    labels = [*made.classes, *([HIDDEN] if any(row.label == HIDDEN for row in made.rows) else [])]
    table = Table(show_footer=True, box=SIMPLE, padding=0)
    table.add_column("split" if made.scheme == "official" else "fold", footer="all")
    for label in labels:
        table.add_column(Text(label), footer=str(sum(row.label == label for row in made.rows)), justify="right")
    table.add_column("all", footer=str(len(made.rows)), justify="right")
    for part in _parts(made):
        numbers = [counts[part, label] for label in labels]
        table.add_row(Text(part), *map(str, numbers), str(sum(numbers)))
    return table


def _percent(value: float, interval: tuple[float, float] | None) -> tuple[str, str]:
    return f"{100 * value:.1f}", " to ".join(f"{100 * end:.1f}" for end in interval or ())


def _parts(made: Manifest) -> list[str]:
    names = {row.split or row.fold for row in made.rows}
    if made.scheme == "official":
        return [split for split in splits.SPLITS if split in names]
    return sorted(names, key=splits.natural)


def _n_subjects(made: Manifest) -> str:
    named = {row.subject for row in made.rows if row.subject != row.clip}
    return f"{len(named)} subjects" if named else "subjects unknown"
