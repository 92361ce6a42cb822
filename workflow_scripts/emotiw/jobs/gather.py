"""Read the per-clip artefacts of a feature from the files of all jobs, as a model needs them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from emotiw.core.errors import ManifestError, StoreError
from emotiw.core.status import Status
from emotiw.corpora.manifest import Manifest, Row
from emotiw.corpora.splits import SPLITS, Fold
from emotiw.jobs import store

ABSENT = {"video": Status.NO_VIDEO, "audio": Status.NO_AUDIO}


@dataclass(frozen=True)
class Source:
    """Files of a signal or feature.

    Attributes
    ----------
    folder : Path
        Folder with one file `<job>.h5` per job.
    kind : str
        Kind of the files (`kinds.KINDS`).
    stream : str
        `video` or `audio`: a job whose clips have no such stream has no file. Empty: every job has one.
    copies : Source or None
        Files of altered copies of the clips, of the kind `copies`.
    """

    folder: Path
    kind: str = "frame_features"
    stream: str = ""
    copies: "Source | None" = None

    def facts(self, manifest: Manifest) -> dict[str, Any]:
        """Facts that all files have in common, such as the names of the columns; empty without any file."""
        made = sorted(jobs_with(manifest, self.stream))
        return store.read(self.folder / f"{made[0]}.h5", self.kind, names=()).facts if made else {}


def load(manifest: Manifest, source: Source, clips: Iterable[str]) -> dict[str, store.Entry]:
    """Entries of `clips`, in that order; no other entry is read.

    A clip whose job has no file, because its clips lack the stream, gets the status of that.

    Parameters
    ----------
    manifest : Manifest
        Names the job of each clip.
    source : Source
    clips : iterable of str
        Clip ids.

    Raises
    ------
    ManifestError
        If a clip is not in the manifest.
    StoreError
        If a file is missing or damaged, or lacks a clip.
    """
    wanted = list(clips)
    entries: dict[str, store.Entry] = {}
    made = jobs_with(manifest, source.stream)
    for job, names in _by_job(manifest, source, wanted).items():
        if job in made:
            entries |= store.read(source.folder / f"{job}.h5", source.kind, names=names).entries
        else:
            entries |= {clip: store.Entry(clip, status=ABSENT[source.stream]) for clip in names}
    return {clip: entries[clip] for clip in wanted}


def _by_job(manifest: Manifest, source: Source, clips: Iterable[str]) -> dict[str, list[str]]:
    """Clips of each job; ManifestError if one is unknown."""
    rows, clips = manifest.row_of_clip, list(clips)
    if unknown := [clip for clip in clips if clip not in rows]:
        raise ManifestError(
            f"{source.folder}: clips {', '.join(unknown)} are not in the manifest of {manifest.corpus}; "
            "run the workflow again"
        )
    clips_of_job: dict[str, list[str]] = {}
    for clip in clips:
        clips_of_job.setdefault(rows[clip].job, []).append(clip)
    return clips_of_job


def usable(manifest: Manifest, fold: Fold, source: Source) -> list[tuple[Row, str, store.Entry]]:
    """(row, part, entry) of each clip of a fold whose status is `ok`; training clips first.

    Parameters and errors as in `load`.
    """
    rows = manifest.row_of_clip
    parts = [(clip, part) for part in SPLITS for clip in getattr(fold, part)]
    entries = load(manifest, source, [clip for clip, _ in parts])
    return [(rows[clip], part, entries[clip]) for clip, part in parts if entries[clip].status == Status.OK]


def statuses(manifest: Manifest, source: Source, clips: Iterable[str]) -> dict[str, Status]:
    """Status of each of `clips`, in that order; no array is read. Parameters and errors as in `load`."""
    wanted = list(clips)
    found: dict[str, Status] = {}
    made = jobs_with(manifest, source.stream)
    for job, names in _by_job(manifest, source, wanted).items():
        path = source.folder / f"{job}.h5"
        held = store.statuses(path, source.kind) if job in made else dict.fromkeys(names, ABSENT[source.stream])
        if missing := [clip for clip in names if clip not in held]:
            raise StoreError(f"{path}: holds no entry {missing[0]!r}; {store.AGAIN}")
        found |= {clip: held[clip] for clip in names}
    return {clip: found[clip] for clip in wanted}


@dataclass(frozen=True)
class Arrays:
    """An array of each of some usable clips, by number; it is read whenever it is asked for, and not kept.

    Attributes
    ----------
    manifest : Manifest
    source : Source
    clips : sequence of str
        Clips whose status is `ok`.
    name : str
        Name of the array.
    """

    manifest: Manifest
    source: Source
    clips: Sequence[str]
    name: str = "features"

    def __len__(self) -> int:
        """Count the clips."""
        return len(self.clips)

    def __getitem__(self, i: int, /) -> npt.NDArray[Any]:
        """Array of clip i; errors as in `load`."""
        clip = self.clips[i]
        return load(self.manifest, self.source, [clip])[clip].arrays[self.name]


def jobs_with(manifest: Manifest, stream: str) -> frozenset[str]:
    """Jobs with a clip that has a stream, `video` or `audio`; all jobs if it is empty."""
    return manifest.jobs_with.get(stream, manifest.jobs)
