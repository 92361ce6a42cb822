"""Bundles of version 2: they are read, and answer as the versions of emotiw that made them did.

The posteriors of each modality are the same bit by bit, the fused scores too; but their sum is no longer left as it is.
"""

import json
import shutil

import numpy as np
import pytest
import safetensors.numpy
import torch

import bundle_fixtures as tiny
import bundle_v2
import media_fixtures as made
from emotiw.audio import blstm
from emotiw.core.errors import BundleError
from emotiw.fusion import schemes
from emotiw.prediction import bundle, bundle_load
from emotiw.prediction.predictor import Predictor
from emotiw.statistics import standardisation
from emotiw.video.kernels import Reference, half_vectors, kernels_with


@pytest.fixture
def old(run, tmp_path):
    return bundle_v2.write(tmp_path / "old", run.bundle)


def answers_of_version_2(folder, faces, sound):
    """Scores of a clip by the formulas that emotiw had when it wrote version 2, from the bundle's files alone."""
    about = json.loads((folder / "bundle.json").read_text())
    (member,) = about["members"]
    entry = member["video"]["dense_sift"]
    arrays = safetensors.numpy.load((folder / entry["file"]).read_bytes())
    references = {name: Reference.of(arrays[name]) for name in ("covariance", "gaussian")}
    references["subspace"] = Reference.of(half_vectors(P @ P.T for P in arrays["subspace"]))
    video = about["settings"]["video"]
    settings = {"rank": video["subspace_rank"], "regularisation": video["regularisation"]}
    settings["degree"] = video["polynomial_degree"]
    projected = (faces - arrays["pca.mean"]) @ arrays["pca.components"].T
    kernels = kernels_with([projected], references, entry["gamma"], settings)
    values = [K @ arrays[f"{name}.coefficients"] + arrays[f"{name}.intercept"] for name, K in kernels.items()]
    seen = schemes.calibrated(np.mean([np.mean(values, axis=0)], axis=0), member["video_scale"])
    networks = [frame_posteriors(folder / name, sound) for name in member["networks"]]
    scores = blstm.clip_scores([np.mean(networks, axis=0, dtype=np.float64)])
    heard = schemes.calibrated(schemes.log_posteriors(scores), member["audio_scale"])
    weights = np.array(member["weights"])
    return {"video": seen[0], "audio": heard[0], "fusion": (weights * heard + (1 - weights) * seen)[0]}


def frame_posteriors(path, sound):
    with safetensors.safe_open(path, "pt") as stream:
        about = json.loads(stream.metadata()["emotiw"])
        tensors = {name: stream.get_tensor(name) for name in stream.keys()}
    fitted = {key: tensors.pop(f"scaler.{key}").numpy() for key in ("mean", "scale")}
    scaler = standardisation.Scaler(**fitted, constant=tuple(about["constant"]))
    model = blstm.BLSTM(88, about["architecture"], 3, peepholes=about["peepholes"])
    model.load_state_dict({name: torch.clone(values) for name, values in tensors.items()})
    return blstm.frame_posteriors(
        model.eval(), standardisation.standardise([sound], scaler, clip=about["feature_clip"])
    )[0]


@pytest.mark.parametrize("clip", ["clip09", "clip12", "clip15"])
def test_it_answers_bit_by_bit_as_before(run, old, clip):
    recogniser = Predictor.load(old).recogniser
    faces, sound = run.features("video", clip), run.features("audio", clip)
    found = recogniser.predict(recogniser.encode(faces, sound)).mean
    expected = answers_of_version_2(old, faces["dense_sift"], sound["egemaps"])
    assert found.keys() == expected.keys()
    for name in ("video", "audio"):
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    np.testing.assert_allclose(found["fusion"], expected["fusion"] / expected["fusion"].sum(), rtol=1e-12)
    assert found["fusion"].argmax() == expected["fusion"].argmax()


def test_it_predicts_clips_as_the_same_bundle_of_version_3_does(run, old, tmp_path):
    clip = made.sound_file(tmp_path / "x.wav", made.tone(1))
    (before,), (after,) = (Predictor.load(folder).predict([clip]) for folder in (old, run.bundle))
    for name in ("audio", "fusion"):
        np.testing.assert_array_equal(before.posteriors[name], after.posteriors[name])
        np.testing.assert_array_equal(before.timeline.posteriors[name], after.timeline.posteriors[name])


def test_one_of_version_3_that_has_no_scale_of_the_fusion_is_normalised_only(run, tmp_path):
    shutil.copytree(run.bundle, tmp_path / "earlier")
    tiny.rewrite(tmp_path / "earlier", lambda about: about["members"][0].pop("fusion_scale"))
    with_scale, without = (bundle_load.recogniser(bundle.read(at)) for at in (run.bundle, tmp_path / "earlier"))
    assert with_scale.members[0].fusion.fused_scales != {"joint": 1.0}
    features = run.features("video", "clip12"), run.features("audio", "clip12")
    before, after = (it.predict(it.encode(*features)).mean for it in (without, with_scale))
    weights = without.members[0].fusion.weights["joint"]
    scores = schemes.weighted_sum(before["audio"], before["video"], weights)
    np.testing.assert_allclose(before["fusion"], scores / scores.sum(), rtol=1e-12)
    assert before["fusion"].argmax() == after["fusion"].argmax()


def test_it_is_identified_by_its_own_index(old):
    found = bundle.read(old)
    assert found.identity == json.loads((old / "bundle.json").read_text())["sha256"]
    assert found.about["features"] == {"video": ["dense_sift"], "audio": ["egemaps"]}


def change_video(**values):
    return lambda about: about["settings"]["video"].update(values)


def member(**values):
    return lambda about: about["members"][0].update(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda about: about.update(features={"video": ["dense_sift"]}), r"features: .* is not of type 'array'"),
        (member(audio={}), r"Additional properties are not allowed \('audio' was unexpected\)"),
        (member(networks="x"), r"networks: 'x' is not of type 'array'"),
        (lambda about: about["members"][0].pop("networks"), r"'networks' is a required property"),
        (
            lambda about: about["members"][0]["video"]["dense_sift"].update(classifier="pls"),
            r"Additional properties are not allowed \('classifier' was unexpected\)",
        ),
        (change_video(combination={"classifier": "blstm"}), r"classifier: 'blstm' is not one of"),
        (change_video(combination={}), r"'classifier' is a required property"),
        (change_video(subspace_rank="3"), r"settings: video.subspace_rank: '3'"),
        (lambda about: about["settings"].pop("egemaps"), r"lacks the section 'egemaps'"),
        (lambda about: about["settings"].pop("limits"), r"'limits' is a required property"),
        (lambda about: about["settings"].update(audio=None), r"settings.audio: None is not of type 'object'"),
    ],
)
def test_an_index_that_is_not_right_is_refused(old, change, message):
    tiny.rewrite(old, change)
    with pytest.raises(BundleError, match=message):
        Predictor.load(old)


def test_sections_that_its_system_does_not_read_do_not_matter(old):
    def change(about):
        about["settings"]["hog"] = {"of": "another version"}
        about["settings"]["video"]["c_grid"] = "of another version"

    tiny.rewrite(old, change)
    Predictor.load(old)
