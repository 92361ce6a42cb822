"""Entries of the clips of one job, read from the files that hold an imported feature."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from emotiw.core.errors import FeatureError
from emotiw.imports import contents
from emotiw.imports.reading import Reading
from emotiw.jobs.store import Entry


def entries(paths: Sequence[Path], clips: Sequence[Sequence[str]], *, reading: Reading) -> Iterator[Entry]:
    """Entry of each clip.

    Parameters
    ----------
    paths : sequence of Path
        File of each clip.
    clips : sequence of (str, str)
        Id of each clip and hash of its content, empty if there is no file of it.
    reading : Reading

    Raises
    ------
    FeatureError
        If a file has changed since the job was planned, or as in `contents.entry`.
    """
    for path, (clip, sha256) in zip(paths, clips, strict=True):
        yield _entry(path, clip, sha256, reading) if sha256 else contents.without(clip, "no file")


def _entry(path: Path, clip: str, sha256: str, reading: Reading) -> Entry:
    try:
        with contents.opened(path, reading, only=[clip]) as file:
            content = file.content(clip)
    except OSError as error:
        raise FeatureError(
            f"{path}: cannot be read ({error.strerror}); restore it and run the workflow again"
        ) from error
    if content.sha256 != sha256:
        raise FeatureError(
            f"{path}: changed while running: {clip} has the hash {content.sha256}, {sha256} was planned; run the"
            " workflow again"
        )
    return contents.entry(clip, content, reading, f"{path}: {clip}")
