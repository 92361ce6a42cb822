"""What a program of single clips does with its clips: one by one, each taken from the cache or else computed."""

import argparse
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotiw import cache, machine, store
from emotiw.files import write_atomic
from emotiw.stage import Stage
from emotiw.status import Status
from emotiw.store import Entry

LOG = logging.getLogger(__name__)

Facts = Mapping[str, Any]
FromMedia = Callable[[Sequence[Path], Sequence[Sequence[str]]], Iterator[Entry]]
FromEntries = Callable[[Iterable[Entry]], Iterator[Entry]]


def from_media(args: argparse.Namespace, kind: str, make: FromMedia) -> None:
    """Write `args.output`, the entries that `make` yields for the files `args.media` of the clips of `args.stage`.

    Parameters
    ----------
    args : argparse.Namespace
        Of `runtime.arguments`.
    kind : str
        What the entries are (`store.KINDS`).
    make : callable
        (paths, [id, sha256] of each) -> an entry of each.
    """
    clips = {clip: (path, sha256) for path, (clip, sha256) in zip(args.media, args.stage["clips"], strict=True)}

    def compute(clip: str) -> Entry:
        path, sha256 = clips[clip]
        (entry,) = make([path], [[clip, sha256]])
        return entry

    _write(_Work(args.output, kind, args.stage, {}, compute), list(clips), cache.configured())


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
        _write(_Work(args.output, kind, args.stage, facts or {}, compute), list(reader.statuses), used)


@dataclass(frozen=True)
class _Work:
    """What is to be written, and how the entry of a clip is computed."""

    output: Path
    kind: str
    stage: Stage
    facts: Facts
    compute: Callable[[str], Entry]


def _write(work: _Work, clips: Sequence[str], used: cache.Cache | None) -> None:
    if used is None:
        entries = map(work.compute, clips)
        store.write(work.output, work.kind, entries, stage=work.stage, facts=work.facts)
        return
    cached = _Cached(work, used)
    if len(clips) == 1:  # what is cached is the whole file
        write_atomic(work.output, cached.artefact(clips[0]))
    else:
        store.write(work.output, work.kind, map(cached.entry, clips), stage=work.stage, facts=work.facts)
    LOG.info("%d of %d clips were in the cache", cached.n_hits, len(clips))


class _Cached:
    """The clips of a job, each out of the cache or computed and put there."""

    def __init__(self, work: _Work, used: cache.Cache) -> None:
        self.work, self.cache, self.n_hits = work, used, 0
        self.stage = work.output.parent.name  # among the features; the program's own name is `cnn` for two of them
        self.clips = {clip: [clip, sha256] for clip, sha256 in work.stage["clips"]}
        self.surroundings = machine.surroundings()

    def artefact(self, clip: str) -> bytes:
        """Artefact of a clip alone, as bytes."""
        found = self._found(clip)
        return self._made(clip, self.work.compute(clip)) if found is None else found

    def entry(self, clip: str) -> Entry:
        """Entry of a clip."""
        found = self._found(clip)
        if found is not None:
            return store.decode(found, self.work.kind, self.cache.path(self.stage, self._key(clip))).entries[clip]
        entry = self.work.compute(clip)
        if self.cache.writable:
            self._made(clip, entry)
        return entry

    def _alone(self, clip: str) -> Stage:
        """Stage of a clip, as a job of it alone has it."""
        return Stage(self.work.stage | {"clips": [self.clips[clip]]})

    def _key(self, clip: str) -> str:
        work = self.work
        return cache.key(kind=work.kind, stage=self._alone(clip), facts=dict(work.facts), machine=self.surroundings)

    def _found(self, clip: str) -> bytes | None:
        found = self.cache.get(self.stage, self._key(clip))
        self.n_hits += found is not None
        return found

    def _made(self, clip: str, entry: Entry) -> bytes:
        """Artefact of a clip that was computed; kept, unless a defect was found, which may be of the moment."""
        work = self.work
        data = store.encode(work.kind, [entry], stage=self._alone(clip), facts=work.facts, subject=work.output)
        if entry.status != Status.UNDECODABLE:
            self.cache.put(self.stage, self._key(clip), data)
        return data


def _is_above(found: store.Reader, source: str, stage: Stage) -> bool:
    """Whether an artefact was made by the stage that stands above this one, of the same clips."""
    common = Stage({name: value for name, value in found.stage.items() if name != "clips"})
    same_clips = found.stage.get("clips") == stage.get("clips")
    names = [clip for clip, _ in stage.get("clips", [])]
    return same_clips and names == list(found.statuses) and common.digest == stage.get("above", {}).get(source)
