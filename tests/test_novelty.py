"""How far a clip is from the training clips: the distance, its threshold, and what a prediction says."""

from dataclasses import replace

import numpy as np
import pytest

import bundle_fixtures as tiny
from emotiw.prediction import novelty, novelty_threshold
from emotiw.prediction.models import PooledModel
from emotiw.prediction.predictor import Predictor
from emotiw.statistics import pooling
from emotiw.statistics.pooling import PooledLinear
from emotiw.statistics.standardisation import Scaler


def model(vectors):
    """Model whose standardisation is that of some vectors."""
    n = vectors.shape[1]
    linear = PooledLinear(vectors.mean(axis=0), vectors.std(axis=0), np.zeros((n, 3)), np.zeros(3))
    return PooledModel(linear, Scaler(np.zeros(n), np.ones(n)))


def test_the_training_clips_have_the_mean_square_distance_one():
    rng = np.random.default_rng(0)
    clips = [rng.normal(rng.normal(size=4), 1, (20, 4)) for _ in range(50)]
    fitted = model(np.stack([pooling.pooled(frames) for frames in clips]))
    assert np.mean([fitted.distance(frames) ** 2 for frames in clips]) == pytest.approx(1)
    assert fitted.distance(clips[0] + 10) > 5


def test_a_subject_of_its_own_is_standardised_first():
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(20, 4))
    fitted = model(rng.normal(size=(30, 8)))
    moved = replace(fitted, population=Scaler(np.full(8, 3.0), np.full(8, 2.0)))
    vector = (pooling.pooled(frames) - 3) / 2
    expected = np.sqrt(np.mean(((vector - fitted.linear.mean) / fitted.linear.scale) ** 2))
    assert moved.distance(frames) == pytest.approx(expected)


def test_the_threshold_is_not_exceeded_by_95_of_100_clips():
    distances = np.random.default_rng(0).permutation(np.arange(1, 101.0))
    assert novelty_threshold.threshold({"a": distances}) == 95


def test_each_corpus_counts_alike_for_the_threshold():
    near, far = np.linspace(0, 1, 1000), np.linspace(10, 11, 10)
    assert novelty_threshold.threshold({"near": near, "far": far}) == pytest.approx(10.8889, abs=1e-3)
    assert novelty_threshold.threshold({"near": np.tile(near, 5), "far": far}) == pytest.approx(10.8889, abs=1e-3)


def test_without_clips_there_is_no_threshold():
    assert novelty_threshold.threshold({"a": np.zeros(0)}) is None


@pytest.fixture(scope="module")
def pooled(tmp_path_factory):
    """A run whose audio system is a classifier of pooled frames, and its predictor."""
    run = tiny.write_run(tmp_path_factory.mktemp("run"), {"audio": tiny.system(["egemaps"], "pooled_logistic")})
    return run, Predictor.load(run.bundle)


def test_distances_are_of_the_systems_that_have_one(pooled):
    run, predictor = pooled
    found = {modality: run.features(modality, "clip15") for modality in ("video", "audio")}
    encoded = predictor.recogniser.encode(found["video"], found["audio"])
    distances = [member.audio["egemaps"].distance(found["audio"]["egemaps"]) for member in predictor.recogniser.members]
    assert predictor.recogniser.distance("audio", encoded) == pytest.approx(np.mean(distances))
    assert predictor.recogniser.distance("video", encoded) is None
    silent = predictor.recogniser.encode(found["video"], None)
    assert predictor.recogniser.distance("audio", silent) is None


def test_a_prediction_says_that_a_clip_is_unlike_the_training_clips(pooled):
    run, predictor = pooled
    sound = run.features("audio", "clip15")
    encoded = predictor.recogniser.encode(None, sound)
    far = predictor.recogniser.distance("audio", encoded)

    def said(threshold):
        about = predictor.bundle.about | {"novelty": {"audio": {"threshold": threshold, "n_clips": 9}}}
        return replace(predictor, bundle=replace(predictor.bundle, about=about))._unlike(encoded)

    assert said(far * 1.01) == []
    (note,) = said(far * 0.99)
    assert note == novelty.note("audio")
    assert "the sound is unlike those of the training clips, farther from them than 95 of 100 clips" in note
