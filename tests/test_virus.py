"""The benchmark on the Virus image sets: the published figures, its protocol, and features of pictures that turn."""

import numpy as np
import pytest
import virus
import virus_features as features

from emotiw.video import image_sets, kernels

PUBLISHED = {"pls": (62.84, 5.99), "svm": (66.57, 5.79)}  # Chen et al. 2020, covariances


@pytest.fixture(scope="module")
def published(shared):
    """Inner products of all sets with 20 x 20 intensities, class indices, draws."""
    path = shared / "image_sets" / "virus.npz"
    if not path.exists():
        pytest.skip("needs the Virus image sets, which are not part of the repository")
    images, label = virus.images_of(path)
    inner = virus.products(features.intensities(features.reduced(images_of_set)) for images_of_set in images)
    return inner, label, list(virus.draws(label, 10))


@pytest.mark.parametrize(
    ("classifier", "kernel", "n_draws"),
    [
        ("kernel_pls", virus.LINEAR, 10),
        ("kernel_pls", "covariance_rbf", 10),
        ("pls", "covariance_rbf", 10),
        ("svm", virus.LINEAR, 5),  # half a second a draw
    ],
)
def test_published_figures_are_within_one_standard_deviation(published, classifier, kernel, n_draws):
    figure, deviation = PUBLISHED["svm" if classifier == "svm" else "pls"]
    inner, label, orders = published
    computed = []
    for order in orders[:n_draws]:
        K = virus.linear_kernel(inner, order) if kernel == virus.LINEAR else virus.six_kernels(inner, order)[kernel]
        scores = virus.predictions(classifier, K, label[order])
        computed.append((scores.argmax(axis=1) == label[order][virus.N_TRAIN :]).mean())
    assert 100 * np.mean(computed) == pytest.approx(figure, abs=deviation)


@pytest.mark.parametrize("kernel", ["covariance_polynomial", "covariance_rbf", "gaussian_rbf"])
def test_pls_with_many_components_is_least_squares(published, kernel):
    inner, label, orders = published
    path = [virus.staged_accuracies(virus.six_kernels(inner, order)[kernel], label[order]) for order in orders]
    *staged, squares = 100 * np.mean(path, axis=0)
    np.testing.assert_allclose(staged[13:], squares, atol=1)
    assert max(staged[:4]) > squares


def test_draws_are_three_and_two_sets_of_each_class():
    label = np.repeat(np.arange(virus.N_CLASSES), 5)
    first, second = virus.draws(label, 2)
    assert sorted(first) == list(range(75))
    np.testing.assert_array_equal(np.bincount(label[first[: virus.N_TRAIN]]), 3)
    np.testing.assert_array_equal(label[first[: virus.N_TRAIN]][::3], np.arange(virus.N_CLASSES))
    assert (first != second).any()


def test_six_kernels_are_those_of_the_system():
    rng = np.random.default_rng(0)
    sets = [rng.standard_normal((n, 12)) + rng.standard_normal(12) for n in rng.integers(5, 40, 60)]
    order = rng.permutation(60)
    expected = dict(
        kernels.feature_kernels(
            {f"{i}": sets[i] for i in order},
            virus.N_TRAIN,
            rank=virus.RANK,
            regularisation=virus.REGULARISATION,
            degree=1,
        )
    )
    computed = virus.six_kernels(virus.products(sets), order)
    assert list(computed) == list(expected)
    for name, K in computed.items():
        np.testing.assert_allclose(K, expected[name].matrix, atol=1e-9)


def test_the_linear_kernel_is_that_of_covariances_as_it_is():
    rng = np.random.default_rng(0)
    sets = [rng.standard_normal((20, 5)) for _ in range(virus.N_TRAIN)]
    L = [image_sets.log_covariance(F, virus.REGULARISATION) for F in sets]
    K = virus.linear_kernel(virus.products(sets), np.arange(virus.N_TRAIN))
    assert K[3, 7] / K[0, 0] == pytest.approx(np.trace(L[3] @ L[7]) / np.trace(L[0] @ L[0]))


def test_choosing_sees_no_test_set():
    rng = np.random.default_rng(0)
    truth = np.tile(np.repeat(np.arange(virus.N_CLASSES), 5), (4, 1))
    scores = rng.standard_normal((6, 4, 75, virus.N_CLASSES)) + 2 * np.eye(virus.N_CLASSES)[truth]
    chosen = virus.chosen_in_training(list(scores), truth)
    changed = scores.copy()
    changed[:, :, virus.N_TRAIN :] = rng.standard_normal(changed[:, :, virus.N_TRAIN :].shape)
    inside = slice(virus.N_TRAIN)
    np.testing.assert_array_equal(virus.chosen_in_training(list(changed), truth)[:, inside], chosen[:, inside])


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(0, 255, (2, 20, 20))


def test_symmetries_are_eight_and_closed(images):
    eight = {x.tobytes() for x in features.symmetries(images[:1])}
    assert len(eight) == 8
    assert {x.tobytes() for x in features.symmetries(features.symmetries(images[:1]))} == eight


@pytest.mark.parametrize("feature", [lambda x: features.derivatives(x, scales=(0.7, 2)), features.lbp])
def test_what_does_not_turn_with_the_picture(images, feature):
    turned = feature(np.rot90(images, axes=(1, 2)))
    np.testing.assert_allclose(turned.mean(axis=0), feature(images).mean(axis=0), atol=1e-2)
    np.testing.assert_allclose(np.cov(turned.T), np.cov(feature(images).T), atol=1e-2)


def test_every_feature_gives_frames_of_one_length(images, root):
    weights = root.parent / "shared" / "data" / "weights" / "alexnet_conv_imagenet.npz"
    large = features.reduced(images, 41)
    for name, feature in features.features(weights if weights.exists() else None).items():
        frames = feature(large)
        assert frames.ndim == 2, name
        assert np.isfinite(frames).all(), name


@pytest.mark.parametrize("name", ["pls", "kernel_pls"])
def test_labels_of_the_test_sets_choose_no_number_of_components(published, name):
    inner, label, orders = published
    swapped = label.copy()
    tested = orders[0][virus.N_TRAIN :]
    swapped[tested] = np.roll(label[tested], 2)
    table, numbers = virus.chosen_by_rule(name, inner, label, orders[:1])
    other_table, other_numbers = virus.chosen_by_rule(name, inner, swapped, orders[:1])
    assert numbers == other_numbers
    assert table != other_table
    assert {way for _, way in table} == {virus.FIXED, *virus.CHOICES}


def test_a_mean_difference_and_its_interval_by_hand():
    # differences of 1, 2 and 3 points: t(0.975, 2) = 4.303 times 1 / sqrt(3)
    assert virus.difference([0.11, 0.12, 0.13], [0.10, 0.10, 0.10]) == "+2.00 (-0.48 to +4.48)"
