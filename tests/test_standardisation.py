import numpy as np
import pytest

from emotiw.core.errors import FeatureError
from emotiw.statistics import standardisation


def clips(lengths=(7, 3, 1, 5)):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, 5)).astype(np.float32) for n in lengths]


def test_standardised_training_frames_have_mean_0_and_deviation_1():
    features = clips([50, 30])
    scaled = np.concatenate(standardisation.standardise(features, standardisation.fit_scaler(features), clip=10))
    np.testing.assert_allclose([scaled.mean(axis=0), scaled.std(axis=0)], [[0] * 5, [1] * 5], atol=1e-6)


def test_a_constant_column_has_scale_1_and_becomes_0_everywhere():
    features = clips()
    for x in features:
        x[:, 2] = 0.1
    scaler = standardisation.fit_scaler(features)
    assert (scaler.constant, scaler.scale[2]) == ((2,), 1)
    (other,) = standardisation.standardise([np.full((2, 5), 7, np.float32)], scaler, clip=10)
    assert not other[:, 2].any()


def test_standardised_features_are_limited():
    scaler = standardisation.Scaler(np.zeros(1), np.ones(1))
    (scaled,) = standardisation.standardise([np.float32([[-50], [2], [50]])], scaler, clip=10)
    assert scaled.ravel().tolist() == [-10, 2, 10]


@pytest.mark.parametrize("features", [[], [np.zeros((0, 5), np.float32)]])
def test_a_scaler_needs_frames(features):
    with pytest.raises(FeatureError, match="no training frame, expected at least one"):
        standardisation.fit_scaler(features)


def test_the_frames_of_every_subject_get_mean_0_and_deviation_1():
    features = [x + 10 * i for i, x in enumerate(clips([30, 20, 40]))]
    first, second, third = standardisation.by_subject(features, ["a", "b", "a"])
    for frames in (np.concatenate([first, third]), second):
        np.testing.assert_allclose([frames.mean(axis=0), frames.std(axis=0)], [[0] * 5, [1] * 5], atol=1e-5)
    assert first.dtype == np.float32


def test_a_subject_does_not_reach_another():
    features, changed = clips(), clips()
    changed[1] += 5
    found = [standardisation.by_subject(x, ["a", "b", "a", "c"]) for x in (features, changed)]
    assert all(np.array_equal(found[0][i], found[1][i]) for i in (0, 2, 3))


def test_a_column_that_does_not_vary_in_a_subject_becomes_0():
    features = clips()
    features[1][:, 3] = 7
    found = standardisation.by_subject(features, ["a", "b", "a", "c"])
    assert not found[1][:, 3].any()


def test_the_population_is_the_mean_of_its_subjects_however_much_each_is_heard():
    features = [x + 10 * i for i, x in enumerate(clips([30, 20, 40]))]
    found = standardisation.fit_population(features, ["a", "b", "a"])
    a, b = np.concatenate([features[0], features[2]]).astype(float), features[1].astype(float)
    np.testing.assert_allclose(found.mean, (a.mean(0) + b.mean(0)) / 2)
    np.testing.assert_allclose(found.scale**2, (a.var(0) + b.var(0)) / 2)


def test_a_new_subject_stands_between_its_own_clip_and_the_population():
    population = standardisation.Scaler(np.full(5, 3.0), np.full(5, 2.0))
    (clip,) = clips([50])
    np.testing.assert_allclose(
        standardisation.by_new_subject(clip, population, prior=0),
        standardisation.by_subject([clip], ["a"])[0],
        atol=1e-5,
    )
    np.testing.assert_allclose(
        standardisation.by_new_subject(clip, population, prior=1e12), (clip - 3.0) / 2.0, atol=1e-5
    )
    # by definition: as if the clip's frames stood among as many of the population's, two here, that have its moments
    (clip,) = clips([2])
    together = np.concatenate([clip, np.tile([[1.0], [5.0]], 5)])
    np.testing.assert_allclose(
        standardisation.by_new_subject(clip, population, prior=2),
        ((clip - together.mean(0)) / together.std(0)),
        atol=1e-5,
    )


def test_a_column_that_varies_in_neither_becomes_0():
    population = standardisation.Scaler(np.full(5, 3.0), np.zeros(5))
    assert not standardisation.by_new_subject(np.full((4, 5), 3, np.float32), population).any()


def test_statistics_of_many_columns_are_those_of_all_at_once_bit_by_bit():
    rng = np.random.default_rng(8)
    features = [(rng.standard_normal((n, 150)) * 10).astype(np.float32) for n in (3, 40, 17)]
    for F in features:
        F[:, 100] = 2.5
    found, X = standardisation.fit_scaler(features), np.concatenate(features).astype(np.float64)
    expected = X.std(axis=0)
    expected[100] = 1
    np.testing.assert_array_equal(found.mean, np.where(np.arange(150) == 100, 2.5, X.mean(axis=0)))
    np.testing.assert_array_equal(found.scale, expected)
    assert found.constant == (100,)
