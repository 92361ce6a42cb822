"""The bundle: what is exported, that it answers as the run did, and what is refused of it."""

import hashlib
import json
import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy

import bundle_fixtures as tiny
from emotiw.audio import blstm
from emotiw.core.errors import BundleError, EmotiwError
from emotiw.jobs import store
from emotiw.prediction import bundle, bundle_export, bundle_load, describers
from emotiw.prediction.bundle_models import Models
from emotiw.statistics import standardisation


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run.bundle, tmp_path / "bundle")


def load(folder):
    """Everything that a predictor loads."""
    found = bundle.read(folder)
    recogniser = bundle_load.recogniser(found)
    return recogniser, describers.of_faces(found) | describers.of_sound(found), bundle_load.landmarks(found)


def forge(folder, name, arrays):
    """Replace a file of a bundle and correct its checksum."""
    data = arrays if isinstance(arrays, bytes) else safetensors.numpy.save(arrays)
    (folder / name).write_bytes(data)
    about = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    tiny.rewrite(folder, lambda index: index["files"].update({name: about}))


FEATURE = "official/dense_sift.safetensors"
NETWORK = "official/egemaps/4_0.safetensors"


def test_a_bundle_holds_what_a_stranger_needs_to_know(run):
    about = bundle.read(run.bundle).about
    assert about["classes"] == list(tiny.CLASSES)
    assert about["trained_on"]["synthetic"]
    assert "synthetic clips" in about["trained_on"]["note"]
    assert about["licences"]["corpus"].startswith("public domain")
    assert set(about["metrics"]) == {"parts", "fusion", "networks"}
    assert about["provenance"]["config"]["run"] == "tiny"
    assert about["members"][0]["video"]["dense_sift"]["selection"]["value"] == 3
    assert sorted({path.suffix for path in run.bundle.rglob("*.*")}) == [".json", ".safetensors"]


def test_every_file_is_listed_with_its_hash(run):
    files = bundle.read(run.bundle).about["files"]
    there = {path.relative_to(run.bundle).as_posix() for path in run.bundle.rglob("*") if path.is_file()}
    assert there == {*files, "bundle.json"}
    for name, about in files.items():
        assert hashlib.sha256((run.bundle / name).read_bytes()).hexdigest() == about["sha256"]


def test_the_same_run_exports_the_same_bytes(run, tmp_path):
    again = tiny.export(run, tmp_path / "again")
    for path in (path for path in run.bundle.rglob("*") if path.is_file()):
        assert path.read_bytes() == (again / path.relative_to(run.bundle)).read_bytes(), path.name


def test_it_gives_the_posteriors_of_the_run(run):
    recogniser, *_ = load(run.bundle)
    fused = store.read(run.folder / "fusion.h5", "scores")
    for i, clip in list(enumerate(fused.facts["clips"]))[9:]:
        found = recogniser.predict(recogniser.encode(run.features("video", clip), run.features("audio", clip)))
        assert found.source == fused.facts["sources"][clip]
        for name, values in found.mean.items():
            if values is not None:
                np.testing.assert_allclose(values, fused.entries[name].arrays["scores"][i], atol=1e-6)
    assert {fused.facts["sources"][clip] for clip in (tiny.SILENT, tiny.HIDDEN)} == {"video", "audio"}


def test_every_posterior_of_a_clip_and_of_its_windows_sums_to_one(run):
    """With weights that differ between classes, whose sums do not."""
    recogniser, *_ = load(run.bundle)
    member = replace(recogniser.members[0], scheme="joint")
    weights = replace(member.fusion, weights={"joint": np.array([0.0, 1.0, 0.4])})
    recogniser = replace(recogniser, members=[member, replace(member, name="other", fusion=weights)])
    for clip in ("clip12", "clip15", tiny.SILENT, tiny.HIDDEN):
        encoded = recogniser.encode(run.features("video", clip), run.features("audio", clip))
        windows = [
            [{name: np.arange(i, i + 3) for name in frames} for i in range(3)]
            for frames in (encoded.video[0], encoded.audio[0])
        ]
        over_time = recogniser.timeline(encoded, *windows)
        found = [values for values in recogniser.predict(encoded).mean.values() if values is not None]
        found += [values for values in over_time.values() if not np.isnan(values).any()]
        assert len(found) >= 4
        for values in found:
            np.testing.assert_allclose(values.sum(axis=-1), 1, rtol=0, atol=1e-12)


def test_a_network_that_learnt_subjects_hears_a_clip_as_one_of_their_population(tmp_path, monkeypatch):
    monkeypatch.setitem(tiny.OVER["blstm"], "normalise", "subject")
    run = tiny.write_run(tmp_path)
    network = load(run.bundle)[0].members[0].audio["egemaps"].networks[0]
    found = store.read(run.folder / "egemaps/scaler.h5", "scaler").entries
    np.testing.assert_array_equal(network.population.mean, found["population"].arrays["mean"])
    frames = run.entry("egemaps", "clip12").arrays["features"]
    heard = standardisation.by_new_subject(frames, standardisation.Scaler(**found["population"].arrays))
    scaler = standardisation.Scaler(**found["scaler"].arrays)
    (scaled,) = standardisation.standardise([heard], scaler, clip=network.clip)
    expected = blstm.frame_posteriors(network.model, [scaled])[0]
    np.testing.assert_allclose(network.posteriors(frames), expected, atol=1e-6)
    forge(run.bundle, NETWORK, without(run.bundle / NETWORK, "population.mean"))
    with pytest.raises(BundleError, match=r"4_0.safetensors: lacks population.mean"):
        load(run.bundle)


def without(path, name):
    """Bytes of a safetensors file without one of its arrays."""
    with safetensors.safe_open(path, "np") as stream:
        kept = {key: stream.get_tensor(key) for key in stream.keys() if key != name}
        return safetensors.numpy.save(kept, stream.metadata())


def test_features_are_described_as_the_workflow_does(run):
    _, describers, _ = load(run.bundle)
    expected = run.entry("dense_sift", "clip03").arrays["features"]
    np.testing.assert_array_equal(describers["dense_sift"](tiny.chips(3)), expected)


def test_a_fold_without_a_video_system_is_exported_without_one(run, tmp_path):
    empty = tmp_path / "model.h5"
    facts = {"clips": [], "classes": list(tiny.CLASSES), "selection": {}}
    stage = {"fold": "official", "feature": "dense_sift", "classifier": "pls"}
    store.write(empty, "classifier", [], stage=stage, facts=facts)
    about = {"config": run.config, "provenance": {}}
    about["metrics"] = json.loads((run.folder / "metrics.json").read_text())
    sources = bundle_export.Sources(
        [run.folder / "fusion.h5"],
        Models.of([empty, run.folder / "egemaps/4_0.safetensors"]),
        run.folder / "features",
        weights={"landmarks": run.folder / "weights/landmarks.dat"},
        embeddings={},
    )
    bundle_export.write(tmp_path / "bundle", run.corpus, tiny.folds(run), sources, about)
    recogniser, *_ = load(tmp_path / "bundle")
    judged = recogniser.predict(recogniser.encode({}, {"egemaps": tiny.sound_frames(3)}))
    assert judged.source == "audio"
    assert judged.mean["video"] is None


def test_a_clip_that_was_trained_on_must_be_usable(run, tmp_path):
    entries = [store.Entry(row.clip, status=store.Status.NO_FACE) for row in run.corpus.rows]
    store.write(tmp_path / "features/dense_sift/all.h5", "frame_features", entries, stage={})
    with pytest.raises(EmotiwError, match="clips of its classifier are not usable"):
        tiny.export(run, tmp_path / "bundle", features=tmp_path / "features")


def put(key, value):
    return lambda about: about.update({key: value})


def member(**values):
    return lambda about: about["members"][0].update(values)


def model(modality="video", feature="dense_sift", **values):
    return lambda about: about["members"][0][modality][feature].update(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("version", 1), r"version 1, expected 'emotiw-bundle' of version 2 or 3; export the bundle again"),
        (put("version", True), r"of version True, expected"),
        (put("version", 3.0), r"of version 3\.0, expected"),
        (put("format", "other"), r"is 'other' of version 3"),
        (put("classes", ["a"]), r"classes: \['a'\] is too short"),
        (put("extra", 1), r"top level: Additional properties"),
        (lambda about: about.pop("members"), r"'members' is a required property"),
        (lambda about: about["files"].update({"../x.safetensors": about["files"][FEATURE]}), r"lists '../x.safetens"),
        (
            lambda about: about["files"].update({"/etc/x.onnx": about["files"][FEATURE]}),
            r"lists '/etc/x.onnx'; refused",
        ),
        (lambda about: about["files"].update({"a/./x.onnx": about["files"][FEATURE]}), r"must lie inside the bundle"),
        (lambda about: about["files"].update({"a\\x.onnx": about["files"][FEATURE]}), r"must lie inside the bundle"),
        (
            lambda about: about["files"].update({"model.pkl": about["files"][FEATURE]}),
            r"'model.pkl'; refused, expected",
        ),
        (lambda about: about["settings"]["faces"].update(upsample="no"), r"settings: faces.upsample"),
        (lambda about: about["settings"].update(faces={}), r"settings: faces"),
        (lambda about: about["settings"].pop("faces"), r"settings: 'faces' is a required property"),
        (lambda about: about["settings"]["video"].pop("subspace_rank"), r"settings.video: 'subspace_rank' is a requ"),
        (lambda about: about["settings"]["video"].update(subspace_rank=0), r"settings: video.subspace_rank"),
        (lambda about: about["settings"].pop("dense_sift"), r"lacks the section 'dense_sift'"),
        (lambda about: about["settings"].pop("egemaps"), r"lacks the section 'egemaps'"),
        (lambda about: about["columns"].update(egemaps=["a"] * 88), r"was trained on other columns than this version"),
        (lambda about: about["weights"]["landmarks"].update(file="other.safetensors"), r"which it does not list"),
        (member(scheme="none"), r"fusion 'none'"),
        (member(weights=[0.5, 0.5]), r"fusion 'joint' of 2 classes"),
        (member(audio_scale=-1), r"audio_scale: -1 is less than"),
        (lambda about: about["features"].update(video=["hog"]), r"member official: features dense_sift, expected hog"),
        (lambda about: about["features"].update(audio=[]), r"member official: features egemaps, expected none"),
        (lambda about: about["features"].update(audio=[], video=[]), r"has no feature, expected some of faces or of s"),
        (lambda about: about.update(features=["dense_sift"]), r"features: \['dense_sift'\] is not of type 'object'"),
        (model(gamma={}), r"no gamma of covariance_rbf"),
        (model(classifier="none"), r"classifier: 'none' is not one of"),
        (model(classifier="pooled_svm"), r"Additional properties are not allowed \('gamma' was unexpected\)"),
        (model(classifier="blstm"), r"'files' is a required property|Additional properties"),
        (model(files=["x.safetensors"]), r"Additional properties are not allowed \('files' was unexpected\)"),
        (model("audio", "egemaps", files=[]), r"files: \[\] should be non-empty"),
        (model("audio", "egemaps", files=["other.safetensors"]), r"which it does not list"),
    ],
)
def test_an_index_that_is_not_right_is_refused(copy, change, message):
    tiny.rewrite(copy, change)
    with pytest.raises(BundleError, match=message):
        load(copy)


@pytest.mark.parametrize("name", ["new", "whisper", "lbp_top", "fusion"])
def test_an_unknown_feature_is_refused(copy, name):
    def change(about):
        about["features"]["video"] = [name]
        about["members"][0]["video"] = {name: about["members"][0]["video"]["dense_sift"]}

    tiny.rewrite(copy, change)
    with pytest.raises(BundleError, match=f"feature '{name}' of faces is unknown; export the bundle again"):
        load(copy)


@pytest.mark.parametrize(
    ("modality", "feature", "weights"),
    [("video", "cnn", "alexnet"), ("video", "cnn_fer2013", "alexnet_fer2013"), ("audio", "whisper", "whisper_base")],
)
def test_weights_that_a_feature_needs_must_be_there(copy, modality, feature, weights):
    def change(about):
        (entry,) = about["members"][0][modality].values()
        about["features"][modality] = [feature]
        about["members"][0][modality] = {feature: entry}

    tiny.rewrite(copy, change)
    with pytest.raises(BundleError, match=f"lacks the weights '{weights}'"):
        load(copy)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not readable as JSON"),
        ("[]", "holds list, expected a mapping"),
        ('{"a": NaN}', "NaN is no number"),
        ('{"version": 1, "version": 2}', "'version' is given twice"),
        ("[" * 100_000, "not readable as JSON"),
        ("\xff", "not readable as JSON|is None of version"),
        ("{}", "is None of version None"),
    ],
)
def test_an_index_that_is_no_index_is_refused(copy, text, message):
    (copy / "bundle.json").write_text(text)
    with pytest.raises(BundleError, match=message):
        load(copy)


def test_an_index_that_was_altered_is_refused(copy):
    text = (copy / "bundle.json").read_text()
    (copy / "bundle.json").write_text(text.replace('"scheme": "joint"', '"scheme": "shared"'))
    with pytest.raises(BundleError, match="altered since it was written"):
        load(copy)


def test_a_folder_without_an_index_is_no_bundle(copy):
    (copy / "bundle.json").unlink()
    with pytest.raises(BundleError, match=r"bundle.json: missing; the folder is no bundle, or its export was cut"):
        load(copy)
    with pytest.raises(BundleError, match=r"no such folder; name one that holds bundle\.json"):
        load(copy / "none")


def test_an_index_that_is_a_link_is_refused(copy):
    (copy / "bundle.json").rename(copy / "other.json")
    (copy / "bundle.json").symlink_to(copy / "other.json")
    with pytest.raises(BundleError, match="not a regular file"):
        load(copy)


def test_a_missing_file_is_named(copy):
    (copy / FEATURE).unlink()
    with pytest.raises(BundleError, match=rf"{FEATURE}: missing; copy the bundle anew"):
        load(copy)


def test_a_flipped_bit_is_seen(copy):
    data = bytearray((copy / NETWORK).read_bytes())
    data[-3] ^= 1
    (copy / NETWORK).write_bytes(bytes(data))
    with pytest.raises(BundleError, match=rf"{NETWORK}: sha256 [0-9a-f]+, expected .* it was altered"):
        load(copy)


def test_a_file_cut_short_is_seen(copy):
    (copy / NETWORK).write_bytes((copy / NETWORK).read_bytes()[:-8])
    with pytest.raises(BundleError, match=r"has \d+ bytes, expected \d+"):
        load(copy)


def test_a_folder_in_place_of_a_file_is_told(copy):
    def change(about):
        about["files"][NETWORK]["bytes"] = (copy / NETWORK).stat().st_size

    (copy / NETWORK).unlink()
    (copy / NETWORK).mkdir()
    tiny.rewrite(copy, change)
    with pytest.raises(BundleError, match="cannot be read"):
        load(copy)


def test_a_link_out_of_the_bundle_is_refused(copy, tmp_path):
    (copy / FEATURE).rename(tmp_path / "elsewhere.safetensors")
    (copy / FEATURE).symlink_to(tmp_path / "elsewhere.safetensors")
    with pytest.raises(BundleError, match="a link; refused"):
        load(copy)


class Trap:
    """What an unpickler would run."""

    def __reduce__(self):
        return print, ("unpickled",)


def test_a_pickle_named_safetensors_is_not_unpickled(copy, capsys):
    forge(copy, FEATURE, pickle.dumps({"pca.mean": Trap()}))
    with pytest.raises(BundleError, match="not a safetensors file"):
        load(copy)
    assert "unpickled" not in capsys.readouterr().out


def features_with(copy, **values):
    return dict(safetensors.numpy.load((copy / FEATURE).read_bytes())) | values


def nan_in(values):
    values = values.copy()
    values.flat[0] = np.nan
    return values


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("pca.mean", nan_in, "pca.mean holds NaN or infinity"),
        ("covariance", lambda v: np.full_like(v, np.inf), "covariance holds NaN or infinity"),
        (
            "pca.components",
            lambda v: v[:, :-1].copy(),
            r"pca.components is float64 of \(5, 6271\), expected \('d', 6272\)",
        ),
        ("gaussian", lambda v: v[:, :-1].copy(), "logarithms are of another dimension than the 5"),
        ("subspace", lambda v: v[1:].copy(), r"covariance is float32 of \(9, 15\), expected \(8"),
        ("subspace_rbf.coefficients", lambda v: v[:, :2].copy(), r"is float64 of \(9, 2\), expected \(9, 3\)"),
        ("subspace_rbf.intercept", lambda v: v.astype(np.int64), "is int64"),
        ("pca.variance", lambda v: v[:0].copy(), r"pca.variance is float64 of \(0,\)"),
    ],
)
def test_an_array_that_does_not_fit_is_refused(copy, name, change, message):
    arrays = features_with(copy)
    forge(copy, FEATURE, arrays | {name: change(arrays[name])})
    with pytest.raises(BundleError, match=message):
        load(copy)


def test_a_missing_array_is_named(copy):
    arrays = features_with(copy)
    del arrays["gaussian"]
    forge(copy, FEATURE, arrays)
    with pytest.raises(BundleError, match="lacks gaussian"):
        load(copy)


def network(copy, change=lambda about: None, arrays=None):
    """Forge a network with another description or other arrays."""
    with safetensors.safe_open(copy / NETWORK, "np") as stream:
        about = json.loads(stream.metadata()["emotiw"])
        kept = {name: stream.get_tensor(name) for name in stream.keys()}
    change(about)
    forge(copy, NETWORK, safetensors.numpy.save(kept | (arrays or {}), {"emotiw": json.dumps(about)}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("classes", ["a", "b", "c"]), "classes a, b, c, expected the index's"),
        (put("columns", ["a"] * 88), "was trained on other columns than this version of openSMILE"),
        (put("architecture", [8]), "is not of the network that it describes"),
        (put("architecture", [3]), "layers must be positive even numbers"),
        (put("architecture", 3), "not a network that emotiw has trained"),
        (lambda about: about.pop("constant"), "not a network that emotiw has trained"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(copy, change, message):
    network(copy, change)
    with pytest.raises(BundleError, match=message):
        load(copy)


def test_a_network_of_other_shapes_is_refused(copy):
    network(copy, arrays={"output.bias": np.zeros(4, np.float32)})
    with pytest.raises(BundleError, match=r"output.bias is not of the network"):
        load(copy)


@pytest.mark.parametrize("metadata", [{}, {"emotiw": "["}, {"emotiw": "[]"}])
def test_a_network_without_its_description_is_refused(copy, metadata):
    arrays = safetensors.numpy.load((copy / NETWORK).read_bytes())
    forge(copy, NETWORK, safetensors.numpy.save(arrays, metadata))
    with pytest.raises(BundleError, match="its description"):
        load(copy)


def test_landmarks_that_are_none_are_refused(copy):
    forge(copy, "weights/landmarks.safetensors", {"other": np.zeros(3, np.uint8)})
    with pytest.raises(BundleError, match="holds other, expected the bytes `dlib`"):
        load(copy)
    forge(copy, "weights/landmarks.safetensors", {"dlib": np.zeros(3, np.uint8)})
    with pytest.raises(EmotiwError, match="not a shape predictor that is safe to read"):
        load(copy)
