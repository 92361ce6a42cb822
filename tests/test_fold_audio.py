"""A fold's scaler, network and scores, computed on entries in memory."""

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors import deserialize

from emotiw.audio import blstm, fold_network, fold_scaler, fold_scores
from emotiw.audio.fold_scores import NetworkPosteriors
from emotiw.audio.training import Session
from emotiw.core.status import Status
from emotiw.corpora.manifest import Manifest, Row
from emotiw.jobs import settings, store
from emotiw.jobs.store import Artefact, Entry
from emotiw.statistics import selection_record, standardisation

CLASSES = ("anger", "fear")
PARTS = ("train",) * 4 + ("val",) * 2 + ("test",) * 2
SYSTEM = "audio/egemaps/blstm"
BLSTM = settings.load([])["blstm"] | {"max_epochs": 2, "optimiser": "adam", "learning_rate": 0.02}


def clips(*, silent=()):
    rng = np.random.default_rng(0)
    entries = {}
    for i in range(len(PARTS)):
        features = np.column_stack([rng.normal(i % 2, 1, (4 + i, 2)), np.full(4 + i, 3.0)]).astype(np.float32)
        arrays = {"features": features, "time": np.arange(4 + i) * 0.04}
        entries[f"c{i}"] = Entry(f"c{i}", {}, Status.SILENT_AUDIO) if i in silent else Entry(f"c{i}", arrays)
    return entries


def corpus():
    rows = (
        Row(f"c{i}", "", CLASSES[i % 2], f"s{i // 2}", part, sha256=str(i), job=f"c{i}") for i, part in enumerate(PARTS)
    )
    return Manifest(tuple(rows), CLASSES, "made up")


def scaler(entries, normalise="training"):
    usable = [e for e in list(entries.values())[:4] if e.status == Status.OK]
    subjects = [corpus().row_of_clip[entry.name].subject for entry in usable]
    fitted, facts = fold_scaler.fit(usable, subjects, feature="egemaps", normalise=normalise)
    columns = {"columns": ["a", "b", "c"]}
    return Artefact("scaler", {}, columns | facts, {entry.name: entry for entry in fitted}, {})


def train(entries, **changes):
    stage = {"fold": "official", "modality": "audio", "feature": "egemaps"}
    stage |= {"architecture": [4], "repeat": 3, "seed": 1}
    values = BLSTM | changes
    fitted = scaler(entries, values["normalise"])
    return fold_network.train(corpus(), {**stage, "settings": {"blstm": values}}, entries, fitted, Session(1))


def test_a_scaler_knows_its_constant_columns_and_its_clips():
    found = scaler(clips(silent=[1]))
    assert {key: found.facts[key] for key in ("constant", "n_constant", "n_clips", "n_frames")} == {
        **{"constant": [2], "n_constant": 1},
        **{"n_clips": 3, "n_frames": 4 + 6 + 7},
    }
    assert list(found.entries) == ["scaler"]
    (record,) = found.facts["choices"]["entries"]
    assert (record["choice"], record["n_clips"]) == ("egemaps: standardisation", 3)


def test_a_scaler_of_frames_normalised_by_subject_comes_with_the_average_subject():
    entries = clips()
    found = scaler(entries, "subject").entries
    features = [entry.arrays["features"] for entry in list(entries.values())[:4]]
    expected = standardisation.fit_population(features, ["s0", "s0", "s1", "s1"])
    assert list(found) == ["population", "scaler"]
    np.testing.assert_array_equal(found["population"].arrays["mean"], expected.mean)
    np.testing.assert_allclose(found["scaler"].arrays["mean"][:2], 0, atol=1e-6)


@pytest.mark.parametrize("normalise", ["training", "subject"])
def test_without_a_usable_training_clip_there_is_no_scaler(normalise):
    found = scaler(clips(silent=range(4)), normalise)
    assert found.entries == {}
    assert found.facts["n_clips"] == found.facts["n_frames"] == 0
    assert found.facts["choices"]["entries"] == []


def test_a_network_has_posteriors_of_every_usable_clip_and_the_status_of_the_others():
    network = train(clips(silent=[1, 7]))
    statuses = {entry.name: entry.status for entry in network.entries if entry.status != Status.OK}
    assert statuses == dict.fromkeys(["c1", "c7"], Status.SILENT_AUDIO)
    assert network.entries[6].arrays["posteriors"].shape == (10, 2)
    assert network.facts["parts"] == {"train": ["c0", "c2", "c3"], "val": ["c4", "c5"], "test": ["c6"]}
    assert network.facts["network"] == "4_3"
    choices = [entry["choice"] for entry in network.facts["choices"]["entries"]]
    assert choices == [f"{SYSTEM}/4_3: epoch", f"{SYSTEM}/4_3: weights", "egemaps: standardisation"]


def test_normalisation_by_subject_is_recorded_with_the_clips_of_all_parts():
    network = train(clips(), normalise="subject")
    record = next(
        e for e in network.facts["choices"]["entries"] if e["choice"] == f"{SYSTEM}: normalisation by subject"
    )
    assert (record["kind"], record["n_clips"]) == (selection_record.TRANSDUCTIVE, 8)
    assert any(name.startswith("population.") for name, _ in deserialize(network.model))


@pytest.mark.parametrize("silent", [range(4), range(4, 6)])
def test_a_fold_without_training_or_validation_clips_has_no_network(silent):
    network = train(clips(silent=silent))
    assert (network.entries, deserialize(network.model)) == ([], [])
    assert {key: network.facts[key] for key in ("validation", "best_epoch", "improved", "history")} == {
        **{"validation": None, "best_epoch": None, "improved": None},
        "history": [],
    }
    size = int.from_bytes(network.model[:8], "little")
    metadata = json.loads(network.model[8 : 8 + size])["__metadata__"]["emotiw"]
    assert json.loads(metadata)["network"] == "4_3"


def test_a_network_judges_among_the_classes_that_have_a_usable_training_clip():
    corpus, entries = corpus_of_three(), clips()
    found = train_three(corpus, entries)
    assert found.facts["lacking"] == ["joy"]
    for entry in found.entries:
        posteriors = entry.arrays["posteriors"]
        np.testing.assert_array_equal(posteriors[:, 2], 0)
        np.testing.assert_allclose(posteriors.sum(axis=1), 1, atol=1e-6)
    assert 0.05 < found.entries[4].arrays["posteriors"][:, :2].min()


def test_validation_clips_of_a_class_without_training_clips_stop_no_training():
    corpus, entries = corpus_of_three(), clips()
    without = {name: entry for name, entry in entries.items() if corpus.row_of_clip[name].label != "joy"}
    with_joy, without_joy = train_three(corpus, entries), train_three(corpus, without)
    assert with_joy.model == without_joy.model
    only_joy = {name: entry for name, entry in entries.items() if name != "c4"}
    assert train_three(corpus, only_joy).entries == []  # no clip tells when to stop


def test_a_fold_with_training_clips_of_one_class_has_no_network():
    network = train(clips(silent=[1, 3]))
    assert (network.entries, network.facts["lacking"]) == ([], ["fear"])


def corpus_of_three():
    """Corpus whose third class has no training clip, but one for validation and one for testing."""
    labels = dict.fromkeys(("c5", "c7"), "joy")
    rows = [replace(row, label=labels.get(row.clip, row.label)) for row in corpus().rows]
    return Manifest(tuple(rows), (*CLASSES, "joy"), "made up")


def train_three(corpus, entries):
    stage = {"fold": "official", "modality": "audio", "feature": "egemaps", "settings": {"blstm": BLSTM}}
    stage |= {"architecture": [4], "repeat": 3, "seed": 1}
    return fold_network.train(corpus, stage, entries, scaler(entries), Session(1))


def posteriors(network, seed, parts=None):
    rng = np.random.default_rng(seed)
    entries = [
        Entry(f"c{i}", {"posteriors": rng.dirichlet([1, 1], 3).astype(np.float32), "time": np.arange(3) * 0.04})
        for i in (4, 5, 6)
    ]
    facts = {
        "network": network,
        "fold": "official",
        "classes": CLASSES,
        "lacking": [],
        "seed": seed,
        "architecture": [4],
    }
    facts |= {"parts": parts or {"train": ["c0"], "val": ["c4", "c5"], "test": ["c6"]}, "history": [], "best_epoch": 1}
    facts |= {"validation": {"clip_loss": 1.0 - seed / 10}, "improved": True, **selection_record.facts([])}
    return NetworkPosteriors(facts, entries)


def test_scores_of_a_fold_are_those_of_each_network_their_means_and_the_selected_one():
    networks = [posteriors("4_0", 0), posteriors("4_1", 1)]
    entries, facts = fold_scores.score(networks, system=SYSTEM)
    table = {entry.name: entry.arrays["scores"] for entry in entries}
    assert list(table) == ["4_0", "4_1", "4", "mean", "selected"]
    expected = blstm.clip_scores([entry.arrays["posteriors"] for entry in networks[1].entries])
    np.testing.assert_array_equal(table["selected"], expected)
    np.testing.assert_allclose(table["mean"], (table["4_0"] + table["4_1"]) / 2)
    assert (facts["clips"], facts["selected"]) == (["c4", "c5", "c6"], "4_1")
    assert [entry["choice"] for entry in facts["choices"]["entries"]] == [f"{SYSTEM}: best network"]


def test_no_selection_is_recorded_without_validation_clips():
    parts = {"train": (), "val": (), "test": ()}
    network = replace(posteriors("4_0", 0, parts), entries=[])
    entries, facts = fold_scores.score([network], system=SYSTEM)
    assert {entry.arrays["scores"].shape for entry in entries} == {(0, 2)}
    assert facts["choices"]["entries"] == []


def test_mean_frames_are_means_over_the_networks():
    networks = [posteriors("4_0", 0), posteriors("4_1", 1)]
    found = list(fold_scores.mean_frames(networks))
    assert [entry.name for entry in found] == ["c4", "c5", "c6"]
    both = [network.entries[1].arrays["posteriors"] for network in networks]
    np.testing.assert_allclose(found[1].arrays["posteriors"], (both[0] + both[1]) / 2, atol=1e-7)


def test_posteriors_are_read_without_those_of_the_training_clips(tmp_path):
    network = posteriors("4_0", 0)
    training_clip = Entry("c0", {"posteriors": np.full((2, 2), 0.5, np.float32), "time": np.arange(2) * 0.04})
    path = tmp_path / "4_0.h5"
    store.write(path, "posteriors", [training_clip, *network.entries], stage={}, facts=network.facts)
    assert [entry.name for entry in fold_scores.read(path).entries] == ["c4", "c5", "c6"]


def test_scores_of_networks_say_that_they_are_posteriors():
    _, facts = fold_scores.score([posteriors("4_0", 0)], system=SYSTEM)
    assert (facts["scores"], facts["classifier"]) == ("posteriors", "blstm")


def test_a_network_of_faces_is_recorded_under_its_own_modality_and_feature():
    entries = clips()
    stage = {"fold": "official", "modality": "video", "feature": "hog", "architecture": [4], "repeat": 3, "seed": 1}
    stage |= {"settings": {"blstm": BLSTM}}
    network = fold_network.train(corpus(), stage, entries, scaler(entries), Session(1))
    choices = [entry["choice"] for entry in network.facts["choices"]["entries"]]
    assert choices == ["egemaps: standardisation", "video/hog/blstm/4_3: epoch", "video/hog/blstm/4_3: weights"]
