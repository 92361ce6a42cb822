"""Features that a configuration offers: their modality, their kind, and the classifiers that take them."""

import pytest

from emotiw.jobs import features, settings, stages
from emotiw.jobs.features import Feature
from emotiw.jobs.stage_row import Kind
from onnx_fixtures import settings as embedding

ON_FRAMES = {"pls", "kernel_pls", "svm", "logistic", "pooled_logistic", "pooled_svm", "blstm"}
POOLED = {"pooled_logistic", "pooled_svm"}


def config(**over):
    return settings.merge(settings.load([]), over)


def taking(feature):
    return {row.name for row in stages.CLASSIFIERS.values() if feature.takes(row)}


def test_every_row_of_a_feature_is_offered_once():
    found = features.available(config())
    rows = [row.name for row in stages.rows(Kind.FRAME_FEATURE, Kind.CLIP_FEATURE) if not row.wildcards]
    assert list(found) == rows
    assert all(feature.name == name == feature.stage for name, feature in found.items())


@pytest.mark.parametrize(
    ("name", "modality", "kind"),
    [
        ("egemaps", "audio", Kind.FRAME_FEATURE),
        ("whisper", "audio", Kind.FRAME_FEATURE),
        ("functionals", "audio", Kind.CLIP_FEATURE),
        ("cnn", "video", Kind.FRAME_FEATURE),
        ("lbp_top", "video", Kind.CLIP_FEATURE),
    ],
)
def test_a_feature_has_a_modality_and_a_kind(name, modality, kind):
    feature = features.available(config())[name]
    assert (feature.modality, feature.kind) == (modality, kind)


def test_an_embedding_is_a_frame_feature_of_faces_that_one_stage_computes():
    feature = features.available(config(embeddings={"vgg": embedding(b"")}))["vgg"]
    assert (feature.modality, feature.kind, feature.stage) == ("video", Kind.FRAME_FEATURE, "embedding")
    assert feature.wildcards == {"embedding": "vgg"}


def test_frames_go_to_all_classifiers_but_the_mean_of_posteriors():
    assert taking(features.available(config())["egemaps"]) == ON_FRAMES


def test_a_vector_a_clip_goes_to_pooled_classifiers_only():
    assert taking(features.available(config())["functionals"]) == POOLED


def test_posteriors_of_frames_go_to_their_mean_too():
    posteriors = Feature("given", "video", Kind.FRAME_FEATURE, "given", posteriors=True)
    assert taking(posteriors) == ON_FRAMES | {"average"}
    assert taking(Feature("given", "video", Kind.CLIP_FEATURE, "given", posteriors=True)) == POOLED


def test_named_features_are_those_of_both_modalities():
    found = features.named(config(audio={"features": ["whisper", "egemaps"]}))
    assert list(found) == ["cnn", "dense_sift", "whisper", "egemaps"]
