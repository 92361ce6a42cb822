"""Hashes of all files of a run, recorded when the run ends and compared on demand."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emotiw.core import files
from emotiw.core.errors import BundleError, StoreError
from emotiw.prediction import bundle

RECORD = "checksums.json"
# not recorded, because they change although no result does: the record itself, the table with the modification times
# of the clips, Snakemake's timestamps, and what `emotiw croissant` makes of the record
CROISSANT = "croissant.json"
LEFT_OUT = (RECORD, "manifest.files.csv", ".snakemake_timestamp", CROISSANT)
LOGS, TIMES = "logs", "checksums.times.json"


def record(run: Path) -> None:
    """Write the size and SHA-256 of every file of a run; only new and changed files are read.

    A file counts as unchanged if its size and times are. The times are stored in the folder of logs and not in the
    record, which depends on the content of the files alone.
    """
    known = _known(run) if (run / RECORD).is_file() else {}
    times = run / LOGS / TIMES
    states_before = json.loads(times.read_bytes()) if times.is_file() else {}
    kept, states = {}, {}
    for path in _artefacts(run):
        name, stat = path.relative_to(run).as_posix(), path.stat()
        states[name] = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
        unchanged = name in known and states_before.get(name) == states[name]
        kept[name] = {"bytes": stat.st_size, "sha256": known[name]["sha256"] if unchanged else files.sha256(path)}
    files.write_json(times, states)
    files.write_json(run / RECORD, {"files": kept})


def faults(run: Path) -> Iterator[str]:
    """Files of a run, and of the weights beside it, that differ from the record, in the order of their names.

    Raises
    ------
    StoreError
        If there is no record, or it cannot be read.
    """
    for name, about in sorted(recorded(run).items()):
        if fault := _fault(run / name, about):
            yield fault
    for path in sorted((run.parent / "weights").glob("*.json")):
        yield from _weights_fault(path)
    if (run / "bundle" / bundle.INDEX).is_file():
        yield from _bundle_fault(run / "bundle")


def count(run: Path) -> int:
    """Return the number of recorded files."""
    return len(recorded(run))


def recorded(run: Path) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of every recorded file by its path below the run; errors as in `faults`."""
    if not (run / RECORD).is_file():
        raise StoreError(
            f"{run / RECORD}: missing; run the workflow: it writes the file when a run has ended without an error"
        )
    return _known(run)


def _known(run: Path) -> dict[str, Any]:
    path = run / RECORD
    try:
        known = json.loads(path.read_bytes())["files"]
        return {str(name): dict(recorded) for name, recorded in known.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path}: unreadable ({error}); delete it and run the workflow again") from error


def _artefacts(run: Path) -> Iterator[Path]:
    for path in sorted(run.rglob("*")):
        parts = path.relative_to(run).parts
        temporary = path.name.startswith(".") and path.suffix == ".tmp"
        if parts[0] != LOGS and path.name not in LEFT_OUT and not temporary and path.is_file():
            yield path


def _fault(path: Path, recorded: dict[str, Any]) -> str | None:
    again = "delete it and run the workflow again"
    try:
        size = path.stat().st_size
        if size != recorded["bytes"]:
            return f"{path}: has {size} bytes, {recorded['bytes']} were recorded; {again}"
        sha256 = files.sha256(path)
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror}); run the workflow again"
    return (
        None if sha256 == recorded["sha256"] else f"{path}: sha256 {sha256}, {recorded['sha256']} was recorded; {again}"
    )


def _bundle_fault(folder: Path) -> Iterator[str]:
    try:
        bundle.read(folder)
    except BundleError as error:
        yield str(error)


def _weights_fault(record: Path) -> Iterator[str]:
    """Yield what is wrong with the model files that a record describes."""
    models = [path for path in record.parent.glob(f"{record.stem}.*") if path != record]
    try:
        expected = json.loads(record.read_bytes())["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield f"{record}: unreadable ({error}); delete it and run the workflow again"
        return
    for path in models:
        if (sha256 := files.sha256(path)) != expected:
            yield f"{path}: sha256 {sha256}, {expected} was recorded; delete it and run the workflow again"
