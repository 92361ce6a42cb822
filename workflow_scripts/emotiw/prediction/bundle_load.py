"""Load the recogniser of a bundle and the landmark model."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from emotiw.audio.blstm import BLSTM
from emotiw.core.errors import BundleError, FeatureError
from emotiw.fusion.schemes import AUTO, SCHEMES, Fusion
from emotiw.jobs import stages
from emotiw.jobs.features import MODALITIES
from emotiw.prediction.bundle import AGAIN, Arrays, Bundle, Shape, check_shapes
from emotiw.prediction.models import KernelModel, Model, Network, NetworkEnsemble, PooledModel, PosteriorAverage
from emotiw.prediction.recogniser import Member, Recogniser
from emotiw.scoring import fold_average
from emotiw.statistics.standardisation import Scaler
from emotiw.video.kernels import MODELS, Reference, half_vectors
from emotiw.video.linear import Linear
from emotiw.video.pca import PCA
from emotiw.weights import landmark_format, loading

KERNELS = tuple(f"{model}_{name}" for model in MODELS for name in ("polynomial", "rbf"))


def recogniser(bundle: Bundle) -> Recogniser:
    """Recogniser with all members of a bundle.

    Raises
    ------
    BundleError
        If a file is missing or altered, or an array is not what the index says.
    """
    if not any(bundle.about["features"].values()):
        raise BundleError(f"{bundle.folder}: has no feature, expected some of faces or of sound; {AGAIN}")
    for feature, columns in bundle.about["columns"].items():
        _check_columns(str(bundle.folder), feature, columns, bundle)
    scales = bundle.about.get("calibration", {}).get("scales", {})
    return Recogniser([_member(bundle, entry) for entry in bundle.about["members"]], scales)


def landmarks(bundle: Bundle) -> Any:
    """Landmark model, a `dlib.shape_predictor`; None if the bundle has no features of faces.

    Raises
    ------
    BundleError, WeightsError
        If the model is missing, altered, or not what the index says.
    """
    if not bundle.about["features"]["video"]:
        return None
    if "landmarks" not in bundle.about["weights"]:
        raise BundleError(f"{bundle.folder}: lacks the weights 'landmarks'; {AGAIN}")
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
    for modality in MODALITIES:
        found, expected = entry[modality], bundle.about["features"][modality]
        if found and set(found) != set(expected):
            wanted = ", ".join(expected) or "none"
            raise BundleError(f"{subject}: features {', '.join(found)}, expected {wanted}; {AGAIN}")
        if len(classifiers := sorted({model["classifier"] for model in found.values()})) > 1:
            raise BundleError(f"{subject}: {modality} by {' and '.join(classifiers)}, expected one classifier; {AGAIN}")
    weights, prior = {entry["scheme"]: np.array(entry["weights"])}, np.array(entry["class_prior"])
    scales = {entry["scheme"]: entry.get("fusion_scale", 1.0)}  # not in bundles of earlier versions of emotiw
    fusion = Fusion(entry["audio_scale"], entry["video_scale"], weights, prior=prior, fused_scales=scales)
    models = {name: _models(bundle, entry[name]) for name in MODALITIES}
    lacking = entry.get("lacking", {})
    if unknown := set().union(*lacking.values()) - set(bundle.classes):
        raise BundleError(f"{subject}: lacks {', '.join(sorted(unknown))}, expected classes of the bundle; {AGAIN}")
    return Member(entry["fold"], models["video"], models["audio"], fusion, entry["scheme"], _columns(bundle, lacking))


def _columns(bundle: Bundle, lacking: Mapping[str, list[str]]) -> dict[str, list[int]]:
    """Numbers of the classes that each modality of a member lacks."""
    return {modality: [bundle.classes.index(name) for name in names] for modality, names in lacking.items()}


def _models(bundle: Bundle, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Model]:
    """Model of each feature of a modality."""
    return {feature: LOADERS[entry["classifier"]](bundle, feature, entry) for feature, entry in entries.items()}


def _kernels(bundle: Bundle, _: str, entry: Mapping[str, Any]) -> KernelModel:
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
    video = bundle.about["settings"]["video"]
    return KernelModel(
        PCA(*(arrays[f"pca.{name}"] for name in ("mean", "components", "variance"))),
        {name: Reference.of(values) for name, values in vectors.items()},
        entry["gamma"],
        {name: Linear(arrays[f"{name}.coefficients"], arrays[f"{name}.intercept"]) for name in KERNELS},
        {
            "rank": video["subspace_rank"],
            "regularisation": video["regularisation"],
            "degree": video["polynomial_degree"],
        },
    )


def _pooled(bundle: Bundle, _: str, entry: Mapping[str, Any]) -> PooledModel:
    arrays, subject = bundle.arrays(entry["file"]), str(bundle.folder / entry["file"])
    shapes: dict[str, Shape] = dict.fromkeys(("mean", "scale", "population_mean", "population_scale"), ("values",))
    shapes |= {"coefficients": ("values", "classes"), "intercept": ("classes",)}
    check_shapes(subject, arrays, shapes, {"classes": len(bundle.classes)})
    if arrays["mean"].size % 2:
        raise BundleError(f"{subject}: mean has {arrays['mean'].size} values, expected an even number; {AGAIN}")
    for name in ("scale", "population_scale"):
        if not (arrays[name] > 0).all():
            raise BundleError(f"{subject}: {name} has values that are not positive; {AGAIN}")
    return PooledModel.of(arrays)


def _networks(bundle: Bundle, feature: str, entry: Mapping[str, Any]) -> NetworkEnsemble:
    networks = [_network(bundle, feature, name) for name in entry["files"]]
    if len({network.scaler.mean.size for network in networks}) > 1:
        raise BundleError(f"{bundle.folder}: networks of {feature} differ in their numbers of inputs; {AGAIN}")
    return NetworkEnsemble(networks)


def _network(bundle: Bundle, feature: str, name: str) -> Network:
    subject, arrays, metadata = str(bundle.folder / name), bundle.arrays(name), bundle.metadata(name)
    try:
        n = int(np.size(arrays["scaler.mean"]))
        constant = tuple(range(n)[i] for i in metadata["constant"])
        if tuple(metadata["classes"]) != bundle.classes:
            raise BundleError(f"{subject}: classes {', '.join(metadata['classes'])}, expected the index's; {AGAIN}")
        _check_columns(subject, feature, metadata.get("columns"), bundle)
        model = BLSTM(n, metadata["architecture"], len(bundle.classes), peepholes=bool(metadata["peepholes"]))
        names = ("scaler", "population") if metadata["normalise"] == "subject" else ("scaler",)
        check_shapes(subject, arrays, {f"{name}.{key}": (n,) for name in names for key in ("mean", "scale")}, {})
        scaler, *population = (Scaler(arrays.pop(f"{name}.mean"), arrays.pop(f"{name}.scale")) for name in names)
        _load(subject, model, arrays)
        scaler = replace(scaler, constant=constant)
        return Network(model.eval(), scaler, float(metadata["feature_clip"]), *population)
    except (LookupError, TypeError, ValueError, FeatureError) as error:
        raise BundleError(f"{subject}: not a network that emotiw has trained ({error}); {AGAIN}") from error


def _average(bundle: Bundle, feature: str, _: Mapping[str, Any]) -> PosteriorAverage:
    columns = bundle.about["columns"].get(feature, [])
    aligned = partial(fold_average.aligned, columns=columns, classes=bundle.classes, feature=feature)
    try:
        aligned(np.ones((1, len(columns))))
    except FeatureError as error:
        raise BundleError(f"{bundle.folder}: {error}; {AGAIN}") from error
    return PosteriorAverage(len(columns), aligned)


# by classifier: (bundle, feature, entry of the index) -> model
LOADERS: Mapping[str, Callable[[Bundle, str, Mapping[str, Any]], Model]] = {
    **dict.fromkeys(stages.classifiers("kernel_scores"), _kernels),
    **dict.fromkeys(stages.classifiers("pooled_scores"), _pooled),
    "blstm": _networks,
    "average": _average,
}


def _check_columns(subject: str, feature: str, columns: Any, bundle: Bundle) -> None:
    """Check the names of a feature's values, which another version of openSMILE may give in another order."""
    if feature != "egemaps":
        return
    from emotiw.audio import egemaps  # noqa: PLC0415 - openSMILE imports pandas, which no other feature needs

    if list(columns) != egemaps.columns(**bundle.section("egemaps")):
        raise BundleError(f"{subject}: was trained on other columns than this version of openSMILE computes; {AGAIN}")


def _load(subject: str, model: nn.Module, arrays: Arrays) -> None:
    expected = {name: tuple(values.shape) for name, values in model.state_dict().items()}
    actual = {name: values.shape for name, values in arrays.items()}
    if actual != expected:
        differ = sorted(set(actual.items()) ^ set(expected.items()))
        raise BundleError(f"{subject}: {differ[0][0]} is not of the network that it describes; {AGAIN}")
    model.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in arrays.items()})
