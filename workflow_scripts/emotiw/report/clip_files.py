"""Addresses of the clips from the page of a report, for a page that plays them where they lie."""

import os
from pathlib import Path
from urllib.parse import quote

from emotiw.corpora.manifest import Manifest


def addresses(corpus: Manifest, page: Path) -> dict[str, str]:
    """Relative address of each clip's file, as seen from the page.

    A clip has one if its path and that of the page are relative, so that both lie below the folder of the workflow: the
    page then holds no path of this machine, and still finds the clips after the whole folder has moved.
    """
    if not _is_below(page):
        return {}
    paths = {row.clip: Path(row.path) for row in corpus.rows}
    return {
        clip: quote(Path(os.path.relpath(path, page.parent)).as_posix())
        for clip, path in paths.items()
        if _is_below(path)
    }


def _is_below(path: Path) -> bool:
    return not path.is_absolute() and ".." not in path.parts
