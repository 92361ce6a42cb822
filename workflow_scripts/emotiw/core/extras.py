"""Packages that only an extra of the distribution installs, and the error if one is missing."""

import importlib.util

from emotiw.core.errors import InstallationError

# imported module: extra of pyproject.toml that installs it
OPTIONAL = {
    "altair": "report",
    "moviepy": "report",
    "PIL": "report",
    "pytorch_lightning": "workflow",
    "rocrate": "report",
    "skimage": "workflow",
    "snakemake": "workflow",
    "statsmodels": "workflow",
    "vl_convert": "report",
}


def installed(module: str) -> bool:
    """Whether a top-level module can be found; it is not imported."""
    return importlib.util.find_spec(module) is not None


def require(module: str) -> None:
    """Check that a module of an extra is installed.

    Raises
    ------
    InstallationError
        If it is not; the message names the extra.
    """
    if not installed(module):
        raise missing(module)


def missing(module: str) -> InstallationError:
    """Return the error that names the extra of a missing module."""
    extra = OPTIONAL[module]
    return InstallationError(f"{module}: not installed; it comes with an extra: pip install 'emotiw[{extra}]'")
