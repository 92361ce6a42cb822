"""Scores of a fold by pooled statistics: which clips are pooled, what is standardised, and what is recorded."""

import importlib
from dataclasses import replace

import numpy as np
import pytest

from emotiw.core.errors import FeatureError
from emotiw.core.status import Status
from emotiw.corpora import manifest
from emotiw.jobs import settings, store
from emotiw.jobs.gather import Source
from emotiw.jobs.identity import Stage
from emotiw.scoring import fold_pooled, pooled_classifiers
from emotiw.statistics import absent_classes, pooling, selection_record, standardisation
from video_fixtures import CLASSES, N_TRAIN, frames, write_baseline_corpus, write_corpus

POOLED = settings.load([])["pooled"] | {"c_grid": [0.01, 0.1]}
SYSTEM = fold_pooled.System("audio", "egemaps", "pooled_logistic")
USABLE = [f"clip{i:02d}" for i in range(30) if i not in (1, 20)]
NO_NEUTRAL = [f"clip{i:02d}" for i in range(2, N_TRAIN, 3)]


class Corpus:
    """A corpus on the disk, its manifest and its only fold."""

    def __init__(self, folder):
        self.source = Source(folder / "features", stream="audio")
        self.table = manifest.read(folder / "manifest.csv")
        self.fold = manifest.fold(self.table, "official")

    def vectors(self, normalise="training"):
        return fold_pooled.vectors(self.table, self.fold, self.source, normalise=normalise)

    def scored(self, system=SYSTEM, **changes):
        return fold_pooled.scored(self.table, self.fold, self.source, POOLED | changes, system=system)


@pytest.fixture
def corpus(tmp_path):
    return Corpus(write_corpus(tmp_path))


def choices(facts):
    return {entry["choice"]: entry for entry in facts["choices"]["entries"]}


def test_each_usable_clip_has_the_mean_and_deviation_of_its_frames_the_training_clips_first(corpus):
    made = corpus.vectors()
    assert made.clips == USABLE
    assert made.parts == ["train"] * 17 + ["val"] * 5 + ["test"] * 6
    assert [row.clip for row in made.training] == USABLE[:17]
    of_one = frames(25)["features"].astype(np.float64)
    np.testing.assert_allclose(made.values[USABLE.index("clip25")], [*of_one.mean(0), *of_one.std(0)], rtol=1e-12)
    assert not made.population.mean.any()
    assert (made.population.scale == 1).all()


def test_a_feature_of_whole_clips_is_taken_as_it_is(tmp_path):
    folder = write_baseline_corpus(tmp_path)["features"].parent
    corpus = Corpus(folder)
    corpus.source = replace(corpus.source, kind="clip_features")
    made = corpus.vectors()
    assert made.values.shape == (30, 8)
    np.testing.assert_array_equal(made.values[7], frames(7)["features"].mean(axis=0).astype(np.float64))


def test_vectors_by_subject_have_mean_0_and_deviation_1_in_each_subject(corpus):
    plain, made = corpus.vectors().values, corpus.vectors("subject")
    subjects = np.array([corpus.table.row_of_clip[clip].subject for clip in USABLE])
    for subject in set(subjects.tolist()):
        of_subject = plain[subjects == subject]
        constant = of_subject.min(0) == of_subject.max(0)
        scale = np.where(constant, 1, of_subject.std(0))
        expected = np.where(constant, 0, (of_subject - of_subject.mean(0)) / scale)
        np.testing.assert_allclose(made.values[subjects == subject], expected, atol=1e-5)


def test_the_average_subject_is_that_of_the_training_clips(corpus):
    plain, made = corpus.vectors(), corpus.vectors("subject")
    subjects = np.array([row.subject for row in plain.training])
    of_training = [plain.values[:17][subjects == subject] for subject in dict.fromkeys(subjects.tolist())]
    np.testing.assert_allclose(made.population.mean, np.mean([x.mean(0) for x in of_training], axis=0))
    np.testing.assert_allclose(made.population.scale, np.sqrt(np.mean([x.var(0) for x in of_training], axis=0)))


def test_scores_are_those_of_the_classifier_on_the_same_vectors(corpus):
    fold = corpus.scored(c=0.1)
    made = corpus.vectors()
    y = np.array([CLASSES.index(row.label) for row in made.training])
    model = pooled_classifiers.fit("pooled_logistic", 0.1, made.values[:17], y, "none")
    scores = fold.entries[0].arrays["scores"]
    np.testing.assert_array_equal(scores[17:], model.decision_values(made.values[17:]))
    assert (fold.entries[0].name, fold.facts["clips"], fold.facts["parts"]) == ("mean", USABLE, made.parts)
    assert (fold.facts["scores"], fold.facts["classifier"]) == ("decision values", "pooled_logistic")
    (entry,) = fold.model
    for key, value in vars(model).items():
        np.testing.assert_array_equal(entry.arrays[key], value)
    assert fold.model_facts["clips"] == USABLE[:17]


@pytest.mark.parametrize("classifier", list(pooled_classifiers.FAMILIES))
def test_both_classifiers_recognise_the_classes(corpus, classifier):
    fold = corpus.scored(replace(SYSTEM, classifier=classifier))
    best = fold.entries[0].arrays["scores"].argmax(axis=1)
    assert (best == [int(clip[4:]) % 3 for clip in fold.facts["clips"]]).mean() > 0.8


def test_the_choice_of_c_is_recorded_with_the_training_clips(corpus):
    facts = corpus.scored().facts
    assert list(choices(facts)) == ["audio/egemaps/pooled_logistic: C"]
    record = choices(facts)["audio/egemaps/pooled_logistic: C"]
    assert (record["chosen"] in POOLED["c_grid"], record["candidates"], record["kind"]) == (True, 2, "labels")
    assert facts["choices"]["clips"][record["clips_sha256"]] == USABLE[:17]


def test_standardisation_by_subject_is_recorded_with_the_clips_of_all_parts_and_without_labels(corpus):
    record = choices(corpus.scored(normalise="subject").facts)[
        "audio/egemaps/pooled_logistic: normalisation by subject"
    ]
    assert (record["kind"], record["n_clips"]) == (selection_record.TRANSDUCTIVE, 28)


def test_labels_of_validation_and_test_clips_change_nothing(corpus):
    before = corpus.scored()
    others = tuple(replace(row, label="anger") if row.split == "val" else row for row in corpus.table.rows)
    corpus.table = replace(corpus.table, rows=others)
    after = corpus.scored()
    np.testing.assert_array_equal(before.entries[0].arrays["scores"], after.entries[0].arrays["scores"])


@pytest.mark.parametrize("normalise", ["training", "subject"])
def test_a_class_without_a_training_clip_is_left_out_and_the_others_are_judged(tmp_path, normalise):
    fold = Corpus(write_corpus(tmp_path, without=NO_NEUTRAL)).scored(normalise=normalise)
    scores = fold.entries[0].arrays["scores"]
    neutral = CLASSES.index("neutral")
    assert fold.facts["lacking"] == ["neutral"]
    assert len(scores) == len(fold.facts["clips"]) > 10
    assert (scores[:, neutral] == absent_classes.ABSENT).all()
    truth = np.array([int(clip[4:]) % 3 for clip in fold.facts["clips"]])
    assert (scores.argmax(1) == truth)[truth != neutral].mean() > 0.8
    (model,) = fold.model  # the model of a bundle leaves the class out too
    assert (model.arrays["coefficients"][:, neutral] == 0).all()
    assert model.arrays["intercept"][neutral] == absent_classes.ABSENT


@pytest.mark.parametrize("normalise", ["training", "subject"])
def test_with_training_clips_of_one_class_there_are_no_scores(tmp_path, normalise):
    without = [f"clip{i:02d}" for i in range(N_TRAIN) if i % 3]
    fold = Corpus(write_corpus(tmp_path, without=without)).scored(normalise=normalise)
    assert (len(fold.facts["lacking"]), fold.facts["clips"], fold.model) == (2, [], [])
    assert fold.entries[0].arrays["scores"].shape == (0, 3)
    assert choices(fold.facts) == {}


def test_without_a_usable_clip_there_are_no_scores(tmp_path):
    fold = Corpus(write_corpus(tmp_path, without=[f"clip{i:02d}" for i in range(30)])).scored(normalise="subject")
    assert (fold.facts["lacking"], fold.facts["clips"]) == (list(CLASSES), [])


def test_vectors_of_different_widths_are_refused(tmp_path):
    def wider(i):
        return frames(i) if i != 22 else {**frames(i), "features": frames(i)["features"][:, :5]}

    with pytest.raises(
        FeatureError, match="clip22: its vector has 10 values, that of clip00 has 16; expected the same"
    ):
        Corpus(write_corpus(tmp_path, wider)).vectors()


def test_a_clip_that_is_ok_and_has_no_frame_is_named(tmp_path):
    def empty(i):
        return frames(i) if i != 22 else {"features": np.zeros((0, 8), np.float32), "time": np.zeros(0)}

    with pytest.raises(FeatureError, match="clip22: has no frame, expected at least one"):
        Corpus(write_corpus(tmp_path, empty)).vectors()


def test_the_program_writes_scores_and_a_classifier_that_gives_them(tmp_path):
    folder = write_corpus(tmp_path)
    stage = Stage(
        settings={"pooled": POOLED | {"c": 0.1}}, fold="official", modality="audio", stream="audio",
        feature="egemaps", classifier="pooled_svm", feature_kind="frame_features",
    )  # fmt: skip
    paths = {"manifest": folder / "manifest.csv", "features": folder / "features"}
    paths |= {"model": folder / "model.h5", "output": folder / "scores.h5"}
    argv = [str(part) for name, path in paths.items() for part in (f"--{name}", path)]
    importlib.import_module("pooled_scores").main([*argv, "--stage", str(stage)])
    scores = store.read(folder / "scores.h5", "scores")
    arrays = store.read(folder / "model.h5", "pooled_classifier").entries["pooled"].arrays
    model = pooling.PooledLinear(*(arrays[name] for name in ("mean", "scale", "coefficients", "intercept")))
    vector = pooling.pooled(frames(29)["features"])[None]
    np.testing.assert_allclose(model.decision_values(vector)[0], scores.entries["mean"].arrays["scores"][-1], rtol=1e-9)
    population = standardisation.Scaler(arrays["population_mean"], arrays["population_scale"])
    assert (population.mean.any(), (population.scale == 1).all()) == (False, True)
    assert scores.facts["clips"][-1] == "clip29"


class Corpora(Corpus):
    """The same clips as training clips of two corpora, and as validation and test clips of these and of a third."""

    def __init__(self, folder):
        super().__init__(write_corpus(folder))
        name_of = ["speech", "film", "speech", "film", "left"]
        rows = [replace(row, corpus=name_of[i // 6]) for i, row in enumerate(self.table.rows)]
        self.table = replace(self.table, rows=tuple(rows))


def test_vectors_by_corpus_are_standardised_by_the_training_clips_of_their_corpus(tmp_path, monkeypatch):
    monkeypatch.setattr(fold_pooled, "MIN_OF_CORPUS", 5)
    corpora = Corpora(tmp_path)
    plain, made = corpora.vectors(), corpora.vectors("corpus")
    names = np.array([row.corpus for row in made.rows])
    training = np.array(made.parts) == "train"
    parts = {name: plain.values[training & (names == name)] for name in ("speech", "film")}
    for name, of_corpus in parts.items():
        scale = np.where(of_corpus.std(0) > 0, of_corpus.std(0), 1)
        np.testing.assert_allclose(
            made.values[names == name], (plain.values[names == name] - of_corpus.mean(0)) / scale
        )
    mean = np.mean([of_corpus.mean(0) for of_corpus in parts.values()], axis=0)
    scale = np.sqrt(np.mean([of_corpus.var(0) for of_corpus in parts.values()], axis=0))
    np.testing.assert_allclose(made.values[names == "left"], (plain.values[names == "left"] - mean) / scale)
    np.testing.assert_allclose(made.population.mean, mean)


def test_a_corpus_with_few_training_clips_takes_the_average_corpus(tmp_path, monkeypatch):
    monkeypatch.setattr(fold_pooled, "MIN_OF_CORPUS", 6)  # film has six, speech eleven
    corpora = Corpora(tmp_path)
    plain, made = corpora.vectors(), corpora.vectors("corpus")
    monkeypatch.setattr(fold_pooled, "MIN_OF_CORPUS", 7)
    without_film = corpora.vectors("corpus")
    film = [row.corpus == "film" for row in made.rows]
    expected = (plain.values - without_film.population.mean) / without_film.population.scale
    np.testing.assert_allclose(without_film.values, expected)
    assert not np.allclose(made.values[film], expected[film])


def test_corpus_weights_reach_the_classifier(tmp_path):
    corpora = Corpora(tmp_path)
    balanced = corpora.scored(corpus_weights="balanced", c=0.1)
    assert not np.allclose(balanced.model[0].arrays["mean"], corpora.scored(c=0.1).model[0].arrays["mean"])
    assert "corpora weighted equally" in corpora.scored(corpus_weights="balanced").facts["selection"]["criterion"]


def with_copies(corpus, short=()):
    """Write two copies of each training clip, and none for those that are too short; return the source with them."""
    folder = corpus.source.folder.parent / "copies"
    made = corpus.vectors()
    for clip, vector in zip(made.clips, made.values, strict=True):
        given = {"features": np.stack([vector + 0.1, vector - 0.2]).astype(np.float32)}
        status = Status.SHORT_AUDIO if clip in short else Status.OK
        entry = store.Entry(clip, {} if clip in short else given, status)
        job = corpus.table.row_of_clip[clip].job
        if (folder / f"{job}.h5").exists():
            held = store.read(folder / f"{job}.h5", "copies").entries.values()
        else:
            held = []
        store.write(folder / f"{job}.h5", "copies", [*held, entry], stage=Stage({}))
    return replace(corpus.source, copies=Source(folder, "copies", "audio"))


def test_copies_of_training_clips_are_learnt_from(corpus):
    plain, source = corpus.scored(c=0.1), with_copies(corpus)
    found = fold_pooled.scored(corpus.table, corpus.fold, source, POOLED | {"c": 0.1}, system=SYSTEM)
    assert found.facts["clips"] == plain.facts["clips"]
    assert not np.allclose(found.entries[0].arrays["scores"], plain.entries[0].arrays["scores"])
    np.testing.assert_allclose(found.model[0].arrays["mean"], plain.model[0].arrays["mean"] - 0.1 / 3, atol=1e-5)


def test_a_clip_that_is_too_short_for_copies_stands_for_them_itself(corpus):
    made = corpus.vectors()
    source = with_copies(corpus, short=[made.clips[2]])
    copies = fold_pooled._copies(corpus.table, made, source.copies)
    assert copies.shape == (17, 2, made.values.shape[1])
    np.testing.assert_array_equal(copies[2], np.tile(made.values[2], (2, 1)))
    np.testing.assert_allclose(copies[3], [made.values[3] + 0.1, made.values[3] - 0.2], rtol=1e-5, atol=1e-5)
