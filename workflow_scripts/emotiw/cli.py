"""The command `emotiw`: predict clips, evaluate bundles, start the workflow, and check, explain and show its runs."""

import errno
import importlib.metadata
import json
import math
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from emotiw.commands import asking, comparing, predicting, running
from emotiw.commands.options import INTERNAL, NEGATIVE, OK, UNUSABLE, ConfigFiles
from emotiw.core import extras
from emotiw.core.errors import ConfigError, EmotiwError, StoreError

STATUSES = {
    OK: "done; all clips were judged, nothing is wrong",
    NEGATIVE: "done; clips were not judged, a check (doctor, verify, cache) found a fault, or runs cannot be paired",
    UNUSABLE: "not done; arguments, configuration, corpus, bundle, files or installation cannot be used",
    INTERNAL: "a bug of emotiw; the traceback is on the terminal or in the log",
}
REPORTED = {
    "report.html": "the report",
    "metrics.json": "all metrics",
    "contact_sheets.html": "the faces of every clip",
    "faces.mp4": "a video of the faces",
}


class Commands(TyperGroup):
    """The commands, with one handler for all errors; each kind of error has its own exit status."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an error ends it with a message and the status of `STATUSES`."""
        try:
            return super().invoke(ctx)
        except EmotiwError as error:
            raise _ended(error) from None
        except ModuleNotFoundError as error:
            module = (error.name or "").partition(".")[0]
            if module not in extras.OPTIONAL:
                raise _bug() from None
            raise _ended(extras.missing(module)) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of the output has ended; click exits without a message
                raise
            raise _ended(error) from None
        except Exception as error:  # Typer handles usage errors and exits; any other exception is a bug
            if isinstance(error, typer.Abort) or hasattr(error, "exit_code"):
                raise
            raise _bug() from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="\n\n".join(["Exit status:", *(f"{status}: {meaning}" for status, meaning in STATUSES.items())]),
)


Output = Annotated[Path | None, typer.Option(help="Table to write; by default results/<run>/manifest.csv.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"emotiw {importlib.metadata.version('emotiw')}")
        raise typer.Exit(OK)


@app.callback()
def emotiw(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Recognise emotions in video clips, and check, explain and show runs of the workflow."""


@app.command()
def manifest(configfile: ConfigFiles = None, output: Output = None) -> None:
    """Check the corpus of a configuration and write its table of clips."""
    # commands import their modules themselves, so that `emotiw --help` answers at once
    from emotiw.corpora.inventory import refresh  # noqa: PLC0415
    from emotiw.jobs.settings import load  # noqa: PLC0415
    from emotiw.media.probing import probe  # noqa: PLC0415
    from emotiw.workflow import console as texts  # noqa: PLC0415
    from emotiw.workflow import imported_clips  # noqa: PLC0415

    config = load(configfile or [])
    path = output or Path("results", config["run"], "manifest.csv")
    table = refresh(config, path, probe)
    console = Console()
    console.print(Text(texts.heading(table)))
    console.print(texts.summary(table))
    for note in (*table.notes, *imported_clips.notes(imported_clips.refresh(config, table))):
        console.print(Text(f"note: {note}"))
    console.print(Text(f"{texts.n_subjects(table)}; written to {path}"))


@app.command()
def results(run: Annotated[Path, typer.Argument(help="Folder of results, such as results/demo.")]) -> None:
    """Show the metrics of a finished run and the files of its report."""
    from emotiw.workflow import console as texts  # noqa: PLC0415

    report = run / "report"
    path = report / "metrics.json"
    try:
        metrics = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise StoreError(f"{path}: missing; run the workflow to make it") from None
    except ValueError as error:
        raise StoreError(f"{path}: not readable as JSON ({error}); run the workflow to make it again") from None
    console = Console()
    console.print(Text(texts.run_heading(metrics)))
    console.print(texts.scores(metrics))
    for modality, counts in metrics["status"].items():
        console.print(Text(f"{modality}: " + ", ".join(f"{count} {status}" for status, count in counts.items())))
    for name, what in REPORTED.items():
        console.print(Text(f"{what:<20} {report / name}"))


app.command()(predicting.predict)


@app.command()
def evaluate(  # noqa: PLR0913 - one argument an option
    *,
    bundle: Annotated[
        Path | None, typer.Option(help="Folder of a trained system; by default that of the package.")
    ] = None,
    configfile: ConfigFiles = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for evaluation.html and .json, predictions.csv; it goes on there."),
    ] = None,
    drop_seen: Annotated[
        bool, typer.Option(help="Leave out clips, subjects and films that the bundle was trained on.")
    ] = False,
    unchecked: Annotated[
        bool, typer.Option(help="Evaluate a bundle that does not say what it was trained on.")
    ] = False,
    cores: Annotated[int, typer.Option("--cores", "-c", min=1, help="Number of clips judged at a time.")] = 1,
) -> None:
    """Score a trained system on the labelled corpus of a configuration that it has not seen.

    Clips, subjects and films that the bundle was trained on are refused. Status 0: all clips were judged; 1: some were
    not; 2: bundle, configuration or corpus cannot be used.
    """
    from emotiw.jobs.settings import load  # noqa: PLC0415
    from emotiw.prediction import bundle as bundles  # noqa: PLC0415
    from emotiw.workflow import bundle_evaluation as evaluation  # noqa: PLC0415
    from emotiw.workflow import evaluation_console as texts  # noqa: PLC0415
    from emotiw.workflow import evaluation_page  # noqa: PLC0415

    config = load(configfile or [])
    folder = bundle or bundles.default_folder()
    request = evaluation.Request(folder, config, output, drop_seen, unchecked, cores)
    found = evaluation.checked(request)
    console = Console(highlight=False)
    with texts.progress(console, len({clip.sha256 for clip in found.corpus.clips})) as advance:
        content = evaluation.evaluate(request, found, advance)
    for line in evaluation_page.verdict(content):
        console.print(Text(line))
    console.print(texts.scores(content))
    if output:
        console.print(Text(f"page: {output / 'evaluation.html'}"))
    raise typer.Exit(NEGATIVE if content["not_judged"] else OK)


@app.command()
def doctor(configfile: ConfigFiles = None) -> None:
    """Check tools, versions, weights, corpus and disk, and say what to do; status 1 if a run would fail."""
    from emotiw.workflow.doctor import State, examine  # noqa: PLC0415

    table = Table(box=None, padding=(0, 1), show_header=False)
    for name in ("state", "what"):
        table.add_column(name, no_wrap=True)
    table.add_column("found", overflow="fold")
    states = []
    for finding in examine(configfile or []):
        states.append(finding.state)
        text = finding.found + (f"\n-> {finding.remedy}" if finding.remedy else "")
        table.add_row(Text(finding.state), Text(finding.what), Text(text))
    Console(highlight=False).print(table)
    n_bad = sum(state == State.BAD for state in states)
    typer.echo(f"{n_bad} of {len(states)} checks failed; a run would fail" if n_bad else "ready to run")
    raise typer.Exit(NEGATIVE if n_bad else OK)


@app.command()
def verify(
    run: Annotated[Path, typer.Argument(help="Folder of results, such as results/demo.")],
    every: Annotated[bool, typer.Option("--all", help="Name every bad file, not only the first.")] = False,
) -> None:
    """Compare every file of a run with the hash recorded when the run ended; status 1 if one differs."""
    from emotiw.workflow import checksums  # noqa: PLC0415

    faults = checksums.faults(run)
    first = next(faults, None)
    if first is None:
        typer.echo(f"{run}: {checksums.count(run)} files are as they were recorded")
        return
    typer.echo(first, err=True)
    for fault in faults if every else ():
        typer.echo(fault, err=True)
    raise typer.Exit(NEGATIVE)


@app.command()
def export_features(
    feature: Annotated[Path, typer.Argument(help="Folder of a feature, such as results/demo/features/cnn.")],
    output: Annotated[Path, typer.Argument(help="New folder for the archives, CLIP.npz.")],
) -> None:
    """Write a feature of a run as NumPy archives, one a clip; `imports` of another run takes them back unchanged."""
    from emotiw.imports.export import export  # noqa: PLC0415

    n_written, n_without = export(feature, output)
    typer.echo(f"{n_written} clips written to {output}; {n_without} have no {feature.name}")


@app.command()
def croissant(
    run: Annotated[Path, typer.Argument(help="Folder of results, such as results/demo.")],
    creator: Annotated[str, typer.Option(help="Who made the features.")] = "not stated",
    url: Annotated[str, typer.Option(help="Where they are published.")] = "./",
) -> None:
    """Describe the features of a finished run in Croissant (JSON-LD), as repositories of datasets read it."""
    from emotiw.core import files  # noqa: PLC0415
    from emotiw.workflow import checksums  # noqa: PLC0415
    from emotiw.workflow import croissant as descriptions  # noqa: PLC0415

    content = descriptions.metadata(run, descriptions.Given(creator, url))
    files.write_json(run / checksums.CROISSANT, content)
    typer.echo(f"{run / checksums.CROISSANT}: {len(content['recordSet']) - 1} features described")


@app.command()
def cache(
    configfile: ConfigFiles = None,
    verify: Annotated[
        bool, typer.Option(help="Name every entry that would not be used; status 1 if there is one.")
    ] = False,
    days: Annotated[float, typer.Option(min=0, help="Remove entries not used for so many days.")] = math.inf,
    gigabytes: Annotated[
        float, typer.Option(min=0, help="Remove the longest unused entries, until so much is left.")
    ] = math.inf,
) -> None:
    """Show the cache of a configuration by stage; check its entries, or remove unused ones."""
    from emotiw.jobs import cache_upkeep as upkeep  # noqa: PLC0415
    from emotiw.jobs.cache import Cache, user_ids  # noqa: PLC0415
    from emotiw.jobs.settings import load  # noqa: PLC0415
    from emotiw.workflow import console as texts  # noqa: PLC0415

    chosen = load(configfile or [])["cache"]
    if not chosen["folder"]:
        raise ConfigError("cache.folder: is null, so there is no cache; set it, or name the configuration that does")
    store = Cache(Path(chosen["folder"]).expanduser(), user_ids(chosen["users"]))
    doubts = list(upkeep.doubts(store)) if verify else []
    for doubt in doubts:
        typer.echo(doubt, err=True)
    removed = upkeep.prune(store, days=days, gigabytes=gigabytes) if min(days, gigabytes) < math.inf else []
    console = Console(highlight=False)
    console.print(texts.cached(upkeep.kept(store)))
    checked = "" if verify else " (not checked)"
    console.print(Text(f"{store.folder}: {len(removed)} removed, {len(doubts)} in doubt{checked}"))
    raise typer.Exit(NEGATIVE if doubts else OK)


for command in (running.run, asking.why, comparing.compare):
    app.command()(command)


def _ended(error: EmotiwError | OSError) -> typer.Exit:
    """Print an error that the user can correct; return the end of the program."""
    typer.echo(f"{type(error).__name__}: {error}", err=True)
    return typer.Exit(UNUSABLE)


def _bug() -> typer.Exit:
    """Print the traceback of the exception at hand; return the end of the program."""
    typer.echo(
        f"{traceback.format_exc()}emotiw: this is a bug of emotiw; please report it with the lines above", err=True
    )
    return typer.Exit(INTERNAL)
