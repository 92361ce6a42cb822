"""List the entries of a cache, check them, and remove those that were not used for long."""

import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from emotiw.jobs.cache import Cache, DoubtError, linked, reason

KEY = re.compile(r"[0-9a-f]{64}")
TEMPORARY = re.compile(r"\.[0-9a-f]{64}\.\d+\.tmp")
DAY_S = 86400.0
LEFTOVER_DAYS = 1.0


@dataclass(frozen=True)
class Kept:
    """A file of a cache.

    Attributes
    ----------
    stage : str
    path : Path
    bytes : int
        Size.
    used_s : float
        Time when its owner last used it, in s since 1970.
    whole : bool
        True for an entry, false for a temporary file that a killed process has left.
    """

    stage: str
    path: Path
    bytes: int
    used_s: float
    whole: bool


def kept(cache: Cache) -> Iterator[Kept]:
    """Entries of a cache and temporary files of killed processes, sorted by path; other files are ignored."""
    for path in sorted(cache.folder.glob("*/[0-9a-f][0-9a-f]/*")):
        whole = bool(KEY.fullmatch(path.name))
        if (whole or TEMPORARY.fullmatch(path.name)) and not linked(path):
            status = path.lstat()
            yield Kept(path.parts[-3], path, status.st_size, status.st_mtime, whole)


def doubts(cache: Cache) -> Iterator[str]:
    """Yield, for each entry that would not be used, its path and the reason."""
    for file in kept(cache):
        try:
            if file.whole:
                cache.read(file.path, mark=False)
        except (OSError, DoubtError) as error:
            yield f"{file.path}: {reason(error)}"


def prune(cache: Cache, *, days: float = math.inf, gigabytes: float = math.inf) -> list[Kept]:
    """Remove entries last used more than `days` ago, then the longest unused ones until at most `gigabytes` are left.

    Temporary files of killed processes are removed when they are a day old. A job that needs a removed entry computes
    it again. The removed files are returned.
    """
    now = time.time()
    removed: list[Kept] = []
    recent: list[Kept] = []
    for file in sorted(kept(cache), key=lambda file: file.used_s):
        old = now - file.used_s > (days if file.whole else LEFTOVER_DAYS) * DAY_S
        (removed if old else recent).append(file)
    n_bytes = sum(file.bytes for file in recent)
    for file in recent:
        if n_bytes > gigabytes * 1e9:
            n_bytes -= file.bytes
            removed.append(file)
    for file in removed:
        file.path.unlink(missing_ok=True)
    return removed
