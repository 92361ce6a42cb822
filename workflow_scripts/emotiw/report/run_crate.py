"""Pack a run as a Workflow Run RO-Crate: workflow, inputs, settings and results, described in JSON-LD, in a zip file.

The crate conforms to the profiles Process Run Crate, Workflow Run Crate (w3id.org/ro/wfrun, 0.5) and Workflow RO-Crate
(1.0). Equal runs give equal bytes. Therefore the crate states no times; the logs and Snakemake's metadata do.
"""

import io
import json
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from emotiw.core.files import sha256

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}  # term that RO-Crate's own context lacks
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
LICENCE = "https://spdx.org/licenses/BSD-3-Clause"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can state
COMPLETED = "http://schema.org/CompletedActionStatus"
UNDATED = "1980-01-01"
CODE = (
    *(("workflow_scripts", "*.py"), ("workflow_scripts/warm", "*"), ("workflow_scripts/emotiw", "**/*")),
    *(("schemas", "*.yaml"), ("envs", "*.yaml"), ("report", "*.rst")),
)
SKIPPED = {"__pycache__", "people"}  # `people` holds the bundle in the package, 18 MB of weights that no run reads
TYPES = {
    ".json": "application/json",
    ".csv": "text/csv",
    ".gz": "application/gzip",
    ".html": "text/html",
    ".md": "text/markdown",
    ".svg": "image/svg+xml",
}


def code(repository: Path) -> dict[str, Path]:
    """Files that a run executes or reads, of a repository, by their path in a crate.

    They are the programs with the library, its resources without the bundle for people, the schemas, the environments
    and the captions; `packed` is given the rules, the configuration and the lock file besides.
    """
    paths = [path for folder, pattern in CODE for path in repository.joinpath(folder).glob(pattern)]
    kept = sorted(path for path in paths if path.is_file() and not SKIPPED & set(path.relative_to(repository).parts))
    return {f"workflow/{path.relative_to(repository).as_posix()}": path for path in kept}


def packed(
    results: Mapping[str, Path],
    inputs: Mapping[str, Path],
    workflow: Mapping[str, Path],
    *,
    facts: Mapping[str, Any],
    heading: Mapping[str, Any],
) -> bytes:
    """Pack a crate.

    Parameters
    ----------
    results, inputs, workflow : mapping of str to Path
        Files by their path in the crate: results, inputs, and the files of the workflow; `workflow/Snakefile` is the
        main entity.
    facts : mapping
        From `provenance.determinants`.
    heading : mapping
        `name` and `description` of the crate.

    Returns
    -------
    bytes
        The zip file; equal arguments give equal bytes.
    """
    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms.update(TERMS)
    root = crate.root_dataset
    for key, value in {**heading, "datePublished": facts["git"].get("date") or UNDATED}.items():
        root[key] = value
    root["license"] = _entity(crate, LICENCE, "CreativeWork", name="BSD 3-Clause License")
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "config.json")
        settings.write_text(json.dumps(facts["config"], indent=2, sort_keys=True, ensure_ascii=False) + "\n")
        main = _workflow(crate, workflow, facts)
        read = [*_files(crate, {**inputs, "config.json": settings}), *_given(crate, facts)]
        action = crate.add_action(
            main,
            identifier="#run",
            object=read,
            result=_files(crate, results),
            properties={
                "name": f"Run {facts['config']['run']}",
                "description": heading["description"],
                "actionStatus": COMPLETED,
            },
        )
        root.append_to("mentions", action)
        profiles = [
            _entity(crate, url, "CreativeWork", name=name, version=version) for url, (name, version) in PROFILES.items()
        ]
        root["conformsTo"] = profiles
        crate.write(Path(folder, "crate"))
        return _zipped(Path(folder, "crate"))


def _workflow(crate: ROCrate, workflow: Mapping[str, Path], facts: Mapping[str, Any]) -> Any:
    main = crate.add_workflow(
        str(workflow["workflow/Snakefile"]),
        "workflow/Snakefile",
        main=True,
        lang="snakemake",
        lang_version=facts["packages"].get("snakemake"),
    )
    main["name"] = "emotiw: audio-video emotion recognition after Ding et al. (ICMI 2016)"
    main["version"] = facts["git"]["commit"] or "unknown"
    main["license"] = {"@id": LICENCE}
    main["conformsTo"] = {"@id": BIOSCHEMAS}
    others = {place: path for place, path in workflow.items() if place != "workflow/Snakefile"}
    main["hasPart"] = _files(crate, others)
    requirements = [("Python", facts["python"], f"pkg:generic/python@{facts['python']}")]
    requirements += [
        (name, version, f"pkg:pypi/{name.lower()}@{version}") for name, version in sorted(facts["packages"].items())
    ]
    main["softwareRequirements"] = [
        _entity(crate, purl, "SoftwareApplication", name=name, softwareVersion=version, url=purl)
        for name, version, purl in requirements
    ]
    return main


def _files(crate: ROCrate, files: Mapping[str, Path]) -> list[Any]:
    entities = []
    for place, path in sorted(files.items()):
        kind = TYPES.get(path.suffix, "text/plain")
        properties = {"name": Path(place).name, "encodingFormat": kind, "sha256": sha256(path)}
        entities.append(crate.add_file(str(path), place, properties=properties, record_size=True))
    return entities


def _given(crate: ROCrate, facts: Mapping[str, Any]) -> list[Any]:
    """Entities of the model files and of imported features, which are not part of the crate."""
    kinds = (("weights", facts["weights"]), ("imports", facts["imports"]))
    return [
        _entity(
            crate,
            f"#{kind}-{record['sha256'][:12]}",
            "CreativeWork",
            name=str(record.get("name", kind)),
            license=str(record.get("licence", "unknown")),
            sha256=record["sha256"],
        )
        for kind, records in kinds
        for record in records
    ]


def _entity(crate: ROCrate, identifier: str, kind: str, **properties: str) -> Any:
    return crate.add(ContextEntity(crate, identifier, properties={"@type": kind, **properties}))


def _zipped(folder: Path) -> bytes:
    """Zip file of a folder, sorted by path, without the times of its files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            entry.external_attr = (0o755 if path.stat().st_mode & 0o100 else 0o644) << 16
            data = path.read_bytes()
            if path.name == "ro-crate-metadata.json":
                data = _ordered(data)
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _ordered(metadata: bytes) -> bytes:
    """Metadata with entities sorted by identifier, and keys sorted."""
    content = json.loads(metadata)
    content["@graph"].sort(key=lambda entity: str(entity["@id"]))
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
