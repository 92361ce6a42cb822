"""Export of a run as a bundle: its artefacts are copied file by file, the index last."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from emotiw.core import files
from emotiw.corpora import manifest as manifests
from emotiw.corpora import seen, splits
from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import EVERYTHING, Fold
from emotiw.jobs import store
from emotiw.jobs.features import MODALITIES
from emotiw.jobs.gather import Source
from emotiw.prediction import bundle, bundle_models, bundle_training, card, novelty_threshold, strangers
from emotiw.prediction.bundle_contents import ONNX, Contents
from emotiw.prediction.bundle_models import FoldModel, Models, Training, Writer
from emotiw.weights import half_precision

AVERAGING = (
    "one member a fold, each with its own calibration and fusion weights; a clip's posteriors are the mean of the "
    "members' posteriors. The metrics are of the members, each on clips that it was not trained on; their mean was "
    "not tested on anything"
)
ONE_MEMBER = (
    "one member, trained on nearly all clips of the corpora; it was not tested on anything. The metrics are of other "
    "models by the same recipe, each on clips that it was not trained on"
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
    "dfew": "on request from its authors, research only",
    "nemo": "CC BY-NC-SA 4.0",
    "javanese": "MIT",
    "meld": "GPL-3.0 (annotations); the clips under fair use",
}


@dataclass(frozen=True)
class Sources:
    """Files of a run that a bundle is made from.

    Attributes
    ----------
    fusion : sequence of Path
        Score tables of the fusion, one a fold.
    models : Models
        Trained models of both modalities.
    features : Path
        Folder that holds a folder for each feature.
    weights : mapping of str to Path
        Files of the landmark model and of the features' networks by name; the record of each lies beside it.
    embeddings : mapping of str to Path
        ONNX files by name of the embedding.
    strangers : sequence of Path
        Score tables of the folds that were tested, whose clips calibrate the one member `everything`; else empty.
    """

    fusion: Sequence[Path]
    models: Models
    features: Path
    weights: Mapping[str, Path]
    embeddings: Mapping[str, Path]
    strangers: Sequence[Path] = ()


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
    ConfigError
        If a feature of the fused systems cannot be computed for new clips.
    StoreError
        If an artefact is missing or damaged.
    """
    config, writer, contents = about["config"], Writer(folder), contents_of(corpus, about["config"])
    contents.check()
    shared = {
        "weights": dict(_weights(writer, sources, config["bundle"]["fetched"])),
        "licences": _licences(corpus, sources, contents),
    }
    for name, path in sources.embeddings.items():
        writer.add(f"embeddings/{name}.onnx", path.read_bytes())
    training = Training(corpus, sources.features, config["video"])
    members = [_member(writer, fold, sources, training, contents) for fold in folds.values()]
    trained = {clip for fold in folds.values() for clip in (*fold.train, *fold.val)}
    rows = [row for row in corpus.rows if row.clip in trained]
    bundle_training.write(writer, rows, seen.population(config["corpus"], config["run"]))
    subjects = {row.subject for row in rows if row.subject != row.clip}
    trained_on = {
        "corpus": " + ".join(dict.fromkeys(row.corpus for row in rows if row.corpus)) or corpus.corpus,
        "synthetic": corpus.synthetic,
        "n_clips": len(rows),
        "n_subjects": len(subjects) or None,
        "scheme": corpus.scheme,
        "note": SYNTHETIC if corpus.synthetic else REAL,
    }
    index = {
        "format": bundle.FORMAT,
        "version": bundle.VERSION,
        "run": config["run"],
        "classes": list(corpus.classes),
        "trained_on": trained_on,
        "settings": _settings(contents),
        "features": {modality: [] for modality in MODALITIES}
        | {system.modality: list(system.features) for system in contents.systems()},
        "columns": dict(_columns(corpus, sources, contents)),
        "averaging": ONE_MEMBER if list(folds) == [EVERYTHING] else AVERAGING,
        "members": members,
        **shared,
        **_calibration(corpus, sources.strangers, config["bundle"]["min_accuracy"]),
        **_novelty(corpus, sources, contents),
        **(
            {"card": card.of_left_out(config["run"], trained_on, about["metrics"]["corpora"])}
            if sources.strangers and "corpora" in about["metrics"]
            else {}
        ),
        "metrics": _metrics(about["metrics"]),
        "provenance": about["provenance"],
        "files": writer.files,
    }
    files.write_json(folder / bundle.INDEX, index | {"sha256": bundle.index_sha256(index)})


def contents_of(corpus: Manifest, config: Mapping[str, Any]) -> Contents:
    """Find out what the bundle of a run holds."""
    return Contents(config, tuple(modality for modality, jobs in corpus.jobs_with.items() if jobs))


def _settings(contents: Contents) -> dict[str, Any]:
    """Part of the configuration that a prediction reads."""
    config = contents.config
    embeddings = {section: contents.embeddings(section) for section in ONNX.values()}
    sections = bundle.sections(feature.stage for feature in contents.features())
    chosen = {name: config[name] for name in (*bundle.SECTIONS, *sections)}
    keys = {section: {key: config[section][key] for key in names} for section, names in bundle.KEYS.items()}
    return chosen | keys | embeddings


def _columns(corpus: Manifest, sources: Sources, contents: Contents) -> Iterator[tuple[str, list[str]]]:
    """Names of the values of each feature that has names, as its files hold them."""
    for feature in contents.features():
        facts = Source(sources.features / feature.name, stream=feature.stream).facts(corpus)
        if "columns" in facts:
            yield feature.name, facts["columns"]


def _calibration(corpus: Manifest, tables: Sequence[Path], accuracy: float) -> dict[str, Any]:
    """Calibration by corpora that were left out, if the one member of the bundle was not tested on anything itself."""
    if not tables:
        return {}
    read = [store.read(path, "scores", names=("fusion",)) for path in tables]
    clips = strangers.tested(corpus, splits.tested(manifests.folds(corpus)), read)
    return {"calibration": strangers.calibration(clips, accuracy)}


def _novelty(corpus: Manifest, sources: Sources, contents: Contents) -> dict[str, Any]:
    """Distances, by modality, from which on a clip is unlike the training clips; of systems with one feature."""
    if not sources.strangers:
        return {}
    folds, found = splits.tested(manifests.folds(corpus)), {}
    for system in contents.systems():
        if len(system.features) == 1:
            source = Source(sources.features / system.features[0], stream=system.modality)
            found[system.modality] = novelty_threshold.of_left_out(corpus, folds, sources.models, source, system)
    return {"novelty": {modality: about for modality, about in found.items() if about}}


def _weights(writer: Writer, sources: Sources, fetched: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Write the weights, but for those that a prediction fetches, and describe them."""
    for name, path in sources.weights.items():
        data = path.read_bytes()
        record = json.loads(path.with_suffix(".json").read_bytes())
        if name in fetched:
            yield name, {"file": None, "record": record}
            continue
        if name == "landmarks":  # dlib's own format, carried as bytes
            data = safetensors.numpy.save({"dlib": np.frombuffer(data, np.uint8)})
        elif name == "expression":
            data = safetensors.numpy.save(half_precision.narrowed(safetensors.numpy.load(data)))
        yield name, {"file": writer.add(f"weights/{name}.safetensors", data), "record": record}


def _licences(corpus: Manifest, sources: Sources, contents: Contents) -> dict[str, str]:
    records = {name: json.loads(path.with_suffix(".json").read_bytes()) for name, path in sources.weights.items()}
    opensmile = {"openSMILE": "research only (audEERING), needed to use the bundle"}
    return {
        "corpus": _corpus_licence(corpus, contents.config["corpora"]),
        # a network that emotiw trained elsewhere says in its origin what it may be used for
        **{
            name: str(record.get("origin", record).get("licence", record["licence"]))
            for name, record in records.items()
        },
        **{name: "unknown: supplied by the user" for name in sources.embeddings},
        **(opensmile if any(feature.name == "egemaps" for feature in contents.features()) else {}),
    }


def _corpus_licence(corpus: Manifest, corpora: Mapping[str, Any] | None) -> str:
    """Licence of the corpus; of several, that of each entry with its name."""
    unknown = "unknown: supplied by the user"
    if not corpora:
        return CORPUS_LICENCES.get(corpus.corpus, unknown)
    return "; ".join(f"{name}: {CORPUS_LICENCES.get(corpora[name]['kind'], unknown)}" for name in corpora)


def _metrics(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Select the metrics that a bundle carries: those of its systems, of the fusion and of the networks."""
    kept = ("n", "accuracy", "accuracy_interval", "uar", "uar_interval", "confusion")
    parts = {
        part: {name: {key: values["systems"][name][key] for key in kept} for name in ("fusion", "video", "audio")}
        for part, values in metrics["parts"].items()
        if values["n_scored"]
    }
    return {"parts": parts, "fusion": metrics["fusion"], "networks": metrics["networks"]}


def _member(writer: Writer, fold: Fold, sources: Sources, training: Training, contents: Contents) -> dict[str, Any]:
    """Write the files of one fold's system and describe it."""
    (table,) = (artefact for artefact in map(_fusion, sources.fusion) if artefact.stage["fold"] == fold.name)
    models: dict[str, Any] = {modality: {} for modality in MODALITIES}
    for system in contents.systems():
        fitted = [FoldModel(fold.name, feature, system) for feature in system.features]
        described = {model.feature: bundle_models.write(writer, model, sources.models, training) for model in fitted}
        models[system.modality] = described if all(described.values()) else {}
    lacking = {name: names for name, names in table.facts["lacking"].items() if names}
    return {
        "fold": fold.name,
        **models,
        "scheme": table.facts["scheme"],
        # the product rule has none; windows of one modality need their number
        "weights": table.facts["weights"].get(table.facts["scheme"], [0.5] * len(training.corpus.classes)),
        **{f"{name}_scale": 1 / table.facts["temperatures"][name] for name in ("audio", "video")},
        "fusion_scale": 1 / table.facts["fused_temperatures"][table.facts["scheme"]],
        "class_prior": table.facts["prior"],
        **({"lacking": lacking} if lacking else {}),
    }


def _fusion(path: Path) -> store.Artefact:
    return store.read(path, "scores", names=())
