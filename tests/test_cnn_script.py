"""The program that writes AlexNet's features: statuses, storage, and the record of the device."""

import importlib.util

import h5py
import numpy as np
import pytest

from emotiw.core import files
from emotiw.core.status import Status
from emotiw.jobs import accelerator, store
from emotiw.jobs.identity import Stage
from emotiw.weights import acquisition, loading
from video_fixtures import faces_of

SETTINGS = {"layout": "caffe", "layer": "pool5", "crop": 227, "batch_size": 4}
SETTINGS |= {"precision": "float32", "storage": "float32"}
N_FACES = 5


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Faces of one clip beside a clip without any, and random weights in Caffe's layout."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(0)
    shapes = loading.ALEXNET_SHAPES["caffe"].items()
    np.savez(folder / "mine.npz", **{name: rng.normal(0, 0.03, shape).astype(np.float32) for name, shape in shapes})
    acquisition.write_alexnet(
        folder / "alexnet.safetensors",
        folder / "alexnet.json",
        {"path": str(folder / "mine.npz"), "url": None, "source": None},
        expected=files.sha256(folder / "mine.npz"),
        layout="caffe",
    )
    arrays = faces_of(rng.integers(0, 256, (N_FACES, 64, 64, 3), dtype=np.uint8))
    entries = [store.Entry("a", arrays), store.Entry("b", status=Status.NO_FACE)]
    store.write(folder / "faces.h5", "faces", entries, stage={})
    return folder


@pytest.fixture
def run(root, inputs, tmp_path, monkeypatch):
    """Run the program and return the path of what it wrote."""
    monkeypatch.setenv(accelerator.ACCELERATOR, "cpu")
    spec = importlib.util.spec_from_file_location("program_cnn", root / "workflow_scripts" / "cnn.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)

    def run(**over):
        stage = Stage(settings={"cnn": SETTINGS | over}, code="", distributions={}, above={})
        output = tmp_path / f"{'_'.join(['out', *over.values()])}.h5"
        paths = ["--faces", inputs / "faces.h5", "--weights", inputs / "alexnet.safetensors", "--output", output]
        program.main([*map(str, paths), "--stage", str(stage)])
        return output

    return run


def test_a_clip_with_faces_has_features_and_the_device_is_recorded(run):
    found = store.read(run(), "frame_features")
    assert found.entries["a"].arrays["features"].shape == (N_FACES, 9216)
    assert found.entries["b"] == store.Entry("b", {}, Status.NO_FACE)
    assert found.facts == {"device": "cpu", "storage": "float32"}


def test_another_layer_has_features_of_another_size(run):
    assert store.read(run(layer="conv5"), "frame_features").entries["a"].arrays["features"].shape == (5, 256 * 13 * 13)


def test_half_precision_halves_the_features_and_says_so(run):
    whole, half = run(), run(storage="float16")
    with h5py.File(half) as stream:
        assert stream["a/features"].dtype == np.float16
    found, expected = (store.read(path, "frame_features") for path in (half, whole))
    assert found.facts["storage"] == "float16"
    assert half.stat().st_size < whole.stat().st_size
    np.testing.assert_allclose(
        found.entries["a"].arrays["features"], expected.entries["a"].arrays["features"], rtol=2**-11, atol=1e-7
    )
