"""The command `emotiw`: what a user does beside running the workflow."""

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from emotiw.core.emotions import HIDDEN
from emotiw.core.errors import BundleError, EmotiwError
from emotiw.corpora import splits
from emotiw.corpora.manifest import Manifest
from emotiw.prediction import clip_files

if TYPE_CHECKING:
    from emotiw.jobs.cache_upkeep import Kept

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
    from emotiw.jobs.settings import load  # noqa: PLC0415
    from emotiw.media.container import probe  # noqa: PLC0415

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


@app.command()
def predict(
    clips: Annotated[list[Path], typer.Argument(help="Clips, or folders with clips.", show_default=False)],
    bundle: Annotated[
        Path | None, typer.Option(help="Folder of a trained system; by default that of the demo, results/demo/bundle.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for predictions.json, .csv, .html and timelines/ (PNG and SVG).")
    ] = None,
    segment_s: Annotated[float, typer.Option(min=1.0, help="Longer clips are judged in segments of this length.")] = 30,
    longest_s: Annotated[float, typer.Option(min=1.0, help="Longer clips are not judged.")] = 6 * 3600,
) -> None:
    """Say which emotion clips show: probabilities fused, of the face and of the voice.

    A clip with neither a face nor a voice gets no answer but a reason, and so does one that cannot be read; the others
    go on. Status 0: all clips were judged; 1: some were not; 2: the bundle or the arguments cannot be used.
    """
    console = Console(highlight=False)
    with console.status("loading") if console.is_terminal else nullcontext():
        from emotiw.prediction import console as texts  # noqa: PLC0415
        from emotiw.prediction.output_files import PredictionFolder  # noqa: PLC0415
        from emotiw.prediction.predictor import Predictor  # noqa: PLC0415

        try:
            predictor = Predictor.load(bundle or default_bundle(), segment_s=segment_s, longest_s=longest_s)
        except EmotiwError as error:
            raise _refused(error) from None
    paths = list(clip_files.clips(clips))
    if not paths:
        raise _refused(f"no clip in {', '.join(map(str, clips))}; name clips, or folders that hold some")
    show = partial(console.print, soft_wrap=True, markup=False)
    folder = PredictionFolder(output, predictor.bundle) if output else None
    if len(paths) > 1:
        show(texts.heading())
    judged = []
    with _progress(console, len(paths)) as advance:
        for prediction in predictor.predict(paths, advance):
            show(texts.block(prediction) if len(paths) == 1 else texts.line(prediction))
            judged.append((prediction.emotion is not None, prediction.duration_s, prediction.seconds))
            if folder:
                folder.add(prediction)
            advance(0, 1)
    if folder:
        folder.finish()
        show(f"\npage: {folder.folder / 'predictions.html'}")
    show("" if folder else "\n", end="")
    about = predictor.bundle.about
    show(f"{texts.tally(judged)}\n{texts.note(about)}")
    raise typer.Exit(0 if all(good for good, *_ in judged) else 1)


@app.command()
def doctor(configfile: ConfigFiles = None) -> None:
    """Look at tools, versions, weights, corpus and disk, and say what to do; status 1 where a run would fail."""
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
    bad = sum(state == State.BAD for state in states)
    typer.echo(f"{bad} of {len(states)} would keep a run from succeeding" if bad else "ready to run")
    raise typer.Exit(1 if bad else 0)


@app.command()
def verify(
    run: Annotated[Path, typer.Argument(help="A folder of results, such as results/demo.")],
    every: Annotated[bool, typer.Option("--all", help="Name every bad file, not only the first.")] = False,
) -> None:
    """Compare every file of a run with the hash that was recorded when the run ended; status 1 where one differs."""
    from emotiw.workflow import checksums  # noqa: PLC0415

    try:
        faults = checksums.faults(run)
        first = next(faults, None)
        if first is None:
            typer.echo(f"{run}: {checksums.count(run)} files are as they were recorded")
            return
        typer.echo(first, err=True)
        for fault in faults if every else ():
            typer.echo(fault, err=True)
    except EmotiwError as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
    raise typer.Exit(1)


@app.command()
def why(
    clip: Annotated[str, typer.Argument(help="Id of a clip, as in results/<run>/manifest.csv, or its path there.")],
    configfile: ConfigFiles = None,
    snakefile: Annotated[Path, typer.Option(help="The workflow.")] = Path("Snakefile"),
) -> None:
    """Say which jobs Snakemake would run for a clip, its features and its scores, and why."""
    from emotiw.corpora.inventory import refresh  # noqa: PLC0415
    from emotiw.jobs.settings import load  # noqa: PLC0415
    from emotiw.media.container import probe  # noqa: PLC0415
    from emotiw.workflow import explain as dry  # noqa: PLC0415
    from emotiw.workflow.plan import Plan  # noqa: PLC0415

    try:
        config = load(configfile or [])
        plan = Plan(config, refresh(config, Path("results", config["run"], "manifest.csv"), probe))
        row, targets = dry.targets(plan, clip)
        found = dry.jobs(dry.dry_run(snakefile, configfile or [], targets))
    except EmotiwError as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise typer.Exit(1) from None
    own = [job for job in found if any(Path(path).stem == row.job for path in job.output.split(", "))]
    others = Counter(job.rule for job in found if job not in own)
    typer.echo(f"{row.clip} ({row.path}), job {row.job}: {len(own)} of its own jobs would run")
    table = Table(box=None, padding=(0, 1), show_header=False)
    for job in own:
        table.add_row(Text(job.rule), Text(job.reason))
    for rule, n in others.items():
        reasons = Counter(job.reason for job in found if job.rule == rule and job not in own)
        table.add_row(Text(rule), Text(f"{n} job{'s' * (n > 1)} for its scores: {reasons.most_common(1)[0][0]}"))
    Console(highlight=False).print(table)


@app.command()
def cache(
    configfile: ConfigFiles = None,
    verify: Annotated[
        bool, typer.Option(help="Name every entry that would not be used; status 1 if there is one.")
    ] = False,
    days: Annotated[float, typer.Option(min=0, help="Remove entries not used for so many days.")] = math.inf,
    gigabytes: Annotated[
        float, typer.Option(min=0, help="Remove the longest unused, until so much is left.")
    ] = math.inf,
) -> None:
    """Show the cache of a configuration by stage; check its entries, or remove those not used for long."""
    from emotiw.jobs import cache_upkeep as upkeep  # noqa: PLC0415
    from emotiw.jobs.cache import Cache, user_ids  # noqa: PLC0415
    from emotiw.jobs.settings import load  # noqa: PLC0415

    try:
        chosen = load(configfile or [])["cache"]
    except EmotiwError as error:
        raise _refused(error) from None
    if not chosen["folder"]:
        raise _refused("cache.folder: is null, so there is no cache; set it, or name the configuration that does")
    used = Cache(Path(chosen["folder"]).expanduser(), user_ids(chosen["users"]))
    doubts = list(upkeep.doubts(used)) if verify else []
    for doubt in doubts:
        typer.echo(doubt, err=True)
    gone = upkeep.prune(used, days=days, gigabytes=gigabytes) if min(days, gigabytes) < math.inf else []
    console = Console(highlight=False)
    console.print(_cached(upkeep.kept(used)))
    console.print(
        Text(f"{used.folder}: {len(gone)} removed, {len(doubts)} in doubt" + ("" if verify else " (not checked)"))
    )
    raise typer.Exit(1 if doubts else 0)


def _cached(kept: Iterable["Kept"]) -> Table:
    """Entries and megabytes of each stage, and the days since the least and the most recent use."""
    table = Table(box=SIMPLE, padding=0)
    for column in ("stage", "entries", "MB", "used, days ago"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    stages: dict[str, list[Kept]] = {}
    for found in kept:
        stages.setdefault(found.stage if found.whole else "left by killed writers", []).append(found)
    for stage, files in stages.items():
        ages = [(time.time() - it.used_s) / 86400 for it in files]
        table.add_row(
            stage, str(len(files)), f"{sum(it.bytes for it in files) / 1e6:.1f}", f"{min(ages):.1f} to {max(ages):.1f}"
        )
    return table


def default_bundle() -> Path:
    """Return the demo's bundle, below the working directory or else below the repository."""
    from emotiw.jobs.settings import ROOT  # noqa: PLC0415

    places = [base / "results" / "demo" / "bundle" for base in (Path(), ROOT)]
    found = next((path for path in places if path.is_dir()), None)
    if found is None:
        raise BundleError("no bundle named, and none of the demo here; run `make demo`, or name one with --bundle")
    return found


@contextmanager
def _progress(console: Console, n_clips: int) -> Iterator[Callable[..., None]]:
    """Bar of clips with frames a second, on a terminal; a function that is told (frames, clips) done since."""
    columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("clips  {task.fields[rate]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task, start, n_frames = bar.add_task("", total=n_clips, rate=""), time.perf_counter(), 0

        def advance(frames: int, clips: int = 0) -> None:
            nonlocal n_frames
            n_frames += frames
            rate = n_frames / max(time.perf_counter() - start, 1e-9)
            bar.update(task, advance=clips, rate=f"{rate:.0f} frames/s")

        yield advance


def _refused(why: object) -> typer.Exit:
    name = f"{type(why).__name__}: " if isinstance(why, EmotiwError) else ""
    typer.echo(f"{name}{why}", err=True)
    return typer.Exit(2)


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
