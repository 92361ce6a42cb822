"""What a cache holds, what of it is in doubt, and what of it was not used for long."""

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
    """A file of a cache: stage, path, bytes, when its owner last used it (s since 1970), whether it is an entry."""

    stage: str
    path: Path
    bytes: int
    used_s: float
    whole: bool


def kept(cache: Cache) -> Iterator[Kept]:
    """Entries, and what killed writers left behind, in order; anything else in the folder is left alone."""
    for path in sorted(cache.folder.glob("*/[0-9a-f][0-9a-f]/*")):
        whole = bool(KEY.fullmatch(path.name))
        if (whole or TEMPORARY.fullmatch(path.name)) and not linked(path):
            about = path.lstat()
            yield Kept(path.parts[-3], path, about.st_size, about.st_mtime, whole)


def doubts(cache: Cache) -> Iterator[str]:
    """Yield the path of every entry that would not be used, and why."""
    for found in kept(cache):
        try:
            if found.whole:
                cache.read(found.path, mark=False)
        except (OSError, DoubtError) as error:
            yield f"{found.path}: {reason(error)}"


def prune(cache: Cache, *, days: float = math.inf, gigabytes: float = math.inf) -> list[Kept]:
    """Remove what was last used more than `days` ago, then the longest unused entries until `gigabytes` are left.

    What killed writers left behind is removed once it is a day old. Whoever needs an entry meanwhile computes it.
    """
    now = time.time()
    gone: list[Kept] = []
    left: list[Kept] = []
    for found in sorted(kept(cache), key=lambda it: it.used_s):
        old = now - found.used_s > (days if found.whole else LEFTOVER_DAYS) * DAY_S
        (gone if old else left).append(found)
    n_bytes = sum(it.bytes for it in left)
    for found in left:
        if n_bytes > gigabytes * 1e9:
            n_bytes -= found.bytes
            gone.append(found)
    for found in gone:
        found.path.unlink(missing_ok=True)
    return gone
