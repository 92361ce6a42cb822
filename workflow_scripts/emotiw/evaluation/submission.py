"""Submission to the EmotiW challenge: one file with the predicted class for every clip whose label is hidden."""

from collections.abc import Iterable, Mapping

from emotiw.core.emotions import HIDDEN
from emotiw.core.errors import ManifestError
from emotiw.corpora.manifest import Manifest, Row

# names of classes in the challenge's folders, where they differ from ours by more than the capital
SPELLING = {"anger": "Angry", "happiness": "Happy", "sadness": "Sad"}


def name(row: Row) -> str:
    """Name of a clip's submission file: the name of the video file with the suffix .txt."""
    return f"{row.path.rpartition('/')[2].rpartition('.')[0]}.txt"


def hidden(corpus: Manifest) -> list[Row]:
    """Clips whose label is hidden.

    Raises
    ------
    ManifestError
        If two of them would have the same submission file.
    """
    rows = [row for row in corpus.rows if row.label == HIDDEN]
    first: dict[str, Row] = {}
    for row in rows:
        if (other := first.setdefault(name(row), row)) is not row:
            raise ManifestError(
                f"{row.path}: would be submitted as {name(row)}, like {other.path}; rename one of the two files"
            )
    return rows


def texts(corpus: Manifest, predictions: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Content of each submission file by its name: the class predicted by the fusion, in the challenge's spelling.

    Parameters
    ----------
    corpus : Manifest
        Corpus with hidden labels.
    predictions : iterable of mapping
        Rows of `predictions.csv`.
    """
    predicted = {row["clip"]: row["predicted_fusion"] for row in predictions if row["part"] == "test"}
    labels = {name(row): predicted[row.clip] for row in hidden(corpus)}
    return {name: f"{SPELLING.get(label, label.capitalize())}\n" for name, label in labels.items()}
