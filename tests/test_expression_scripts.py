"""The programs of the expression network, from FER2013 and votes to features and posteriors of clips."""

import json
import runpy

import h5py
import numpy as np
import pytest
import torch

from emotiw.core.emotions import EMOTIONS
from emotiw.core.errors import EmotiwError, FeatureError, WeightsError
from emotiw.core.files import content_sha256, sha256
from emotiw.core.status import Status
from emotiw.jobs import accelerator, settings, store
from emotiw.jobs.identity import Stage
from emotiw.video import expression_features, expression_network, expression_posteriors, fine_tuning_checkpoint
from emotiw.video.expression_features import Use
from emotiw.weights import acquisition, expression_layers, expression_weights, ferplus
from expression_fixtures import base_arrays, dlib_file, small  # noqa: F401
from video_fixtures import faces_of

pytestmark = pytest.mark.usefixtures("small")
DEFAULTS = settings.load([])["expression"]
SETTINGS = DEFAULTS | {
    "cycles": [{"learning_rate": 1e-3, "frozen_blocks": None, "phases": [{"epochs": 1, "size": 60}]}],
    "batch_size": 8,
    "validation_fraction": 0.5,
    "checkpoint_batches": 1,
}
NO_SOURCE = {"url": None, "sha256": None, "source": None}
N_FACES = 5


@pytest.fixture
def start(root, monkeypatch):
    """Start a program with paths and a stage."""
    monkeypatch.setenv(accelerator.ACCELERATOR, "cpu")

    def start(program, stage, **paths):
        options = [
            text for name, path in paths.items() for text in ([f"--{name}", str(path)] if path else [f"--{name}"])
        ]
        runpy.run_path(str(root / "workflow_scripts" / f"{program}.py"))["main"]([*options, "--stage", str(stage)])
        return paths["output"]

    return start


@pytest.fixture
def base(start, tmp_path):
    """Write the trunk that training starts from, as the rule `face_resnet` does."""
    (tmp_path / "dlib.dat").write_bytes(dlib_file(base_arrays()))
    about = {"path": str(tmp_path / "dlib.dat"), **NO_SOURCE}
    stage = Stage(settings={"weights": {"face_resnet": about}}, sha256=sha256(tmp_path / "dlib.dat"))
    output = tmp_path / "face_resnet-0.safetensors"
    return start("face_resnet", stage, output=output, record=output.with_suffix(".json"))


@pytest.fixture
def train(start, base, tmp_path):
    """Run the training on 28 pictures, with votes unless told otherwise."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (35, 48, 48), dtype=np.uint8)
    usage = np.array(["Training"] * 28 + ["PublicTest"] * 7)
    faces, votes = tmp_path / "faces.npz", tmp_path / "votes.npz"
    np.savez(faces, pixels=pixels, label=np.tile(np.arange(7), 5), usage=usage)
    np.savez(votes, votes=rng.multinomial(10, [0.1] * 10, 35).astype(np.uint8), vote_names=np.array(ferplus.NAMES))
    digests = {"faces": content_sha256(faces), "votes": content_sha256(votes)}

    def train(voted=True, **over):
        stage = Stage(settings={"expression": SETTINGS | over}, seed=5, **digests)
        output = tmp_path / f"expression-{int(voted)}.safetensors"
        paths = {"weights": base, "faces": faces, "votes": votes if voted else None}
        return start("train_expression", stage, **paths, output=output, record=output.with_suffix(".json"))

    return train


@pytest.fixture
def network(tmp_path):
    """A written network of random weights, for pictures of 60 px."""

    def network(name="expression-0", change=None, **facts):
        model = expression_network.pretrained(base_arrays(), dropout=0.0, seed=1)
        images = torch.rand((4, 1, 60, 60), generator=torch.Generator().manual_seed(0)) * 255
        expression_network.calibrate(model, images)
        arrays = expression_network.folded(model)
        if change:
            change(arrays)
        output = tmp_path / f"{name}.safetensors"
        described = expression_weights.described({"size": 60, "classes": list(EMOTIONS)} | facts)
        acquisition.write_arrays(output, output.with_suffix(".json"), arrays, described)
        return output

    return network


@pytest.fixture
def faces(tmp_path):
    """Faces of one clip beside a clip without any."""
    rng = np.random.default_rng(0)
    arrays = faces_of(rng.integers(0, 256, (N_FACES, 64, 64, 3), dtype=np.uint8))
    entries = [store.Entry("a", arrays), store.Entry("b", status=Status.NO_FACE)]
    store.write(tmp_path / "faces.h5", "faces", entries, stage={})
    return tmp_path / "faces.h5"


@pytest.fixture
def describe(start, faces, tmp_path):
    """Run the program `expression` on the faces."""

    def describe(weights, output="features.h5", **over):
        stage = Stage(settings={"expression": DEFAULTS | {"storage": "float32"} | over}, above={})
        return start("expression", stage, faces=faces, weights=weights, output=tmp_path / output)

    return describe


@pytest.fixture
def classify(start, tmp_path):
    """Run the program `expression_posteriors`."""

    def classify(features, weights, head="mean"):
        stage = Stage(settings={"expression": {"head": head}}, above={})
        output = tmp_path / f"{head}.h5"
        return start("expression_posteriors", stage, expression=features, weights=weights, output=output)

    return classify


# --- training --------------------------------------------------------------------------------------------------------


def test_the_network_is_written_with_a_record_of_its_training(train):
    output = train()
    arrays, size = expression_weights.load(output)
    record = json.loads(output.with_suffix(".json").read_bytes())
    assert (size, list(arrays)) == (60, list(expression_layers.trained_shapes()))
    assert record["pictures"] == {"train": 14, "validation": 14, "PublicTest": 7, "dropped": 0}
    assert (record["started_from"], record["classes"], len(record["history"])) == ("face_resnet-0", list(EMOTIONS), 1)
    scored = record["accuracy"]["PublicTest"]
    assert scored["n_labels"] == 7
    assert set(scored) == {"n_labels", "n_votes", "labels", "labels_mirrored", "votes", "votes_mirrored"}
    assert not output.with_suffix(".partial.safetensors").exists()


def test_a_network_without_votes_lacks_their_head(train, describe, classify):
    output = train(voted=False)
    assert "votes.weight" not in expression_weights.load(output)[0]
    features = describe(output)
    only = store.read(classify(features, output, "labels"), "frame_features").entries["a"].arrays["features"]
    mean = store.read(classify(features, output, "mean"), "frame_features").entries["a"].arrays["features"]
    np.testing.assert_array_equal(mean, only)
    with pytest.raises(FeatureError, match=r"expression\.head: the network has no head 'votes'"):
        classify(features, output, "votes")


def test_a_stopped_program_goes_on_and_writes_the_same_network(train, monkeypatch):
    output = train()
    whole = output.read_bytes()

    class StoppedError(Exception):
        pass

    def save_and_stop(path, state, *, identity):
        kept(path, state, identity=identity)
        raise StoppedError

    kept = fine_tuning_checkpoint.save
    monkeypatch.setattr(fine_tuning_checkpoint, "save", save_and_stop)
    with pytest.raises(StoppedError):
        train()
    monkeypatch.setattr(fine_tuning_checkpoint, "save", kept)
    assert output.with_suffix(".partial.safetensors").exists()
    train()
    assert output.read_bytes() == whole


def test_a_network_that_was_trained_is_given_to_another_run(train, start, tmp_path):
    output = train()
    about = {"path": str(output), **NO_SOURCE}
    stage = Stage(settings={"weights": {"expression": about}}, sha256=sha256(output))
    given = tmp_path / "ready_expression-0.safetensors"
    start("ready_expression", stage, output=given, record=given.with_suffix(".json"))
    (found, size), (expected, _) = expression_weights.load(given), expression_weights.load(output)
    assert size == 60
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
    record = json.loads(given.with_suffix(".json").read_bytes())
    assert record["origin"]["pictures"]["PublicTest"] == 7
    assert record["licence"] == "unknown: supplied by the user"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda network: network(size=None), "its record has the size None, expected 55 to 512 px"),
        (lambda network: network(classes=["anger"]), r"classes \['anger'\]"),
        (lambda network: network(change=lambda arrays: arrays.pop("stem.bias")), "lacks stem.bias"),
        (
            lambda network: network(change=lambda a: a.update(more=np.zeros(2, "f4"))),
            "expected no such array",
        ),
        (lambda network: network(change=lambda a: a.update({"labels.bias": np.zeros(6, "f4")})), r"float32 of \(7,\)"),
        (lambda network: network(change=lambda arrays: arrays["labels.bias"].fill(np.nan)), "holds NaN or infinity"),
    ],
)
def test_another_file_is_no_network(network, start, tmp_path, make, message):
    path = make(network)
    about = {"path": str(path), **NO_SOURCE}
    stage = Stage(settings={"weights": {"expression": about}}, sha256=sha256(path))
    with pytest.raises(WeightsError, match=message):
        start("ready_expression", stage, output=tmp_path / "out.safetensors", record=tmp_path / "out.json")
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize("program", ["ready_expression", "face_resnet"])
@pytest.mark.parametrize(
    ("path", "url", "message"),
    [
        ("none.safetensors", None, "none.safetensors: cannot be read"),
        ("faces.h5", None, "sha256 .* expected 0"),
        (None, "http://127.0.0.1:9/network.safetensors", "127.0.0.1:9/network.safetensors"),
    ],
)
def test_a_missing_or_altered_file_or_no_network_is_one_error(start, faces, tmp_path, program, path, url, message):
    about = {"path": path and str(tmp_path / path), "url": url, "sha256": None, "source": None}
    name = "expression" if program == "ready_expression" else program
    stage = Stage(settings={"weights": {name: about}}, sha256="0")
    with pytest.raises(EmotiwError, match=message):
        start(program, stage, output=tmp_path / "out.safetensors", record=tmp_path / "out.json")


def test_an_altered_network_is_refused(network, describe):
    path = network()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"sha256 .* the file was altered"):
        describe(path)


def test_a_network_without_a_size_is_refused(network, describe):
    with pytest.raises(WeightsError, match="its record has the size 20, expected 55 to 512 px"):
        describe(network(size=20))


# --- features and posteriors -----------------------------------------------------------------------------------------


def test_faces_have_features_and_posteriors(network, describe, classify):
    weights = network()
    features = store.read(describe(weights), "frame_features")
    assert features.entries["a"].arrays["features"].shape == (N_FACES, 256)
    assert features.entries["b"] == store.Entry("b", {}, Status.NO_FACE)
    assert features.facts == {"device": "cpu", "storage": "float32"}
    found = store.read(classify(describe(weights), weights), "frame_features")
    assert found.facts["columns"] == list(EMOTIONS)
    assert found.entries["b"] == store.Entry("b", {}, Status.NO_FACE)
    values = found.entries["a"].arrays["features"]
    np.testing.assert_allclose(values.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(found.entries["a"].arrays["time"], features.entries["a"].arrays["time"])


def test_posteriors_are_those_of_the_network(network, describe, classify):
    weights = network()
    features = describe(weights, mirror=False)
    arrays = expression_weights.load(weights)[0]
    model = expression_network.trained(arrays)
    values = torch.from_numpy(store.read(features, "frame_features").entries["a"].arrays["features"])
    expected = {name: torch.softmax(head(values), dim=1).detach().numpy() for name, head in model.heads.items()}
    expected["mean"] = (expected["labels"] + expected["votes"]) / 2
    for head, posteriors in expected.items():
        found = store.read(classify(features, weights, head), "frame_features").entries["a"].arrays["features"]
        np.testing.assert_allclose(found, posteriors, rtol=1e-5)


def test_half_precision_halves_the_features(network, describe):
    weights = network()
    with h5py.File(describe(weights, storage="float16")) as stream:
        assert stream["a/features"].dtype == np.float16


def test_mirrored_faces_have_the_same_features(network):
    arrays, size = expression_weights.load(network())
    chips = np.random.default_rng(3).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    compute = expression_features.describer(arrays, size, DEFAULTS, torch.device("cpu"))
    np.testing.assert_allclose(compute(chips), compute(chips[:, :, ::-1]), rtol=1e-4, atol=1e-5)
    single = expression_features.describer(arrays, size, DEFAULTS | {"mirror": False}, torch.device("cpu"))
    assert np.abs(single(chips) - single(chips[:, :, ::-1])).max() > 1e-3


def test_a_face_has_the_same_features_in_any_company(network):
    arrays, size = expression_weights.load(network())
    chips = np.random.default_rng(3).integers(0, 256, (9, 64, 64, 3), dtype=np.uint8)
    compute = expression_features.describer(arrays, size, DEFAULTS | {"chips_per_batch": 4}, torch.device("cpu"))
    np.testing.assert_array_equal(compute(chips)[8:], compute(chips[8:]))
    assert compute(chips[:0]).shape == (0, 256)


def test_chips_are_framed_as_configured():
    picture = np.tile(np.arange(64, dtype=np.uint8)[:, None], (1, 64))  # each row has its number
    chips = np.repeat(picture[None, :, :, None], 3, axis=3)
    whole = expression_features.framed(chips, use(1.0, 0.0))[0, 0].numpy()
    np.testing.assert_allclose(whole[48], 32, atol=0.7)
    half = expression_features.framed(chips, use(0.5, 0.0))[0, 0].numpy()
    np.testing.assert_allclose(half[[0, 95], 48], [16, 47], atol=1)
    above = expression_features.framed(chips, use(1.0, -0.25))[0, 0].numpy()
    np.testing.assert_allclose(above[[10, 48, 95], 48], [0, 16, 47], atol=1)  # the first line is repeated
    wide = expression_features.framed(chips, use(1.5, 0.0))[0, 0].numpy()
    np.testing.assert_allclose(wide[[5, 48, 90], 48], [0, 32, 63], atol=1)


def use(share, shift):
    return Use(size=96, chip_share=share, chip_shift=shift, mirror=False, chips_per_batch=4)


@pytest.mark.parametrize("shape", [(2, 64, 64), (2, 64, 64, 4), (2, 64, 60, 3)])
def test_pictures_of_another_kind_are_refused(network, shape):
    arrays, size = expression_weights.load(network())
    compute = expression_features.describer(arrays, size, DEFAULTS, torch.device("cpu"))
    with pytest.raises(FeatureError, match=r"expected uint8 of shape \(n, side, side, 3\)"):
        compute(np.zeros(shape, np.uint8))


def test_features_of_another_width_are_refused(network):
    arrays = expression_weights.load(network())[0]
    with pytest.raises(FeatureError, match=r"features of shape \(2, 9\), expected \(n, 256\)"):
        expression_posteriors.posteriors(np.zeros((2, 9), np.float32), arrays, "mean")


def test_layers_of_other_sizes_are_refused(network, describe, monkeypatch):
    path = network()
    monkeypatch.setattr(expression_layers, "LEVELS", ((1, 32, False), (2, 32, True), (1, 40, True), (1, 256, True)))
    with pytest.raises(WeightsError, match=r"lacks blocks\.4\.0\.weight; expected expression network"):
        describe(path)
