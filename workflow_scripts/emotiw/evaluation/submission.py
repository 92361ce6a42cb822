"""The EmotiW challenge's submission: for every clip whose label is hidden one file with the name of its class."""

from collections.abc import Iterable, Mapping

from emotiw.core.emotions import HIDDEN
from emotiw.core.errors import ManifestError
from emotiw.corpora.manifest import Manifest, Row

# the challenge's names of classes, as its folders are called
SPELLING = {"anger": "Angry", "happiness": "Happy", "sadness": "Sad"}


def name(row: Row) -> str:
    """Name of a clip's file: that of the film, with another suffix."""
    return f"{row.path.rpartition('/')[2].rpartition('.')[0]}.txt"


def hidden(corpus: Manifest) -> list[Row]:
    """Clips whose label is hidden.

    Raises
    ------
    ManifestError
        If two of them would have one file.
    """
    rows = [row for row in corpus.rows if row.label == HIDDEN]
    first: dict[str, Row] = {}
    for row in rows:
        if (other := first.setdefault(name(row), row)) is not row:
            raise ManifestError(
                f"{row.path}: would be submitted as {name(row)}, as {other.path} would; rename one of the two films"
            )
    return rows


def texts(corpus: Manifest, predictions: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Content of each file, by its name: the class that the fusion gives the clip, in the challenge's spelling.

    Parameters
    ----------
    corpus : Manifest
        With hidden labels.
    predictions : iterable of mapping
        Rows of `predictions.csv`.
    """
    found = {row["clip"]: row["predicted_fusion"] for row in predictions if row["part"] == "test"}
    return {
        name(row): f"{SPELLING.get(label, label.capitalize())}\n"
        for row in hidden(corpus)
        for label in [found[row.clip]]
    }
