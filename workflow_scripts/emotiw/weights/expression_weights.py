"""Arrays and record of a trained expression network; batch normalisation is folded into the convolutions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotiw.core.errors import WeightsError
from emotiw.weights import written
from emotiw.weights.expression_layers import LARGEST, SMALLEST, trained_shapes
from emotiw.weights.loading import GET_AGAIN, Weights, recorded

NAME = "expression network, trained on FER2013"
LICENCE = "research only (FER2013); it started from dlib's network for face recognition (CC0-1.0)"
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
    arrays = written.checked_arrays(path, NAME, trained_shapes(), optional=OPTIONAL)
    return arrays, _size(str(path), recorded(path))


def checked(subject: str, arrays: Weights, record: Mapping[str, Any]) -> tuple[Weights, int]:
    """Arrays and side as of `load`, of a file called `subject` whose content and record have been read."""
    return written.checked(subject, arrays, NAME, trained_shapes(), optional=OPTIONAL), _size(subject, record)


def _size(subject: str, record: Mapping[str, Any]) -> int:
    size = record.get("size")
    if not isinstance(size, int) or not SMALLEST <= size <= LARGEST:
        found = f"its record has the size {size}"
        raise WeightsError(f"{subject}: {found}, expected {SMALLEST} to {LARGEST} px; {GET_AGAIN}")
    return size
