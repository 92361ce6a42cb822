"""Read the per-clip artefacts of a feature from the files of all jobs, as a model needs them."""

from collections.abc import Iterable
from pathlib import Path

from emotiw.core.errors import ManifestError
from emotiw.core.status import Status
from emotiw.corpora.manifest import Manifest, Row
from emotiw.corpora.splits import SPLITS, Fold
from emotiw.jobs import store


def load(manifest: Manifest, folder: Path, kind: str, clips: Iterable[str]) -> dict[str, store.Entry]:
    """Entries of `clips`, in that order, from the files `<folder>/<job>.h5`; no other entry is read.

    Parameters
    ----------
    manifest : Manifest
        Names the job of each clip.
    folder : Path
        Folder with one file per job.
    kind : str
        Kind of the files (`store.KINDS`).
    clips : iterable of str
        Clip ids.

    Raises
    ------
    ManifestError
        If a clip is not in the manifest.
    StoreError
        If a file is missing or damaged, or lacks a clip.
    """
    rows = manifest.row_of_clip
    wanted = list(clips)
    if unknown := [clip for clip in wanted if clip not in rows]:
        raise ManifestError(
            f"{folder}: clips {', '.join(unknown)} are not in the manifest of {manifest.corpus}; run the workflow again"
        )
    clips_of_job: dict[str, list[str]] = {}
    for clip in wanted:
        clips_of_job.setdefault(rows[clip].job, []).append(clip)
    entries: dict[str, store.Entry] = {}
    for job, names in clips_of_job.items():
        entries |= store.read(folder / f"{job}.h5", kind, names=names).entries
    return {clip: entries[clip] for clip in wanted}


def usable(manifest: Manifest, fold: Fold, folder: Path, kind: str) -> list[tuple[Row, str, store.Entry]]:
    """(row, part, entry) of each clip of a fold whose status is `ok`; training clips first.

    Parameters and errors as in `load`.
    """
    rows = manifest.row_of_clip
    parts = [(clip, part) for part in SPLITS for clip in getattr(fold, part)]
    entries = load(manifest, folder, kind, [clip for clip, _ in parts])
    return [(rows[clip], part, entries[clip]) for clip, part in parts if entries[clip].status == Status.OK]
