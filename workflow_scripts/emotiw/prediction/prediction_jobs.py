"""The CSV table that assigns the clips of the prediction workflow (rules/predict.smk) to jobs, one row per clip."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from emotiw.core.errors import ConfigError
from emotiw.corpora.manifest import table_bytes, write_if_new

COLUMNS = ("job", "path")


def write(table: Path, jobs: Mapping[str, Sequence[str]]) -> None:
    """Write the clips of each job; a table with the same content is not written again."""
    write_if_new(table, table_bytes([COLUMNS, *((job, clip) for job, clips in jobs.items() for clip in clips)]))


def clips(table: Path, job: str) -> list[Path]:
    """Paths of a job's clips, in the order of the table.

    Raises
    ------
    ConfigError
        If the table has no such job.
    """
    with table.open(newline="", encoding="utf-8") as stream:
        paths = [Path(row["path"]) for row in csv.DictReader(stream) if row["job"] == job]
    if not paths:
        raise ConfigError(f"{table}: has no job {job!r}; run the workflow of predictions again")
    return paths
