"""Read FER+'s votes for the pictures of FER2013 in either of their forms, and join them to the pictures.

Barsoum et al., "Training Deep Networks for Facial Expression Recognition with Crowd-Sourced Label Distribution", ICMI
2016: ten people chose an emotion, or said that it is unknown or that the picture shows no face (NF).
"""

import csv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.emotions import EMOTIONS
from emotiw.core.errors import WeightsError
from emotiw.core.files import content_sha256
from emotiw.weights.fer2013 import Faces

# FER+'s columns; contempt, unknown and NF are no class of FER2013
NAMES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
COLUMNS = [NAMES.index(name) for name in EMOTIONS]
USAGE, IMAGE = "usage", "image name"

Votes = npt.NDArray[np.float32]


@dataclass(frozen=True)
class VotedFaces(Faces):
    """Faces with their votes.

    Attributes
    ----------
    votes : ndarray of float32, shape (n, 10)
        Number of votes for each of `NAMES`; zeros where FER+ has none for the picture.
    """

    votes: Votes

    @property
    def shares(self) -> Votes:
        """Share of a picture's votes that each of `EMOTIONS` has, (n, 7).

        The rest to one are votes for contempt, unknown and NF; zeros where there is no vote.
        """
        total = np.maximum(self.votes.sum(axis=1, keepdims=True), 1)
        shares: Votes = (self.votes[:, COLUMNS] / total).astype(np.float32)
        return shares

    @property
    def majority(self) -> npt.NDArray[np.int64]:
        """Index into `EMOTIONS` of the class with the most votes of all ten; -1 for a tie, another class or no vote."""
        most = self.votes.max(axis=1, keepdims=True)
        unique = ((self.votes == most).sum(axis=1) == 1) & (most[:, 0] > 0)
        chosen = self.votes.argmax(axis=1)
        index_of = np.full(len(NAMES), -1)
        index_of[COLUMNS] = np.arange(len(EMOTIONS))
        return np.where(unique, index_of[chosen], -1)

    def __getitem__(self, rows: Any) -> "VotedFaces":
        return VotedFaces(self.pixels[rows], self.label[rows], self.usage[rows], self.votes[rows])


def without_votes(faces: Faces) -> VotedFaces:
    """Faces whose votes are all zero."""
    return VotedFaces(faces.pixels, faces.label, faces.usage, np.zeros((len(faces), len(NAMES)), np.float32))


def join(faces: Faces, path: Path, expected: str) -> VotedFaces:
    """Faces with the votes of a file that has one row for each, in the same order.

    Parameters
    ----------
    faces : Faces
        FER2013, from `fer2013.read`.
    path : Path
        FER+'s `fer2013new.csv`, for the pictures of the official `fer2013.csv`, or an .npz archive with `votes`
        (n, 10), `vote_names` (10,) and, optionally, `matched` (n,): whether a picture has votes.
    expected : str
        SHA-256 of the file.

    Raises
    ------
    WeightsError
        If it is missing, has another SHA-256, is malformed, or belongs to other pictures.
    """
    if not path.exists():
        raise WeightsError(f"{path}: missing; correct expression.votes.path in the configuration")
    if (actual := content_sha256(path)) != expected:
        raise WeightsError(f"{path}: sha256 {actual}, expected {expected}; the data were altered: get them again")
    readers = {".csv": _from_csv, ".npz": _from_npz}
    if path.suffix not in readers:
        raise WeightsError(f"{path}: expected FER+'s fer2013new.csv, or an .npz archive with votes")
    votes, usage = readers[path.suffix](path)
    if len(votes) != len(faces):
        raise WeightsError(
            f"{path}: has votes for {len(votes)} pictures, but FER2013 has {len(faces)}; expected one row for each"
            " picture, in the same order: name the votes of the same form of FER2013"
        )
    different = np.flatnonzero(usage != faces.usage) if usage is not None else np.zeros(0, int)
    if different.size:
        row = int(different[0])
        raise WeightsError(
            f"{path}: row {row + 1} has the usage {usage[row]}, but the picture has {faces.usage[row]}; expected the"  # type: ignore[index]
            " order of the official fer2013.csv: name that as expression.faces"
        )
    return VotedFaces(faces.pixels, faces.label, faces.usage, votes)


def _from_npz(path: Path) -> tuple[Votes, None]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            votes, names = arrays["votes"], [str(name) for name in arrays["vote_names"]]
            matched = arrays["matched"] if "matched" in arrays else np.ones(len(votes), bool)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path}: unreadable ({error}); expected arrays `votes` and `vote_names`") from error
    if set(names) != set(NAMES) or votes.shape != (len(votes), len(NAMES)) or matched.shape != (len(votes),):
        raise WeightsError(
            f"{path}: votes of shape {votes.shape} for {', '.join(names)}; expected a column for {', '.join(NAMES)}"
        )
    ordered = votes[:, [names.index(name) for name in NAMES]] * matched[:, None]
    return _checked(path, ordered), None


def _from_csv(path: Path) -> tuple[Votes, npt.NDArray[np.str_]]:
    votes, usage = [], []
    with path.open(newline="", encoding="utf-8") as stream:
        rows = csv.reader(stream)
        header = [name.strip() for name in next(rows, [])]
        lower = [name.lower() for name in header]
        if not {USAGE, *(name.lower() for name in NAMES)} <= set(lower):
            raise WeightsError(f"{path}: line 1: columns {', '.join(header)}; expected Usage, {', '.join(NAMES)}")
        places = [lower.index(name.lower()) for name in NAMES]
        for row in rows:
            try:
                votes.append([int(row[place]) for place in places])
                usage.append(row[lower.index(USAGE)].strip())
            except (ValueError, IndexError) as error:
                raise WeightsError(
                    f"{path}: line {rows.line_num}: {error}; expected a usage and the numbers of votes"
                ) from error
    return _checked(path, np.array(votes, np.int64).reshape(-1, len(NAMES))), np.array(usage, np.str_)


def _checked(path: Path, votes: npt.NDArray[Any]) -> Votes:
    wrong = np.flatnonzero(~(np.isfinite(votes) & (votes >= 0)).all(axis=1))
    if wrong.size:
        raise WeightsError(f"{path}: row {wrong[0] + 1} has the votes {votes[wrong[0]]}; expected none below zero")
    return votes.astype(np.float32)
