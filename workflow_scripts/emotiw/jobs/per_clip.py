"""Write the artefact of a job of single clips: each clip's entry is read from the cache or else computed.

A command line holds only a digest of the job's clips, because it has no room for a list of thousands. The programs that
decode clips read the list from the manifest; the others read it from the artefact of the stage above.
"""

import argparse
import csv
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotiw.core import machine
from emotiw.core.errors import FeatureError, ManifestError
from emotiw.core.files import write_atomic
from emotiw.core.status import Status
from emotiw.jobs import cache, containment, kinds, store
from emotiw.jobs.identity import Stage, clips_digest
from emotiw.jobs.store import Entry

LOG = logging.getLogger(__name__)
# statuses that depend on more than the key of an entry: a fault of reading may be temporary, and native code may also
# abort for want of memory
NOT_CACHED = (Status.UNDECODABLE, Status.CRASHED)
DIGEST = "clips_sha256"  # key, in a job's identity, of the digest of its clips

Facts = Mapping[str, Any]
FromMedia = Callable[[Sequence[Path], Sequence[Sequence[str]]], Iterator[Entry]]
FromEntries = Callable[[Iterable[Entry]], Iterator[Entry]]


def from_media(args: argparse.Namespace, kind: str, make: FromMedia) -> None:
    """Write the entries that `make` yields for the clips of job `args.job` to `args.output`.

    Parameters
    ----------
    args : argparse.Namespace
        Result of `runtime.arguments`: `manifest` (path of the table), `job`, `stage`, `output`.
    kind : str
        Kind of the entries (`kinds.KINDS`).
    make : callable
        (paths of clips, (id, sha256) of each) -> one entry per clip.

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
    """Write the entries that `make` yields for the entries of the artefact `source` to `args.output`.

    The cache is used only if the identity recorded in the source is the one that the stage names. A source that was
    made otherwise (and declared up to date by `snakemake --touch`, say) would put wrong entries into the cache.

    Parameters
    ----------
    args, kind
        As in `from_media`.
    source : str
        Stage whose artefact is read: `audio`, `faces` or a feature of frames; the argument of its name holds the path.
    make : callable
        Entries of the source -> one entry for each.
    facts : mapping, optional
        Facts of the whole output.
    """
    path = getattr(args, source)
    with store.Reader(path, source if source in kinds.KINDS else "frame_features") as reader:

        def compute(clip: str) -> Entry:
            (entry,) = make([reader.entry(clip)])
            return entry

        clip_cache = cache.configured()
        if clip_cache and not _is_above(reader, source, args.stage):
            LOG.warning("%s: its identity is not the one that the stage expects, so the cache is not used", path)
            clip_cache = None
        stage = with_clips(args.stage, reader.stage.get("clips", []))
        _write(_Work(args.output, kind, stage, facts or {}, compute), list(reader.statuses), clip_cache)


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
    """Identity of a job with the list of its clips in place of their digest; an artefact records it."""
    return Stage({name: value for name, value in stage.items() if name != DIGEST} | {"clips": list(map(list, clips))})


@dataclass(frozen=True)
class _Work:
    """The output of a job (path, kind, identity, facts), and the function that computes the entry of a clip."""

    output: Path
    kind: str
    stage: Stage
    facts: Facts
    compute: Callable[[str], Entry]


def _write(work: _Work, clips: Sequence[str], clip_cache: cache.Cache | None) -> None:
    """Write the output: the artefact of the only clip, or the joined artefacts of all clips.

    A process that computes a single clip for another (`containment`) writes nothing.
    """
    source, part = _Clips(work, clip_cache), containment.part()
    part.tell(clips=list(clips))
    if part.only:
        source.artefact(part.only)
        return
    if len(clips) == 1:
        data = source.artefact(clips[0])
    else:
        data = store.join(work.kind, map(source.artefact, clips), stage=work.stage, facts=work.facts)
    write_atomic(work.output, data)
    if clip_cache:
        LOG.info("%d of %d clips were in the cache", source.n_hits, len(clips))


class _Clips:
    """Artefacts of the clips of a job: read from the cache, or computed and put into it."""

    def __init__(self, work: _Work, clip_cache: cache.Cache | None) -> None:
        self.work, self.cache, self.n_hits = work, clip_cache, 0
        self.part = containment.part()
        self.stage = work.output.parent.name  # name of the feature; the program `cnn` computes two of them
        self.hashes = {clip: sha256 for clip, sha256 in work.stage.get("clips", [])}
        self.surroundings = machine.surroundings() if clip_cache else {}

    def artefact(self, clip: str) -> bytes:
        """Artefact of one clip, as bytes: from the cache, from an earlier process of this job, or computed."""
        if self.cache and (cached := self.cache.get(self.stage, self._key(clip))) is not None:
            self.n_hits += 1
            return cached
        if (kept := self.part.kept(clip)) is not None:
            return kept
        self.part.tell(clip=clip)
        entry, work = self._entry(clip), self.work
        data = store.encode(work.kind, [entry], stage=self._alone(clip), facts=work.facts, subject=work.output)
        if self.cache and entry.status not in NOT_CACHED:
            self.cache.put(self.stage, self._key(clip), data)
        self.part.keep(clip, data)
        return data

    def _entry(self, clip: str) -> Entry:
        """Entry of a clip, computed, unless the program crashes at it.

        Raises
        ------
        FeatureError
            If the program crashes at the clip and `on_defect` is "fail".
        """
        if clip not in self.part.crashed:
            return self.work.compute(clip)
        reason = f"the program crashes at this clip ({self.part.crashed[clip]}), twice in two processes"
        if self.work.stage["settings"].get("on_defect") == "fail":
            raise FeatureError(f"{clip}: {reason}; leave the clip out, or set on_defect: exclude")
        return Entry(clip, status=Status.CRASHED, facts={"reason": reason})

    def _alone(self, clip: str) -> Stage:
        """Identity that a job of this clip alone would have."""
        alone = {"clips": [[clip, self.hashes[clip]]]} if clip in self.hashes else {}
        return Stage(self.work.stage | alone)

    def _key(self, clip: str) -> str:
        work = self.work
        return cache.key(kind=work.kind, stage=self._alone(clip), facts=dict(work.facts), machine=self.surroundings)


def _is_above(reader: store.Reader, source: str, stage: Stage) -> bool:
    """Whether an artefact was made by the stage that `stage` names as its source, from the same clips."""
    common = Stage({name: value for name, value in reader.stage.items() if name != "clips"})
    clips = reader.stage.get("clips", [])
    same_clips = clips_digest(clips) == stage.get(DIGEST) and [clip for clip, _ in clips] == list(reader.statuses)
    return same_clips and common.digest == stage.get("above", {}).get(source)
