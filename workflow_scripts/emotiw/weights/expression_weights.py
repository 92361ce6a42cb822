"""Names, shapes and record of the expression network's arrays; batch normalisation is folded into the convolutions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotiw.core.emotions import EMOTIONS
from emotiw.core.errors import WeightsError
from emotiw.weights import face_resnet, written
from emotiw.weights.loading import GET_AGAIN, Weights, recorded

NAME = "expression network, trained on FER2013"
LICENCE = "research only (FER2013); it started from dlib's network for face recognition (CC0-1.0)"
WIDTH = face_resnet.LEVELS[-1][1]  # values of the feature
HEADS = ("labels", "votes")
PICTURE = 48  # px, side of a picture of FER2013


def shapes() -> dict[str, tuple[int, ...]]:
    """Shape of each array, by name."""
    shape_of: dict[str, tuple[int, ...]] = {}
    for name, shape in face_resnet.layers():
        grey = (shape[0], 1, *shape[2:]) if name == "stem" else shape
        shape_of |= {f"{name}.weight": grey, f"{name}.bias": shape[:1]}
    for name in HEADS:
        shape_of |= {f"{name}.weight": (len(EMOTIONS), WIDTH), f"{name}.bias": (len(EMOTIONS),)}
    return shape_of


SMALLEST = 57  # px; the maps of a smaller picture are smaller than a filter of the last level
LARGEST = 512  # px, as in the schema of the configuration
OPTIONAL = ("votes.weight", "votes.bias")  # missing if the network was trained without votes


def described(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Content of the record of a network that the workflow has trained."""
    return {"name": NAME, "licence": LICENCE, **facts}


def load(path: Path) -> tuple[Weights, int]:
    """Arrays of a network that the workflow has written, and the side in px of the pictures that it takes.

    Raises
    ------
    WeightsError
        If the file or its record is missing or altered, or the file holds something else.
    """
    arrays = written.checked_arrays(path, NAME, shapes(), optional=OPTIONAL)
    return arrays, _size(str(path), recorded(path))


def checked(subject: str, arrays: Weights, record: Mapping[str, Any]) -> tuple[Weights, int]:
    """Arrays and side as of `load`, of a file called `subject` whose content and record have been read."""
    return written.checked(subject, arrays, NAME, shapes(), optional=OPTIONAL), _size(subject, record)


def _size(subject: str, record: Mapping[str, Any]) -> int:
    size = record.get("size")
    if not isinstance(size, int) or not SMALLEST <= size <= LARGEST:
        found = f"its record has the size {size}"
        raise WeightsError(f"{subject}: {found}, expected {SMALLEST} to {LARGEST} px; {GET_AGAIN}")
    return size
