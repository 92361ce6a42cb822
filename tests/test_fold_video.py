"""What the programs of the video system compute in a fold: which clips are given to what, and what is recorded."""

import subprocess
import sys

import numpy as np
import pytest

from emotiw.core.errors import FeatureError
from emotiw.corpora import manifest
from emotiw.jobs.gather import Source
from emotiw.video import fold_baseline, fold_kernels, fold_pca, fold_scores
from emotiw.video.pca import fit_pca, project, scatter_of
from video_fixtures import N_TRAIN, SETTINGS, frames, write_baseline_corpus, write_corpus

VIDEO = SETTINGS["video"]
USABLE = [f"clip{i:02d}" for i in range(30) if i not in (1, 20)]
NO_NEUTRAL = [f"clip{i:02d}" for i in range(2, N_TRAIN, 3)]


class Corpus:
    """A corpus on the disk, its manifest and its only fold."""

    def __init__(self, folder, **more):
        self.source = Source(write_corpus(folder, **more) / "features", stream="video")
        self.table = manifest.read(folder / "manifest.csv")
        self.fold = manifest.fold(self.table, "official")

    def pca(self):
        return fold_pca.fit(self.table, self.fold, self.source, feature="cnn", dimension=6)

    def sets(self):
        return fold_kernels.projected(self.table, self.fold, self.source, self.pca()[0])

    def kernels(self):
        kernels = fold_kernels.six_kernels(self.sets(), VIDEO, feature="cnn", above=self.pca()[1])
        matrices = dict(kernels.matrices)
        return fold_scores.FoldKernels(kernels.facts, matrices)

    def scored(self):
        return fold_scores.scored(self.table, self.kernels(), VIDEO, system="video/cnn/svm", classifier="svm")


@pytest.fixture
def corpus(tmp_path):
    return Corpus(tmp_path)


def choices(facts):
    return {entry["choice"]: entry for entry in facts["choices"]["entries"]}


def test_the_pca_is_that_of_the_usable_training_clips_and_is_recorded(corpus):
    pca, facts = corpus.pca()
    training = [clip for clip in USABLE if int(clip[4:]) < N_TRAIN]
    expected = fit_pca(scatter_of([frames(int(clip[4:]))["features"] for clip in training]), 6)
    np.testing.assert_array_equal(pca.components, expected.components)
    record = choices(facts)["cnn: PCA"]
    assert (record["chosen"], record["kind"], record["n_clips"]) == (6, "no labels", 17)
    assert facts["choices"]["clips"][record["clips_sha256"]] == training
    assert (facts["n_clips"], facts["lacking"]) == (17, [])


def test_a_class_without_a_training_clip_is_named(tmp_path):
    pca, facts = Corpus(tmp_path, without=NO_NEUTRAL).pca()
    assert pca is not None
    assert facts["lacking"] == ["neutral"]


def test_with_training_clips_of_one_class_there_is_no_pca_and_no_image_set(tmp_path):
    corpus = Corpus(tmp_path, without=[f"clip{i:02d}" for i in range(N_TRAIN) if i % 3])
    pca, facts = corpus.pca()
    assert pca is None
    assert len(facts["lacking"]) == 2
    assert choices(facts) == {}
    assert corpus.sets().clips == []
    assert corpus.kernels().facts["clips"] == []


def test_image_sets_are_projected_frames_with_the_training_clips_first(corpus):
    sets = corpus.sets()
    assert sets.clips == USABLE
    assert sets.parts == ["train"] * 17 + ["val"] * 5 + ["test"] * 6
    assert sets.training == USABLE[:17]
    np.testing.assert_array_equal(sets.of_clip("clip25"), project(frames(25)["features"], corpus.pca()[0]))


def test_kernel_widths_are_recorded_with_the_training_clips_beside_the_pca(corpus):
    facts = corpus.kernels().facts
    assert set(choices(facts)) == {"cnn: PCA", "cnn: kernel widths"}
    record = choices(facts)["cnn: kernel widths"]
    assert record["chosen"] == facts["gamma"]
    assert facts["choices"]["clips"][record["clips_sha256"]] == USABLE[:17]
    assert facts["n_frames"] == [len(frames(int(clip[4:]))["features"]) for clip in USABLE]


def test_above_a_number_of_clips_kernels_are_columns_of_landmarks(corpus):
    exact, video = corpus.kernels(), VIDEO | {"exact_clips": 27, "landmarks": 12}
    low = fold_kernels.six_kernels(corpus.sets(), video, feature="cnn", above=corpus.pca()[1])
    matrices, landmarks = dict(low.matrices), low.facts["landmarks"]
    assert len(landmarks) == 12
    assert set(landmarks) < set(USABLE[:17])
    assert low.facts["n_frames"] == exact.facts["n_frames"]
    columns = [USABLE.index(clip) for clip in landmarks]
    for name in ("subspace_polynomial", "covariance_polynomial", "gaussian_polynomial"):
        np.testing.assert_allclose(matrices[name], exact.matrices[name][:, columns], atol=1e-9)
    record = choices(low.facts)["cnn: landmarks"]
    assert (record["chosen"], record["kind"]) == (12, "no labels")
    assert low.facts["choices"]["clips"][choices(low.facts)["cnn: kernel widths"]["clips_sha256"]] == landmarks


def test_scores_by_landmarks_have_coefficients_of_the_landmarks(corpus):
    video = VIDEO | {"exact_clips": 27, "landmarks": 12}
    low = fold_kernels.six_kernels(corpus.sets(), video, feature="cnn", above=corpus.pca()[1])
    given = fold_scores.FoldKernels(low.facts, dict(low.matrices))
    fold = fold_scores.scored(corpus.table, given, VIDEO, system="video/cnn/pls", classifier="pls")
    assert fold.model_facts["clips"] == low.facts["landmarks"]
    assert fold.facts["clips"] == USABLE
    model = fold.scores["gaussian_rbf"].models["gaussian_rbf"]
    values = model.decision_values(given.matrices["gaussian_rbf"][17:])
    np.testing.assert_allclose(fold.scores["gaussian_rbf"].values[17:], values, atol=1e-9)
    right = fold.scores["mean"].values.argmax(axis=1) == [int(clip[4:]) % 3 for clip in USABLE]
    assert right.mean() > 0.8


def test_scores_and_coefficients_belong_to_the_same_training_clips(corpus):
    fold = corpus.scored()
    assert fold.facts["clips"] == USABLE
    assert fold.model_facts["clips"] == USABLE[:17]
    assert fold.model_facts["selection"] == fold.facts["selection"]
    assert list(fold.scores) == [*corpus.kernels().matrices, "mean"]
    assert choices(fold.facts)["video/cnn/svm/mean: svm_c"]["n_clips"] == 17
    K = corpus.kernels().matrices["gaussian_rbf"]
    model = fold.scores["gaussian_rbf"].models["gaussian_rbf"]
    np.testing.assert_allclose(fold.scores["gaussian_rbf"].values[17:], model.decision_values(K[17:, :17]), atol=1e-9)


def test_a_fold_without_image_sets_has_no_scores(tmp_path):
    fold = Corpus(tmp_path, without=[f"clip{i:02d}" for i in range(N_TRAIN) if i % 3]).scored()
    assert {scores.values.shape for scores in fold.scores.values()} == {(0, 3)}
    assert fold.model_facts["clips"] == fold.facts["clips"] == []
    assert fold.scores["mean"].models == {}


def test_training_clips_that_lack_a_class_are_refused_by_a_classifier(corpus):
    kernels = corpus.kernels()
    facts = {**kernels.facts, "parts": ["train", *["val"] * 27]}
    few = fold_scores.FoldKernels(facts, kernels.matrices)
    with pytest.raises(FeatureError, match="happiness, neutral without a usable clip"):
        fold_scores.scored(corpus.table, few, VIDEO, system="video/cnn/svm", classifier="svm")


def test_a_baseline_records_its_selection_under_the_name_of_its_system(tmp_path):
    paths = write_baseline_corpus(tmp_path, without=("clip01", "clip20"))
    table = manifest.read(paths["manifest"])
    fold = manifest.fold(table, "official")
    source = Source(paths["features"], "clip_features", "video")
    scores, facts = fold_baseline.scored(table, fold, source, SETTINGS["baseline"], system="video/x/svm")
    assert facts["clips"] == USABLE
    assert scores.values.shape == (28, 3)
    record = choices(facts)["video/x/svm: C, gamma"]
    assert tuple(record["chosen"]) == scores.selection.value
    assert facts["choices"]["clips"][record["clips_sha256"]] == USABLE[:17]


PEAK = """
import resource, sys
import numpy as np
from emotiw.statistics import selection_record
from emotiw.video import fold_kernels

n = int(sys.argv[1])
clips = [f"clip{i}" for i in range(n)]
frames = lambda clip: np.random.default_rng(int(clip[4:])).standard_normal((400, 40))
sets = fold_kernels.ImageSets(clips, ["train"] * n, frames)
video = {"subspace_rank": 5, "regularisation": 1e-3, "polynomial_degree": 1, "exact_clips": 50, "landmarks": 20}
above = selection_record.facts([])
shapes = {matrix.shape for _, matrix in fold_kernels.six_kernels(sets, video, feature="x", above=above).matrices}
assert shapes == {(n, 20)}
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def test_memory_of_kernels_by_landmarks_does_not_grow_with_the_image_sets():
    few, many = (
        float(subprocess.run([sys.executable, "-c", PEAK, n], capture_output=True, text=True, check=True).stdout)
        for n in ("60", "660")
    )
    assert many < few + 30  # 600 image sets are 77 MB
