"""Trained models of a run, found by what their files say of themselves, and written as files of a bundle."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import safe_open

from emotiw.core import files
from emotiw.core.errors import StoreError
from emotiw.core.status import Status
from emotiw.corpora.manifest import Manifest
from emotiw.evaluation.systems import System
from emotiw.jobs import gather, stages, store
from emotiw.video import image_sets, kernels
from emotiw.video.image_sets import Frames
from emotiw.video.pca import PCA, project

NETWORKS = ".safetensors"  # suffix of the files of BLSTMs
SHARED = ("pca", "kernels")  # kinds of files that all classifiers on kernels share
KINDS = {
    **dict.fromkeys(stages.classifiers("kernel_scores"), "classifier"),
    **dict.fromkeys(stages.classifiers("pooled_scores"), "pooled_classifier"),
}
AGAIN = "run the workflow again"

Key = tuple[str, str, str]  # fold, feature, and classifier, or kind of an artefact that all classifiers share


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


@dataclass(frozen=True)
class Models:
    """Files of trained models.

    Attributes
    ----------
    paths : mapping
        By fold, feature and classifier. Files that all classifiers share have their kind in its place.
    """

    paths: Mapping[Key, Sequence[Path]]

    @classmethod
    def of(cls, paths: Iterable[Path]) -> "Models":
        """Find out what each file holds: PCAs, kernels and classifiers by their stage, networks by their metadata.

        Raises
        ------
        StoreError
            If a file is missing or damaged, or of another kind.
        """
        found: dict[Key, list[Path]] = {}
        for path in paths:
            found.setdefault(_key(path), []).append(path)
        return cls(found)

    def artefact(self, key: Key, names: Iterable[str] | None = None) -> store.Artefact:
        """Artefact of a fold and feature, whole or the entries called `names`."""
        paths = self.paths.get(key, ())
        if len(paths) != 1:
            raise StoreError(f"bundle: {len(paths)} files of {'/'.join(key)}, expected one; {AGAIN}")
        return store.read(paths[0], KINDS.get(key[2], key[2]), names=names)


@dataclass(frozen=True)
class FoldModel:
    """Names of a trained model: fold, feature, and the system that it is a part of."""

    fold: str
    feature: str
    system: System

    def key(self, kind: str = "") -> Key:
        """Key of its files in `Models`, or of those of a kind that classifiers share."""
        return self.fold, self.feature, kind or self.system.classifier


@dataclass(frozen=True)
class Training:
    """What the models were trained on.

    Attributes
    ----------
    corpus : Manifest
    features : Path
        Folder that holds a folder for each feature.
    video : mapping
        Section `video` of the configuration, with the settings of the image sets.
    """

    corpus: Manifest
    features: Path
    video: Mapping[str, Any]


def write(writer: Writer, model: FoldModel, models: Models, training: Training) -> dict[str, Any] | None:
    """Write the files of a trained model and describe it as the index does; None if the fold has no such model.

    Raises
    ------
    StoreError
        If a file is missing or damaged.
    """
    described = WRITERS.get(model.system.classifier, _kernels)(writer, model, models, training)
    return None if described is None else {"classifier": model.system.classifier, **described}


def feature_arrays(projected: Mapping[str, Frames], pca: PCA, video: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays of a feature's file except those of the classifiers: the PCA and the models of image sets after it.

    The sets are those of the clips that the coefficients of the classifiers belong to.

    Subspaces are stored as bases (n, d, r), padded with zeros if one has fewer directions; logarithms as half vectors
    in float32.
    """
    vectors = kernels.training_vectors(projected, rank=video["subspace_rank"], regularisation=video["regularisation"])
    bases = [image_sets.linear_subspace(F, video["subspace_rank"]) for F in projected.values()]
    subspaces = np.zeros((len(bases), bases[0].shape[0], max(P.shape[1] for P in bases)))
    for stack, P in zip(subspaces, bases, strict=True):
        stack[:, : P.shape[1]] = P
    logs = {name: vectors[name].astype(np.float32) for name in ("covariance", "gaussian")}
    return {**{f"pca.{name}": values for name, values in vars(pca).items()}, "subspace": subspaces, **logs}


def _key(path: Path) -> Key:
    if path.suffix == NETWORKS:
        about = _metadata(path)[0]
        return about["fold"], about["feature"], "blstm"
    kind, expected = store.kind_of(path), (*SHARED, *dict.fromkeys(KINDS.values()))
    if kind not in expected:
        raise StoreError(f"{path}: is {kind!r}, expected one of {', '.join(expected)}; name the files of models only")
    stage = store.read(path, kind, names=()).stage
    return stage["fold"], stage["feature"], kind if kind in SHARED else stage["classifier"]


def _metadata(path: Path) -> tuple[dict[str, Any], bool]:
    """Read the description of a network, and whether the file holds one."""
    with safe_open(path, "np") as stream:
        return json.loads(stream.metadata()["emotiw"]), bool(len(stream.keys()))


def _kernels(writer: Writer, model: FoldModel, models: Models, training: Training) -> dict[str, Any] | None:
    fitted = models.artefact(model.key())
    clips = fitted.facts["clips"]
    if not clips:
        return None
    folder = training.features / model.feature
    source = gather.Source(folder, stream=model.system.modality)
    if set(gather.statuses(training.corpus, source, clips).values()) != {Status.OK}:
        raise StoreError(f"{folder}: clips of its classifier are not usable; {AGAIN}")
    pca = PCA(**models.artefact(model.key("pca")).entries["pca"].arrays)
    frames = gather.Arrays(training.corpus, source, clips)  # one clip at a time
    projected = {clip: project(frames[i], pca) for i, clip in enumerate(clips)}
    arrays = feature_arrays(projected, pca, training.video)
    for name, entry in fitted.entries.items():
        arrays |= {f"{name}.{part}": values for part, values in entry.arrays.items()}
    return {
        "file": writer.add(f"{model.fold}/{model.feature}.safetensors", safetensors.numpy.save(arrays)),
        "gamma": models.artefact(model.key("kernels"), ()).facts["gamma"],
        "selection": _selection(fitted),
    }


def _pooled(writer: Writer, model: FoldModel, models: Models, _: Training) -> dict[str, Any] | None:
    fitted = models.artefact(model.key())
    if not fitted.entries:
        return None
    data = safetensors.numpy.save(dict(fitted.entries["pooled"].arrays))
    file = writer.add(f"{model.fold}/{model.feature}.safetensors", data)
    return {"file": file, "selection": _selection(fitted)}


def _networks(writer: Writer, model: FoldModel, models: Models, _: Training) -> dict[str, Any] | None:
    """Copy the networks of a fold; those of a fold without a system of the modality are empty and left out."""
    paths = [path for path in models.paths.get(model.key(), ()) if _metadata(path)[1]]
    names = [writer.add(f"{model.fold}/{model.feature}/{path.name}", path.read_bytes()) for path in paths]
    return {"files": names} if names else None


def _average(_writer: Writer, _model: FoldModel, _models: Models, _training: Training) -> dict[str, Any]:
    return {}


def _selection(fitted: store.Artefact) -> dict[str, Any]:
    """Describe how the parameter of a classifier was selected: of the mean over its kernels, if it has several."""
    selection = fitted.facts["selection"]
    choices = selection["choices"]
    return {"criterion": selection["criterion"], **choices.get("mean", next(iter(choices.values())))}


WRITERS: Mapping[str, Callable[[Writer, FoldModel, Models, Training], dict[str, Any] | None]] = {
    **dict.fromkeys(stages.classifiers("pooled_scores"), _pooled),
    "blstm": _networks,
    "average": _average,
}  # of the classifiers that do not work on kernels
