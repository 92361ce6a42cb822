"""Weights that a bundle names instead of carrying them: found on this machine, or fetched once for this user.

Only networks of `FETCHABLE` can be named, and they come from where the default configuration says, so a bundle cannot
make a program open other addresses or files. Whatever the file, its SHA-256 must be the one in the bundle.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from emotiw.core import files
from emotiw.core.errors import BundleError, WeightsError
from emotiw.jobs import settings
from emotiw.prediction.bundle import Bundle
from emotiw.weights import acquisition, whisper_weights
from emotiw.weights.package_index import Tell, quietly

FETCHABLE = ("whisper_base",)


def arrays(bundle: Bundle, name: str, tell: Tell = quietly) -> tuple[str, dict[str, npt.NDArray[Any]]]:
    """Path of the file of weights that a bundle names, and its arrays.

    Parameters
    ----------
    bundle : Bundle
    name : str
        Key of the bundle's `weights`.
    tell : callable
        Called with (file, bytes so far, bytes in all or None) during a download.

    Raises
    ------
    BundleError
        If the bundle names weights that cannot be fetched.
    WeightsError
        If the weights are not on this machine and cannot be fetched.
    """
    record = bundle.about["weights"][name]["record"]
    expected = record.get("sha256")
    if name not in FETCHABLE or not isinstance(expected, str):
        raise BundleError(f"{bundle.folder}: has no file of {name!r}; expected one in it, or one of {FETCHABLE}")
    path = next(_found(name, expected), None) or _fetched(name, expected, tell)
    return str(path), dict(whisper_weights.read(path))


def folder() -> Path:
    """Folder of this user's fetched weights: emotiw/weights below XDG_CACHE_HOME, or below ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emotiw" / "weights"


def _found(name: str, expected: str) -> Iterator[Path]:
    """Files with the right content: of this user, of the working directory, and of the checkout."""
    for base in (folder(), Path("results/weights"), settings.ROOT / "results/weights"):
        for path in sorted(base.glob(f"{name}-*.safetensors")):
            if path.with_suffix(".json").is_file() and files.sha256(path) == expected:
                yield path


def _fetched(name: str, expected: str, tell: Tell) -> Path:
    output = folder() / f"{name}-{expected[:12]}.safetensors"
    chosen: Mapping[str, Any] = settings.read(settings.DEFAULTS)["weights"][name]
    whole = chosen["source"]["sha256"]
    try:
        subject, data = acquisition.original(chosen, whole, tell)
        about = acquisition.describe(whisper_weights.NAME, whisper_weights.LICENCE, chosen, whole)
        acquisition.write_arrays(output, output.with_suffix(".json"), whisper_weights.from_file(subject, data), about)
    except (WeightsError, OSError) as error:
        raise WeightsError(
            f"{name}: not on this machine, and it cannot be fetched ({error}); copy {output.name} and"
            f" {output.stem}.json into {output.parent} from that folder of a machine with access to the package index"
        ) from error
    if (found := files.sha256(output)) != expected:
        raise WeightsError(f"{output}: sha256 {found}, expected {expected}; the bundle was made with other weights")
    return output
