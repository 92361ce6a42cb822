"""Embeddings by any ONNX network: what it is given, what it gives, and which files are refused."""

import runpy

import numpy as np
import pytest
import skimage.data
import torch
from onnx import TensorProto, helper

from emotiw.core.errors import FeatureError, WeightsError
from emotiw.core.status import Status
from emotiw.jobs import store
from emotiw.jobs.identity import Stage
from emotiw.jobs.settings import load
from emotiw.jobs.store import Entry
from emotiw.video import onnx_embedding
from onnx_fixtures import FLOAT, SIZE, averages, model, settings

COLOUR = np.array([51, 102, 255], np.uint8)  # 0.2, 0.4, 1.0
NORMAL = [(0.2 - 0.5) / 0.5, 0.4 - 0.25, 1.0 / 2]


@pytest.fixture
def read(tmp_path):
    """Write a network to a file, and read it with settings that differ from the fixtures' in what is given."""

    def written(data=None, **changed):
        data = averages() if data is None else data
        path = tmp_path / "tiny.onnx"
        path.write_bytes(data)
        return onnx_embedding.read(path, "tiny", settings(data, **changed))

    return written


@pytest.fixture(scope="module")
def chips():
    return np.random.default_rng(0).integers(0, 256, (6, 24, 20, 3), dtype=np.uint8)


def plain(n=1):
    """Faces of one colour."""
    return np.broadcast_to(COLOUR, (n, 24, 20, 3))


# --- what a network is given -------------------------------------------------------------------------------------


def test_a_face_is_normalised_channel_by_channel(read):
    np.testing.assert_allclose(onnx_embedding.embed(plain(), read()), [NORMAL], rtol=1e-5)


def test_a_scale_of_255_leaves_grey_levels(read):
    computed = onnx_embedding.embed(plain(), read(scale=255, mean=[1.0, 2.0, 5.0], std=[1.0, 1.0, 10.0]))
    np.testing.assert_allclose(computed, [[50, 100, 25]], rtol=1e-5)


def test_mean_and_std_are_in_the_order_of_the_colours(read):
    computed = onnx_embedding.embed(plain(), read(colours="bgr"))
    np.testing.assert_allclose(computed, [[(1.0 - 0.5) / 0.5, 0.4 - 0.25, 0.2 / 2]], rtol=1e-5)


def test_channels_may_come_last(read, chips):
    last = read(averages(layout="nhwc"), layout="nhwc")
    np.testing.assert_allclose(onnx_embedding.embed(chips, last), onnx_embedding.embed(chips, read()), rtol=1e-5)


@pytest.mark.parametrize("sides", [(24, 20), (128, 128), (16, 16), (7, 300)])
def test_faces_are_scaled_as_torch_does(sides):
    chips = np.random.default_rng(1).integers(0, 256, (2, *sides, 3), dtype=np.uint8)
    computed = onnx_embedding.prepared(chips, settings(b"", size=64, scale=255, mean=[0, 0, 0], std=[1, 1, 1]))
    images = torch.from_numpy(chips).permute(0, 3, 1, 2).float()
    expected = torch.nn.functional.interpolate(images, size=(64, 64), mode="bilinear", antialias=True)
    np.testing.assert_allclose(computed, expected.numpy(), atol=0.01)


# --- what it gives -----------------------------------------------------------------------------------------------


def test_a_map_is_flattened_or_averaged(read, chips):
    flat = onnx_embedding.embed(chips, read(output="maps"))
    assert flat.shape == (6, 12)
    mean = onnx_embedding.embed(chips, read(output="maps", pool="mean"))
    np.testing.assert_allclose(mean, flat.reshape(6, 3, 4).mean(axis=2), rtol=1e-5)
    np.testing.assert_allclose(mean, onnx_embedding.embed(chips, read()), rtol=1e-4, atol=1e-6)


def test_a_map_with_channels_last_is_averaged_over_rows_and_columns(read, chips):
    last = read(averages(layout="nhwc"), layout="nhwc", output="maps", pool="mean")
    np.testing.assert_allclose(
        onnx_embedding.embed(chips, last), onnx_embedding.embed(chips, read()), rtol=1e-4, atol=1e-6
    )


def test_a_face_has_the_same_embedding_in_any_batch(read, chips):
    network = read(averages(batch=4))
    together = onnx_embedding.embed(chips, network)
    alone = np.concatenate([onnx_embedding.embed(chip[None], network) for chip in chips])
    assert together.dtype == np.float32
    np.testing.assert_array_equal(together, alone)


def test_no_face_gives_no_rows(read, chips):
    assert onnx_embedding.embed(chips[:0], read()).shape == (0, 3)


@pytest.mark.parametrize(
    "bad", [np.zeros((1, 64, 64, 3)), np.zeros((1, 64, 64), np.uint8), np.zeros((1, 64, 64, 4), np.uint8)]
)
def test_other_pictures_than_8_bit_rgb_are_refused(read, bad):
    with pytest.raises(FeatureError, match=r"expected uint8 of shape"):
        onnx_embedding.embed(bad, read())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pool": "mean"}, r"output 'features' has the shape \(4, 3\), expected a map, for pool is mean"),
        ({"output": "columns"}, r"output 'columns' has the shape \(4, 3, 1\), expected \(4, d\)"),
        ({"output": "twice"}, r"output 'twice' has the shape \(8, 3\), expected \(4, d\)"),
    ],
)
def test_an_output_of_another_kind_is_refused(read, chips, changed, message):
    with pytest.raises(FeatureError, match=rf"tiny\.onnx \(embeddings\.tiny\): its {message}; choose another"):
        onnx_embedding.embed(chips, read(**changed))


def test_a_network_that_fails_says_on_what(read, chips):
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [5, 7])
    node = helper.make_node("Reshape", ["x", "shape"], ["y"])
    data = model([node], [("x", FLOAT, ["n", 3, SIZE, SIZE])], [("y", FLOAT, None)], [shape])
    with pytest.raises(FeatureError, match=r"\(embeddings\.tiny\): fails on a batch of 4 faces \(.*[Rr]eshape"):
        onnx_embedding.embed(chips, read(data))


# --- which files are refused -------------------------------------------------------------------------------------


def test_a_file_of_another_checksum_is_not_opened(read, monkeypatch):
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda *_: pytest.fail("opened"))
    with pytest.raises(WeightsError, match=rf"sha256 \w+, expected {'0' * 64}; .* correct embeddings\.tiny\.sha256"):
        read(sha256="0" * 64)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.onnx .*: cannot be read \(No such file.*embeddings\.tiny\.path"):
        onnx_embedding.read(tmp_path / "none.onnx", "tiny", settings(b""))


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff" * 20, averages()[:-40]], ids=["empty", "text", "bytes", "cut"])
def test_a_file_that_is_no_model_is_refused(read, data):
    with pytest.raises(WeightsError, match=r"tiny\.onnx \(embeddings\.tiny\): not a model that ONNX Runtime"):
        read(data)


def test_an_operator_of_a_custom_library_is_refused(read):
    node = helper.make_node("Foo", ["x"], ["y"], domain="my.operators")
    shape = ["n", 3, SIZE, SIZE]
    data = model([node], [("x", FLOAT, shape)], [("y", FLOAT, shape)], domains=("", "my.operators"))
    with pytest.raises(WeightsError, match=r"my\.operators:Foo.* is not a registered .*one file of standard operators"):
        read(data)


def elsewhere(location):
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[SIZE], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    return tensor


def with_initialiser(tensor):
    shape = ["n", 3, SIZE, SIZE]
    return model([helper.make_node("Add", ["x", "w"], ["y"])], [("x", FLOAT, shape)], [("y", FLOAT, shape)], [tensor])


def with_attribute(tensor):
    shape = ["n", 3, SIZE, SIZE]
    nodes = [helper.make_node("Constant", [], ["w"], value=tensor), helper.make_node("Add", ["x", "w"], ["y"])]
    return model(nodes, [("x", FLOAT, shape)], [("y", FLOAT, shape)])


@pytest.mark.parametrize("place", [with_initialiser, with_attribute])
def test_tensors_in_another_file_are_refused_although_it_is_there(read, tmp_path, monkeypatch, place):
    np.zeros(SIZE, np.float32).tofile(tmp_path / "w.bin")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match=r"keeps the tensor 'w' in 'w\.bin'; refused.*save the model with all"):
        read(place(elsewhere("w.bin")))


@pytest.mark.parametrize("location", ["missing.bin", "/etc/hostname", "../w.bin"])
def test_tensors_in_a_file_that_is_not_there_or_elsewhere_are_refused(read, location):
    with pytest.raises(WeightsError, match=rf"keeps the tensor 'w' in '{location}'; refused"):
        read(with_initialiser(elsewhere(location)))


SHAPE = ["n", 3, SIZE, SIZE]
ADD = model([helper.make_node("Add", ["a", "b"], ["y"])], [(x, FLOAT, SHAPE) for x in "ab"], [("y", FLOAT, SHAPE)])


@pytest.mark.parametrize(
    ("data", "changed", "message"),
    [
        (averages(), {"size": 32}, r"\['batch', 3, 16, 16\]; expected one input tensor\(float\) \[4, 3, 32, 32\]"),
        (averages(), {"layout": "nhwc"}, r"expected one input tensor\(float\) \[4, 16, 16, 3\]"),
        (averages(batch=1), {}, r"takes images: tensor\(float\) \[1, 3, 16, 16\].*layout or batch_size"),
        (averages(kind=TensorProto.UINT8), {}, r"takes images: tensor\(uint8\)"),
        (ADD, {}, r"takes a: tensor\(float\) .*, b: tensor\(float\)"),
        (averages(), {"output": "logits"}, "has no output 'logits'; expected one of features, maps, integers, columns"),
        (averages(), {"output": "integers"}, r"'integers' is tensor\(int64\), expected tensor\(float\)"),
    ],
    ids=["size", "layout", "batch", "type", "two inputs", "no output", "output type"],
)
def test_a_network_that_does_not_fit_its_settings_is_refused(read, data, changed, message):
    with pytest.raises(WeightsError, match=message):
        read(data, **changed)


# --- the program, and a real network -----------------------------------------------------------------------------


def test_the_program_writes_a_frame_feature(root, tmp_path, chips):
    faces, output, data = tmp_path / "faces.h5", tmp_path / "features.h5", averages()
    (tmp_path / "tiny.onnx").write_bytes(data)
    n = len(chips)
    arrays = {
        "chips": chips,
        "time": np.arange(n) / 25,
        "frame": np.arange(n, dtype="i4"),
        "box": np.ones((n, 4), "i4"),
    }
    arrays |= {"score": np.ones(n, "f4"), "landmarks": np.ones((n, 5, 2), "f4")}
    store.write(faces, "faces", [Entry("a", arrays), Entry("b", status=Status.NO_FACE)], stage={})
    stage = Stage(settings={"embeddings": {"tiny": settings(data)}}, embedding="tiny")
    program = runpy.run_path(str(root / "workflow_scripts" / "embedding.py"))
    paths = ["--faces", faces, "--network", tmp_path / "tiny.onnx", "--output", output]
    program["main"]([*map(str, paths), "--stage", str(stage)])
    computed = store.read(output, "frame_features")
    assert computed.entries["a"].arrays["features"].shape == (n, 3)
    assert computed.statuses == {"a": Status.OK, "b": Status.NO_FACE}


@pytest.mark.parametrize(
    ("photograph", "classes"),
    [
        ("cat", {281, 282, 285}),  # tabby, tiger cat, Egyptian cat
        ("coffee", {967, 504, 968}),  # espresso, coffee mug, cup
        ("rocket", {657, 744, 812}),  # missile, projectile, space shuttle
    ],
)
def test_the_example_network_knows_what_photographs_show(root, photograph, classes):
    about = load([root / "examples" / "embedding.yaml"])["embeddings"]["efficientnet_lite0"]
    if not (root / about["path"]).is_file():
        pytest.skip(f"needs {about['path']}, which a run of examples/embedding.yaml makes")
    network = onnx_embedding.read(root / about["path"], "efficientnet_lite0", about | {"output": "logits"})
    picture = getattr(skimage.data, photograph)()
    side = min(picture.shape[:2])
    top, left = ((n - side) // 2 for n in picture.shape[:2])
    logits = onnx_embedding.embed(picture[None, top : top + side, left : left + side], network)[0]
    assert logits.argmax() in classes
    assert len(set(logits.argsort()[-4:]) & classes) >= 2
