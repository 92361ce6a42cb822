"""Export of a run as a bundle: its artefacts are copied file by file, the index last."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import safe_open

from emotiw.core import files
from emotiw.core.errors import StoreError
from emotiw.core.status import Status
from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import Fold
from emotiw.evaluation import systems
from emotiw.fusion import score_tables
from emotiw.jobs import gather, stages, store
from emotiw.prediction import bundle
from emotiw.video import image_sets, kernels
from emotiw.video.pca import PCA, project

Arrays = Mapping[str, npt.NDArray[Any]]

AVERAGING = (
    "one member a fold, each with its own calibration and fusion weights; a clip's posteriors are the mean of the "
    "members' posteriors. The metrics are of the members, each on clips that it was not trained on; their mean was "
    "not tested on anything"
)
SYNTHETIC = "trained on synthetic clips: a self-test of the system; its answers mean nothing for real people"
REAL = "probabilities are of the corpus's classes, balanced as it is; they are no measurement of what a person feels"
# of the corpora that the workflow knows; see README
CORPUS_LICENCES = {
    "demo": "public domain (NASA's portrait, synthetic voices)",
    "afew": "on request from its authors, research only",
    "savee": "on request from its authors, research only",
    "enterface": "on request from its authors, research only",
    "ravdess": "CC BY-NC-SA 4.0",
    "crema_d": "Open Database License (ODbL) 1.0",
    "meld": "GPL-3.0 (annotations); the clips under fair use",
}


@dataclass(frozen=True)
class Sources:
    """Files of a run that a bundle is made from.

    Attributes
    ----------
    fusion, pca, kernels, classifiers : sequence of Path
        Artefacts; the stage in each file names its fold and feature.
    networks : sequence of Path
        Weights of BLSTMs; the metadata of each file names its fold.
    features : Path
        Folder that holds a folder for each feature.
    weights : mapping of str to Path
        Files of the landmark model and of AlexNet by name; the record of each lies beside it.
    embeddings : mapping of str to Path
        ONNX files by name of the embedding.
    """

    fusion: Sequence[Path]
    pca: Sequence[Path]
    kernels: Sequence[Path]
    classifiers: Sequence[Path]
    networks: Sequence[Path]
    features: Path
    weights: Mapping[str, Path]
    embeddings: Mapping[str, Path]


@dataclass
class Writer:
    """Writes files of a bundle and records their sizes and hashes."""

    folder: Path
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, name: str, data: bytes) -> str:
        """Write a file; return its name."""
        files.write_atomic(self.folder / name, data)
        self.files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        return name


def write(
    folder: Path, corpus: Manifest, folds: Mapping[str, Fold], sources: Sources, about: Mapping[str, Any]
) -> None:
    """Write a bundle. The index is written last, so an interrupted export is not a valid bundle.

    Parameters
    ----------
    folder : Path
        Folder of the bundle.
    corpus, folds : Manifest, mapping of str to Fold
    sources : Sources
    about : mapping
        `config` (the whole configuration of the run), `metrics` (as written by `evaluate`) and `provenance`.

    Raises
    ------
    StoreError
        If an artefact is missing or damaged.
    """
    config, writer = about["config"], Writer(folder)
    features = systems.video_system(config["video"])
    shared = {"weights": dict(_weights(writer, sources)), "licences": _licences(corpus, sources)}
    for name, path in sources.embeddings.items():
        writer.add(f"embeddings/{name}.onnx", path.read_bytes())
    members = [_member(writer, corpus, fold, sources, about["config"]) for fold in folds.values()]
    subjects = {row.subject for row in corpus.rows if row.subject != row.clip}
    index = {
        "format": bundle.FORMAT,
        "version": bundle.VERSION,
        "run": config["run"],
        "classes": list(corpus.classes),
        "trained_on": {
            "corpus": corpus.corpus,
            "synthetic": corpus.synthetic,
            "n_clips": len(corpus.rows),
            "n_subjects": len(subjects) or None,
            "scheme": corpus.scheme,
            "note": SYNTHETIC if corpus.synthetic else REAL,
        },
        "settings": _settings(config, features),
        "features": list(features),
        "averaging": AVERAGING,
        "members": members,
        **shared,
        "metrics": _metrics(about["metrics"]),
        "provenance": about["provenance"],
        "files": writer.files,
    }
    files.write_json(folder / bundle.INDEX, index | {"sha256": bundle.index_sha256(index)})


def feature_arrays(sets: Mapping[str, npt.NDArray[Any]], pca: PCA, video: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays of a feature's file except those of the classifiers: the PCA and the models of the training clips.

    Subspaces are stored as bases (n, d, r), padded with zeros if one has fewer directions; logarithms as half vectors
    in float32.
    """
    projected = {clip: project(F, pca) for clip, F in sets.items()}
    vectors = kernels.training_vectors(projected, rank=video["subspace_rank"], regularisation=video["regularisation"])
    bases = [image_sets.linear_subspace(F, video["subspace_rank"]) for F in projected.values()]
    subspaces = np.zeros((len(bases), bases[0].shape[0], max(P.shape[1] for P in bases)))
    for stack, P in zip(subspaces, bases, strict=True):
        stack[:, : P.shape[1]] = P
    logs = {name: vectors[name].astype(np.float32) for name in ("covariance", "gaussian")}
    return {**{f"pca.{name}": values for name, values in vars(pca).items()}, "subspace": subspaces, **logs}


def _settings(config: Mapping[str, Any], features: Sequence[str]) -> dict[str, Any]:
    chosen = {name: config[name] for name in bundle.SECTIONS}
    embeddings = {name: section for name, section in config["embeddings"].items() if name in features}
    return chosen | {"embeddings": embeddings}


def _weights(writer: Writer, sources: Sources) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, path in sources.weights.items():
        data = path.read_bytes()
        if name == "landmarks":  # dlib's own format, carried as bytes
            data = safetensors.numpy.save({"dlib": np.frombuffer(data, np.uint8)})
        file = writer.add(f"weights/{name}.safetensors", data)
        yield name, {"file": file, "record": json.loads(path.with_suffix(".json").read_bytes())}


def _licences(corpus: Manifest, sources: Sources) -> dict[str, str]:
    records = {name: json.loads(path.with_suffix(".json").read_bytes()) for name, path in sources.weights.items()}
    return {
        "corpus": CORPUS_LICENCES.get(corpus.corpus, "unknown: supplied by the user"),
        **{name: str(record["licence"]) for name, record in records.items()},
        **{name: "unknown: supplied by the user" for name in sources.embeddings},
        "openSMILE": "research only (audEERING), needed to use the bundle",
    }


def _metrics(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Select the metrics that a bundle carries: those of its systems, of the fusion and of the networks."""
    kept = ("n", "accuracy", "accuracy_interval", "uar", "uar_interval", "confusion")
    parts = {
        part: {name: {key: values["systems"][name][key] for key in kept} for name in ("fusion", "video", "audio")}
        for part, values in metrics["parts"].items()
        if values["n_scored"]
    }
    return {"parts": parts, "fusion": metrics["fusion"], "networks": metrics["networks"]}


def _member(
    writer: Writer, corpus: Manifest, fold: Fold, sources: Sources, config: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the files of one fold's system and describe it."""
    (fused,) = _of_fold(sources.fusion, "scores", fold.name)
    video: dict[str, Any] = {}
    for feature in systems.video_system(config["video"]):
        description = _feature(writer, corpus, fold, feature, sources, config)
        video |= {feature: description} if description else {}
    complete = len(video) == len(systems.video_system(config["video"]))
    return {
        "fold": fold.name,
        "video": video if complete else {},
        "networks": list(_networks(writer, sources.networks, fold.name)),
        "scheme": fused.facts["scheme"],
        "weights": fused.facts["weights"][fused.facts["scheme"]],
        **{f"{name}_scale": 1 / fused.facts["temperatures"][name] for name in ("audio", "video")},
        "class_prior": score_tables.prior_of(corpus, fold).tolist(),
    }


def _feature(  # noqa: PLR0913, PLR0917 - the writer, and what identifies the file
    writer: Writer, corpus: Manifest, fold: Fold, feature: str, sources: Sources, config: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Write a feature's file and describe it; None if the fold has no training clips."""
    fitted = {}
    for kind, paths in (("pca", sources.pca), ("kernels", sources.kernels), ("classifier", sources.classifiers)):
        names = () if kind == "kernels" else None
        (fitted[kind],) = [
            artefact for artefact in _of_fold(paths, kind, fold.name, names) if artefact.stage["feature"] == feature
        ]
    clips = fitted["classifier"].facts["clips"]
    if not clips:
        return None
    entries = gather.load(corpus, sources.features / feature, "frame_features", clips)
    sets = {clip: entry.arrays["features"] for clip, entry in entries.items() if entry.status == Status.OK}
    if list(sets) != clips:
        raise StoreError(
            f"{sources.features / feature}: clips of its classifier are not usable; run the workflow again"
        )
    arrays = feature_arrays(sets, PCA(**fitted["pca"].entries["pca"].arrays), config["video"])
    for name, entry in fitted["classifier"].entries.items():
        arrays |= {f"{name}.{part}": values for part, values in entry.arrays.items()}
    return {
        "file": writer.add(f"{fold.name}/{feature}.safetensors", safetensors.numpy.save(arrays)),
        "gamma": fitted["kernels"].facts["gamma"],
        "selection": {
            "criterion": fitted["classifier"].facts["selection"]["criterion"],
            **fitted["classifier"].facts["selection"]["choices"]["mean"],
        },
    }


def _networks(writer: Writer, paths: Iterable[Path], fold: str) -> Iterator[str]:
    """Copy the networks of a fold; those of a fold without an audio system are empty and left out."""
    for path in paths:
        with safe_open(path, "np") as stream:
            metadata = json.loads(stream.metadata()["emotiw"])
            empty = not len(stream.keys())
        if metadata["fold"] == fold and not empty:
            yield writer.add(f"{fold}/blstm/{path.name}", path.read_bytes())


def _of_fold(
    paths: Iterable[Path], kind: str, fold: str, names: Iterable[str] | None = None
) -> Iterator[store.Artefact]:
    for path in paths:
        if store.read(path, kind, names=()).stage["fold"] == fold:
            yield store.read(path, kind, names=names)


def alexnet_name(feature: str) -> str | None:
    """Name of the network of a feature among the weights of a bundle; None if it has none."""
    return (stages.ROWS[feature].weights or None) if feature in stages.ROWS else None
