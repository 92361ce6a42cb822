import json
import logging

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file

import blstm_scores
import gather_frames
import scaler
import train_blstm
from emotiw.audio import blstm
from emotiw.core.errors import StoreError
from emotiw.core.status import Status
from emotiw.corpora import manifest
from emotiw.jobs import store
from emotiw.jobs.identity import Stage
from emotiw.statistics import standardisation

CLASSES = ("anger", "fear")
OF_FEATURE = {"fold": "official", "modality": "audio", "stream": "audio", "feature": "egemaps"}
PARTS = ["train"] * 8 + ["val"] * 4 + ["test"] * 4
SETTINGS = {
    "peepholes": True,
    "optimiser": "adam",
    "learning_rate": 0.02,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "dropout": 0.1,
    "input_noise": 0.1,
    "init_range": 0.1,
    "gradient_clip": 5.0,
    "batch_size": 4,
    "patience": 5,
    "schedule": "cosine",
    "class_weights": True,
    "label_smoothing": 0.1,
    "normalise": "training",
    "max_epochs": 2,
    "feature_clip": 10.0,
}


def write_frames(folder, i, arrays, status=Status.OK):
    entry = store.Entry(f"c{i:02}", arrays, status)
    store.write(folder / f"c{i:02}.h5", "frame_features", [entry], stage={}, facts={"columns": ["a", "b", "c"]})


def silence(folder, *clips):
    for i in clips:
        write_frames(folder, i, {}, Status.SILENT_AUDIO)


@pytest.fixture
def corpus(tmp_path):
    """A manifest and the frames of its clips, of which one is silent and one has a hidden label."""
    rows, rng = [], np.random.default_rng(0)
    for i, split in enumerate(PARTS):
        label = "?" if i == 15 else CLASSES[i % 2]
        rows.append(manifest.Row(f"c{i:02}", "", label, f"s{i}", split, sha256=f"{i}", job=f"c{i:02}"))
        features = rng.normal(i % 2, 1, (5 + i, 3)).astype(np.float32)
        write_frames(tmp_path, i, {"features": features, "time": np.arange(5 + i) * 0.04})
    silence(tmp_path, 1)
    write_frames(tmp_path, 12, {"features": features, "time": np.arange(20) * 0.04}, Status.SILENT_AUDIO)
    manifest.write(tmp_path / "clips.csv", manifest.Manifest(tuple(rows), CLASSES, "test"))
    return tmp_path


def run(program, corpus, output, stage, **paths):
    options = [part for name, path in paths.items() for part in (f"--{name}", path)]
    stage = Stage({"settings": {"blstm": SETTINGS}, **OF_FEATURE, **stage})
    program.main([str(x) for x in [*options, "--output", corpus / output, "--stage", stage]])
    return corpus / output


def fitted_scaler(corpus):
    return run(scaler, corpus, "scaler.h5", {}, manifest=corpus / "clips.csv", features=corpus)


def network(corpus, repeat=0, architecture=(4,)):
    stage = {"architecture": architecture, "repeat": repeat, "seed": 7 + repeat}
    gathered = run(gather_frames, corpus, "frames_of_fold.h5", {}, manifest=corpus / "clips.csv", features=corpus)
    paths = {"manifest": corpus / "clips.csv", "features": gathered, "scaler": fitted_scaler(corpus)}
    name = f"{'-'.join(map(str, architecture))}_{repeat}"
    return run(train_blstm, corpus, f"{name}.h5", stage, **paths, model=corpus / f"{name}.safetensors")


def scores(corpus, *networks):
    output = corpus / "scores.h5"
    stage = Stage({"settings": {}, **OF_FEATURE})
    paths = ["--frames", str(corpus / "frames.h5"), "--output", str(output)]
    blstm_scores.main(["--posteriors", *map(str, networks), *paths, "--stage", str(stage)])
    return store.read(output, "scores")


def test_scaler_is_that_of_the_usable_training_clips(corpus):
    found = store.read(fitted_scaler(corpus), "scaler")
    used = [store.read(corpus / f"c{i:02}.h5", "frame_features").entries[f"c{i:02}"] for i in (0, 2, 3, 4, 5, 6, 7)]
    frames = np.concatenate([entry.arrays["features"] for entry in used]).astype(float)
    np.testing.assert_allclose(found.entries["scaler"].arrays["mean"], frames.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.entries["scaler"].arrays["scale"], frames.std(axis=0), rtol=1e-12)
    assert {key: found.facts[key] for key in ("n_clips", "n_frames", "n_constant", "columns")} == {
        "n_clips": 7,
        "n_frames": len(frames),
        "n_constant": 0,
        "columns": ["a", "b", "c"],
    }


def test_normalisation_by_subject_reaches_the_scaler_and_the_network(corpus, monkeypatch):
    by_training = network(corpus).read_bytes(), store.read(corpus / "scaler.h5", "scaler").entries["scaler"].arrays
    monkeypatch.setitem(SETTINGS, "normalise", "subject")
    assert network(corpus).read_bytes() != by_training[0]
    entries = store.read(corpus / "scaler.h5", "scaler").entries
    found = entries["scaler"].arrays
    np.testing.assert_allclose(found["mean"], 0, atol=1e-6)
    with safe_open(corpus / "4_0.safetensors", "np") as model:
        np.testing.assert_array_equal(model.get_tensor("population.mean"), entries["population"].arrays["mean"])
    assert not np.allclose(found["mean"], by_training[1]["mean"], atol=1e-2)


def test_posteriors_of_every_usable_clip_and_the_status_of_the_others(corpus):
    found = store.read(network(corpus), "posteriors")
    assert list(found.entries) == [f"c{i:02}" for i in range(16)]
    assert [name for name, entry in found.entries.items() if entry.status != Status.OK] == ["c01", "c12"]
    assert found.entries["c15"].arrays["posteriors"].shape == (20, 2)
    assert found.facts["parts"]["test"] == ["c13", "c14", "c15"]
    assert len(found.facts["history"]) == 2


def test_model_is_byte_stable_and_says_what_it_is(corpus):
    network(corpus)
    first = (corpus / "4_0.safetensors").read_bytes()
    network(corpus)
    assert (corpus / "4_0.safetensors").read_bytes() == first
    with safe_open(corpus / "4_0.safetensors", "np") as model:
        metadata = json.loads(model.metadata()["emotiw"])
    assert metadata == SETTINGS | {
        "architecture": [4],
        "classes": ["anger", "fear"],
        "columns": ["a", "b", "c"],
        "constant": [],
        "feature": "egemaps",
        "fold": "official",
        "network": "4_0",
        "repeat": 0,
        "seed": 7,
    }


def test_the_model_file_alone_gives_the_posteriors_of_a_clip(corpus):
    found = store.read(network(corpus), "posteriors", names=["c13"]).entries["c13"].arrays["posteriors"]
    weights, clip = load_file(corpus / "4_0.safetensors"), store.read(corpus / "c13.h5", "frame_features")
    mean, scale = weights.pop("scaler.mean").numpy(), weights.pop("scaler.scale").numpy()
    model = blstm.BLSTM(3, [4], 2)
    model.load_state_dict(weights)
    scaled = standardisation.standardise(
        [clip.entries["c13"].arrays["features"]], standardisation.Scaler(mean, scale), clip=10.0
    )
    np.testing.assert_allclose(blstm.frame_posteriors(model, scaled)[0], found, atol=1e-6)


def test_scores_hold_networks_means_and_the_selected_network_without_training_clips(corpus):
    networks = [network(corpus, 0), network(corpus, 1), network(corpus, 0, (4, 2))]
    found = scores(corpus, *networks)
    assert set(found.entries) == {"4_0", "4_1", "4-2_0", "4", "4-2", "mean", "selected"}
    assert found.facts["clips"] == ["c08", "c09", "c10", "c11", "c13", "c14", "c15"]
    table = {name: entry.arrays["scores"] for name, entry in found.entries.items()}
    np.testing.assert_allclose(table["4"], (table["4_0"] + table["4_1"]) / 2, atol=1e-12)
    np.testing.assert_allclose(table["mean"], (table["4_0"] + table["4_1"] + table["4-2_0"]) / 3, atol=1e-12)
    np.testing.assert_allclose(table["mean"].sum(axis=1), 1, atol=1e-6)


def test_mean_frames_of_a_clip_have_the_mean_score_and_their_times(corpus):
    found = scores(corpus, network(corpus, 0), network(corpus, 1))
    frames = store.read(corpus / "frames.h5", "posteriors")
    assert list(frames.entries) == found.facts["clips"]
    assert frames.facts == {"fold": "official", "classes": ["anger", "fear"]}
    means = [entry.arrays["posteriors"].mean(axis=0) for entry in frames.entries.values()]
    np.testing.assert_allclose(means, found.entries["mean"].arrays["scores"], atol=1e-6)
    np.testing.assert_allclose(frames.entries["c08"].arrays["time"], np.arange(13) * 0.04)


def test_selected_is_the_network_with_the_least_validation_loss_of_clips(corpus):
    found = scores(corpus, network(corpus, 0), network(corpus, 1))
    losses = {name: network["validation"]["clip_loss"] for name, network in found.facts["networks"].items()}
    assert found.facts["selected"] == min(losses, key=losses.get)
    selected = found.entries[found.facts["selected"]].arrays["scores"]
    assert np.array_equal(found.entries["selected"].arrays["scores"], selected)
    of_val = selected[np.arange(4), [0, 1, 0, 1]]  # the first rows are the validation clips
    assert losses[found.facts["selected"]] == pytest.approx(-np.log(of_val).mean())


def test_scores_tell_the_rule_the_data_and_the_restarts_of_each_architecture(corpus):
    found = scores(corpus, network(corpus, 0), network(corpus, 1), network(corpus, 0, (4, 2))).facts
    assert found["selection"] == {
        "rule": "least cross-entropy of the clips' mean posteriors",
        "part": "val",
        "n_clips": 4,
    }
    accuracies = [found["networks"][f"4_{i}"]["validation"]["accuracy"] for i in (0, 1)]
    assert found["restarts"]["4"]["n"] == 2
    assert found["restarts"]["4"]["mean"]["accuracy"] == pytest.approx(np.mean(accuracies))
    assert found["restarts"]["4"]["std"]["accuracy"] == pytest.approx(np.std(accuracies, ddof=1))
    assert found["restarts"]["4-2"]["std"]["accuracy"] is None
    assert found["selected"] in {restarts["best"] for restarts in found["restarts"].values()}
    assert len(found["networks"]["4_0"]["history"]) == 2


@pytest.mark.parametrize("silent", [range(8, 12), range(12)])
def test_a_fold_with_nothing_to_learn_from_or_to_stop_at_has_no_audio_scores(corpus, silent):
    silence(corpus, *silent)
    found = scores(corpus, network(corpus))
    assert found.facts["clips"] == []
    assert found.facts["restarts"] == {"4": {"n": 1, "best": "4_0", "mean": None, "std": None}}
    assert {entry.arrays["scores"].shape for entry in found.entries.values()} == {(0, 2)}
    assert store.read(corpus / "frames.h5", "posteriors").entries == {}


def test_training_logs_its_epochs_and_nothing_else(corpus, capfd, caplog):
    caplog.set_level(logging.INFO)
    network(corpus)
    assert capfd.readouterr().err == ""
    assert caplog.messages
    assert all(message.startswith("epoch ") for message in caplog.messages)


def test_a_missing_network_is_named(corpus):
    with pytest.raises(StoreError, match=r"64_9\.h5: missing"):
        scores(corpus, corpus / "64_9.h5")


def test_columns_without_names_are_numbered(corpus):
    for i in range(len(PARTS)):
        entries = store.read(corpus / f"c{i:02}.h5", "frame_features").entries
        store.write(corpus / f"c{i:02}.h5", "frame_features", entries.values(), stage={})
    found = store.read(fitted_scaler(corpus), "scaler")
    assert found.facts["columns"] == ["egemaps_0", "egemaps_1", "egemaps_2"]
