"""Jobs that fail for a reason that will repeat are not tried again, whatever `--retries` says.

Retries are for jobs that were killed, or ran out of memory or time: each attempt requests more. An error that was
caused by a clip, a table or a setting stays the same. Snakemake has no option for this, so its scheduler is told that
the job has no attempt left.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from emotiw.core import errors

# errors of what was given; files that a network file system shows late, downloads and installations may mend themselves
REPEATING = tuple(
    error.__name__
    for error in (
        *(errors.ConfigError, errors.ManifestError, errors.MediaError, errors.LengthError, errors.FeatureError),
        *(errors.WeightsError, errors.BundleError),
    )
)
TAIL_BYTES = 4096  # of a log, in which its last line is looked for


def will_repeat(logs: Iterable[str | Path]) -> bool:
    """Whether the last line of a log is an error that another attempt would meet again."""
    return any(_last_line(Path(log)).partition(":")[0] in REPEATING for log in logs)


def spare(scheduler: Any) -> None:
    """Make Snakemake's scheduler give up jobs whose error will repeat; without effect on other jobs.

    Parameters
    ----------
    scheduler : JobScheduler
        That of the running workflow. A version of Snakemake that handles errors in another way is left as it is.
    """
    handle = getattr(scheduler, "_handle_error", None)
    if handle is None:
        return

    def handle_once(job: Any, *arguments: Any, **options: Any) -> None:
        if not job.is_group() and will_repeat(map(str, job.log)):
            job._attempt = job.restart_times + 1  # its setter would change the resources that are still to be freed
        handle(job, *arguments, **options)

    scheduler._handle_error = handle_once


def _last_line(log: Path) -> str:
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - TAIL_BYTES))
            lines = stream.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""
