"""The files of every imported feature of a run, by clip."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotiw.core.resources import PACKAGE
from emotiw.corpora.manifest import Manifest
from emotiw.imports import listing
from emotiw.jobs import identity
from emotiw.workflow.layout import Layout

Clips = Mapping[str, tuple[str, str]]  # path and hash of each clip's content, empty if there is none

PROGRAM = PACKAGE.parent / "imported.py"


def refresh(config: Mapping[str, Any], manifest: Manifest) -> dict[str, Clips]:
    """Find and check the files of every import, and bring its table up to date; errors as in `listing.refresh`."""
    layout = Layout(config["run"])
    return {
        name: listing.refresh(
            listing.Import(name, section, identity.fingerprint(PROGRAM)),
            manifest.rows,
            Path(layout.imports(name)),
            Path(layout.imports_memory(name)),
        )
        for name, section in config["imports"].items()
    }


def read(config: Mapping[str, Any]) -> dict[str, Clips]:
    """Read the tables that `refresh` has written."""
    return {name: listing.read(Path(Layout(config["run"]).imports(name))) for name in config["imports"]}


def notes(imports: Mapping[str, Clips]) -> list[str]:
    """Say of each import of how many clips it has no file."""
    lacking = {name: sum(not sha256 for _, sha256 in clips.values()) for name, clips in imports.items()}
    return [
        f"imports.{name}: a file for {len(clips) - lacking[name]} of {len(clips)} clips"
        for name, clips in imports.items()
    ]
