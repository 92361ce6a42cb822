"""Prediction of clips for the command line: printed results, progress bar, output files, and a log of tracebacks."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from emotiw.prediction import console as texts
from emotiw.prediction import predictor as predictors
from emotiw.prediction.bundle import Bundle
from emotiw.prediction.contained import Contained
from emotiw.prediction.prediction import Prediction
from emotiw.prediction.same_person import Together

if TYPE_CHECKING:
    from emotiw.prediction.output_files import PredictionFolder


def predict(
    predictor: Contained | Together, paths: Sequence[Path], console: Console, output: Path | None, log: Path
) -> tuple[int, int]:
    """Predict clips, print the results, and write the output folder if there is one.

    Parameters
    ----------
    predictor : Contained or Together
    paths : sequence of Path
    console : Console
    output : Path or None
        Folder for the output files; None: no files.
    log : Path
        File for the tracebacks of internal errors, and for crashes; it is created only if there is one.

    Returns
    -------
    n_judged, n_internal : int
        Clips with a prediction, and clips at which the program failed.
    """
    show = partial(console.print, soft_wrap=True, markup=False)
    folder = _folder(output, predictor.bundle) if output else None
    if len(paths) > 1:
        show(texts.heading())
    outcomes, n_internal = [], 0
    with _logged(log), _progress(console, len(paths)) as advance:
        for result in predictor.predict(paths, advance):
            prediction = _with_log(result, log)
            show(texts.block(prediction) if len(paths) == 1 else texts.line(prediction))
            if folder:
                folder.add(prediction)
            if prediction.person == 1:  # a clip counts once, by the first of its people
                outcomes.append(texts.Outcome.of(prediction))
                n_internal += prediction.is_internal_error
                advance(0, 1)
    if folder:
        folder.finish()
        show(f"\npage: {folder.folder / 'predictions.html'}")
    show("" if folder else "\n", end="")
    show(f"{texts.tally(outcomes)}\n{texts.note(predictor.bundle.about)}")
    if n_internal:
        show(f"{n_internal} internal error{'s' * (n_internal > 1)} of emotiw: please report {log}")
    return sum(outcome.is_judged for outcome in outcomes), n_internal


def _folder(output: Path, bundle: Bundle) -> "PredictionFolder":
    # matplotlib takes half a second to import and is needed for the pictures only
    from emotiw.prediction.output_files import PredictionFolder  # noqa: PLC0415

    return PredictionFolder(output, bundle)


def _with_log(prediction: Prediction, log: Path) -> Prediction:
    """Name the log in the reason of an internal error."""
    if not prediction.is_internal_error:
        return prediction
    return replace(prediction, reason=f"not judged: internal error, see {log}")


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Append the errors that `Predictor` logs to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    handler.setLevel(logging.ERROR)
    predictors.LOG.addHandler(handler)
    propagate, predictors.LOG.propagate = predictors.LOG.propagate, False
    try:
        yield
    finally:
        predictors.LOG.propagate = propagate
        predictors.LOG.removeHandler(handler)
        handler.close()


@contextmanager
def _progress(console: Console, n_clips: int) -> Iterator[Callable[..., None]]:
    """Show clips and frames per second on a terminal; yields a function that adds numbers of frames and of clips."""
    columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("clips  {task.fields[rate]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task, start, n_frames = bar.add_task("", total=n_clips, rate=""), time.perf_counter(), 0

        def advance(frames: int, clips: int = 0) -> None:
            nonlocal n_frames
            n_frames += frames
            rate = n_frames / max(time.perf_counter() - start, 1e-9)
            bar.update(task, advance=clips, rate=f"{rate:.0f} frames/s")

        yield advance
