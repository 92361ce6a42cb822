"""Checks that predictions can be written, made before anything is computed."""

import os
import tempfile
from pathlib import Path

from emotiw.core.errors import ConfigError

FILES = ("predictions.json", "predictions.csv", "predictions.html")
PICTURES, LOG = "timelines", "predict.log"


def check_folder(folder: Path) -> None:
    """Make the output folder, and check that its files can be written.

    Raises
    ------
    ConfigError
        If the folder is a file or not writable, or a folder has the name of one of its files.
    """
    for name in FILES:
        if (folder / name).is_dir():
            raise ConfigError(f"--output: {folder / name} is a folder, expected a file; name another folder")
    for path in (folder, folder / PICTURES):
        if path.exists() and not path.is_dir():
            raise ConfigError(f"--output: {path} is a file, expected a folder; name another folder")
    _check_writable("--output", folder)


def check_log(log: Path) -> None:
    """Check that a log can be written; ConfigError if it is a folder, or its folder is not writable."""
    if log.is_dir():
        raise ConfigError(f"--log: {log} is a folder, expected a file; name a file")
    if not log.exists():  # the log is created only if it is needed
        _check_writable("--log", log.parent)
    elif not os.access(log, os.W_OK):
        raise ConfigError(f"--log: {log}: cannot be written; name another file")


def _check_writable(option: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(
            f"{option}: {folder}: cannot be written ({error.strerror}); name a folder that you may write to"
        ) from error
