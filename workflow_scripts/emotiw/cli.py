"""The command `emotiw`: predict clips, evaluate bundles, start the workflow, and check, explain and show its runs."""

import errno
import importlib.metadata
import json
import math
import traceback
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from emotiw.core import extras
from emotiw.core.errors import ConfigError, EmotiwError, StoreError

OK, NEGATIVE, UNUSABLE, INTERNAL = 0, 1, 2, 3
STATUSES = {
    OK: "done; all clips were judged, nothing is wrong",
    NEGATIVE: "done; some clips were not judged, or a check (doctor, verify, cache) found a fault",
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


ConfigFiles = Annotated[
    list[Path] | None,
    typer.Option("--configfile", help="YAML file that overrides config.yaml; of several, the last one wins."),
]
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


@app.command()
def predict(  # noqa: PLR0913 - one argument an option
    clips: Annotated[list[Path], typer.Argument(help="Clips, or folders with clips.", show_default=False)],
    *,
    bundle: Annotated[
        Path | None,
        typer.Option(help="Folder of a trained system; by default that of the package, trained on people."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for predictions.json, .csv, .html and timelines/ (PNG and SVG).")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="File for tracebacks; by default predict.log in the output or working folder.")
    ] = None,
    segment_s: Annotated[
        float, typer.Option(min=1.0, help="Longer clips are split into segments of this length.")
    ] = 30,
    longest_s: Annotated[float, typer.Option(min=1.0, help="Longer clips are not judged.")] = 6 * 3600,
    min_confidence: Annotated[
        float | None,
        typer.Option(min=0, max=1, help='Answer "uncertain" below this; by default the threshold of the bundle.'),
    ] = None,
    stalled_s: Annotated[float, typer.Option(min=1.0, help="A clip without progress for this long is given up.")] = 600,
    people: Annotated[
        Literal["one", "all"],
        typer.Option(help="Judge one face, or each person; the voice is the speaker's."),
    ] = "one",
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Use a bundle that was trained on synthetic clips, to try the program.")
    ] = False,
) -> None:
    """Predict the emotion of clips: probabilities of face, voice and their fusion.

    A clip without face and voice, or one that cannot be judged, gets a reason instead. Status 0: all clips were
    judged; 1: some were not; 2: bundle or arguments cannot be used; 3: emotiw itself failed at a clip, see the log.
    """
    from emotiw.prediction import clip_files, output_checks  # noqa: PLC0415
    from emotiw.prediction.loading_bar import loading_bar  # noqa: PLC0415

    paths = clip_files.named(clips, lambda line: typer.echo(line, err=True))
    if output:
        output_checks.check_folder(output)
    output_checks.check_log(log := log or (output or Path()) / output_checks.LOG)
    console = Console(highlight=False)
    with loading_bar(console) as tell:
        from emotiw.prediction import batch, card, contained  # noqa: PLC0415
        from emotiw.prediction import bundle as bundles  # noqa: PLC0415
        from emotiw.prediction.predictor import Predictor  # noqa: PLC0415

        folder = bundle or bundles.default_folder()
        card.check(bundles.read(folder).about, self_test)
        predictor = Predictor.load(
            folder, segment_s=segment_s, longest_s=longest_s, min_confidence=min_confidence, tell=tell
        )
    predictor = replace(predictor, everyone=people == "all")
    for reason in predictor.missing.values():
        typer.echo(reason, err=True)
    n_judged, n_internal = batch.predict(contained.Contained(predictor, stalled_s), paths, console, output, log)
    raise typer.Exit(INTERNAL if n_internal else OK if n_judged == len(paths) else NEGATIVE)


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
def why(
    clip: Annotated[str, typer.Argument(help="Id of a clip, as in results/<run>/manifest.csv, or its path there.")],
    configfile: ConfigFiles = None,
    snakefile: Annotated[Path, typer.Option(help="The workflow.")] = Path("Snakefile"),
) -> None:
    """Show which jobs Snakemake would run for a clip, its features and its scores, and why."""
    from emotiw.corpora.inventory import refresh  # noqa: PLC0415
    from emotiw.jobs.settings import load  # noqa: PLC0415
    from emotiw.media.probing import probe  # noqa: PLC0415
    from emotiw.workflow import explain, imported_clips  # noqa: PLC0415
    from emotiw.workflow.files import Files  # noqa: PLC0415
    from emotiw.workflow.plan import Plan  # noqa: PLC0415

    extras.require("snakemake")
    config = load(configfile or [])
    corpus = refresh(config, Path("results", config["run"], "manifest.csv"), probe)
    plan = Plan(config, corpus, imported_clips.refresh(config, corpus))
    row, targets = explain.targets(Files(plan), clip)
    jobs = explain.jobs(explain.dry_run(snakefile, configfile or [], targets))
    own = [job for job in jobs if any(Path(path).stem == row.job for path in job.output.split(", "))]
    others = Counter(job.rule for job in jobs if job not in own)
    typer.echo(f"{row.clip} ({row.path}), job {row.job}: {len(own)} of its own jobs would run")
    table = Table(box=None, padding=(0, 1), show_header=False)
    for job in own:
        table.add_row(Text(job.rule), Text(job.reason))
    for rule, n in others.items():
        reasons = Counter(job.reason for job in jobs if job.rule == rule and job not in own)
        table.add_row(Text(rule), Text(f"{n} job{'s' * (n > 1)} for its scores: {reasons.most_common(1)[0][0]}"))
    Console(highlight=False).print(table)


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
