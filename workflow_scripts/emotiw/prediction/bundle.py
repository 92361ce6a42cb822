"""A trained system as a folder of safetensors, ONNX and JSON files: its index and the checks on it.

`bundle.json` lists every file with its size and SHA-256, and contains a SHA-256 of itself. No other file is opened, no
link is followed, nothing is unpickled. The checksums detect damage; they do not tell who made the bundle, so a bundle
that was made to deceive can still give wrong answers.
"""

import hashlib
import json
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from jsonschema import Draft202012Validator
from safetensors import SafetensorError, safe_open

from emotiw.core.errors import BundleError, ConfigError
from emotiw.core.html import resource
from emotiw.core.resources import RESOURCES
from emotiw.jobs import settings, stages
from emotiw.jobs.stage_row import Kind

FORMAT, VERSION = "emotiw-bundle", 3
READABLE = (2, 3)  # versions
INDEX = "bundle.json"
PEOPLE = RESOURCES / "people"  # the bundle that lies in the package
AGAIN = "copy the bundle anew, or export it again by running the workflow"
MAX_INDEX_BYTES = 1 << 26
SUFFIXES = (".safetensors", ".onnx", ".json")
# sections of the configuration that every prediction reads as a whole
SECTIONS = ("limits", "media", "faces")
# keys that a prediction reads of sections which hold choices of the run too
KEYS = {
    "audio": ("rate_hz", "silence_peak", "min_duration_s"),
    "video": ("subspace_rank", "regularisation", "polynomial_degree"),
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,127}")

Arrays = dict[str, npt.NDArray[Any]]
Shape = tuple[str | int, ...]


@dataclass(frozen=True)
class Bundle:
    """A checked index and the folder that it describes.

    Attributes
    ----------
    folder : Path
    about : dict
        The content of `bundle.json`, in the form of the newest version.
    """

    folder: Path
    about: dict[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of every posterior."""
        return tuple(self.about["classes"])

    @property
    def identity(self) -> str:
        """SHA-256 of the index, which identifies the whole bundle."""
        return str(self.about["sha256"])

    def section(self, name: str) -> dict[str, Any]:
        """Section of the configuration that the bundle was made with; a missing one raises a BundleError."""
        if name not in self.about["settings"]:
            raise BundleError(f"{self.folder / INDEX}: settings: lacks the section {name!r}; {AGAIN}")
        return dict(self.about["settings"][name])

    def path(self, name: str) -> Path:
        """Path of a file of the bundle; one that is not listed, or is reached by a link, raises a BundleError."""
        if name not in self.about["files"]:
            raise BundleError(f"{self.folder / INDEX}: uses {name!r}, which it does not list among its files; {AGAIN}")
        return _plain(self.folder, name)

    def data(self, name: str) -> bytes:
        """Bytes of a file, after a check of its size and checksum."""
        path, expected = self.path(name), self.about["files"][name]
        try:
            size = path.stat().st_size
            if size != expected["bytes"]:
                raise BundleError(f"{path}: has {size} bytes, expected {expected['bytes']}; {AGAIN}")
            content = path.read_bytes()
        except FileNotFoundError:
            raise BundleError(f"{path}: missing; {AGAIN}") from None
        except OSError as error:
            raise BundleError(f"{path}: cannot be read ({error.strerror}); {AGAIN}") from error
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 != expected["sha256"]:
            raise BundleError(f"{path}: sha256 {sha256}, expected {expected['sha256']}; it was altered: {AGAIN}")
        return content

    def arrays(self, name: str) -> Arrays:
        """Arrays of a safetensors file; they must be finite."""
        try:
            arrays = safetensors.numpy.load(self.data(name))
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise BundleError(f"{self.folder / name}: not a safetensors file ({error}); {AGAIN}") from error
        for key, values in arrays.items():
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                raise BundleError(f"{self.folder / name}: {key} holds NaN or infinity; {AGAIN}")
        return dict(arrays)

    def metadata(self, name: str) -> dict[str, Any]:
        """Metadata of a safetensors file, which the workflow wrote as JSON under the key `emotiw`."""
        try:
            with safe_open(self.path(name), "np") as stream:
                metadata = json.loads((stream.metadata() or {})["emotiw"], object_pairs_hook=_once)
        except (SafetensorError, OSError, ValueError, KeyError, RecursionError) as error:
            raise BundleError(f"{self.folder / name}: lacks its description ({error}); {AGAIN}") from error
        if not isinstance(metadata, dict):
            raise BundleError(f"{self.folder / name}: its description is no mapping; {AGAIN}")
        return metadata


def read(folder: Path) -> Bundle:
    """Read and check the index of a bundle.

    Raises
    ------
    BundleError
        If the folder or its index is missing, of another version, altered, or lists a forbidden file name.
    """
    path = folder / INDEX
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such folder; name one that holds {INDEX}, as results/<run>/bundle does")
    index = _index(path)
    found_format, found_version = index.get("format"), index.get("version")
    if found_format != FORMAT or found_version not in READABLE or not isinstance(found_version, int):
        raise BundleError(
            f"{path}: is {found_format!r} of version {found_version!r}, expected {FORMAT!r} of version "
            f"{' or '.join(map(str, READABLE))}; export the bundle again with this emotiw, or use the one that made it"
        )
    faults = sorted(_schema().iter_errors(index), key=str)
    if faults:
        where = ".".join(map(str, faults[0].absolute_path)) or "top level"
        raise BundleError(f"{path}: {where}: {faults[0].message[:300]}; {AGAIN}")
    if index["sha256"] != index_sha256(index):
        raise BundleError(f"{path}: altered since it was written (its own sha256 differs); {AGAIN}")
    for name in index["files"]:
        _plain(folder, name)
    index = index if index["version"] == VERSION else _upgraded(index)
    _check_settings(path, index["settings"])
    return Bundle(folder, index)


def default_folder() -> Path:
    """Bundle that lies in the package, trained on people of several corpora.

    Raises
    ------
    BundleError
        If the package was installed without it.
    """
    if not PEOPLE.is_dir():
        raise BundleError(f"{PEOPLE}: missing; install emotiw again, or name a bundle with --bundle")
    return PEOPLE


def sections(features: Iterable[str]) -> list[str]:
    """Sections of the configuration that computing built-in features reads; other names are ignored."""
    rows = [stages.ROWS[name] for name in features if name in stages.ROWS]
    settings_read = [name for row in rows if row.kind == Kind.FRAME_FEATURE for name in row.settings]
    return list(dict.fromkeys(name.partition(".")[0] for name in settings_read))


def index_sha256(index: Mapping[str, Any]) -> str:
    """SHA-256 of an index without its own `sha256`."""
    rest = {key: value for key, value in index.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def check_shapes(
    subject: str, arrays: Mapping[str, npt.NDArray[Any]], shapes: Mapping[str, Shape], sizes: dict[str, int]
) -> None:
    """Check the shapes of arrays; axes with the same name, also among `sizes`, must have the same size.

    Raises
    ------
    BundleError
        If an array is missing, not of floating point, or of another shape.
    """
    for name, expected in shapes.items():
        if name not in arrays:
            raise BundleError(f"{subject}: lacks {name}; {AGAIN}")
        shape = arrays[name].shape
        wanted = [sizes.get(axis, axis) if isinstance(axis, str) else axis for axis in expected]
        fits = len(shape) == len(wanted) and all(
            n > 0 if isinstance(size, str) else n == size for size, n in zip(wanted, shape, strict=True)
        )
        if not fits or arrays[name].dtype.kind != "f":
            raise BundleError(
                f"{subject}: {name} is {arrays[name].dtype} of {shape}, expected {tuple(wanted)}; {AGAIN}"
            )
        sizes.update((axis, n) for axis, n in zip(expected, shape, strict=True) if isinstance(axis, str))


def _index(path: Path) -> dict[str, Any]:
    try:
        if not stat.S_ISREG(path.lstat().st_mode) or path.stat().st_size > MAX_INDEX_BYTES:
            raise BundleError(f"{path}: not a regular file of at most {MAX_INDEX_BYTES} bytes; {AGAIN}")
        index = json.loads(path.read_bytes(), parse_constant=_no_constant, object_pairs_hook=_once)
    except FileNotFoundError:
        raise BundleError(f"{path}: missing; the folder is no bundle, or its export was cut short: {AGAIN}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path}: not readable as JSON ({error}); {AGAIN}") from error
    if not isinstance(index, dict):
        raise BundleError(f"{path}: holds {type(index).__name__}, expected a mapping; {AGAIN}")
    return index


def _upgraded(index: Mapping[str, Any]) -> dict[str, Any]:
    """Index of version 2, which can hold kernels of faces and networks of eGeMAPS only, in the form of version 3."""
    chosen, classifier = index["settings"], index["settings"]["video"]["combination"]["classifier"]
    members = [
        {
            **{key: value for key, value in member.items() if key != "networks"},
            "video": {name: {"classifier": classifier, **entry} for name, entry in member["video"].items()},
            "audio": {"egemaps": {"classifier": "blstm", "files": member["networks"]}} if member["networks"] else {},
        }
        for member in index["members"]
    ]
    features = {"video": index["features"], "audio": ["egemaps"]}
    names = (*SECTIONS, "embeddings", *sections([*features["video"], *features["audio"]]))
    kept = {name: chosen[name] for name in names if name in chosen}
    keys = {section: {key: chosen[section][key] for key in names} for section, names in KEYS.items()}
    return {**index, "settings": kept | keys, "features": features, "members": members, "columns": {}}


def _check_settings(path: Path, chosen: Mapping[str, Any]) -> None:
    """Check the sections of the configuration that the bundle holds; a run's other choices are not among them."""
    defaults = settings.read(settings.DEFAULTS)
    whole = {section: defaults[section] | chosen[section] for section in KEYS}
    try:
        settings.check_sections({**chosen, **whole})
    except ConfigError as error:
        raise BundleError(f"{path}: settings: {error}; {AGAIN}") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ValueError(
            f"{next(key for key in mapping if [name for name, _ in pairs].count(key) > 1)!r} is given twice"
        )
    return mapping


def _schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads(resource("bundle.schema.json")))


def _plain(folder: Path, name: str) -> Path:
    """Path of a file inside the folder, checked by its name and for links."""
    parts = PurePosixPath(name).parts
    if "\\" in name or not all(NAME.fullmatch(part) for part in parts) or "/".join(parts) != name:
        raise BundleError(f"{folder / INDEX}: lists {name!r}; refused, for a file must lie inside the bundle")
    if not name.endswith(SUFFIXES):
        raise BundleError(f"{folder / INDEX}: lists {name!r}; refused, expected one of {', '.join(SUFFIXES)}")
    path = folder
    for part in parts:
        path /= part
        if path.is_symlink():
            raise BundleError(f"{path}: a link; refused, for a file must lie inside the bundle: {AGAIN}")
    return path
