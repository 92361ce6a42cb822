"""From a corpus to its manifest: scan, protocol, files' hashes and media facts, checks, jobs."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from emotiw.core.errors import ConfigError, ManifestError
from emotiw.core.files import sha256
from emotiw.corpora import checks, splits
from emotiw.corpora import manifest as manifests
from emotiw.corpora.adapters import scan
from emotiw.corpora.interface import Candidate, Scan, Source, shown
from emotiw.corpora.manifest import Manifest, Row

Probe = Callable[[Path], Mapping[str, Any]]
FACTS = ("format", "duration_s", "width", "height", "fps", "rate_hz", "channels")


@dataclass(frozen=True)
class _File:
    """What is remembered of a clip's file; equal size and times mean that it need not be read again."""

    path: str
    size: str
    mtime_ns: str
    ctime_ns: str
    sha256: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


_FILE_COLUMNS = tuple(column.name for column in fields(_File))
_seen = attrgetter(*_FILE_COLUMNS[:4])
_remembered = attrgetter(*_FILE_COLUMNS[:5])


def refresh(config: Mapping[str, Any], path: Path, probe: Probe) -> Manifest:
    """Scan and check the corpus of `config` and bring its table at `path` up to date.

    Only files whose size, modification time or change time is new are hashed and probed; what is known of the others
    is kept beside the table, in `<stem>.files.csv`. The times are not part of the table, which therefore depends on
    the corpus's content alone.

    Parameters
    ----------
    config : mapping
        The whole configuration.
    path : Path
        Of the table, written only if it changes.
    probe : callable
        Media facts of a file, empty if it cannot be decoded (a broken clip is data and no error here).

    Raises
    ------
    ConfigError
        If the corpus's section names something that does not exist.
    ManifestError
        With every problem of the corpus, a line each.
    """
    corpus = config["corpus"]
    source = Source(Path(corpus["root"]), corpus["table"], corpus["options"], corpus["protocol"]["scheme"])
    found = scan(corpus["kind"], source)
    classes = tuple(corpus["classes"] or found.classes)
    origin = str(source.root / source.table if source.table else source.root)
    problems = list(found.problems)
    candidates, of_protocol = _assign(found, corpus["protocol"])
    problems += of_protocol
    files, of_files = _look(candidates, source.root.resolve(), corpus["allow_outside"], _Reader(path, probe))
    hashed = [replace(candidate, sha256=file.sha256) for candidate, file in zip(candidates, files, strict=True)]
    problems += of_files
    if hashed or not problems:
        problems += checks.check(hashed, classes, origin=origin, shared_films=corpus["shared_films"])
    if problems:
        noun = "problem" if len(problems) == 1 else "problems"
        raise ManifestError(f"{len(problems)} {noun} of the corpus {origin}:\n  " + "\n  ".join(problems))
    made = Manifest(
        _rows(hashed, files, config["clips_per_job"]),
        classes,
        corpus["kind"],
        found.synthetic,
        corpus["protocol"]["scheme"],
        found.notes + _unknown_subjects(candidates) + checks.repeated(hashed) + checks.shared_films(hashed),
    )
    manifests.write(path, made)
    return made


def _assign(found: Scan, protocol: Mapping[str, Any]) -> tuple[list[Candidate], list[str]]:
    """Give each clip the split or the fold of the protocol, and list what stands against it."""
    scheme = protocol["scheme"]
    if scheme in ("official", "folds"):
        return _assign_column(found, "split" if scheme == "official" else "fold")
    bare = [replace(candidate, split="", fold="") for candidate in found.candidates]
    fold_of_subject = found.schemes.get(scheme)
    if fold_of_subject is None and scheme != "subjects":
        raise ConfigError(f"corpus.protocol.scheme: {scheme!r} is unknown to this corpus; allowed: {_allowed(found)}")
    if fold_of_subject is None:
        try:
            known = {candidate.subject for candidate in bare if candidate.subject}
            fold_of_subject = splits.consecutive(known, protocol["n_folds"])
        except ManifestError as error:
            return bare, [str(error)]
    first = {candidate.subject: candidate for candidate in reversed(bare) if candidate.subject not in fold_of_subject}
    problems = [
        f"{shown(candidate.where)}: subject {name!r} is in no fold of {scheme}; name one that is, or use another scheme"
        for name, candidate in first.items()
    ]
    return [replace(candidate, fold=fold_of_subject.get(candidate.subject, "")) for candidate in bare], problems


def _assign_column(found: Scan, column: str) -> tuple[list[Candidate], list[str]]:
    """Keep the split, or the fold, that the corpus itself names."""
    unused = {"fold": ""} if column == "split" else {"split": ""}
    candidates = [replace(candidate, **unused) for candidate in found.candidates]  # type: ignore[arg-type]
    without = [candidate for candidate in candidates if not getattr(candidate, column)]
    if candidates and len(without) == len(candidates):
        raise ConfigError(f"corpus.protocol.scheme: the corpus names no {column}s; allowed: {_allowed(found)}")
    return candidates, [f"{shown(c.where)}: clip {c.clip!r} has no {column}; fill in the column" for c in without]


def _allowed(found: Scan) -> str:
    columns = {"official": "split", "folds": "fold", "subjects": "subject"}
    general = [scheme for scheme, name in columns.items() if any(getattr(c, name) for c in found.candidates)]
    return ", ".join([*general, *found.schemes])


class _Reader:
    """Hashes and probes files, but only those that are not as they were when the table at `path` was made."""

    def __init__(self, path: Path, probe: Probe) -> None:
        self._table = path.with_suffix(".files.csv")
        self._probe = probe
        self._known = _read_files(self._table)

    def read(self, path: Path) -> _File:
        about = path.stat()
        seen = _File(str(path), str(about.st_size), str(about.st_mtime_ns), str(about.st_ctime_ns))
        known = self._known.get(seen.path)
        if known and _seen(known) == _seen(seen):
            return known
        facts = self._probe(path)
        return replace(seen, sha256=sha256(path), facts={name: _text(facts.get(name)) for name in FACTS})

    def remember(self, files: Sequence[_File]) -> None:
        of_path = {file.path: file for file in files}
        rows = [
            (*_remembered(of_path[path]), json.dumps(of_path[path].facts, sort_keys=True)) for path in sorted(of_path)
        ]
        manifests.write_if_new(self._table, manifests.table_bytes([_FILE_COLUMNS, *rows]))


def _look(
    candidates: Sequence[Candidate], root: Path, allow_outside: bool, reader: _Reader
) -> tuple[list[_File], list[str]]:
    """Read the files that can be read; a file that cannot is without hash and is a problem."""
    files, problems = [], []
    for candidate in candidates:
        faults = checks.check_file(candidate, root, allow_outside=allow_outside)
        file = _File("", "", "", "")
        if not faults:
            try:
                file = reader.read(candidate.path)
            except OSError as error:
                faults = [
                    f"{candidate.where}: file {candidate.path} cannot be read ({error.strerror}); check its rights"
                ]
        files.append(file)
        problems += faults
    reader.remember([file for file in files if file.sha256])
    return files, problems


def _rows(candidates: Sequence[Candidate], files: Sequence[_File], clips_per_job: int) -> tuple[Row, ...]:
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
            **file.facts,
        )
        for c, file in zip(candidates, files, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: row.clip))


def _unknown_subjects(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    n_unknown = sum(not candidate.subject for candidate in candidates)
    return (f"subject unknown for {n_unknown} clips; each counts as a subject of its own",) if n_unknown else ()


def _read_files(table: Path) -> dict[str, _File]:
    """Read what was remembered; a table that cannot be read is as good as none."""
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
