"""Functions that compute the features of a bundle from aligned faces and from sound.

A feature that one function computes without weights names this function in its row of `jobs.stages`. A network whose
weights a bundle carries has an entry in `FACE_NETWORKS` or `SOUND_NETWORKS`.
"""

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.audio import whisper
from emotiw.audio.sound import Floats
from emotiw.core.errors import BundleError
from emotiw.jobs import stages, store
from emotiw.jobs.stage_row import StageRow
from emotiw.prediction.bundle import AGAIN, Arrays, Bundle
from emotiw.video import alexnet, onnx_embedding
from emotiw.weights import loading, whisper_weights

Chips = npt.NDArray[np.uint8]
Settings = Mapping[str, Any]
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


def of_sound(bundle: Bundle) -> dict[str, DescribeSound]:
    """Functions that compute each feature of the audio system; errors as in `of_faces`."""
    return {name: _of_sound(bundle, name) for name in bundle.about["features"]["audio"]}


def _of_faces(bundle: Bundle, name: str) -> DescribeFaces:
    networks: Mapping[str, Settings] = bundle.about["settings"].get("embeddings", {})
    if name in networks:
        file = f"embeddings/{name}.onnx"
        bundle.data(file)
        return partial(onnx_embedding.embed, network=onnx_embedding.read(bundle.path(file), name, networks[name]))
    row = _row(bundle, name, "faces")
    if row.weights:
        return FACE_NETWORKS[row.program or row.name](*_with_weights(bundle, row))
    return partial(_function(row.describe), **_settings(bundle, row))


def _of_sound(bundle: Bundle, name: str) -> DescribeSound:
    row = _row(bundle, name, "audio")
    if row.weights:
        return SOUND_NETWORKS[row.program or row.name](*_with_weights(bundle, row))
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


def _with_weights(bundle: Bundle, row: StageRow) -> tuple[str, Arrays, Settings]:
    """Name and arrays of the weights' file of a feature, and the feature's settings."""
    if row.weights not in bundle.about["weights"]:
        raise BundleError(f"{bundle.folder}: lacks the weights {row.weights!r}; {AGAIN}")
    file = bundle.about["weights"][row.weights]["file"]
    return str(bundle.folder / file), bundle.arrays(file), _settings(bundle, row)


def _function(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def _alexnet(subject: str, arrays: Arrays, settings: Settings) -> DescribeFaces:
    layers = loading.checked(subject, arrays, loading.ALEXNET_SHAPES[settings["layout"]])
    model = alexnet.alexnet(layers, layout=settings["layout"], layer=settings["layer"])
    compute = partial(alexnet.features, model=model, batch_size=settings["batch_size"], crop=settings["crop"])
    return lambda chips: _stored(compute(chips), settings["storage"])


def _whisper(subject: str, arrays: Arrays, settings: Settings) -> DescribeSound:
    model = whisper.encoder(whisper_weights.checked(subject, arrays))
    chosen = {name: value for name, value in settings.items() if name != "storage"}

    def describe(waveform: Floats) -> store.Arrays:
        times, values = whisper.frames(waveform, model, **chosen)
        return _timed(times, _stored(values, settings["storage"]))

    return describe


# by program of the feature: (name of the weights' file, its arrays, settings of the feature) -> function
FACE_NETWORKS: Mapping[str, Callable[[str, Arrays, Settings], DescribeFaces]] = {"cnn": _alexnet}
SOUND_NETWORKS: Mapping[str, Callable[[str, Arrays, Settings], DescribeSound]] = {"whisper": _whisper}


def _timed(times: npt.NDArray[np.float64], values: Floats) -> store.Arrays:
    return {"features": values, "time": times}


def _stored(values: Floats, storage: str) -> Floats:
    """Values as the workflow reads them from its files."""
    return store.narrow(values, np.dtype(storage)).astype(np.float32)
