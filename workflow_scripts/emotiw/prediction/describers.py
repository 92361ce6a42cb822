"""Functions that compute the features of a bundle from aligned faces and from sound.

A feature that one function computes without weights names this function in its row of `jobs.stages`. A network whose
weights a bundle carries has an entry in `FACE_NETWORKS` or `SOUND_NETWORKS`.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from emotiw.audio import whisper
from emotiw.audio.sound import Floats
from emotiw.core.errors import BundleError, WeightsError
from emotiw.jobs import stages, store
from emotiw.jobs.stage_row import StageRow
from emotiw.prediction import fetched_weights
from emotiw.prediction.bundle import AGAIN, Arrays, Bundle
from emotiw.video import alexnet, expression_features, expression_posteriors
from emotiw.weights import expression_weights, half_precision, loading, whisper_weights
from emotiw.weights.package_index import Tell, quietly

Chips = npt.NDArray[np.uint8]
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Carried:
    """Weights that a bundle carries: name and arrays of their file, and their record."""

    subject: str
    arrays: Arrays
    record: Mapping[str, Any]


DescribeFaces = Callable[[Chips], Floats]  # aligned faces (n, height, width, 3) -> (n, n_values)
DescribeSound = Callable[[Floats], store.Arrays]  # waveform -> `features` (n_frames, n_values) and `time` (n_frames,)


def of_faces(bundle: Bundle) -> dict[str, DescribeFaces]:
    """Functions that compute each feature of the video system.

    Raises
    ------
    BundleError, WeightsError
        If a feature is unknown, or if a network is missing, altered, or not what the index says.
    """
    return {name: _of_faces(bundle, name) for name in bundle.about["features"]["video"]}


def of_sound(bundle: Bundle, tell: Tell = quietly) -> dict[str, DescribeSound]:
    """Functions that compute each feature of the audio system; errors as in `of_faces`.

    `tell` is called during the download of weights that the bundle names and this machine lacks.
    """
    return {name: _of_sound(bundle, name, tell) for name in bundle.about["features"]["audio"]}


def of_sound_if_found(bundle: Bundle, tell: Tell = quietly) -> tuple[dict[str, DescribeSound], dict[str, str]]:
    """`of_sound`, or no functions and the reason by modality, where faces can be judged without weights that lack."""
    try:
        return of_sound(bundle, tell), {}
    except WeightsError as error:
        named = any(about["file"] is None for about in bundle.about["weights"].values())
        if not named or not bundle.about["features"]["video"]:
            raise
        return {}, {"audio": str(error)}


def _of_faces(bundle: Bundle, name: str) -> DescribeFaces:
    if settings := _onnx(bundle, "embeddings", name):
        from emotiw.video import onnx_embedding  # noqa: PLC0415 - the packages of ONNX take 0.2 s to import

        return partial(onnx_embedding.embed, network=onnx_embedding.read(_onnx_file(bundle, name), name, settings))
    row = _row(bundle, name, "faces")
    if row.weights:
        return FACE_NETWORKS[row.program or row.name](_carried(bundle, row.weights), _settings(bundle, row))
    return partial(_function(row.describe), **_settings(bundle, row))


def _of_sound(bundle: Bundle, name: str, tell: Tell) -> DescribeSound:
    if settings := _onnx(bundle, "sound_embeddings", name):
        if settings.get("level") != "frame":
            raise BundleError(f"{bundle.folder}: {name} describes whole clips, expected a feature of frames; {AGAIN}")
        return _sound_embedding(_onnx_file(bundle, name), name, settings)
    row = _row(bundle, name, "audio")
    if row.weights:
        return SOUND_NETWORKS[row.program or row.name](_carried(bundle, row.weights, tell), _settings(bundle, row))
    frames = partial(_function(row.describe), **_settings(bundle, row))
    return lambda waveform: _timed(*frames(waveform))


def _row(bundle: Bundle, name: str, source: str) -> StageRow:
    """Row of a built-in feature of `faces` or `audio` that can be computed for new clips."""
    row = stages.ROWS.get(name)
    if row is None or row.source != source or not (row.describe or row.weights):
        raise BundleError(
            f"{bundle.folder}: feature {name!r} of {source} is unknown; export the bundle again with this emotiw"
        )
    return row


def _settings(bundle: Bundle, row: StageRow) -> Settings:
    return bundle.section(row.settings[0].partition(".")[0])


def _onnx(bundle: Bundle, section: str, name: str) -> Settings:
    """Look up the settings of a network in an ONNX file; empty if the section has no network of this name."""
    networks: Mapping[str, Settings] = bundle.about["settings"].get(section, {})
    return networks.get(name, {})


def _onnx_file(bundle: Bundle, name: str) -> Path:
    file = f"embeddings/{name}.onnx"
    bundle.data(file)
    return bundle.path(file)


def _carried(bundle: Bundle, name: str, tell: Tell = quietly) -> Carried:
    if name not in bundle.about["weights"]:
        raise BundleError(f"{bundle.folder}: lacks the weights {name!r}; {AGAIN}")
    about = bundle.about["weights"][name]
    if about["file"] is None:
        return Carried(*fetched_weights.arrays(bundle, name, tell), about["record"])
    arrays = half_precision.widened(bundle.arrays(about["file"]))
    return Carried(str(bundle.folder / about["file"]), arrays, about["record"])


def _function(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def _alexnet(weights: Carried, settings: Settings) -> DescribeFaces:
    layers = loading.checked(weights.subject, weights.arrays, loading.ALEXNET_SHAPES[settings["layout"]])
    model = alexnet.alexnet(layers, layout=settings["layout"], layer=settings["layer"])
    ready = alexnet.on_device(model, torch.device("cpu"), settings.get("precision", "float32"))
    compute = partial(alexnet.features, model=ready, batch_size=settings["batch_size"], crop=settings["crop"])
    return lambda chips: _stored(compute(chips), settings["storage"])


def _expression(weights: Carried, settings: Settings) -> DescribeFaces:
    arrays, size = expression_weights.checked(weights.subject, weights.arrays, weights.record)
    compute = expression_features.describer(arrays, size, settings, torch.device("cpu"))
    return lambda chips: _stored(compute(chips), settings["storage"])


def _expression_posteriors(weights: Carried, settings: Settings) -> DescribeFaces:
    compute = _expression(weights, settings)
    return lambda chips: expression_posteriors.posteriors(compute(chips), weights.arrays, settings["head"])


def _whisper(weights: Carried, settings: Settings) -> DescribeSound:
    model = whisper.encoder(whisper_weights.checked(weights.subject, weights.arrays))
    chosen = {name: value for name, value in settings.items() if name != "storage"}

    def describe(waveform: Floats) -> store.Arrays:
        times, values = whisper.heard_frames(waveform, model, **chosen)
        return _timed(times, _stored(values, settings["storage"]))

    return describe


def _sound_embedding(path: Path, name: str, settings: Settings) -> DescribeSound:
    from emotiw.audio import onnx_sound  # noqa: PLC0415 - as above

    network = onnx_sound.read(path, name, settings)

    def describe(waveform: Floats) -> store.Arrays:
        arrays = onnx_sound.features(waveform, network)
        return _timed(arrays["time"], _stored(arrays["features"], network.settings["storage"]))

    return describe


# by program of the feature: (weights, settings of the feature) -> function
FACE_NETWORKS: Mapping[str, Callable[[Carried, Settings], DescribeFaces]] = {
    "cnn": _alexnet,
    "expression": _expression,
    "expression_posteriors": _expression_posteriors,
}
SOUND_NETWORKS: Mapping[str, Callable[[Carried, Settings], DescribeSound]] = {"whisper": _whisper}


def _timed(times: npt.NDArray[np.float64], values: Floats) -> store.Arrays:
    return {"features": values, "time": times}


def _stored(values: Floats, storage: str) -> Floats:
    """Values as the workflow reads them from its files."""
    return store.narrow(values, np.dtype(storage)).astype(np.float32)
