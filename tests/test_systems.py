"""Names of the systems that are scored."""

import pytest

from emotiw.evaluation import systems
from emotiw.evaluation.systems import System
from emotiw.jobs import settings


def video(features, combinations=None, system=("cnn", "hog")):
    return {"features": features, "combinations": combinations, "combination": {"features": list(system)}}


def test_every_subset_of_up_to_four_features_is_scored_the_smaller_first():
    found = systems.combinations(video(["cnn", "dense_sift", "hog"]))
    assert found == [("cnn", "dense_sift"), ("cnn", "hog"), ("dense_sift", "hog"), ("cnn", "dense_sift", "hog")]
    assert len(systems.combinations(video(["cnn", "dense_sift", "hog", "own"]))) == 11


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        (video(["a", "b", "c", "d", "cnn", "hog"]), [("cnn", "hog")]),
        (video(["cnn", "dense_sift", "hog"], [["dense_sift", "cnn"]]), [("cnn", "dense_sift"), ("cnn", "hog")]),
        (video(["cnn", "hog"], [["hog", "cnn"]]), [("cnn", "hog")]),
        (video(["cnn"], system=["cnn"]), []),
        (video(["cnn", "hog"], [], system=["cnn"]), []),
    ],
)
def test_listed_combinations_and_the_video_system_are_scored_once_in_the_features_order(about, expected):
    assert systems.combinations(about) == expected


def test_a_name_is_taken_apart_as_it_was_put_together():
    assert systems.separated(systems.joined(("cnn", "dense_sift"))) == ["cnn", "dense_sift"]


def test_baselines_are_named_by_modality_and_feature():
    assert [systems.baseline(name) for name in systems.BASELINES] == ["video/lbp_top/svm", "audio/functionals/svm"]


def config(**over):
    return settings.merge(settings.load([]), over)


def test_the_paper_s_systems_are_the_default():
    found = config()
    assert systems.scored(found, "audio") == [System("audio", ("egemaps",), "blstm")]
    assert systems.fused(found, "audio") == System("audio", ("egemaps",), "blstm")
    both = System("video", ("cnn", "dense_sift"), "pls")
    assert systems.fused(found, "video") == both
    assert systems.scored(found, "video") == [
        *(System("video", (name,), "pls") for name in ("cnn", "dense_sift")),
        both,
    ]


def test_a_classifier_scores_the_features_that_it_takes():
    classifiers = ["blstm", "pooled_logistic", "pls"]
    found = config(audio={"features": ["egemaps", "functionals", "whisper"], "classifiers": classifiers})
    scored = systems.scored(found, "audio")
    assert [system for system in scored if system.features == ("functionals",)] == [
        System("audio", ("functionals",), "pooled_logistic")
    ]
    by = {name: {system.features for system in scored if system.classifier == name} for name in classifiers}
    assert by["blstm"] == by["pls"] == {("egemaps",), ("whisper",), ("egemaps", "whisper")}
    assert len(by["pooled_logistic"]) == 7
    assert {system.modality for system in scored} == {"audio"}


def test_the_fused_system_has_its_features_in_the_configuration_s_order():
    chosen = {"features": ["whisper", "egemaps"], "classifier": "pls"}
    found = config(audio={"features": ["egemaps", "whisper"], "classifiers": ["pls"], "combination": chosen})
    assert systems.fused(found, "audio") == System("audio", ("egemaps", "whisper"), "pls")
    assert systems.fused(found, "audio") in systems.scored(found, "audio")


@pytest.mark.parametrize(("classifier", "is_network"), [("blstm", True), ("pls", False), ("pooled_svm", False)])
def test_networks_alone_are_trained_with_validation_clips(classifier, is_network):
    assert System("audio", ("egemaps",), classifier).is_network == is_network
