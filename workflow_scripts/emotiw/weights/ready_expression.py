"""Write an expression network that was trained elsewhere."""

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import safetensors.numpy
from safetensors import SafetensorError

from emotiw.core.emotions import EMOTIONS
from emotiw.core.errors import WeightsError
from emotiw.weights import acquisition
from emotiw.weights.expression_weights import LICENCE, NAME, checked
from emotiw.weights.loading import GET_AGAIN, Weights

FROM_ELSEWHERE = "name a network that `snakemake expression_network` wrote"


def write(output: Path, record: Path, settings: Mapping[str, Any], expected: str) -> None:
    """Write a network that `snakemake expression_network` made elsewhere, and its record with that of its making.

    Parameters
    ----------
    output, record : Path
        Paths of the network and of the JSON record.
    settings : mapping
        `path` or `url` of the .safetensors file; see `config.yaml`.
    expected : str
        SHA-256 of the file.

    Raises
    ------
    WeightsError
        If the file is missing, has another SHA-256, or is no expression network of this emotiw.
    """
    subject, data = acquisition.original(settings, expected)
    origin, arrays = _contents(subject, data)
    if origin.get("classes") != list(EMOTIONS):
        raise WeightsError(
            f"{subject}: classes {origin.get('classes')}, expected {', '.join(EMOTIONS)}; {FROM_ELSEWHERE}"
        )
    arrays, size = checked(subject, arrays, origin)
    about = acquisition.describe(NAME, LICENCE, settings, expected)
    facts = {"size": size, "classes": origin["classes"], "origin": origin}
    acquisition.write_arrays(output, record, arrays, {**about, **facts})


def _contents(subject: str, data: bytes) -> tuple[dict[str, Any], Weights]:
    """Metadata and arrays of a .safetensors file."""
    if PurePosixPath(subject).suffix != ".safetensors":
        raise WeightsError(f"{subject}: expected a .safetensors file; {FROM_ELSEWHERE}")
    try:
        arrays = safetensors.numpy.load(data)
        length = int.from_bytes(data[:8], "little")  # of the header, which holds the metadata
        origin = json.loads(json.loads(data[8 : 8 + length]).get("__metadata__", {}).get("emotiw", "{}"))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{subject}: unreadable ({type(error).__name__}: {error}); {GET_AGAIN}") from error
    return origin if isinstance(origin, dict) else {}, arrays
