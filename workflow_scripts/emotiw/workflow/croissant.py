"""Croissant metadata (JSON-LD) of the features of a finished run: its files, and the fields that they hold.

The form is that of MLCommons, version 1.0 (http://mlcommons.org/croissant/1.0). The file lies in the folder of the run,
and its paths are relative to that folder.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from emotiw.compare import run_files, stage_names
from emotiw.core import html
from emotiw.core.errors import StoreError
from emotiw.core.status import Status
from emotiw.jobs import kinds, store
from emotiw.jobs.differences import DIFFERENCES
from emotiw.prediction.bundle_export import CORPUS_LICENCES
from emotiw.report import methods
from emotiw.workflow import checksums

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
CONTEXT = "croissant_context.json"
FEATURES = "features"
HDF5, CSV = "application/x-hdf5", "text/csv"
UNKNOWN = "unknown: supplied by the user"
OPENSMILE = "openSMILE: research only (audEERING)"
COLUMNS = {
    "clip": "id of the clip, as in the files of features",
    "label": "emotion; ? if it is hidden",
    "subject": "person who is seen or heard",
    "split": "part under official splits",
    "fold": "name of the fold whose test part the clip is in",
    "duration_s": "length in s, as the header of the clip states it",
}
PER_CLIP = ("frames", "samples")  # axes whose size differs between clips


@dataclass(frozen=True)
class Given:
    """What a run does not know of itself: who made its features, and where they are published."""

    creator: str = "not stated"
    url: str = "./"


def metadata(run: Path, given: Given) -> dict[str, Any]:
    """Croissant metadata of the features of a run.

    Parameters
    ----------
    run : Path
        Folder of the run, such as `results/demo`.
    given : Given
        Creator and address of the dataset.

    Raises
    ------
    StoreError
        If the run has not ended, or a file of it cannot be read.
    """
    config, crate = (run_files.from_crate(run, name) for name in (run_files.CONFIG, run_files.METADATA))
    metrics = json.loads((run / run_files.METRICS).read_bytes())
    recorded = checksums.recorded(run)
    folders = _folders(recorded)
    if not folders:
        raise StoreError(f"{run}: checksums.json names no file of features; run the workflow again")
    return {
        "@context": json.loads(html.resource(CONTEXT)),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": f"emotiw-{config['run']}",
        "description": _description(metrics),
        "license": list(_licences(config, metrics, crate)),
        "citeAs": methods.bibtex(metrics, config),
        "url": given.url,
        "creator": {"@type": "sc:Person", "name": given.creator},
        "datePublished": _date(run),
        "version": "1.0.0",
        "distribution": list(_distribution(recorded, folders)),
        "recordSet": [_clips(), *(_features(run, name, paths) for name, paths in folders.items())],
    }


def _folders(recorded: Iterable[str]) -> dict[str, list[str]]:
    """Paths of the files of each feature, by the path of its folder."""
    folders: dict[str, list[str]] = {}
    for path in sorted(recorded):
        if path.startswith(f"{FEATURES}/") and path.endswith(".h5"):
            folders.setdefault(Path(path).parent.as_posix(), []).append(path)
    return folders


def _description(metrics: Mapping[str, Any]) -> str:
    synthetic = " The clips are synthetic: a self-test." if metrics["synthetic"] else ""
    return (
        f"Features of {metrics['n_clips']} clips of {metrics['n_subjects']} subjects of {metrics['corpus']}, with"
        f" labels from {len(metrics['classes'])} emotions, computed by emotiw.{synthetic}"
    )


def _licences(config: Mapping[str, Any], metrics: Mapping[str, Any], crate: Mapping[str, Any]) -> Iterator[str]:
    """Yield the licence of each corpus, and of what computed the features."""
    corpora = {name: entry["kind"] for name, entry in (config.get("corpora") or {}).items()}
    for name, kind in (corpora or {metrics["corpus"]: metrics["corpus"]}).items():
        yield f"clips of {name}: {CORPUS_LICENCES.get(kind, UNKNOWN)}"
    for entity in crate.get("@graph", []):
        if entity["@id"].startswith(("#weights-", "#imports-")):
            yield f"{entity.get('name', entity['@id'])}: {entity.get('license', UNKNOWN)}"
    if "audio" in metrics["modalities"]:
        yield OPENSMILE


def _date(run: Path) -> str:
    ended = (run / checksums.RECORD).stat().st_mtime
    return datetime.fromtimestamp(ended, UTC).date().isoformat()


def _distribution(recorded: Mapping[str, Mapping[str, Any]], folders: Mapping[str, list[str]]) -> Iterator[Any]:
    yield _file(run_files.MANIFEST, CSV, recorded)
    for name, paths in folders.items():
        for path in paths:
            yield _file(path, HDF5, recorded)
        yield {
            "@type": "cr:FileSet",
            "@id": name,
            "name": name,
            "description": f"files of the feature {name}, each of one or several clips",
            "containedIn": [{"@id": path} for path in paths],
            "encodingFormat": HDF5,
            "includes": f"{name}/*.h5",
        }


def _file(path: str, kind: str, recorded: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    about = recorded[path]
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{about['bytes']} B",
        "encodingFormat": kind,
        "sha256": about["sha256"],
    }


def _clips() -> dict[str, Any]:
    """Describe the table of clips: a record is a clip."""
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"clips/{column}",
            "name": f"clips/{column}",
            "description": text,
            "dataType": "sc:Float" if column == "duration_s" else "sc:Text",
            "source": {"fileObject": {"@id": run_files.MANIFEST}, "extract": {"column": column}},
        }
        for column, text in COLUMNS.items()
    ]
    return _record_set("clips", "The clips with their labels; a record is a clip.", "clips/clip", fields)


def _features(run: Path, folder: str, paths: Iterable[str]) -> dict[str, Any]:
    """Describe the files of a feature: a record is a clip, which is a group of an HDF5 file."""
    name, (kind, arrays) = folder.removeprefix(f"{FEATURES}/"), _example(run, paths)
    fields = [_field(folder, "clip", "sc:Text", "id of the clip, which is the name of its group", repeated=False)]
    fields[0]["references"] = {"field": {"@id": "clips/clip"}}
    for dataset, spec in kinds.KINDS[kind].items():
        is_float = np.dtype(spec.dtype).kind == "f"
        text = f"dataset <clip>/{dataset}: {_type(spec, arrays.get(dataset))}, unit {spec.unit}"
        if spec.rows:
            text += f"; if its attribute {DIFFERENCES} is rows, each row is its difference from the row above, mod 256"
        fields.append(_field(folder, dataset, "sc:Float" if is_float else "sc:Integer", text, repeated=True))
    by_frame = " Row i of each array is of the frame at time i." if "time" in kinds.KINDS[kind] else ""
    about = f"{stage_names.stage(name)}: a record is a clip, a group of an HDF5 file.{by_frame}"
    status = " The attribute status of a group is ok, or says why the clip has no arrays."
    return _record_set(folder, about + status, f"{folder}/clip", fields)


def _record_set(name: str, description: str, key: str, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": f"records/{name}",
        "name": f"records/{name}",
        "description": description,
        "key": {"@id": key},
        "field": fields,
    }


def _field(folder: str, name: str, kind: str, description: str, *, repeated: bool) -> dict[str, Any]:
    place = f"{folder}/{name}"
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": place,
        "name": place,
        "description": description,
        "dataType": kind,
        "source": {"fileSet": {"@id": folder}, "extract": {"fileProperty": "content"}},
    }
    return field | ({"repeated": True} if repeated else {})


def _example(run: Path, paths: Iterable[str]) -> tuple[str, dict[str, tuple[str, tuple[int, ...]]]]:
    """Kind of the files of a feature, and type and shape of each array of the first clip that has any, as stored."""
    kind = ""
    for path in paths:
        kind = store.kind_of(run / path)
        with store.Reader(run / path, kind) as reader:
            found = next((name for name, status in reader.statuses.items() if status == Status.OK), None)
        if found is not None:
            with h5py.File(run / path, "r") as stream:
                return kind, {key: (dataset.dtype.name, dataset.shape) for key, dataset in stream[found].items()}
    return kind, {}


def _type(spec: kinds.Field, stored: tuple[str, tuple[int, ...]] | None) -> str:
    """Type and shape; an axis whose size is the same for all clips is a number."""
    dtype, sizes = stored or (np.dtype(spec.dtype).name, ())
    axes = [
        str(sizes[i]) if axis not in PER_CLIP and i < len(sizes) else str(axis) for i, axis in enumerate(spec.shape)
    ]
    return f"{dtype}, shape ({', '.join(axes)}{',' if len(axes) == 1 else ''})"
