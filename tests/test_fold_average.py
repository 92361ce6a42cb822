"""Scores of a fold by the mean of frame posteriors: columns by name, clips without frames, and the program."""

import importlib

import numpy as np
import pytest
from scipy.special import softmax

from emotiw.core.errors import FeatureError
from emotiw.corpora import manifest
from emotiw.jobs import store
from emotiw.jobs.gather import Source
from emotiw.jobs.identity import Stage
from emotiw.scoring import fold_average
from video_fixtures import write_corpus

USABLE = [f"clip{i:02d}" for i in range(30) if i not in (1, 20)]
COLUMNS = ["neutral", "contempt", "anger", "happiness"]


def posteriors(i):
    values = softmax(np.random.default_rng(i).normal(0, 1, (4 + i % 3, len(COLUMNS))), axis=1)
    return {"features": values.astype(np.float32), "time": np.arange(4 + i % 3) / 25}


def averaged(folder, columns=COLUMNS):
    table = manifest.read(folder / "manifest.csv")
    source = Source(folder / "features", stream="video")
    return fold_average.scored(table, manifest.fold(table, "official"), source, feature="given", columns=columns)


def test_a_clip_has_the_mean_posteriors_of_the_corpus_s_classes_by_name(tmp_path):
    entry, facts = averaged(write_corpus(tmp_path, posteriors))
    assert (entry.name, facts["clips"]) == ("mean", USABLE)
    mean = posteriors(25)["features"].astype(np.float64).mean(axis=0)[[2, 3, 0]]  # anger, happiness, neutral
    np.testing.assert_allclose(entry.arrays["scores"][USABLE.index("clip25")], mean / mean.sum(), rtol=1e-12)
    np.testing.assert_allclose(entry.arrays["scores"].sum(axis=1), 1)
    assert (facts["scores"], facts["classifier"], facts["choices"]["entries"]) == ("posteriors", "average", [])
    assert facts["parts"] == ["train"] * 17 + ["val"] * 5 + ["test"] * 6


def test_a_class_without_a_column_has_no_share(tmp_path):
    entry, _ = averaged(write_corpus(tmp_path, posteriors), ["neutral", "contempt", "anger", "joy"])
    scores = entry.arrays["scores"]
    assert not scores[:, 1].any()
    np.testing.assert_allclose(scores.sum(axis=1), 1)


def test_a_clip_that_is_of_no_known_class_is_uniform_over_those(tmp_path):
    def elsewhere(i):
        return posteriors(i) if i != 25 else {"features": np.float32([[0, 1, 0, 0]]), "time": np.zeros(1)}

    entry, _ = averaged(write_corpus(tmp_path, elsewhere), ["neutral", "contempt", "anger", "joy"])
    assert entry.arrays["scores"][USABLE.index("clip25")].tolist() == [0.5, 0, 0.5]


def test_columns_of_other_classes_are_refused(tmp_path):
    with pytest.raises(FeatureError, match="given: posteriors of a, b, c, d, none of which is a class of the corpus"):
        averaged(write_corpus(tmp_path, posteriors), ["a", "b", "c", "d"])


def test_a_clip_without_posteriors_is_named(tmp_path):
    def empty(i):
        return posteriors(i) if i != 22 else {"features": np.zeros((0, 4), np.float32), "time": np.zeros(0)}

    with pytest.raises(FeatureError, match="clip22: has no frame, expected at least one"):
        averaged(write_corpus(tmp_path, empty))


def test_nothing_is_averaged_without_a_usable_clip(tmp_path):
    entry, facts = averaged(write_corpus(tmp_path, posteriors, without=[f"clip{i:02d}" for i in range(30)]))
    assert (entry.arrays["scores"].shape, facts["clips"]) == ((0, 3), [])


def test_the_program_takes_the_columns_from_the_files(tmp_path):
    folder = write_corpus(tmp_path, posteriors)
    for path in (folder / "features").glob("*.h5"):
        entries = store.read(path, "frame_features").entries.values()
        store.write(path, "frame_features", entries, stage={}, facts={"columns": COLUMNS})
    stage = Stage(settings={}, fold="official", modality="video", stream="video", feature="given")
    paths = {"manifest": folder / "manifest.csv", "features": folder / "features", "output": folder / "scores.h5"}
    argv = [str(part) for name, path in paths.items() for part in (f"--{name}", path)]
    importlib.import_module("average_scores").main([*argv, "--stage", str(stage)])
    found = store.read(folder / "scores.h5", "scores")
    np.testing.assert_array_equal(found.entries["mean"].arrays["scores"], averaged(folder)[0].arrays["scores"])
