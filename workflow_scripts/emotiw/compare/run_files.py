"""The files of a finished run that a comparison reads, from its folder or from its crate."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from emotiw.compare import job_costs, made
from emotiw.compare.job_costs import StageCost
from emotiw.compare.made import Made
from emotiw.core.errors import StoreError

CRATE, METADATA = "run_crate.zip", "ro-crate-metadata.json"
METRICS, PREDICTIONS, MANIFEST, CONFIG = "report/metrics.json", "report/predictions.csv", "manifest.csv", "config.json"
MAX_BYTES = 1 << 29  # largest file of a crate that is unpacked, in bytes
AGAIN = "run the workflow to make it"

Read = Callable[[str], bytes]


@dataclass(frozen=True)
class Run:
    """What is known of a finished run.

    Attributes
    ----------
    name : str
        Name of the run; unique among the runs that are compared.
    place : Path
        Its folder or its crate.
    metrics : mapping
        Content of `metrics.json`.
    predictions : sequence of mapping
        Rows of `predictions.csv`.
    clips : mapping of str to str
        SHA-256 of the file of each clip; empty if unknown.
    config : mapping or None
        The whole configuration; None if the run has no crate.
    versions, weights : mapping of str to str
        Versions of the programs (Python, packages, commit of the workflow), and SHA-256 of the weights; from the crate.
    made : mapping of made.Key to Made
        Identities of the intermediate results; empty for a crate, which does not hold them.
    costs : mapping of str to StageCost
        Cost of each stage; empty for a crate.
    """

    name: str
    place: Path
    metrics: Mapping[str, Any]
    predictions: Sequence[Mapping[str, str]]
    clips: Mapping[str, str]
    config: Mapping[str, Any] | None
    versions: Mapping[str, str]
    weights: Mapping[str, str]
    made: Mapping[made.Key, Made]
    costs: Mapping[str, StageCost]

    @property
    def page(self) -> Path | None:
        """Report of the run, if it has a folder."""
        path = self.place / "report" / "report.html"
        return path if path.is_file() else None


def read_all(places: Sequence[Path]) -> list[Run]:
    """Read the runs of some folders or crates; runs of one name are called by their places instead.

    Raises
    ------
    StoreError
        If a place is no finished run, or a file of it cannot be read.
    """
    runs = [read(place) for place in places]
    names = [run.name for run in runs]
    named = [replace(run, name=str(run.place)) if names.count(run.name) > 1 else run for run in runs]
    names = [run.name for run in named]
    return [
        replace(run, name=f"{run.name} ({names[: i + 1].count(run.name)})") if names.count(run.name) > 1 else run
        for i, run in enumerate(named)
    ]


def read(place: Path) -> Run:
    """Read a run from its folder, such as `results/demo`, or from its crate; errors as in `read_all`."""
    if not place.is_dir():
        with _archive(place) as archive:
            return _run(place, partial(_unpacked, archive, place), partial(_unpacked, archive, place))
    crate = place / "report" / CRATE
    if not crate.is_file():
        return _run(place, partial(_read, place), None)
    with _archive(crate) as archive:
        return _run(place, partial(_read, place), partial(_unpacked, archive, crate))


def from_crate(run: Path, name: str) -> dict[str, Any]:
    """Read a JSON file of the crate of a run's folder; errors as in `read_all`."""
    crate = run / "report" / CRATE
    with _archive(crate) as archive:
        return _json(_unpacked(archive, crate, name), f"{crate}: {name}")


def _run(place: Path, read_file: Read, read_crate: Read | None) -> Run:
    metrics = _json(read_file(METRICS), f"{place}: {METRICS}")
    metadata = _json(read_crate(METADATA), f"{place}: {METADATA}") if read_crate else {}
    whole = place.is_dir()
    return Run(
        name=str(metrics["run"]),
        place=place,
        metrics=metrics,
        predictions=_rows(read_file(PREDICTIONS)),
        clips={row["clip"]: row.get("sha256", "") for row in _rows(read_file(MANIFEST))},
        config=_json(read_crate(CONFIG), f"{place}: {CONFIG}") if read_crate else None,
        made=made.by_folder(place) if whole else {},
        costs=job_costs.by_stage(place) if whole else {},
        **_facts(metadata),
    )


def _facts(metadata: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Versions and weights that the metadata of a crate name."""
    entities = metadata.get("@graph", [])
    versions = {
        str(entity["name"]): str(entity["softwareVersion"])
        for entity in entities
        if entity.get("@type") == "SoftwareApplication" and "softwareVersion" in entity
    }
    main: dict[str, Any] = next((entity for entity in entities if entity["@id"] == "workflow/Snakefile"), {})
    commit = {"workflow (commit)": str(main["version"])} if "version" in main else {}
    weights = {
        str(entity.get("name", entity["@id"])): str(entity["sha256"])
        for entity in entities
        if entity["@id"].startswith(("#weights-", "#imports-")) and "sha256" in entity
    }
    return {"versions": versions | commit, "weights": weights}


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise StoreError(f"{path}: missing; expected the folder of a run, such as results/demo, or its crate") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise StoreError(f"{path}: is no crate ({error}); expected the folder of a run or its {CRATE}") from error


def _unpacked(archive: zipfile.ZipFile, path: Path, name: str) -> bytes:
    try:
        entry = archive.getinfo(name)
        if entry.file_size > MAX_BYTES:
            raise StoreError(f"{path}: {name} has {entry.file_size} bytes, expected at most {MAX_BYTES}; do not use it")
        return archive.read(entry)
    except KeyError:
        raise StoreError(f"{path}: holds no {name}, so it is no crate of a run; {AGAIN}") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise StoreError(f"{path}: {name} is damaged ({error}); {AGAIN} again") from error


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        raise StoreError(f"{folder / name}: missing, so the run has not ended; {AGAIN}") from None


def _json(data: bytes, subject: str) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except ValueError as error:
        raise StoreError(f"{subject}: not readable as JSON ({error}); {AGAIN} again") from None
    if not isinstance(content, dict):
        raise StoreError(f"{subject}: holds no JSON object; {AGAIN} again")
    return content


def _rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
