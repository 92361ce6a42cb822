"""Provenance of a run: everything that determines its results, such as code, settings, data, weights and packages."""

import csv
import hashlib
import importlib.metadata
import json
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emotiw.core import files
from emotiw.core.errors import WeightsError
from emotiw.core.machine import machine

GIT_TIMEOUT_S = 20
CODE = ("Snakefile", "rules", "workflow_scripts", "schemas", "config.yaml", "requirements.lock")


def determinants(
    *,
    repository: Path,
    config: Mapping[str, Any],
    manifest: Path,
    records: Iterable[Path],
    artefacts: Iterable[Path] = (),
) -> dict[str, Any]:
    """Record of everything that determines the results; equal for equal runs.

    Parameters
    ----------
    repository : Path
        Folder under version control that holds the workflow.
    config : mapping
        The whole configuration, defaults included.
    manifest : Path
        The table of clips; its hash covers the hash of every clip.
    records : iterable of Path
        JSON records of the model weights.
    artefacts : iterable of Path
        Further files to hash; those below the manifest's folder are named by their path below it.

    Returns
    -------
    dict
        `git`, `config`, `manifest_sha256`, `weights`, `imports`, `artefacts`, `python`, `packages`, `machine`.
    """
    recorded = [record(path) for path in sorted(records)]
    return {
        "git": git_state(repository),
        "config": dict(config),
        "manifest_sha256": files.sha256(manifest),
        "weights": [*recorded, *_supplied(config, recorded)],
        "imports": _imports(config, manifest.parent / "imports"),
        "artefacts": {_name(path, manifest.parent): files.sha256(path) for path in sorted(artefacts)},
        "python": platform.python_version(),
        "packages": packages(),
        "machine": machine() | {"threads_per_job": 1},
    }


def record(path: Path) -> dict[str, Any]:
    """Read the record of a model file.

    Raises
    ------
    WeightsError
        If it is not a JSON object.
    """
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: unreadable ({error}); delete it and run the workflow again") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: holds no JSON object; delete it and run the workflow again")
    return content


def git_state(repository: Path) -> dict[str, Any]:
    """Commit of a repository, its date, and whether its code has uncommitted changes; None without a repository.

    A new file counts if it lies in a folder of code. Tables, configurations and results of a user do not count.
    """
    commit = _git(repository, "rev-parse", "HEAD")
    changes = None if commit is None else _git(repository, "status", "--porcelain", "--", *CODE)
    date = None if commit is None else _git(repository, "show", "--no-patch", "--format=%cI", "HEAD")
    return {"commit": commit, "date": date, "dirty": None if changes is None else bool(changes)}


def packages() -> dict[str, str]:
    """Version of every installed distribution, by name."""
    version_of_package = {dist.metadata["Name"]: dist.version for dist in importlib.metadata.distributions()}
    return dict(sorted(version_of_package.items(), key=lambda item: item[0].lower()))


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name


def _git(repository: Path, *command: str) -> str | None:
    program = shutil.which("git")
    if program is None:
        return None
    result = subprocess.run(
        [program, "-C", str(repository), *command], capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=False
    )
    return result.stdout.strip() if result.returncode == 0 else None


def _supplied(config: Mapping[str, Any], recorded: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Record the configured embeddings whose file the user supplied; of these, only the file is known."""
    known = {record.get("sha256") for record in recorded}
    return [
        {
            "name": f"{section}.{name}",
            "licence": "unknown: supplied by the user",
            "source": {"file": Path(embedding["path"]).name},
            "sha256": embedding["sha256"],
        }
        for section in ("embeddings", "sound_embeddings")
        for name, embedding in config.get(section, {}).items()
        if embedding["sha256"] not in known
    ]


def _imports(config: Mapping[str, Any], tables: Path) -> list[dict[str, Any]]:
    """Record the features that another program has computed; the hash covers the content of every clip's file."""
    return [
        {
            "name": f"imports.{name}",
            "licence": section["licence"],
            "source": {"file": Path(section["path"]).name},
            **{key: section[key] for key in ("modality", "level")},
            "sha256": _contents_sha256(tables / f"{name}.csv"),
        }
        for name, section in config.get("imports", {}).items()
    ]


def _contents_sha256(table: Path) -> str:
    """Hash of the clips and contents of a table of imported files, wherever these lie."""
    with table.open(newline="", encoding="utf-8") as stream:
        contents = [(row["clip"], row["sha256"]) for row in csv.DictReader(stream)]
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest()
