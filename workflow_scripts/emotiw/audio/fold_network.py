"""Training of one network of a fold, from stored frame features to weights and frame posteriors."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from safetensors.torch import save

from emotiw.audio import blstm, training
from emotiw.audio.training import Clips, Recipe, Session, Trained
from emotiw.core.status import Status
from emotiw.corpora import manifest, splits
from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import SPLITS, Fold
from emotiw.jobs.store import Artefact, Entry
from emotiw.statistics import absent_classes, selection_record, standardisation
from emotiw.statistics.standardisation import Array, Scaler

BY_SUBJECT = "subject"  # value of `blstm.normalise`
NO_RESULTS: dict[str, Any] = {"validation": None, "best_epoch": None, "improved": None, "history": []}


@dataclass(frozen=True)
class FoldNetwork:
    """A network of a fold, as it is written.

    Attributes
    ----------
    model : bytes
        Weights and standardisation in the safetensors format; its metadata describe the network.
    entries : list of Entry
        Frame posteriors of every usable clip of the fold, the status of the others; empty without a network.
    facts : dict
        Identity of the network, its training, its clips and the ledger records.
    """

    model: bytes
    entries: list[Entry]
    facts: dict[str, Any]


def train(
    corpus: Manifest, stage: Mapping[str, Any], entries: Mapping[str, Entry], scaler: Artefact, session: Session
) -> FoldNetwork:
    """Train a network on a fold.

    The network judges among the classes that have a usable training clip; the posteriors of the others are 0. A fold
    with fewer than two such classes, or without a usable validation clip of them for early stopping, gets no network.
    Its clips are then predicted from the other modality alone.

    Parameters
    ----------
    corpus : Manifest
        Labels and subjects of the clips.
    stage : mapping
        Identity of the stage: `fold`, `modality`, `feature`, `architecture`, `repeat`, `seed`, and `settings` with
        section `blstm`.
    entries : mapping of str to Entry
        Frame features of the fold's clips.
    scaler : Artefact
        Standardisation of the fold (`fold_scaler.fit`).
    session : Session
        Seed and device of the training, and callable for lines of progress. Posteriors are always computed on the CPU,
        as a bundle computes them.
    """
    settings, fold = stage["settings"]["blstm"], manifest.fold(corpus, stage["fold"])
    system = f"{stage['modality']}/{stage['feature']}/blstm"
    facts = network_facts(stage, corpus.classes)
    description = facts | {key: scaler.facts[key] for key in ("columns", "constant")} | settings
    metadata = {"emotiw": json.dumps(description, sort_keys=True)}
    usable = [entry for entry in entries.values() if entry.status == Status.OK]
    labels = {entry.name: corpus.row_of_clip[entry.name].label for entry in usable}
    in_training = {labels[clip] for clip in fold.train if clip in labels}
    facts["lacking"] = splits.lacking(in_training, corpus.classes)
    of = absent_classes.present(in_training, corpus.classes)
    if not of or all(labels.get(clip) in (None, *facts["lacking"]) for clip in fold.val):
        facts |= NO_RESULTS | {"parts": dict.fromkeys(SPLITS, ())} | selection_record.facts([], scaler.facts)
        return FoldNetwork(save({}, metadata), [], facts)
    inputs = standardised_inputs(corpus, usable, scaler, settings)
    by_subject = settings["normalise"] == BY_SUBJECT
    input_records = [standardisation.record(system, [entry.name for entry in usable])] if by_subject else []
    train_clips, val_clips = labelled_parts(corpus, fold, inputs, of)
    recipe = Recipe.from_settings(stage["architecture"], settings)
    trained = training.train(train_clips, val_clips, recipe, n_classes=len(of), session=session)
    facts |= trained.facts
    trained = replace(trained, model=blstm.among_all_classes(trained.model, of, corpus.classes))
    arrays = {name: entry.arrays for name, entry in scaler.entries.items()}
    records = [*input_records, *training.records(f"{system}/{facts['network']}", trained, train_clips, val_clips)]
    facts |= selection_record.facts(records, scaler.facts)
    facts["parts"] = {part: [clip for clip in getattr(fold, part) if clip in inputs] for part in SPLITS}
    model = save(blstm.tensors(trained.model, **arrays), metadata)
    return FoldNetwork(model, posterior_entries(trained, entries, inputs), facts)


def network_facts(stage: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Identify a network: fold, feature, architecture, repeat, seed, classes and name."""
    facts = {key: stage[key] for key in ("fold", "feature", "architecture", "repeat", "seed")}
    name = f"{'-'.join(map(str, stage['architecture']))}_{stage['repeat']}"
    return {**facts, "classes": classes, "network": name}


def standardised_inputs(
    corpus: Manifest, usable: Sequence[Entry], scaler: Artefact, settings: Mapping[str, Any]
) -> dict[str, Array]:
    """Standardise the frames of usable clips, by subject first if the settings say so."""
    features = [entry.arrays["features"] for entry in usable]
    if settings["normalise"] == BY_SUBJECT:
        features = standardisation.by_subject(features, [corpus.row_of_clip[entry.name].subject for entry in usable])
    fitted = Scaler(**scaler.entries["scaler"].arrays, constant=tuple(scaler.facts["constant"]))
    scaled = standardisation.standardise(features, fitted, clip=settings["feature_clip"])
    return {entry.name: values for entry, values in zip(usable, scaled, strict=True)}


def labelled_parts(corpus: Manifest, fold: Fold, inputs: Mapping[str, Array], of: Sequence[str]) -> tuple[Clips, Clips]:
    """Training and validation clips that have inputs and a label among the classes `of`."""
    labels = {row.clip: row.label for row in corpus.rows}
    return (
        training.labelled(inputs, labels, fold.train, of),
        training.labelled(inputs, labels, fold.val, of),
    )


def posterior_entries(trained: Trained, entries: Mapping[str, Entry], inputs: Mapping[str, Array]) -> list[Entry]:
    """Frame posteriors and times of the clips that have inputs; only the status of the others."""
    posteriors = dict(zip(inputs, blstm.frame_posteriors(trained.model, list(inputs.values())), strict=True))
    return [
        Entry(clip, {"posteriors": posteriors[clip], "time": entry.arrays["time"]})
        if clip in inputs
        else Entry(clip, status=entry.status)
        for clip, entry in entries.items()
    ]
