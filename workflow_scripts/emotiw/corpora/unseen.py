"""A labelled corpus that a finished system is scored on: its clips, with their labels as classes of the system.

No clip is divided into parts, so the corpus needs no protocol.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emotiw.core.errors import ManifestError
from emotiw.core.files import sha256
from emotiw.corpora import adapters, checks, label_maps, seen
from emotiw.corpora.interface import Candidate, Source, printable

UNDIVIDED = "undivided"  # protocol by which an adapter knows the columns that it needs: those of none


@dataclass(frozen=True)
class LabelledClip:
    """A clip with the class that its label is mapped to.

    Attributes
    ----------
    clip : str
    path : Path
    label : str
        Class of the system.
    subject, film : str
        As `<population>-<id>`; empty if unknown.
    sha256 : str
        Hash of the file.
    group : str
        Name of the people that the subject belongs to.
    """

    clip: str
    path: Path
    label: str
    subject: str
    film: str
    sha256: str
    group: str


@dataclass(frozen=True)
class Corpus:
    """Clips of a corpus, sorted by id; `notes` say what was left out."""

    kind: str
    clips: tuple[LabelledClip, ...]
    notes: tuple[str, ...]
    synthetic: bool = False


def read(config: Mapping[str, Any], classes: Sequence[str]) -> Corpus:
    """Scan and check the corpus of a configuration, and hash its clips.

    Parameters
    ----------
    config : mapping
        The whole configuration. Its protocol is not used.
    classes : sequence of str
        Classes of the system.

    Raises
    ------
    ConfigError
        If the corpus's section, or its label map, names something that does not exist.
    ManifestError
        If the corpus has problems; the message lists all of them, one a line. If no clip is left.
    """
    section = config["corpus"]
    source = Source(Path(section["root"]), section["table"], section["options"], UNDIVIDED)
    scanned = adapters.scan(section["kind"], source)
    origin = str(source.root / source.table if source.table else source.root)
    candidates = [replace(candidate, split="", fold="") for candidate in scanned.candidates]
    labels = label_maps.mapped([c.label for c in candidates], section.get("labels", {}), classes)
    known = [(c, label) for c, label in zip(candidates, labels, strict=True) if label is not None]
    hashed, problems = _hashed([c for c, _ in known], source.root.resolve(), allow_outside=section["allow_outside"])
    classed = [replace(c, label=label) for c, (_, label) in zip(hashed, known, strict=True)]
    problems = [*scanned.problems, *problems, *checks.check(classed, classes, origin=origin, shared_films="note")]
    if problems:
        noun = "problem" if len(problems) == 1 else "problems"
        raise ManifestError(f"{len(problems)} {noun} of the corpus {origin}:\n  " + "\n  ".join(problems))
    n_out = len(candidates) - len(known)
    notes = (*scanned.notes, *([f"{n_out} clips left out by the label map or without a label"] if n_out else []))
    group = seen.population(section, config["run"])
    clips = sorted((_labelled(candidate, group) for candidate in classed), key=lambda clip: clip.clip)
    return Corpus(section["kind"], tuple(clips), notes, scanned.synthetic)


def _hashed(candidates: Sequence[Candidate], root: Path, *, allow_outside: bool) -> tuple[list[Candidate], list[str]]:
    """Candidates with the hashes of their files, and the problems found."""
    found, problems = [], []
    for candidate in candidates:
        faults = checks.check_file(candidate, root, allow_outside=allow_outside)
        content = ""
        if not faults:
            try:
                content = sha256(candidate.path)
            except OSError as error:
                where = printable(candidate.where)
                faults = [f"{where}: file {candidate.path} cannot be read ({error.strerror}); check its permissions"]
        found.append(replace(candidate, sha256=content))
        problems += faults
    return found, problems


def _labelled(candidate: Candidate, group: str) -> LabelledClip:
    subject = f"{group}-{candidate.subject}" if candidate.subject else ""
    film = f"{group}-{candidate.film}" if candidate.film else ""
    return LabelledClip(candidate.clip, candidate.path, candidate.label, subject, film, candidate.sha256, group)
