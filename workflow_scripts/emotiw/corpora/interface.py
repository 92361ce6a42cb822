"""What every adapter takes and gives, and what adapters share: walking folders, safe ids, options."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from emotiw.core.emotions import EMOTIONS
from emotiw.core.errors import ConfigError, ManifestError

VIDEO = frozenset({".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm"})
AUDIO = frozenset({".flac", ".m4a", ".mp3", ".ogg", ".wav"})
SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
MAX_ID = 128
_JUNK = frozenset({"__macosx", "desktop.ini", "thumbs.db"})


@dataclass(frozen=True)
class Source:
    """Where a corpus lies and how it is asked for: the part of the configuration that adapters read."""

    root: Path
    table: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    scheme: str = "official"


@dataclass(frozen=True)
class Candidate:
    """A clip as an adapter found it, not yet checked.

    Attributes
    ----------
    clip, label : str
        Id and emotion, in this project's names where the corpus's name is known.
    path : Path
        Its file.
    where : str
        What an error names: a path, or a table with a line number.
    subject, split, fold : str
        Empty where the corpus does not tell.
    sha256 : str
        Hash of the content, empty before it is read.
    film : str
        Film or broadcast that the clip is cut from, empty where it is not known or there is none.
    """

    clip: str
    path: Path
    label: str
    where: str
    subject: str = ""
    split: str = ""
    fold: str = ""
    sha256: str = ""
    film: str = ""


@dataclass(frozen=True)
class Scan:
    """What an adapter found.

    Attributes
    ----------
    candidates : tuple of Candidate
        The clips.
    classes : tuple of str
        The corpus's ordered label set.
    schemes : mapping
        The corpus's own protocols: fold name of each subject, by name of the protocol.
    notes, problems : tuple of str
        What was left out and why; what makes the corpus unusable.
    synthetic : bool
        Whether the clips were rendered and not recorded.
    """

    candidates: tuple[Candidate, ...]
    classes: tuple[str, ...] = EMOTIONS
    schemes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    synthetic: bool = False


def walk(root: Path, suffixes: frozenset[str]) -> Iterator[Path]:
    """Paths below `root` with one of `suffixes`, in a fixed order, without what archivers and desktops leave behind.

    Links to folders are followed, but not in circles. A folder named like a clip counts as a clip, for the check of
    files to refuse.
    """
    for folder, subfolders, files in os.walk(root, followlinks=True, onerror=_refuse):
        clips = [name for name in subfolders if Path(name).suffix.lower() in suffixes]
        subfolders[:] = sorted(
            name for name in subfolders if not (_junk(name) or name in clips or _circular(os.path.join(folder, name)))
        )
        names = sorted(name for name in [*files, *clips] if Path(name).suffix.lower() in suffixes and not _junk(name))
        yield from (Path(folder, name) for name in names)


def safe_id(text: str) -> str:
    """Return `text` as a clip id: spaces and slashes become hyphens, accents are dropped.

    Whatever else is lost is stood for by eight digits of the text's hash, so that different names stay different.
    """
    spaced = re.sub(r"[\s/]+", "-", text)
    plain = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9_.-]", "-", plain)
    if plain == spaced and SAFE_ID.fullmatch(plain):
        return plain
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{plain.lstrip('_.-')[: MAX_ID - 9]}-{digest}".lstrip("-")


def choose(source: Source, **allowed: tuple[Any, ...]) -> dict[str, Any]:
    """Options of a corpus, each one of its allowed values, the first where the configuration does not say.

    Raises
    ------
    ConfigError
        If an option is unknown or has another value.
    """
    for name, value in source.options.items():
        if name not in allowed:
            raise ConfigError(f"corpus.options: {name!r} is unknown; allowed: {', '.join(allowed) or 'none'}")
        if value not in allowed[name]:
            raise ConfigError(f"corpus.options.{name}: {value!r}; allowed: {', '.join(map(str, allowed[name]))}")
    return {name: source.options.get(name, values[0]) for name, values in allowed.items()}


def left_out(paths: list[Path], why: str) -> tuple[str, ...]:
    """Note that `paths` were left out; nothing if there are none."""
    if not paths:
        return ()
    noun = "file" if len(paths) == 1 else "files"
    return (f"{len(paths)} {noun} left out: {why} (the first: {shown(paths[0].name)})",)


def shown(text: str) -> str:
    """Text as it is, or as Python writes it where a terminal could not show it."""
    if text.isprintable():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return repr(os.fsencode(text))
    return repr(text)


def _junk(name: str) -> bool:
    return name.startswith(".") or name.casefold() in _JUNK


def _circular(folder: str) -> bool:
    if not os.path.islink(folder):
        return False
    return Path(os.path.realpath(os.path.dirname(folder))).is_relative_to(os.path.realpath(folder))


def _refuse(error: OSError) -> NoReturn:
    raise ManifestError(f"{error.filename}: {error.strerror}; set corpus.root to a folder that can be read") from error
