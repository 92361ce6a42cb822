"""Where the package lies on disk, and the files that it ships."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
RESOURCES = PACKAGE / "resources"
