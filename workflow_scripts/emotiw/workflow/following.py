"""Start Snakemake with its output in a file, and follow it: one line that moves, or plain lines without a terminal."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from emotiw.workflow import run as runs
from emotiw.workflow.run import Request
from emotiw.workflow.run_progress import RunProgress

POLL_S = 0.5  # between two looks at the output
PLAIN_S = 30.0  # between two lines where there is no terminal
LAST_LINES = 15  # of the output, shown if the run fails before a job does
# overrides `quiet` of the profile, with which Snakemake does not say that a job has failed
LOUD = ("--quiet", "host", "reason")
SUMMARY = "emotiw: "  # how the summary of `failures` begins


def log_path(folder: str) -> Path:
    """File of Snakemake's output for the run in a folder."""
    return Path(folder, "logs", "snakemake.log")


def follow(request: Request, progress: RunProgress, log: Path, console: Console) -> int:
    """Run Snakemake, show how far it is, and say at the end what failed, why, and where the log is.

    The output goes to a file and not through a pipe: if this process is killed, Snakemake goes on.

    Returns
    -------
    int
        Exit status of Snakemake.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output, log.open("rb") as text, _shown(console, progress) as show:
        process = subprocess.Popen(runs.start_command(request, *LOUD), stdout=output, stderr=subprocess.STDOUT)
        rest, stopped = b"", False
        while True:
            try:
                ended = process.poll() is not None  # asked before reading, so that no line is missed
                *lines, rest = (rest + text.read()).split(b"\n")
                for line in lines:
                    progress.take(line.decode(errors="replace"))
                show()
                if ended:
                    break
                time.sleep(POLL_S)
            except KeyboardInterrupt:  # Snakemake has received it too, and ends its jobs
                if not stopped:
                    console.print(Text("stopping: Snakemake ends the jobs that run"))
                stopped = True
    for last in _last_lines(process.returncode, progress, log):
        console.print(Text(last), soft_wrap=True)
    return process.returncode


@contextmanager
def _shown(console: Console, progress: RunProgress) -> Iterator[Callable[[], None]]:
    """Yield a function that shows the progress: in place on a terminal, otherwise as a line now and then."""
    if console.is_terminal:
        with Live(Text(""), console=console, auto_refresh=False, transient=True) as live:
            yield lambda: live.update(Text(progress.line(console.width)), refresh=True)
        return
    told = progress.start

    def tell() -> None:
        nonlocal told
        now = progress.clock()
        if now - told >= PLAIN_S:
            told = now
            console.print(Text(progress.line()), soft_wrap=True)

    yield tell


def _last_lines(status: int, progress: RunProgress, log: Path) -> list[str]:
    lines = [progress.end()]
    if status:
        written = log.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
        summaries = [i for i, line in enumerate(written) if line.startswith(SUMMARY)]
        lines += written[summaries[-1] :] if summaries else written[-LAST_LINES:]
    return [*lines, f"Snakemake's log: {log}"]
