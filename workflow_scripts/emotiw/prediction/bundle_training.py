"""What the members of a bundle were trained on: hashes of clips, subjects and films, in a file beside the index."""

import json
from collections.abc import Iterable

from emotiw.core.errors import BundleError
from emotiw.corpora import seen
from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import Fold
from emotiw.prediction.bundle import AGAIN, Bundle
from emotiw.prediction.bundle_models import Writer

NAME = "training.json"


def write(writer: Writer, corpus: Manifest, folds: Iterable[Fold], population: str) -> None:
    """Write the hashes of the training and validation clips of the folds that the bundle has members of.

    Parameters
    ----------
    writer : Writer
    corpus : Manifest
    folds : iterable of Fold
    population : str
        Population of the corpus's subjects (`seen.population`).
    """
    used = sorted({clip for fold in folds for clip in (*fold.train, *fold.val)})
    record = seen.record((corpus.row_of_clip[clip] for clip in used), population)
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
