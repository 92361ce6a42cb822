"""A labelled corpus that a finished system is scored on: its clips, with their labels as classes of the system.

No clip is divided into parts, so the corpus needs no protocol.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emotiw.core.emotions import HIDDEN
from emotiw.core.errors import ManifestError
from emotiw.core.files import sha256
from emotiw.corpora import adapters, checks, entries, label_maps, seen
from emotiw.corpora.interface import Candidate, Scan, Source, printable

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
    """Scan and check the corpus of a configuration, or its corpora, and hash the clips.

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
    section, found = config["corpus"], _several(config, classes) or _single(config, classes)
    hashed, problems = _hashed(found.scan.candidates, found.roots, allow_outside=section["allow_outside"])
    problems = [*found.scan.problems, *problems]
    problems += checks.check(hashed, classes, origin=found.origin, shared_films="note")
    if problems:
        noun = "problem" if len(problems) == 1 else "problems"
        raise ManifestError(f"{len(problems)} {noun} of the corpus {found.origin}:\n  " + "\n  ".join(problems))
    clips = sorted((_labelled(it, found.populations[it.corpus]) for it in hashed), key=lambda clip: clip.clip)
    return Corpus(found.kind, tuple(clips), found.scan.notes, found.scan.synthetic)


@dataclass(frozen=True)
class _Found:
    """What was found: labelled clips, with resolved root and population of each entry (`""`: the only corpus)."""

    kind: str
    origin: str
    scan: Scan
    roots: Mapping[str, Path]
    populations: Mapping[str, str]


def _single(config: Mapping[str, Any], classes: Sequence[str]) -> _Found:
    """Clips of section `corpus`; subjects and films get the population as their prefix, as those of entries do."""
    section = config["corpus"]
    source = Source(Path(section["root"]).expanduser(), section["table"], section["options"], UNDIVIDED)
    scan, group = adapters.scan(section["kind"], source), seen.population(section, config["run"])
    labels = label_maps.mapped([candidate.label for candidate in scan.candidates], section["labels"], classes)
    kept = tuple(
        replace(
            candidate,
            label=label,
            subject=candidate.subject and f"{group}-{candidate.subject}",
            film=candidate.film and f"{group}-{candidate.film}",
        )
        for candidate, label in zip(scan.candidates, labels, strict=True)
        if label is not None
    )
    n_out = len(scan.candidates) - len(kept)
    notes = (*scan.notes, *([f"{n_out} clips left out by the label map or without a label"] if n_out else []))
    origin = str(source.root / source.table if source.table else source.root)
    joined = replace(scan, candidates=kept, notes=notes)
    return _Found(section["kind"], origin, joined, {"": source.root.resolve()}, {"": group})


def _several(config: Mapping[str, Any], classes: Sequence[str]) -> _Found | None:
    """Clips of section `corpora`; None if it is empty."""
    listed = [replace(it, source=replace(it.source, scheme=UNDIVIDED)) for it in entries.of(config)]
    if not listed:
        return None
    scan = entries.scanned(listed, classes)
    kept = tuple(candidate for candidate in scan.candidates if candidate.label != HIDDEN)
    names = ", ".join(it.name for it in listed)
    roots = {it.name: it.source.root.resolve() for it in listed}
    return _Found(names, names, replace(scan, candidates=kept), roots, {it.name: it.population for it in listed})


def _hashed(
    candidates: Sequence[Candidate], roots: Mapping[str, Path], *, allow_outside: bool
) -> tuple[list[Candidate], list[str]]:
    """Candidates without parts, with the hashes of their files, and the problems found."""
    found, problems = [], []
    for candidate in candidates:
        faults = checks.check_file(candidate, roots[candidate.corpus], allow_outside=allow_outside)
        content = ""
        if not faults:
            try:
                content = sha256(candidate.path)
            except OSError as error:
                where = printable(candidate.where)
                faults = [f"{where}: file {candidate.path} cannot be read ({error.strerror}); check its permissions"]
        found.append(replace(candidate, sha256=content, split="", fold=""))
        problems += faults
    return found, problems


def _labelled(it: Candidate, group: str) -> LabelledClip:
    return LabelledClip(it.clip, it.path, it.label, it.subject, it.film, it.sha256, group)
