"""Find the clips that command-line arguments or a list name: files, and the clips in folders."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from emotiw.core.errors import ConfigError

BATCH = re.compile(r"batch-\d+")
SUFFIXES = frozenset(
    ".mp4 .m4v .mov .avi .mkv .webm .flv .wmv .asf .mpg .mpeg .ts .mts .3gp .ogv .wav .flac .ogg .mp3 .m4a .aac".split()
)


def clips(arguments: Iterable[Path]) -> Iterator[Path]:
    """Yield the named files, and from each named folder its files with a clip's suffix, sorted, without hidden ones."""
    for path in arguments:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            visible = (Path(folder, name) for name in sorted(names) if not name.startswith("."))
            yield from (file for file in visible if file.suffix.lower() in SUFFIXES)


def named(arguments: Sequence[Path]) -> list[Path]:
    """Clips that command-line arguments name, as `clips` finds them.

    Raises
    ------
    ConfigError
        If an argument does not exist, or there is no clip.
    """
    if missing := [str(path) for path in arguments if not path.exists()]:
        raise ConfigError(f"{', '.join(missing)}: no such file or folder; name clips, or folders that contain clips")
    found = list(clips(arguments))
    if not found:
        raise ConfigError(
            f"no clip in {', '.join(map(str, arguments))}; name clips, or folders that contain clips:"
            f" files ending in {', '.join(sorted(SUFFIXES))}"
        )
    return found


def listed(source: Path) -> list[Path]:
    """Clips in a folder, or in a text file with one path per line; sorted and without duplicates.

    Raises
    ------
    ConfigError
        If there is no clip, or a listed path is not a file.
    """
    if source.is_dir():
        paths = sorted(clips([source]))
    else:
        try:
            lines = source.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"clips: {source}: {error}; name a folder, or a text file with one path in each line"
            ) from error
        paths = sorted({Path(line) for line in lines if line.strip()})
    if missing := [str(path) for path in paths if not path.is_file()]:
        raise ConfigError(f"clips: {len(missing)} of {source} are no files: {', '.join(missing[:5])}; correct them")
    if not paths:
        raise ConfigError(f"clips: no clip in {source}; known are files ending in {', '.join(sorted(SUFFIXES))}")
    return paths


def job_name(job: str) -> str:
    """Name of a job that is safe in a path: the name of a batch itself, else a hash of the clip's path."""
    return job if BATCH.fullmatch(job) else hashlib.sha256(os.fsencode(job)).hexdigest()[:16]
