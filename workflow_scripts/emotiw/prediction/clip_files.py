"""Find the clips that command-line arguments or a list name: files, and the clips in folders."""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from emotiw.core.clip_suffixes import CLIPS
from emotiw.core.errors import ConfigError
from emotiw.media.probing import probe

BATCH = re.compile(r"batch-\d+")
N_NAMED = 5  # skipped files that are named

Say = Callable[[str], None]


def clips(arguments: Iterable[Path], say: Say | None = None) -> Iterator[Path]:
    """Yield the named files, and the clips of each named folder, sorted, without hidden files.

    A clip is a file whose name ends as in `clip_suffixes`, or whose header is that of a clip. Links are followed; a
    folder or file that several links lead to is taken once.

    Parameters
    ----------
    arguments : iterable of Path
    say : callable, optional
        Called with a line on the files that were skipped, if there are any.
    """
    skipped: list[Path] = []
    for path in arguments:
        yield from _in_folder(path, skipped) if path.is_dir() else [path]
    if skipped and say:
        more = f" and {len(skipped) - N_NAMED} more" if len(skipped) > N_NAMED else ""
        say(f"skipped, because no clip: {', '.join(map(str, skipped[:N_NAMED]))}{more}")


def _in_folder(root: Path, skipped: list[Path]) -> Iterator[Path]:
    """Clips below a folder; files that are none are added to `skipped`."""
    seen = {os.path.realpath(root)}
    for folder, folders, names in os.walk(root, followlinks=True):
        folders[:] = [name for name in sorted(folders) if _first(Path(folder, name), seen)]
        for file in (Path(folder, name) for name in sorted(names)):
            if not _first(file, seen):
                continue
            if file.suffix.lower() in CLIPS or (file.is_file() and probe(file)):
                yield file
            else:
                skipped.append(file)


def _first(path: Path, seen: set[str]) -> bool:
    """Whether a path is not hidden and is the first that leads to its file or folder."""
    real = os.path.realpath(path)
    if path.name.startswith(".") or real in seen:
        return False
    seen.add(real)
    return True


def named(arguments: Sequence[Path], say: Say | None = None) -> list[Path]:
    """Clips that command-line arguments name; parameters as in `clips`.

    Raises
    ------
    ConfigError
        If an argument does not exist, or there is no clip.
    """
    if missing := [str(path) for path in arguments if not path.exists()]:
        raise ConfigError(f"{', '.join(missing)}: no such file or folder; name clips, or folders that contain clips")
    found = list(clips(arguments, say))
    if not found:
        raise ConfigError(
            f"no clip in {', '.join(map(str, arguments))}; name clips, or folders that contain clips:"
            f" files ending in {', '.join(sorted(CLIPS))}, or others with the header of a clip"
        )
    return found


def listed(source: Path, say: Say | None = None) -> list[Path]:
    """Clips in a folder, or in a text file with one path per line; sorted and without duplicates.

    Raises
    ------
    ConfigError
        If there is no clip, or a listed path is not a file.
    """
    if source.is_dir():
        paths = sorted(clips([source], say))
    else:
        try:
            lines = source.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"clips: {source}: {error}; name a folder, or a text file with one path in each line"
            ) from error
        paths = sorted({Path(line) for line in lines if line.strip()})
    if missing := [str(path) for path in paths if not path.is_file()]:
        raise ConfigError(f"clips: {len(missing)} of {source} are no files: {', '.join(missing[:5])}; correct them")
    if not paths:
        raise ConfigError(f"clips: no clip in {source}; known are files ending in {', '.join(sorted(CLIPS))}")
    return paths


def texts(config: Mapping[str, Any], names: Iterable[str], arguments: Sequence[str]) -> dict[str, str]:
    """Values of `--config` as they were typed: Snakemake reads `2024_05` as the number 202405.

    Parameters
    ----------
    config : mapping
        Configuration as Snakemake has parsed it.
    names : iterable of str
        Keys whose values are texts; those that are not given are left out.
    arguments : sequence of str
        The command line.

    Raises
    ------
    ConfigError
        If a value is no text and its spelling cannot be found, as that of a number in a YAML file.
    """
    typed = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    found = {}
    for name in names:
        value = config.get(name)
        if value is None:
            continue
        if not isinstance(value, str) and name not in typed:
            raise ConfigError(f"{name}: {value!r} is a {type(value).__name__} in YAML, expected text; put it in quotes")
        found[name] = value if isinstance(value, str) else typed[name]
    return found


def job_name(job: str) -> str:
    """Name of a job that is safe in a path: the name of a batch itself, else a hash of the clip's path."""
    return job if BATCH.fullmatch(job) else hashlib.sha256(os.fsencode(job)).hexdigest()[:16]
