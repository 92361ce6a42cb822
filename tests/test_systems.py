"""Names of the systems that are scored."""

import pytest

from emotiw.evaluation import systems


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
