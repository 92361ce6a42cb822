"""The command `emotiw predict`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from emotiw.commands.options import INTERNAL, NEGATIVE, OK


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
    audio_track: Annotated[
        int | None,
        typer.Option(min=-1, help="Sound track from 0; -1: the default one. Else as the bundle's run."),
    ] = None,
    video_track: Annotated[int | None, typer.Option(min=-1, help="Video track, in the same way.")] = None,
    people: Annotated[
        Literal["one", "all"],
        typer.Option(help="Judge one face, or each person; the voice is the speaker's."),
    ] = "one",
    subject_of: Annotated[
        str | None,
        typer.Option(help="Judge a person's clips together: pattern in the path that is the person, or table.csv."),
    ] = None,
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
        from emotiw.prediction.same_person import Together, person_of  # noqa: PLC0415

        of = person_of(subject_of) if subject_of else None
        folder = bundle or bundles.default_folder()
        card.check(bundles.read(folder).about, self_test)
        predictor = Predictor.load(
            folder, segment_s=segment_s, longest_s=longest_s, min_confidence=min_confidence, tell=tell
        )
    named = {"audio_track": audio_track, "video_track": video_track}
    tracks = {name: None if number < 0 else number for name, number in named.items() if number is not None}
    predictor = replace(predictor, everyone=people == "all", tracks=tracks)
    for reason in predictor.missing.values():
        typer.echo(reason, err=True)
    judge = contained.Contained(predictor, stalled_s)
    n_judged, n_internal = batch.predict(Together(judge, of) if of else judge, paths, console, output, log)
    raise typer.Exit(INTERNAL if n_internal else OK if n_judged == len(paths) else NEGATIVE)
