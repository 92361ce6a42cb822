"""What the members of a bundle were trained on: hashes of clips, subjects and films, in a file beside the index."""

import json
from collections.abc import Iterable

from emotiw.core.errors import BundleError
from emotiw.corpora import seen
from emotiw.corpora.manifest import Row
from emotiw.prediction.bundle import AGAIN, Bundle
from emotiw.prediction.bundle_models import Writer

NAME = "training.json"


def write(writer: Writer, rows: Iterable[Row], population: str) -> None:
    """Write the hashes of clips.

    Parameters
    ----------
    writer : Writer
    rows : iterable of Row
        Training and validation clips of the folds that the bundle has members of.
    population : str
        Population of the corpus's subjects (`seen.population`).
    """
    record = seen.record(rows, population)
    writer.add(NAME, f"{json.dumps(record, indent=1, sort_keys=True)}\n".encode())


def read(bundle: Bundle) -> dict[str, frozenset[str]] | None:
    """Read the hashes of a bundle; None if it has none, as bundles of earlier versions of emotiw.

    Raises
    ------
    BundleError
        If the file is missing, altered or no such record.
    """
    if NAME not in bundle.about["files"]:
        return None
    path = bundle.folder / NAME
    try:
        found = json.loads(bundle.data(NAME))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: not readable as JSON ({error}); {AGAIN}") from error
    return seen.check(str(path), found)
