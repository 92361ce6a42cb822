"""Make the manifest of a corpus: scan it, assign folds, hash and probe the files, check everything, assign jobs."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from emotiw.core.errors import ConfigError, ManifestError
from emotiw.core.files import sha256
from emotiw.corpora import checks, csv_table, entries, protocols, splits, subject_folds
from emotiw.corpora import manifest as manifests
from emotiw.corpora.adapters import scan
from emotiw.corpora.entries import Entry
from emotiw.corpora.interface import Candidate, Scan, Source, printable
from emotiw.corpora.manifest import Manifest, Row

Probe = Callable[[Path], Mapping[str, Any]]
FACTS = ("format", "duration_s", "width", "height", "fps", "rate_hz", "channels")


@dataclass(frozen=True)
class _File:
    """Known facts of a clip's file; it is read again only if its size or one of its times has changed."""

    path: str
    size: str
    mtime_ns: str
    ctime_ns: str
    sha256: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


_FILE_COLUMNS = tuple(column.name for column in fields(_File))
_state = attrgetter(*_FILE_COLUMNS[:4])
_state_and_hash = attrgetter(*_FILE_COLUMNS[:5])


def refresh(config: Mapping[str, Any], path: Path, probe: Probe) -> Manifest:
    """Scan and check the corpus of `config` and bring its table at `path` up to date.

    Only files whose size, modification time or change time differs from the last run are hashed and probed. The facts
    of all files are kept beside the table, in `<stem>.files.csv`. The table itself holds no times, so it depends on
    the content of the corpus alone.

    Parameters
    ----------
    config : mapping
        The whole configuration.
    path : Path
        Path of the table, which is written only if its content changes.
    probe : callable
        Returns the media facts of a file: empty if it cannot be decoded, which is no error here.

    Raises
    ------
    ConfigError
        If the corpus's section names something that does not exist.
    ManifestError
        If the corpus has problems; the message lists all of them, one a line.
    """
    corpus, found = config["corpus"], _found(config)
    classes = tuple(corpus["classes"] or found.scan.classes)
    problems = list(found.scan.problems)
    candidates, protocol_problems, protocol_notes = _divided(found, corpus["protocol"], classes)
    problems += protocol_problems
    files, file_problems = _read_clips(candidates, found.roots, corpus["allow_outside"], _Reader(path, probe))
    hashed = [replace(candidate, sha256=file.sha256) for candidate, file in zip(candidates, files, strict=True)]
    problems += file_problems
    everything, shared_films = corpus["protocol"]["everything"], corpus["shared_films"]
    if hashed or not problems:
        options = {"origin": found.origin, "shared_films": shared_films, "everything": everything}
        problems += _with_remedy(checks.check(hashed, classes, **options), hashed, classes, corpus["protocol"])
    if problems:
        noun = "problem" if len(problems) == 1 else "problems"
        raise ManifestError(f"{len(problems)} {noun} of the corpus {found.origin}:\n  " + "\n  ".join(problems))
    notes = (*found.scan.notes, *protocol_notes, *_unknown_subjects(candidates))
    notes += checks.repeated_content_notes(hashed) + checks.shared_film_notes(hashed)
    manifest = Manifest(
        _rows(hashed, files, config["clips_per_job"]),
        classes,
        " + ".join(entry.name for entry in found.entries) or corpus["kind"],
        found.scan.synthetic,
        corpus["protocol"]["scheme"],
        notes,
        everything,
        found.scan.label_sets,
    )
    manifests.write(path, manifest)
    return manifest


@dataclass(frozen=True)
class _Found:
    """What was found: the joined scan, the resolved root of each entry (`""`: the only corpus), where it lies."""

    scan: Scan
    roots: Mapping[str, Path]
    origin: str
    entries: tuple[Entry, ...] = ()


def _found(config: Mapping[str, Any]) -> _Found:
    corpus, listed = config["corpus"], entries.of(config)
    if listed:
        roots = {entry.name: entry.source.root.resolve() for entry in listed}
        return _Found(entries.scanned(listed, corpus["classes"]), roots, ", ".join(roots), listed)
    source = Source(Path(corpus["root"]).expanduser(), corpus["table"], corpus["options"], corpus["protocol"]["scheme"])
    origin = str(source.root / source.table if source.table else source.root)
    return _Found(scan(corpus["kind"], source), {"": source.root.resolve()}, origin)


def _divided(found: _Found, protocol: Mapping[str, Any], classes: Sequence[str]) -> protocols.Assigned:
    """Candidates with the split or fold that the protocol assigns, the problems found, and notes."""
    if found.entries and protocol["scheme"] in protocols.SCHEMES:
        return protocols.assign(found.scan.candidates, found.entries, protocol)
    if found.entries and protocol["scheme"] not in ("official", "folds"):
        scheme, allowed = protocol["scheme"], ", ".join(("official", "folds", *protocols.SCHEMES))
        raise ConfigError(f"corpus.protocol.scheme: {scheme!r} is no scheme of several corpora; allowed: {allowed}")
    return *_assign(found.scan, protocol, classes), []


def _with_remedy(
    problems: Sequence[str], candidates: Sequence[Candidate], classes: Sequence[str], protocol: Mapping[str, Any]
) -> list[str]:
    """Add to the first problem of a class without training clips a protocol of subjects that has no such problem."""
    found = list(problems)
    first = next((i for i, line in enumerate(found) if line.endswith(checks.ADD)), None)
    scheme = protocol["scheme"]
    if first is None or scheme not in subject_folds.SCHEMES or any(candidate.corpus for candidate in candidates):
        return found
    counts = subject_folds.counted(candidates)
    if remedy := subject_folds.suggestion(scheme, counts, classes, protocol["n_folds"]):
        found[first] += f"; {remedy}"
    return found


def _assign(scanned: Scan, protocol: Mapping[str, Any], classes: Sequence[str]) -> tuple[list[Candidate], list[str]]:
    """Candidates with the split or fold that the protocol assigns, and the problems found."""
    scheme = protocol["scheme"]
    if scheme in ("official", "folds"):
        return _assign_column(scanned, "split" if scheme == "official" else "fold")
    undivided = [replace(candidate, split="", fold="") for candidate in scanned.candidates]
    fold_of_subject = scanned.schemes.get(scheme)
    if fold_of_subject is None and scheme not in subject_folds.SCHEMES:
        raise ConfigError(f"corpus.protocol.scheme: {scheme!r} is unknown to this corpus; allowed: {_allowed(scanned)}")
    if fold_of_subject is None:
        counts, n_folds = subject_folds.counted(undivided), protocol["n_folds"]
        try:
            fold_of_subject = subject_folds.assigned(scheme, counts, n_folds)
        except ManifestError as error:
            remedy = subject_folds.suggestion(scheme, counts, classes, n_folds)
            return undivided, [f"{error}; {remedy}" if remedy else str(error)]
    first = {
        candidate.subject: candidate for candidate in reversed(undivided) if candidate.subject not in fold_of_subject
    }
    problems = [
        f"{printable(candidate.where)}: subject {name!r} is in no fold of {scheme};"
        " correct the subject or use another scheme"
        for name, candidate in first.items()
    ]
    return [replace(candidate, fold=fold_of_subject.get(candidate.subject, "")) for candidate in undivided], problems


def _assign_column(scanned: Scan, column: str) -> tuple[list[Candidate], list[str]]:
    """Candidates with the split, or the fold, that the corpus itself gives, and the problems found."""
    unused = {"fold": ""} if column == "split" else {"split": ""}
    candidates = [replace(candidate, **unused) for candidate in scanned.candidates]  # type: ignore[arg-type]
    without = [candidate for candidate in candidates if not getattr(candidate, column)]
    if candidates and len(without) == len(candidates):
        raise ConfigError(f"corpus.protocol.scheme: the corpus names no {column}s; allowed: {_allowed(scanned)}")
    return candidates, [f"{printable(c.where)}: clip {c.clip!r} has no {column}; fill in the column" for c in without]


def _allowed(scanned: Scan) -> str:
    columns = csv_table.COLUMN_OF_SCHEME
    general = [scheme for scheme, name in columns.items() if any(getattr(c, name) for c in scanned.candidates)]
    return ", ".join([*general, *scanned.schemes])


class _Reader:
    """Hash and probe files, but only those that have changed since the table at `path` was written."""

    def __init__(self, path: Path, probe: Probe) -> None:
        self._table = path.with_suffix(".files.csv")
        self._probe = probe
        self._known = _read_files(self._table)

    def read(self, path: Path) -> _File:
        status = path.stat()
        current = _File(str(path), str(status.st_size), str(status.st_mtime_ns), str(status.st_ctime_ns))
        known = self._known.get(current.path)
        if known and _state(known) == _state(current):
            return known
        facts = self._probe(path)
        return replace(current, sha256=sha256(path), facts={name: _text(facts.get(name)) for name in FACTS})

    def remember(self, files: Sequence[_File]) -> None:
        file_of_path = {file.path: file for file in files}
        rows = [
            (*_state_and_hash(file_of_path[path]), json.dumps(file_of_path[path].facts, sort_keys=True))
            for path in sorted(file_of_path)
        ]
        manifests.write_if_new(self._table, manifests.table_bytes([_FILE_COLUMNS, *rows]))


def _read_clips(
    candidates: Sequence[Candidate], roots: Mapping[str, Path], allow_outside: bool, reader: _Reader
) -> tuple[list[_File], list[str]]:
    """File facts of each candidate, and the problems found; an unreadable file has no hash."""
    files, problems = [], []
    for candidate in candidates:
        faults = checks.check_file(candidate, roots[candidate.corpus], allow_outside=allow_outside)
        file = _File("", "", "", "")
        if not faults:
            try:
                file = reader.read(candidate.path)
            except OSError as error:
                faults = [
                    f"{candidate.where}: file {candidate.path} cannot be read ({error.strerror}); check its permissions"
                ]
        files.append(file)
        problems += faults
    reader.remember([file for file in files if file.sha256])
    return files, checks.joined(problems)


def _rows(candidates: Sequence[Candidate], files: Sequence[_File], clips_per_job: int | str) -> tuple[Row, ...]:
    jobs = splits.batches([candidate.clip for candidate in candidates], clips_per_job)
    rows = [
        Row(
            c.clip,
            os.fspath(c.path),
            c.label,
            c.subject or c.clip,
            c.split,
            c.fold,
            c.sha256,
            jobs[c.clip],
            file.size,
            film=c.film,
            corpus=c.corpus,
            **file.facts,
        )
        for c, file in zip(candidates, files, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: row.clip))


def _unknown_subjects(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    n_unknown = sum(not candidate.subject for candidate in candidates)
    return (f"subject unknown for {n_unknown} clips; each counts as a subject of its own",) if n_unknown else ()


def _read_files(table: Path) -> dict[str, _File]:
    """Facts of the last run by path; none if the table is missing or cannot be read."""
    if not table.is_file():
        return {}
    try:
        header, *rows = manifests.table_rows(table.read_bytes())
        files = [_File(*seen, json.loads(facts)) for *seen, facts in rows]  # type: ignore[call-arg, arg-type]
        usable = tuple(header) == _FILE_COLUMNS and all(set(file.facts) == set(FACTS) for file in files)
    except (ValueError, TypeError):
        return {}
    return {file.path: file for file in files} if usable else {}


def _text(value: float | str | None) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)
