"""PCA of many sets of frames: against scikit-learn, bounds of the dimension, degenerate frames."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA

from emotiw.core.errors import FeatureError
from emotiw.video import pca, second_moment


@pytest.fixture
def frames():
    """Twenty sets of float32 frames with 30 features of falling variance, not centred."""
    rng = np.random.default_rng(0)
    return [(rng.standard_normal((n, 30)) * 0.8 ** np.arange(30) + 5).astype(np.float32) for n in range(5, 25)]


def fit(frames, dimension):
    return pca.fit_pca(pca.scatter_of(frames), dimension)


def test_pca_equals_that_of_scikit_learn(frames):
    computed = fit(frames, 4)
    expected = PCA(4).fit(np.concatenate(frames).astype(np.float64))
    np.testing.assert_allclose(computed.mean, expected.mean_)
    np.testing.assert_allclose(computed.variance, expected.explained_variance_, rtol=1e-5)
    assert_same = np.abs((computed.components * expected.components_).sum(axis=1))
    np.testing.assert_allclose(assert_same, 1, atol=1e-6)


def test_pca_does_not_depend_on_the_order_of_clips(frames):
    computed, other = fit(frames, 4), fit(frames[::-1], 4)
    np.testing.assert_allclose(computed.components, other.components, atol=1e-6)


def test_projection_has_the_variances_and_no_mean(frames):
    fitted = fit(frames, 4)
    Z = np.concatenate([pca.project(F, fitted) for F in frames])
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.cov(Z.T), np.diag(fitted.variance), atol=1e-5)


@pytest.mark.parametrize(("wanted", "n_frames", "dimension"), [(4, 24, 4), (256, 24, 23), (256, 400, 30)])
def test_pca_dimension_is_bounded_by_frames_and_features(wanted, n_frames, dimension):
    F = np.random.default_rng(0).standard_normal((n_frames, 30))
    assert len(fit([F], wanted).components) == dimension


def test_pca_drops_directions_without_variance(frames):
    copies = [np.concatenate([F[:, :3], F[:, :3], np.ones_like(F[:, :2])], axis=1) for F in frames]
    assert fit(copies, 8).components.shape == (3, 8)


class Read:
    """Sets that are made whenever they are asked for; counts how often."""

    def __init__(self, sets):
        self.sets, self.n_read = sets, 0

    def __len__(self):
        return len(self.sets)

    def __getitem__(self, i):
        self.n_read += 1
        return self.sets[i].copy()


def assert_equal_within(computed, expected, tolerance):
    np.testing.assert_allclose(computed.mean, expected.mean, atol=tolerance)
    np.testing.assert_allclose(computed.variance, expected.variance, atol=tolerance * expected.variance[0])
    cosines = np.abs((computed.components * expected.components).sum(axis=1))
    np.testing.assert_allclose(cosines, 1, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_frames_that_are_too_many_to_hold_are_read_once(frames, monkeypatch, dtype):
    expected, read = fit(frames, 4), Read(frames)
    monkeypatch.setattr(pca, "HELD_BYTES", 3000)
    monkeypatch.setattr(pca, "CLIPS_PER_BLOCK", 3)
    monkeypatch.setattr(second_moment, "_dtype", lambda _: dtype)
    assert_equal_within(fit(read, 4), expected, 1e-5)
    assert read.n_read == len(frames)


def test_features_that_are_stored_in_half_precision_are_held_so(frames):
    halves = [F.astype(np.float16).astype(np.float32) for F in frames]
    held = pca._Held()
    for F in [halves[0], frames[1], np.full((2, 30), 1e6, np.float32)]:
        held.add(F)
    assert held.n_bytes == halves[0].nbytes + frames[1].nbytes + 240
    for _ in range(2):
        held.narrow()
        assert held.n_bytes == halves[0].nbytes / 2 + frames[1].nbytes + 240
    for i, F in enumerate([halves[0], frames[1]]):
        assert held[i].dtype == np.float32
        np.testing.assert_array_equal(held[i], F)


def test_frames_whose_scatter_matrix_is_too_large_are_read_again_with_the_same_result(frames, monkeypatch):
    expected = fit(frames, 4)
    monkeypatch.setattr(pca, "HELD_BYTES", 3000)
    monkeypatch.setattr(second_moment, "LARGEST_BYTES", 100)
    read = Read(frames)
    computed = fit(read, 4)
    np.testing.assert_array_equal(computed.components, expected.components)
    assert read.n_read > len(frames)


PEAK = """
import resource, sys
import numpy as np
from emotiw.video import pca, second_moment

class Sets:
    def __len__(self):
        return int(sys.argv[1])

    def __getitem__(self, i):
        return np.random.default_rng(i).standard_normal((60, 1000), dtype=np.float32)

pca.HELD_BYTES = 1 << 24  # of more than 100 sets
pca.fit_pca(pca.scatter_of(Sets()), 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peak_mb(n_sets):
    command = [sys.executable, "-c", PEAK, str(n_sets)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_memory_does_not_grow_with_the_number_of_frames():
    few, many = peak_mb(100), peak_mb(800)  # the frames of 700 sets are 160 MB
    assert many < few + 30


def test_pca_of_alike_or_no_frames_is_refused():
    with pytest.raises(FeatureError, match="all 6 training frames are alike"):
        fit([np.full((6, 4), 0.1)], 2)
    with pytest.raises(FeatureError, match="0 training frames; expected at least 2"):
        fit([], 2)
