"""The program that fine-tunes AlexNet: from pictures to recorded weights, also after it was stopped."""

import json
import runpy

import numpy as np
import pytest
from safetensors.numpy import save_file

from emotiw.core.files import content_sha256
from emotiw.jobs import settings
from emotiw.jobs.identity import Stage
from emotiw.video import fine_tuning_checkpoint, fine_tuning_network
from emotiw.weights import acquisition, loading
from emotiw.weights.loading import ALEXNET_SHAPES

SETTINGS = settings.load([])["fine_tuning"] | {
    "batch_size": 16,
    "max_epochs": 1,
    "checkpoint_batches": 1,
    "validation_fraction": 0.5,
    "threads": 1,
}


@pytest.fixture
def run(root, tmp_path, monkeypatch):
    """Run the program on 28 pictures; paths of what it reads and writes."""
    monkeypatch.setattr(fine_tuning_network, "HIDDEN_UNITS", 8)
    rng = np.random.default_rng(0)
    shapes = ALEXNET_SHAPES["torchvision"].items()
    save_file({name: rng.normal(0, 0.03, s).astype(np.float32) for name, s in shapes}, tmp_path / "mine.safetensors")
    about = {"path": str(tmp_path / "mine.safetensors"), "url": None, "source": None}
    start = tmp_path / "alexnet-0.safetensors"
    expected = content_sha256(tmp_path / "mine.safetensors")
    acquisition.write_alexnet(start, start.with_suffix(".json"), about, expected=expected)
    pixels = rng.integers(0, 256, (35, 48, 48), dtype=np.uint8)
    usage = np.array(["Training"] * 28 + ["PublicTest"] * 7)
    np.savez(tmp_path / "faces.npz", pixels=pixels, label=np.tile(np.arange(7), 5), usage=usage)
    stage = Stage(
        settings={"fine_tuning": SETTINGS, "cnn": {"layout": "torchvision", "crop": 227}},
        faces=content_sha256(tmp_path / "faces.npz"),
        seed=5,
    )
    output = tmp_path / "fine_tuned-0.safetensors"

    def start_program():
        paths = {"weights": start, "faces": tmp_path / "faces.npz", "output": output}
        paths["record"] = output.with_suffix(".json")
        options = [text for name, path in paths.items() for text in (f"--{name}", str(path))]
        runpy.run_path(str(root / "workflow_scripts/fine_tune.py"))["main"]([*options, "--stage", str(stage)])
        return json.loads(paths["record"].read_bytes())

    start_program.output, start_program.stage = output, stage
    return start_program


def test_weights_are_written_with_a_record_of_their_training(run):
    record = run()
    computed = loading.load_alexnet(run.output)
    assert {name: values.shape for name, values in computed.items()} == ALEXNET_SHAPES["torchvision"]
    assert record["started_from"] == "alexnet-0"
    assert record["fully_connected_layers"] == "fresh"
    assert record["pictures"] == {"train": 14, "validation": 14, "PublicTest": 7, "dropped": 0}
    assert len(record["history"]) == record["best_epoch"] == 1
    epoch, trained = (record["choices"][i] | {"clips_sha256": ""} for i in (1, 0))
    assert (epoch["choice"], epoch["chosen"], epoch["candidates"]) == ("AlexNet fine-tuned: epoch", 1, 1)
    assert (epoch["n_clips"], trained["n_clips"]) == (14, 14)
    assert record["choices"][0]["clips_sha256"] != record["choices"][1]["clips_sha256"]
    assert 0 <= record["accuracy"]["PublicTest"] <= 1
    assert not run.output.with_suffix(".partial.safetensors").exists()


def test_a_stopped_program_goes_on_and_writes_the_same_weights(run, monkeypatch):
    run()
    whole = run.output.read_bytes()

    class StoppedError(Exception):
        pass

    def save_and_stop(path, state, *, identity):
        kept(path, state, identity=identity)
        raise StoppedError

    kept = fine_tuning_checkpoint.save
    monkeypatch.setattr(fine_tuning_checkpoint, "save", save_and_stop)
    with pytest.raises(StoppedError):
        run()
    monkeypatch.setattr(fine_tuning_checkpoint, "save", kept)
    assert run.output.with_suffix(".partial.safetensors").exists()
    run()
    assert run.output.read_bytes() == whole


def test_weights_that_were_fine_tuned_tell_their_making_when_they_are_given(run, tmp_path):
    run()
    about = {"path": str(run.output), "url": None, "source": None}
    copy = tmp_path / "alexnet_fer2013-0.safetensors"
    acquisition.write_alexnet(copy, copy.with_suffix(".json"), about, expected=content_sha256(run.output))
    record = json.loads(copy.with_suffix(".json").read_bytes())
    assert record["origin"]["best_epoch"] == 1
    np.testing.assert_array_equal(
        loading.load_alexnet(copy)["features.3.weight"], loading.load_alexnet(run.output)["features.3.weight"]
    )
