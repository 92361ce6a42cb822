"""Bundles of every classifier in both modalities: they answer as the run that made them did."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy
import torch

import bundle_fixtures as tiny
import media_fixtures as made
import sound_network_fixtures as sound_network
from emotiw.audio import onnx_sound, whisper
from emotiw.core import files
from emotiw.core.errors import BundleError, ConfigError, StoreError, WeightsError
from emotiw.jobs import stages, store
from emotiw.prediction import bundle, bundle_load, describers
from emotiw.prediction.bundle_models import Models
from emotiw.prediction.predictor import Predictor
from emotiw.video import expression_features, expression_posteriors
from emotiw.weights import expression_weights, whisper_weights
from test_bundle import forge
from weights_fixtures import write_expression, write_whisper

CLASSIFIERS = ("pls", "kernel_pls", "svm", "logistic", "pooled_logistic", "pooled_svm", "blstm", "average")
# float32: the logarithms of training clips in a bundle, and the networks
ATOL = {"pooled_logistic": 1e-12, "pooled_svm": 1e-12, "average": 1e-12}


@pytest.fixture(autouse=True, scope="module")
def _posterior_features():
    """Features whose values are posteriors, beside those of the table of stages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "TABLE", (*stages.TABLE, *tiny.POSTERIOR_ROWS))
        for row in tiny.POSTERIOR_ROWS:
            patch.setitem(stages.ROWS, row.name, row)
        yield


def recogniser_of(run):
    return bundle_load.recogniser(bundle.read(run.bundle))


def compare(run, atol, most_certain=0.999):
    """Compare the posteriors of all validation and test clips, and of each system, with those of the run."""
    recogniser, fused, sources = recogniser_of(run), store.read(run.folder / "fusion.h5", "scores"), set()
    for i, clip in list(enumerate(fused.facts["clips"]))[9:]:
        found = recogniser.predict(recogniser.encode(run.features("video", clip), run.features("audio", clip)))
        assert found.source == fused.facts["sources"][clip]
        sources.add(found.source)
        for name in (name for name, values in found.mean.items() if values is not None):
            expected = fused.entries[name].arrays["scores"][i]
            np.testing.assert_allclose(found.mean[name], expected, rtol=0, atol=atol, err_msg=f"{clip} {name}")
        if found.source == "fusion":
            certain = [values.max() for values in found.mean.values()]
            assert max(certain) < most_certain, "posteriors that are all 0 and 1 compare nothing"
    return sources


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_every_classifier_answers_for_faces_and_for_sound_as_in_the_run(tmp_path, classifier):
    features = ("face_posteriors", "voice_posteriors") if classifier == "average" else ("hog", "egemaps")
    over = {
        modality: tiny.system([feature], classifier)
        for modality, feature in zip(("video", "audio"), features, strict=True)
    }
    run = tiny.write_run(tmp_path, over)
    assert compare(run, ATOL.get(classifier, 1e-6)) == {"fusion", "video", "audio"}
    about = bundle.read(run.bundle).about
    for modality, feature in zip(("video", "audio"), features, strict=True):
        assert about["members"][0][modality][feature]["classifier"] == classifier


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A run of two features in each modality, those of the sound with frames of different lengths."""
    over = {
        "video": tiny.system(["dense_sift", "hog"], "pooled_svm"),
        "audio": tiny.system(["egemaps", "whisper"], "pooled_logistic"),
    }
    folder = tmp_path_factory.mktemp("mixed")
    write_whisper(folder)
    return tiny.write_run(folder, over)


def test_several_features_are_averaged_as_in_the_run(mixed):
    assert compare(mixed, 1e-12) == {"fusion", "video", "audio"}


def test_sound_has_windows_where_each_of_its_features_has_frames(mixed):
    recogniser = recogniser_of(mixed)
    faces, sound = mixed.features("video", "clip12"), mixed.features("audio", "clip12")
    assert len(sound["egemaps"]) != len(sound["whisper"])
    encoded = recogniser.encode(faces, sound)
    whole = [{name: np.arange(len(frames)) for name, frames in values.items()} for values in (faces, sound)]
    part = {"egemaps": np.arange(3, 9), "whisper": np.arange(1, 4)}
    heard = [whole[1], part, part | {"whisper": np.arange(0)}, part | {"egemaps": np.arange(0)}, {}]
    track = recogniser.timeline(encoded, [whole[0]] * len(heard), heard)
    judged = recogniser.predict(encoded).mean
    for name, values in judged.items():
        np.testing.assert_allclose(track[name][0], values, rtol=0, atol=1e-15)
    cut = {name: sound[name][rows] for name, rows in part.items()}
    alone = recogniser.predict(recogniser.encode(faces, cut)).mean["audio"]
    np.testing.assert_allclose(track["audio"][1], alone, rtol=1e-12)
    assert abs(track["audio"][1] - judged["audio"]).max() > 1e-3
    assert np.isnan(track["audio"]).any(axis=1).tolist() == [False, False, True, True, True]
    np.testing.assert_array_equal(track["fusion"][2:], track["video"][2:])


def test_whisper_hears_as_the_workflow_does(mixed):
    hear = describers.of_sound(bundle.read(mixed.bundle))["whisper"]
    waveform = made.tone(1.3).astype(np.float32)[0]
    settings = dict(mixed.config["whisper"])
    storage = settings.pop("storage")
    model = whisper.encoder(whisper_weights.load(mixed.folder / "weights/whisper_base.safetensors"))
    times, values = whisper.heard_frames(waveform, model, **settings)
    (stored,) = store.narrowed([store.Entry("c", {"features": values, "time": times})], storage)
    found = hear(waveform)
    np.testing.assert_array_equal(found["features"], stored.arrays["features"].astype(np.float32))
    np.testing.assert_array_equal(found["time"], times)


def test_a_clip_is_predicted_by_two_features_of_its_sound(mixed, tmp_path):
    predictor = Predictor.load(mixed.bundle)
    clip = made.sound_file(tmp_path / "x.wav", made.tone(1.5))
    (found,) = predictor.predict([clip])
    assert found.source == "audio"
    assert not np.isnan(found.timeline.posteriors["audio"]).any()
    (cut,) = replace(predictor, segment_s=0.75).predict([clip])
    assert [part.status["audio"] for part in cut.parts] == ["ok", "ok"]
    short = made.sound_file(tmp_path / "short.wav", made.tone(0.105))
    (found,) = predictor.predict([short])
    assert (found.source, found.status["audio"]) == ("audio", "ok")


@pytest.mark.parametrize("modality", ["video", "audio"])
def test_a_run_of_one_modality_makes_a_bundle_of_it(tmp_path, modality):
    over = {"video": tiny.system(["hog"], "pooled_logistic"), "audio": tiny.system(["egemaps"], "pooled_logistic")}
    run = tiny.write_run(tmp_path, over, modalities=(modality,))
    other = {"video": "audio", "audio": "video"}[modality]
    predictor = Predictor.load(run.bundle)
    assert predictor.untrained == [other]
    assert ("landmarks" in predictor.bundle.about["weights"]) == (modality == "video")
    fused, heard = store.read(run.folder / "fusion.h5", "scores"), []
    for i, clip in list(enumerate(fused.facts["clips"]))[9:]:
        features = {"video": {}, "audio": {}} | {modality: run.features(modality, clip)}
        judged = predictor.recogniser.predict(predictor.recogniser.encode(features["video"], features["audio"]))
        assert judged.mean[other] is None
        if judged.mean[modality] is not None:
            heard.append(clip)
            expected = fused.entries["fusion"].arrays["scores"][i]
            np.testing.assert_allclose(judged.mean["fusion"], expected, rtol=0, atol=1e-12)
    assert len(heard) == 8
    loud = made.clip(tmp_path / "a.mp4", n=10, sound=made.tone(1))
    (found,) = predictor.predict([loud])
    assert found.status[other] == "not_trained"
    assert found.source == ("audio" if modality == "audio" else "none")
    assert (found.parts[0].n_frames > 0) == (modality == "video")


def test_a_pooled_classifier_that_learnt_subjects_takes_a_clip_for_one_of_their_population(tmp_path):
    over = {"audio": tiny.system(["egemaps"], "pooled_logistic"), "pooled": {"normalise": "subject"}}
    run = tiny.write_run(tmp_path, over)
    learnt = store.read(run.folder / "egemaps/model.h5", "pooled_classifier").entries["pooled"].arrays
    assert learnt["population_mean"].any()
    frames = run.features("audio", "clip12")
    x = frames["egemaps"].astype(np.float64)
    vector = (np.concatenate([x.mean(axis=0), x.std(axis=0)]) - learnt["population_mean"]) / learnt["population_scale"]
    expected = ((vector - learnt["mean"]) / learnt["scale"]) @ learnt["coefficients"] + learnt["intercept"]
    model = recogniser_of(run).members[0].audio["egemaps"]
    np.testing.assert_allclose(model.scores(frames["egemaps"], [np.arange(len(x))]), [expected], rtol=1e-12)


POOLED = "official/hog.safetensors"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.update(scale=np.zeros_like(a["scale"])), "scale has values that are not positive"),
        (lambda a: a.update(population_scale=-a["population_scale"]), "population_scale has values that are not pos"),
        (lambda a: a.update(mean=np.full_like(a["mean"], np.nan)), "mean holds NaN or infinity"),
        (lambda a: a.update(mean=a["mean"][1:]), r"scale is float64 of \(3528,\), expected \(3527,\)"),
        (lambda a: a.update(coefficients=a["coefficients"][:, :2].copy()), r"expected \(3528, 3\)"),
        (lambda a: a.update(intercept=a["intercept"].astype(np.int64)), "intercept is int64"),
        (lambda a: a.pop("population_mean"), "lacks population_mean"),
        (
            lambda a: a.update({key: values[1:].copy() for key, values in a.items() if key != "intercept"}),
            "mean has 3527 values, expected an even number",
        ),
        (
            lambda a: a.update({key: values[2:].copy() for key, values in a.items() if key != "intercept"}),
            "hog has 1764 values, its model of official takes 1763",
        ),
    ],
)
def test_arrays_of_a_pooled_classifier_that_do_not_fit_are_refused(mixed, tmp_path, change, message):
    copy = shutil.copytree(mixed.bundle, tmp_path / "bundle")
    arrays = dict(safetensors.numpy.load((copy / POOLED).read_bytes()))
    change(arrays)
    forge(copy, POOLED, arrays)
    with pytest.raises(BundleError, match=message):
        Predictor.load(copy)


def test_whisper_weights_that_are_none_are_refused(mixed, tmp_path):
    copy = shutil.copytree(mixed.bundle, tmp_path / "bundle")
    forge(copy, "weights/whisper_base.safetensors", {"x": np.zeros(3, np.float32)})
    with pytest.raises(WeightsError, match=r"whisper_base\.safetensors: lacks or adds"):
        Predictor.load(copy)


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A run by the posteriors of the expression network and by a network of sound in an ONNX file."""
    folder = tmp_path_factory.mktemp("networks")
    data = sound_network.strided()
    files.write_atomic(folder / "networks/tiny.onnx", data)
    write_expression(folder)
    over = {
        "sound_embeddings": {"tiny": sound_network.settings(data)},
        "video": tiny.system(["expression_posteriors"], "average"),
        "audio": tiny.system(["tiny"], "pooled_logistic"),
    }
    return tiny.write_run(folder, over)


def test_networks_of_faces_and_of_sound_answer_as_in_the_run(networks):
    assert compare(networks, 1e-12) == {"fusion", "video", "audio"}
    assert Predictor.load(networks.bundle).untrained == []


def test_the_expression_network_sees_as_the_workflow_does(networks):
    found = describers.of_faces(bundle.read(networks.bundle))["expression_posteriors"](tiny.chips(3))
    arrays, size = expression_weights.load(networks.folder / "weights/expression.safetensors")
    settings = networks.config["expression"]
    cpu = torch.device("cpu")
    features = expression_features.describer(arrays, size, settings, cpu)(tiny.chips(3))
    (stored,) = store.narrowed([store.Entry("c", {"features": features})], settings["storage"])
    read = stored.arrays["features"].astype(np.float32)
    np.testing.assert_array_equal(found, expression_posteriors.posteriors(read, arrays, settings["head"]))


def test_a_network_in_an_onnx_file_hears_as_the_workflow_does(networks):
    found = describers.of_sound(bundle.read(networks.bundle))["tiny"](made.tone(1.3).astype(np.float32)[0])
    settings = networks.config["sound_embeddings"]["tiny"]
    network = onnx_sound.read(networks.folder / "networks/tiny.onnx", "tiny", settings)
    expected = onnx_sound.features(made.tone(1.3).astype(np.float32)[0], network)
    np.testing.assert_array_equal(found["time"], expected["time"])
    dtype = np.dtype(settings["storage"])
    np.testing.assert_array_equal(found["features"], expected["features"].astype(dtype).astype(np.float32))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda about: about["weights"]["expression"]["record"].pop("size"), WeightsError, "record has the size None"),
        (
            lambda about: about["weights"]["expression"]["record"].update(size=10**9),
            WeightsError,
            "size 1000000000, expected 55 to 512 px",
        ),
        (
            lambda about: about["settings"]["sound_embeddings"]["tiny"].update(sha256="0" * 64),
            WeightsError,
            r"tiny\.onnx .* expected 0000",
        ),
        (
            lambda about: about["settings"]["sound_embeddings"].pop("tiny"),
            BundleError,
            "feature 'tiny' of audio is unknown",
        ),
        (
            lambda about: about["files"].pop("embeddings/tiny.onnx"),
            BundleError,
            "which it does not list among its files",
        ),
    ],
)
def test_a_network_that_is_not_as_the_index_says_is_refused(networks, tmp_path, change, error, message):
    copy = shutil.copytree(networks.bundle, tmp_path / "bundle")
    tiny.rewrite(copy, change)
    with pytest.raises(error, match=message):
        Predictor.load(copy)


def test_posteriors_of_unknown_classes_are_refused(tmp_path):
    over = {"video": tiny.system(["face_posteriors"], "average")}
    run = tiny.write_run(tmp_path, over)
    tiny.rewrite(run.bundle, lambda about: about["columns"].update(face_posteriors=["contempt", "awe"]))
    with pytest.raises(BundleError, match="face_posteriors: posteriors of contempt, awe, none of which is a class"):
        recogniser_of(run)
    tiny.rewrite(run.bundle, lambda about: about["columns"].pop("face_posteriors"))
    with pytest.raises(BundleError, match="face_posteriors: posteriors of , none of which is a class"):
        recogniser_of(run)


def test_one_modality_has_one_classifier(mixed):
    entries = bundle.read(mixed.bundle).about["members"][0]["video"]
    tiny.rewrite(mixed.bundle, lambda about: about["members"][0]["video"]["hog"].update(classifier="pooled_logistic"))
    try:
        with pytest.raises(BundleError, match="video by pooled_logistic and pooled_svm, expected one classifier"):
            recogniser_of(mixed)
    finally:
        tiny.rewrite(mixed.bundle, lambda about: about["members"][0].update(video=entries))


def test_features_of_whole_clips_have_no_bundle(tmp_path):
    run = tiny.write_run(tmp_path, {"audio": tiny.system(["egemaps"], "pooled_logistic")})
    run.config["audio"] |= tiny.system(["functionals"], "pooled_logistic")
    with pytest.raises(ConfigError, match=r"bundle: cannot compute functionals for new clips, expected features of fr"):
        tiny.export(run, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_models_are_found_by_what_their_files_say(tmp_path):
    stage = {"fold": "official", "feature": "hog", "classifier": "pls"}
    store.write(tmp_path / "a.h5", "classifier", [], stage=stage)
    store.write(tmp_path / "b.h5", "classifier", [], stage=stage)
    store.write(tmp_path / "c.h5", "kernels", [], stage=stage)
    models = Models.of([tmp_path / "a.h5", tmp_path / "b.h5", tmp_path / "c.h5"])
    assert models.artefact(("official", "hog", "kernels")).stage == stage
    with pytest.raises(StoreError, match="bundle: 2 files of official/hog/pls, expected one"):
        models.artefact(("official", "hog", "pls"))
    with pytest.raises(StoreError, match="bundle: 0 files of official/hog/pca, expected one"):
        models.artefact(("official", "hog", "pca"))
    store.write(tmp_path / "d.h5", "scores", [], stage=stage)
    with pytest.raises(StoreError, match=r"d\.h5: is 'scores', expected one of pca, kernels, classifier"):
        Models.of([tmp_path / "d.h5"])


def test_the_index_says_what_the_bundle_holds(mixed):
    about = json.loads((mixed.bundle / "bundle.json").read_text())
    assert about["features"] == {"video": ["dense_sift", "hog"], "audio": ["egemaps", "whisper"]}
    assert set(about["settings"]) == {
        *("limits", "media", "faces", "audio", "video", "embeddings", "sound_embeddings"),
        *("dense_sift", "hog", "egemaps", "whisper"),
    }
    assert about["licences"]["whisper_base"] == whisper_weights.LICENCE
    assert set(about["weights"]) == {"landmarks", "whisper_base"}
    assert about["columns"].keys() == {"egemaps"}
