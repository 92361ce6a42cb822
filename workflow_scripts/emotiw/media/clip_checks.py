"""Check a clip's content against the manifest, and record a defective clip as an entry with a status."""

from collections.abc import Callable
from pathlib import Path

from emotiw.core import files
from emotiw.core.errors import MediaError
from emotiw.core.status import Status
from emotiw.jobs.store import Entry
from emotiw.media.completeness import defect
from emotiw.media.container import check_regular


def check_hash(path: Path, sha256: str, clip: str) -> None:
    """Raise MediaError if a clip's content differs from the manifest.

    Raises
    ------
    MediaError
        If `path` is no regular file or its SHA-256 is not `sha256`.
    """
    check_regular(path)
    actual = files.sha256(path)
    if actual != sha256:
        found = f"clip changed while running: {clip} has sha256 {actual}"
        raise defect(path, found, sha256, "run the workflow again")


def guarded(clip: str, path: Path, on_defect: str, make: Callable[[], Entry]) -> Entry:
    """Entry that `make` returns, or an entry with status `undecodable` and the reason if `make` raises MediaError.

    With `on_defect` "fail" the error is raised.

    Parameters
    ----------
    clip : str
        Id of the clip.
    path : Path
        File of the clip.
    on_defect : str
        `exclude` or `fail`, as in config.yaml.
    make : callable
        Computes the clip's entry.
    """
    try:
        return make()
    except MediaError as error:
        if on_defect == "fail":
            raise
        # without the path, because an artefact depends on the clip's content only
        return Entry(clip, status=Status.UNDECODABLE, facts={"reason": str(error).removeprefix(f"{path}: ")})
