"""What a program of single clips does with its clips: one by one, each taken from the cache or else computed.

A command line names a job's clips by a digest only, because a list of thousands would not fit into one. The programs
that decode clips read the list from the manifest, the others from the artefact of the stage above.
"""

import argparse
import csv
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotiw.core import machine
from emotiw.core.errors import ManifestError
from emotiw.core.files import write_atomic
from emotiw.core.status import Status
from emotiw.jobs import cache, store
from emotiw.jobs.identity import Stage, clips_digest
from emotiw.jobs.store import Entry

LOG = logging.getLogger(__name__)
DIGEST = "clips_sha256"  # of a job's clips, in its identity

Facts = Mapping[str, Any]
FromMedia = Callable[[Sequence[Path], Sequence[Sequence[str]]], Iterator[Entry]]
FromEntries = Callable[[Iterable[Entry]], Iterator[Entry]]


def from_media(args: argparse.Namespace, kind: str, make: FromMedia) -> None:
    """Write `args.output`, the entries that `make` yields for the clips of the job `args.job`.

    Parameters
    ----------
    args : argparse.Namespace
        Of `runtime.arguments`: `manifest` (path of the table), `job`, `stage`, `output`.
    kind : str
        What the entries are (`store.KINDS`).
    make : callable
        (paths, [id, sha256] of each) -> an entry of each.

    Raises
    ------
    ManifestError
        If the manifest's clips of this job are not those of the job's identity.
    """
    clips = _clips_of_job(args.manifest, args.job, args.stage.get(DIGEST))

    def compute(clip: str) -> Entry:
        path, sha256 = clips[clip]
        (entry,) = make([path], [[clip, sha256]])
        return entry

    stage = with_clips(args.stage, [[clip, sha256] for clip, (_, sha256) in clips.items()])
    _write(_Work(args.output, kind, stage, {}, compute), list(clips), cache.configured())


def from_entries(
    args: argparse.Namespace, source: str, kind: str, make: FromEntries, facts: Facts | None = None
) -> None:
    """Write `args.output`, the entries that `make` yields for those of the artefact `source`.

    The cache is used only where the source is what the stage says that it is. One that was made otherwise (and is held
    for good because of `--touch`, say) would give the cache wrong entries for ever.

    Parameters
    ----------
    args, kind
        As in `from_media`.
    source : str
        Kind of the artefact that is read (`audio` or `faces`), and name of its path among the arguments.
    make : callable
        Entries of the source -> an entry of each.
    facts : mapping, optional
        Of the whole output.
    """
    path = getattr(args, source)
    with store.Reader(path, source) as reader:

        def compute(clip: str) -> Entry:
            (entry,) = make([reader.entry(clip)])
            return entry

        used = cache.configured()
        if used and not _is_above(reader, source, args.stage):
            LOG.warning("%s: is not what the stage says, so the cache is not used", path)
            used = None
        stage = with_clips(args.stage, reader.stage.get("clips", []))
        _write(_Work(args.output, kind, stage, facts or {}, compute), list(reader.statuses), used)


def _clips_of_job(manifest: Path, job: str, expected: str | None) -> dict[str, tuple[Path, str]]:
    """Path and file hash of each clip of a job, in the order of the manifest."""
    with manifest.open(newline="", encoding="utf-8-sig") as stream:
        rows = [row for row in csv.DictReader(stream) if row["job"] == job]
    if clips_digest((row["clip"], row["sha256"]) for row in rows) != expected:
        raise ManifestError(
            f"{manifest}: its {len(rows)} clips of job {job!r} are not those that the job was planned with; "
            "run the workflow again"
        )
    return {row["clip"]: (Path(row["path"]), row["sha256"]) for row in rows}


def with_clips(stage: Stage, clips: Sequence[Sequence[str]]) -> Stage:
    """Identity of a job with the list of its clips in place of their digest: what an artefact keeps."""
    return Stage({name: value for name, value in stage.items() if name != DIGEST} | {"clips": list(map(list, clips))})


@dataclass(frozen=True)
class _Work:
    """What is to be written, and how the entry of a clip is computed."""

    output: Path
    kind: str
    stage: Stage
    facts: Facts
    compute: Callable[[str], Entry]


def _write(work: _Work, clips: Sequence[str], used: cache.Cache | None) -> None:
    """Write the output, with a cache or without: that of one clip, or else those of all clips joined."""
    source = _Clips(work, used)
    if len(clips) == 1:
        data = source.artefact(clips[0])
    else:
        data = store.join(work.kind, map(source.artefact, clips), stage=work.stage, facts=work.facts)
    write_atomic(work.output, data)
    if used:
        LOG.info("%d of %d clips were in the cache", source.n_hits, len(clips))


class _Clips:
    """The clips of a job, each out of the cache or computed and put there."""

    def __init__(self, work: _Work, used: cache.Cache | None) -> None:
        self.work, self.cache, self.n_hits = work, used, 0
        self.stage = work.output.parent.name  # among the features; the program's own name is `cnn` for two of them
        self.hashes = {clip: sha256 for clip, sha256 in work.stage.get("clips", [])}
        self.surroundings = machine.surroundings() if used else {}

    def artefact(self, clip: str) -> bytes:
        """Artefact of a clip alone, as bytes; a defect is not kept in the cache, because it may be of the moment."""
        if self.cache and (found := self.cache.get(self.stage, self._key(clip))) is not None:
            self.n_hits += 1
            return found
        entry, work = self.work.compute(clip), self.work
        data = store.encode(work.kind, [entry], stage=self._alone(clip), facts=work.facts, subject=work.output)
        if self.cache and entry.status != Status.UNDECODABLE:
            self.cache.put(self.stage, self._key(clip), data)
        return data

    def _alone(self, clip: str) -> Stage:
        """Stage of a clip, as a job of it alone has it."""
        alone = {"clips": [[clip, self.hashes[clip]]]} if clip in self.hashes else {}
        return Stage(self.work.stage | alone)

    def _key(self, clip: str) -> str:
        work = self.work
        return cache.key(kind=work.kind, stage=self._alone(clip), facts=dict(work.facts), machine=self.surroundings)


def _is_above(found: store.Reader, source: str, stage: Stage) -> bool:
    """Whether an artefact was made by the stage that stands above this one, of the same clips."""
    common = Stage({name: value for name, value in found.stage.items() if name != "clips"})
    clips = found.stage.get("clips", [])
    same_clips = clips_digest(clips) == stage.get(DIGEST) and [clip for clip, _ in clips] == list(found.statuses)
    return same_clips and common.digest == stage.get("above", {}).get(source)
