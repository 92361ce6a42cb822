"""Types that every corpus adapter takes and returns, and helpers they share: walking folders, safe ids, options."""

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

SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
MAX_ID = 128
_JUNK = frozenset({"__macosx", "desktop.ini", "thumbs.db"})


@dataclass(frozen=True)
class Source:
    """The part of the configuration that adapters read: where the corpus lies, its table, options and protocol."""

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
        Id, and emotion in this project's spelling if the corpus's spelling is known.
    path : Path
        Path of its file.
    where : str
        Place for error messages: a path, or a table with a line number.
    subject, split, fold : str
        Empty if the corpus does not give them.
    sha256 : str
        SHA-256 of the content, empty until the file is read.
    film : str
        Film or broadcast that the clip is cut from; empty if unknown or none.
    corpus : str
        Entry of section `corpora`; empty in a run of one corpus.
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
    corpus: str = ""


@dataclass(frozen=True)
class Scan:
    """Clips, classes and protocols that an adapter has found in a corpus.

    Attributes
    ----------
    candidates : tuple of Candidate
        The clips.
    classes : tuple of str
        The corpus's ordered label set.
    schemes : mapping
        Protocols of the corpus itself: name of the protocol -> subject -> fold name.
    notes, problems : tuple of str
        Files left out and why; problems that make the corpus unusable.
    synthetic : bool
        Whether the clips were rendered instead of recorded.
    label_sets : mapping
        Classes of each entry of `corpora`, after its label map; empty for one corpus.
    """

    candidates: tuple[Candidate, ...]
    classes: tuple[str, ...] = EMOTIONS
    schemes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    synthetic: bool = False
    label_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def walk(root: Path, suffixes: frozenset[str]) -> Iterator[Path]:
    """Paths below `root` with one of `suffixes`, in a fixed order, without files that archivers and desktops create.

    Links to folders are followed, but not in circles. A folder named like a clip is yielded too, so that the check of
    files reports it.
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

    If other characters are lost, eight digits of the text's hash are appended, so that different names stay different.
    """
    spaced = re.sub(r"[\s/]+", "-", text)
    plain = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9_.-]", "-", plain)
    if plain == spaced and SAFE_ID.fullmatch(plain):
        return plain
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{plain.lstrip('_.-')[: MAX_ID - 9]}-{digest}".lstrip("-")


def checked_options(source: Source, **allowed: tuple[Any, ...]) -> dict[str, Any]:
    """Options of a corpus, checked; an option that the configuration lacks gets the first of its allowed values.

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


def left_out_note(paths: list[Path], why: str) -> tuple[str, ...]:
    """Line for the report on `paths` that were left out; none if there are none."""
    if not paths:
        return ()
    noun = "file" if len(paths) == 1 else "files"
    return (f"{len(paths)} {noun} left out: {why} (the first: {printable(paths[0].name)})",)


def printable(text: str) -> str:
    """Text as it is, or as a Python literal if it has characters that a terminal cannot print."""
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
