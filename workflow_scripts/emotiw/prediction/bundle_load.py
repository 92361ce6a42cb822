"""Load the recogniser of a bundle, the landmark model, and the functions that compute its face features."""

import importlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from emotiw.audio import egemaps
from emotiw.audio.blstm import BLSTM
from emotiw.core.errors import BundleError, FeatureError
from emotiw.fusion.schemes import AUTO, SCHEMES, Fusion
from emotiw.jobs import stages, store
from emotiw.prediction.bundle import AGAIN, Arrays, Bundle, Shape, check_shapes
from emotiw.prediction.recogniser import FeatureModel, Member, Network, Recogniser
from emotiw.statistics.standardisation import Scaler
from emotiw.video import alexnet, onnx_embedding
from emotiw.video.classifiers import Linear
from emotiw.video.kernels import MODELS, Reference, half_vectors
from emotiw.video.pca import PCA
from emotiw.weights import landmark_format, loading

Chips = npt.NDArray[np.uint8]
Describe = Callable[[Chips], npt.NDArray[np.float32]]
KERNELS = tuple(f"{model}_{name}" for model in MODELS for name in ("polynomial", "rbf"))


def recogniser(bundle: Bundle) -> Recogniser:
    """Recogniser with all members of a bundle.

    Raises
    ------
    BundleError
        If a file is missing or altered, or an array is not what the index says.
    """
    video = bundle.about["settings"]["video"]
    settings = {
        "rank": video["subspace_rank"],
        "regularisation": video["regularisation"],
        "degree": video["polynomial_degree"],
    }
    return Recogniser([_member(bundle, entry) for entry in bundle.about["members"]], settings)


def describers(bundle: Bundle) -> dict[str, Describe]:
    """Functions that compute each feature of the video system from aligned faces (n, height, width, 3).

    Raises
    ------
    BundleError, WeightsError
        If a network is missing, altered, or not what the index says.
    """
    return {name: _describer(bundle, name) for name in bundle.about["features"]}


def landmarks(bundle: Bundle) -> Any:
    """Landmark model, a `dlib.shape_predictor`; raises the errors of `describers`."""
    name = bundle.about["weights"]["landmarks"]["file"]
    arrays = bundle.arrays(name)
    if set(arrays) != {"dlib"} or arrays["dlib"].dtype != np.uint8:
        raise BundleError(f"{bundle.folder / name}: holds {', '.join(arrays)}, expected the bytes `dlib`; {AGAIN}")
    data = arrays["dlib"].tobytes()
    landmark_format.check(str(bundle.folder / name), data)
    with tempfile.NamedTemporaryFile(suffix=".dat") as stream:  # dlib reads files only
        stream.write(data)
        stream.flush()
        return loading.read_landmarks(Path(stream.name))


def _member(bundle: Bundle, entry: Mapping[str, Any]) -> Member:
    """Member that an entry of the index describes."""
    n_classes, subject = len(bundle.classes), f"{bundle.folder}: member {entry['fold']}"
    if entry["scheme"] not in (*SCHEMES, AUTO) or len(entry["weights"]) != n_classes:
        raise BundleError(f"{subject}: fusion {entry['scheme']!r} of {len(entry['weights'])} classes; {AGAIN}")
    if entry["video"] and set(entry["video"]) != set(bundle.about["features"]):
        raise BundleError(f"{subject}: features {', '.join(entry['video'])}; {AGAIN}")
    fusion = Fusion(entry["audio_scale"], entry["video_scale"], {entry["scheme"]: np.array(entry["weights"])})
    video = {name: _feature(bundle, feature) for name, feature in entry["video"].items()}
    networks = [_network(bundle, name) for name in entry["networks"]]
    return Member(entry["fold"], video, networks, fusion, entry["scheme"])


def _feature(bundle: Bundle, entry: Mapping[str, Any]) -> FeatureModel:
    """Models of the feature that an entry of a member describes."""
    arrays, subject = bundle.arrays(entry["file"]), str(bundle.folder / entry["file"])
    shapes: dict[str, Shape] = {
        "pca.mean": ("features",),
        "pca.components": ("d", "features"),
        "pca.variance": ("d",),
        "subspace": ("clips", "d", "rank"),
        "covariance": ("clips", "half"),
        "gaussian": ("clips", "half of more"),
    }
    for name in KERNELS:
        shapes |= {f"{name}.coefficients": ("clips", "classes"), f"{name}.intercept": ("classes",)}
    sizes = {"classes": len(bundle.classes)}
    check_shapes(subject, arrays, shapes, sizes)
    d = sizes["d"]
    if (sizes["half"], sizes["half of more"]) != (d * (d + 1) // 2, (d + 1) * (d + 2) // 2):
        raise BundleError(f"{subject}: logarithms are of another dimension than the {d} of the PCA; {AGAIN}")
    if missing := {f"{model}_rbf" for model in MODELS} - set(entry["gamma"]):
        raise BundleError(f"{subject}: no gamma of {', '.join(sorted(missing))}; {AGAIN}")
    vectors = {
        "subspace": half_vectors(P @ P.T for P in arrays["subspace"]),
        "covariance": arrays["covariance"],
        "gaussian": arrays["gaussian"],
    }
    return FeatureModel(
        PCA(*(arrays[f"pca.{name}"] for name in ("mean", "components", "variance"))),
        {name: Reference.of(values) for name, values in vectors.items()},
        entry["gamma"],
        {name: Linear(arrays[f"{name}.coefficients"], arrays[f"{name}.intercept"]) for name in KERNELS},
    )


def _network(bundle: Bundle, name: str) -> Network:
    subject, arrays, metadata = str(bundle.folder / name), bundle.arrays(name), bundle.metadata(name)
    try:
        constant, n = tuple(int(i) for i in metadata["constant"]), len(metadata["columns"])
        if tuple(metadata["classes"]) != bundle.classes:
            raise BundleError(f"{subject}: classes {', '.join(metadata['classes'])}, expected the index's; {AGAIN}")
        _check_columns(subject, metadata["columns"], bundle.about["settings"]["egemaps"])
        model = BLSTM(n, metadata["architecture"], len(bundle.classes), peepholes=bool(metadata["peepholes"]))
        names = ("scaler", "population") if metadata["normalise"] == "subject" else ("scaler",)
        check_shapes(subject, arrays, {f"{name}.{key}": (n,) for name in names for key in ("mean", "scale")}, {})
        scaler, *population = (Scaler(arrays.pop(f"{name}.mean"), arrays.pop(f"{name}.scale")) for name in names)
        _load(subject, model, arrays)
        scaler = replace(scaler, constant=constant)
        return Network(model.eval(), scaler, float(metadata["feature_clip"]), *population)
    except (KeyError, TypeError, ValueError, FeatureError) as error:
        raise BundleError(f"{subject}: not a network that emotiw has trained ({error}); {AGAIN}") from error


def _check_columns(subject: str, columns: list[str], settings: Mapping[str, Any]) -> None:
    if list(columns) != egemaps.columns(**settings):
        raise BundleError(f"{subject}: was trained on other columns than this version of openSMILE computes; {AGAIN}")


def _load(subject: str, model: nn.Module, arrays: Arrays) -> None:
    expected = {name: tuple(values.shape) for name, values in model.state_dict().items()}
    actual = {name: values.shape for name, values in arrays.items()}
    if actual != expected:
        differ = sorted(set(actual.items()) ^ set(expected.items()))
        raise BundleError(f"{subject}: {differ[0][0]} is not of the network that it describes; {AGAIN}")
    model.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in arrays.items()})


def _describer(bundle: Bundle, name: str) -> Describe:
    settings = bundle.about["settings"]
    if name in settings["embeddings"]:
        file = f"embeddings/{name}.onnx"
        bundle.data(file)
        return partial(
            onnx_embedding.embed, network=onnx_embedding.read(bundle.path(file), name, settings["embeddings"][name])
        )
    if (row := stages.ROWS.get(name)) and row.weights:
        return _alexnet(bundle, row.weights, settings[row.settings[0]])
    if row and row.describe:
        module, _, function = row.describe.partition(":")
        return partial(getattr(importlib.import_module(module), function), **settings[name])
    raise BundleError(f"{bundle.folder}: feature {name!r} is unknown; export the bundle again with this emotiw")


def _alexnet(bundle: Bundle, name: str, settings: Mapping[str, Any]) -> Describe:
    if name not in bundle.about["weights"]:
        raise BundleError(f"{bundle.folder}: lacks the weights {name!r}; {AGAIN}")
    file, layout = bundle.about["weights"][name]["file"], settings["layout"]
    arrays = loading.checked(str(bundle.folder / file), bundle.arrays(file), loading.ALEXNET_SHAPES[layout])
    model = alexnet.alexnet(arrays, layout=layout, layer=settings["layer"])
    dtype = np.dtype(settings["storage"])

    def describe(chips: Chips) -> npt.NDArray[np.float32]:
        values = alexnet.features(chips, model, batch_size=settings["batch_size"], crop=settings["crop"])
        return store.narrow(values, dtype).astype(np.float32)

    return describe
