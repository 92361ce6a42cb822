"""Several corpora in one run: the entries of section `corpora`, scanned and joined with one set of classes.

Clip ids get the name of the entry, subjects and films the name of the population, as prefixes. Entries of one
population, such as the sound and the films of RAVDESS, are of the same people: equal names of subjects are equal
subjects, and no protocol divides them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emotiw.core.emotions import EMOTIONS, HIDDEN
from emotiw.core.errors import ConfigError
from emotiw.corpora import adapters
from emotiw.corpora.interface import Candidate, Scan, Source
from emotiw.corpora.seen import TABLES

LEAVE_OUT = "leave_out"  # in a label map: clips of this label are left out


@dataclass(frozen=True)
class Entry:
    """One corpus of a run.

    Attributes
    ----------
    name : str
        Name of the entry, the prefix of its clips' ids.
    kind : str
        Kind of its adapter.
    source : Source
        Where it lies, and its options.
    labels : mapping of str to str
        Class of the run for a label of the corpus, or `leave_out`; a label that is not named keeps its name.
    population : str
        Name of the people in it, the prefix of its subjects and films.
    """

    name: str
    kind: str
    source: Source
    labels: Mapping[str, str]
    population: str


def of(config: Mapping[str, Any]) -> tuple[Entry, ...]:
    """Entries of the configuration in their order; none if it has a single corpus (`corpus`).

    Raises
    ------
    ConfigError
        If a population of several entries has the name of an entry of other people: folds are named by both.
    """
    scheme = config["corpus"]["protocol"]["scheme"]
    entries = tuple(_entry(name, section, scheme) for name, section in (config["corpora"] or {}).items())
    groups = group_names(entries)
    for entry in entries:
        if any(groups[other.name] == entry.name and other.population != entry.population for other in entries):
            raise ConfigError(
                f"corpora.{entry.name}: is also the population of other entries, expected names that differ; rename it"
            )
    return entries


def group_names(entries: Sequence[Entry]) -> dict[str, str]:
    """Name of each entry's people: the entry's own, or that of the population if it has several entries."""
    n_entries = Counter(entry.population for entry in entries)
    return {entry.name: entry.name if n_entries[entry.population] == 1 else entry.population for entry in entries}


def scanned(entries: Sequence[Entry], classes: Sequence[str] | None) -> Scan:
    """Scan all entries and join what they hold.

    Parameters
    ----------
    entries : sequence of Entry
    classes : sequence of str or None
        Classes of the run; None: the seven emotions.

    Raises
    ------
    ConfigError
        If an entry's root or options cannot be used.
    """
    wanted = tuple(classes or EMOTIONS)
    scans = [_of_entry(entry, wanted) for entry in entries]
    return Scan(
        tuple(candidate for scan in scans for candidate in scan.candidates),
        wanted,
        notes=tuple(note for scan in scans for note in scan.notes),
        problems=tuple(problem for scan in scans for problem in scan.problems),
        synthetic=any(scan.synthetic for scan in scans),
        label_sets={name: labels for scan in scans for name, labels in scan.label_sets.items()},
    )


def _entry(name: str, section: Mapping[str, Any], scheme: str) -> Entry:
    root, options = Path(section["root"]).expanduser(), section.get("options", {})
    source = Source(root, section.get("table"), options, _scheme_of_table(scheme))
    labels = {label: wanted or LEAVE_OUT for label, wanted in section.get("labels", {}).items()}
    default = name if section["kind"] in TABLES else section["kind"]
    return Entry(name, section["kind"], source, labels, section.get("population") or default)


def _scheme_of_table(scheme: str) -> str:
    """Scheme by which an adapter knows the columns that it needs: those of several corpora need subjects."""
    return scheme if scheme in {"official", "folds"} else "subjects"


def _of_entry(entry: Entry, classes: Sequence[str]) -> Scan:
    try:
        scan = adapters.scan(entry.kind, entry.source)
    except ConfigError as error:
        raise ConfigError(f"corpora.{entry.name}: {error}") from error
    found = Counter(candidate.label for candidate in scan.candidates)
    wanted = {label: entry.labels.get(label, label) for label in found}
    kept = [replace(c, label=wanted[c.label]) for c in scan.candidates if wanted[c.label] in (*classes, HIDDEN)]
    left_out = [f"{found[label]} clips of {label}" for label in sorted(found) if wanted[label] == LEAVE_OUT]
    notes = [*scan.notes, *([f"left out by the label map: {', '.join(left_out)}"] if left_out else [])]
    return replace(
        scan,
        candidates=tuple(_prefixed(entry, candidate) for candidate in kept),
        notes=tuple(f"{entry.name}: {note}" for note in notes),
        label_sets={entry.name: _label_set(entry, scan, classes)},
        problems=(*scan.problems, *_label_problems(entry, found, classes), *_map_problems(entry, scan, classes)),
    )


def _label_set(entry: Entry, scan: Scan, classes: Sequence[str]) -> tuple[str, ...]:
    """Classes of the run that the corpus has as published; of a table of clips, those that occur."""
    found = {candidate.label for candidate in scan.candidates}
    mapped = {entry.labels.get(label, label) for label in (found if entry.kind in TABLES else {*scan.classes, *found})}
    return tuple(name for name in classes if name in mapped)


def _prefixed(entry: Entry, candidate: Candidate) -> Candidate:
    return replace(
        candidate,
        corpus=entry.name,
        clip=f"{entry.name}-{candidate.clip}",
        subject=candidate.subject and f"{entry.population}-{candidate.subject}",
        film=candidate.film and f"{entry.population}-{candidate.film}",
    )


def _label_problems(entry: Entry, found: Mapping[str, int], classes: Sequence[str]) -> Iterable[str]:
    for label, n_clips in sorted(found.items()):
        wanted = entry.labels.get(label, label)
        if wanted not in (*classes, HIDDEN, LEAVE_OUT):
            mapped = "" if wanted == label else f", mapped to {wanted!r},"
            yield (
                f"corpora.{entry.name}: label {label!r} of {n_clips} clips{mapped} is no class of the run; name one of"
                f" {', '.join(classes)}, or {LEAVE_OUT}, in corpora.{entry.name}.labels"
            )


def _map_problems(entry: Entry, scan: Scan, classes: Sequence[str]) -> Iterable[str]:
    known = {*scan.classes, *(candidate.label for candidate in scan.candidates)}
    for label, wanted in entry.labels.items():
        if label not in known:
            yield (
                f"corpora.{entry.name}.labels: {label!r} is no label of this corpus; expected some of"
                f" {', '.join(sorted(known))}"
            )
        elif wanted not in (*classes, LEAVE_OUT):
            yield (
                f"corpora.{entry.name}.labels.{label}: {wanted!r} is no class of the run; expected one of"
                f" {', '.join(classes)}, or {LEAVE_OUT}"
            )
