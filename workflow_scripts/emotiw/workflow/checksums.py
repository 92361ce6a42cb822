"""The hash of every file of a run, recorded when the run ends and compared whenever one asks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emotiw.core import files
from emotiw.core.errors import StoreError
from emotiw.prediction import bundle

RECORD = "checksums.json"
# what changes without being a result: logs, times of the corpus's files, and Snakemake's marks of folders
LEFT_OUT = (RECORD, "manifest.files.csv", ".snakemake_timestamp")
LOGS, TIMES = "logs", "checksums.times.json"


def record(run: Path) -> None:
    """Write the size and SHA-256 of every file of a run; only what is new or has changed is read again.

    The times that tell this are kept among the logs, because the record depends on the files' content alone.
    """
    known, times = _known(run) if (run / RECORD).is_file() else {}, run / LOGS / TIMES
    before = json.loads(times.read_bytes()) if times.is_file() else {}
    found, now = {}, {}
    for path in _artefacts(run):
        name, about = path.relative_to(run).as_posix(), path.stat()
        now[name] = [about.st_size, about.st_mtime_ns, about.st_ctime_ns]
        same = name in known and before.get(name) == now[name]
        found[name] = {"bytes": about.st_size, "sha256": known[name]["sha256"] if same else files.sha256(path)}
    files.write_json(times, now)
    files.write_json(run / RECORD, {"files": found})


def faults(run: Path) -> Iterator[str]:
    """Every file of a run, and of the weights beside it, that is not what was recorded; in the order of their names.

    Raises
    ------
    StoreError
        If nothing was recorded.
    """
    if not (run / RECORD).is_file():
        raise StoreError(f"{run / RECORD}: missing; a run of the workflow that ends well writes it")
    for name, about in sorted(_known(run).items()):
        if fault := _fault(run / name, about):
            yield fault
    for path in sorted((run.parent / "weights").glob("*.json")):
        yield from _weights_fault(path)
    if (run / "bundle" / bundle.INDEX).is_file():
        bundle.read(run / "bundle")


def count(run: Path) -> int:
    """Return the number of files that are recorded."""
    return len(_known(run))


def _known(run: Path) -> dict[str, Any]:
    path = run / RECORD
    try:
        known = json.loads(path.read_bytes())["files"]
        return {str(name): dict(about) for name, about in known.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path}: unreadable ({error}); delete it and run the workflow again") from error


def _artefacts(run: Path) -> Iterator[Path]:
    for path in sorted(run.rglob("*")):
        inside = path.relative_to(run).parts
        temporary = path.name.startswith(".") and path.suffix == ".tmp"
        if inside[0] != LOGS and path.name not in LEFT_OUT and not temporary and path.is_file():
            yield path


def _fault(path: Path, about: dict[str, Any]) -> str | None:
    again = "delete it and run the workflow again"
    try:
        size = path.stat().st_size
        if size != about["bytes"]:
            return f"{path}: has {size} bytes, {about['bytes']} were recorded; {again}"
        found = files.sha256(path)
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror}); run the workflow again"
    return None if found == about["sha256"] else f"{path}: sha256 {found}, {about['sha256']} was recorded; {again}"


def _weights_fault(record: Path) -> Iterator[str]:
    """Yield what is wrong with a model file beside whose record this is."""
    models = [path for path in record.parent.glob(f"{record.stem}.*") if path != record]
    try:
        expected = json.loads(record.read_bytes())["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield f"{record}: unreadable ({error}); delete it and run the workflow again"
        return
    for path in models:
        if (found := files.sha256(path)) != expected:
            yield f"{path}: sha256 {found}, {expected} was recorded; delete it and run the workflow again"
