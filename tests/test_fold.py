"""Fusion of one fold: each step on made-up tables, without files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emotiw.core.errors import StoreError
from emotiw.corpora import manifest
from emotiw.corpora.manifest import Manifest, Row
from emotiw.fusion import fold as fold_fusion
from emotiw.fusion import schemes, score_tables
from emotiw.fusion.fold import FoldTables
from emotiw.fusion.score_tables import Table
from emotiw.statistics import selection_record

CLASSES = ("anger", "fear")
SPLITS = ("train",) * 4 + ("val",) * 5 + ("test",) * 3
CLIPS = tuple(f"c{i:02}" for i in range(len(SPLITS)))
SETTINGS = {
    "scheme": "shared",
    "prior": "training",
    "shrinkage": 0.0,
    "grid_step": 0.25,
    "cv_folds": 2,
    "cv_repeats": 1,
}


@pytest.fixture
def corpus():
    rows = [
        Row(clip, "", "?" if clip == "c08" else CLASSES[i % 2], f"s{i}", SPLITS[i], sha256=str(i), job=clip)
        for i, clip in enumerate(CLIPS)
    ]
    return Manifest(tuple(rows), CLASSES, "made up")


def table(clips, values, *, fold="official", records=(), scores="posteriors"):
    facts = {"scores": scores, **selection_record.facts(list(records))}
    return Table(Path(f"{fold}.h5"), fold, tuple(clips), {"mean": np.array(values, float)}, facts, {})


def tables(**more):
    """Audio has no scores of training clips and of c05; video none of c06; neither any of c09."""
    audio = [clip for clip in CLIPS[4:] if clip not in ("c05", "c09")]
    video = [clip for clip in CLIPS if clip not in ("c06", "c09")]
    truth = {clip: i % 2 for i, clip in enumerate(CLIPS)}
    posteriors = [(0.8, 0.2) if truth[clip] == 0 else (0.3, 0.7) for clip in audio]
    decisions = [(0.6, 0.1) if truth[clip] == 0 else (0.2, 0.4) for clip in video]
    return FoldTables(table(audio, posteriors), table(video, decisions, scores="decision values"), **more)


def fold_of(corpus):
    return manifest.folds(corpus)["official"]


def aligned(corpus):
    made_up = tables()
    return score_tables.align(corpus, fold_of(corpus), made_up.audio, made_up.video)


def test_aligned_scores_have_a_row_a_clip_and_say_which_modality_has_one(corpus):
    found = aligned(corpus)
    assert found.scores.clips == tuple(found.parts) == CLIPS
    assert [c for c, has in zip(CLIPS, found.has_audio, strict=True) if not has] == [*CLIPS[:4], "c05", "c09"]
    assert [c for c, has in zip(CLIPS, found.has_video, strict=True) if not has] == ["c06", "c09"]
    np.testing.assert_allclose(found.scores.audio[4], np.log([0.8, 0.2]))
    np.testing.assert_array_equal(found.scores.video[0], [0.6, 0.1])
    assert not found.scores.audio[5].any()


def test_a_fusion_is_fitted_on_labelled_validation_clips_with_both_modalities(corpus):
    assert aligned(corpus).labelled_with_both("val").clips == ("c04", "c07")


def test_fused_systems_take_both_one_or_the_prior(corpus):
    weights = {scheme: np.array([0.25, 0.25]) for scheme in schemes.WEIGHTED}
    prior = np.array([0.9, 0.1])
    systems = fold_fusion.fused_systems(aligned(corpus), schemes.Fusion(1.0, 1.0, weights), prior)
    row = dict(zip(CLIPS, systems["joint"], strict=True))
    video = dict(zip(CLIPS, systems["video"], strict=True))
    np.testing.assert_allclose(row["c04"], 0.25 * np.array([0.8, 0.2]) + 0.75 * video["c04"])
    np.testing.assert_array_equal(row["c05"], video["c05"])
    np.testing.assert_allclose(row["c06"], [0.8, 0.2])
    np.testing.assert_array_equal(row["c09"], prior)


def test_the_facts_of_a_fold_name_each_thing_once_and_nothing_that_nobody_reads(corpus):
    entries, facts = fold_fusion.fuse(corpus, fold_of(corpus), tables(), settings=SETTINGS)
    assert {entry.name for entry in entries} == {"video", "audio", *schemes.SCHEMES, "fusion"}
    assert set(facts) == {
        *("fold", "clips", "classes", "parts", "sources", "scheme", "weights", "temperatures", "calibration"),
        *("fused_temperatures", "joint", "stacked", "choice", "optimism", "n_fitted", "choices", "modalities", "prior"),
        "lacking",
    }
    assert facts["calibration"]["audio"] == {"part": "val", "n_clips": 2}


def test_with_auto_the_system_called_fusion_is_the_scheme_that_was_chosen(corpus):
    entries, facts = fold_fusion.fuse(
        corpus, fold_of(corpus), tables(), settings=SETTINGS | {"scheme": "auto", "shrinkage": "auto"}
    )
    scores = {entry.name: entry.arrays["scores"] for entry in entries}
    chosen = facts["choice"]["scheme"]
    assert facts["scheme"] == "auto"
    assert facts["weights"]["auto"] == facts["weights"][chosen]
    np.testing.assert_array_equal(scores["fusion"], scores["auto"])
    np.testing.assert_array_equal(scores["fusion"], scores[chosen])
    assert "auto" in facts["optimism"]
    recorded = {entry["choice"]: entry for entry in facts["choices"]["entries"]}
    assert recorded["fusion/scheme"]["chosen"] == chosen
    assert facts["choices"]["clips"][recorded["fusion/scheme"]["clips_sha256"]] == ["c04", "c07"]


def test_test_clips_choose_neither_scheme_nor_shrinkage(corpus):
    settings = SETTINGS | {"scheme": "auto", "shrinkage": "auto"}
    given = tables()
    audio = given.audio.systems["mean"].copy()
    audio[[clip in CLIPS[9:] for clip in given.audio.clips]] = [0.01, 0.99]
    other = FoldTables(replace(given.audio, systems={"mean": audio}), given.video)
    first, second = (fold_fusion.fuse(corpus, fold_of(corpus), it, settings=settings) for it in (given, other))
    assert first[1]["choice"] == second[1]["choice"]
    assert first[1]["weights"] == second[1]["weights"]
    assert not np.array_equal(first[0][-1].arrays["scores"], second[0][-1].arrays["scores"])


def test_held_out_scores_calibrate_each_modality_on_training_clips(corpus):
    inner = table(CLIPS[:2], [(0.7, 0.3), (0.6, 0.4)], fold="official.1of2")
    given = {"held_out": {"audio": (inner,)}, "calibration": "training"}
    scales = fold_fusion.other_scales(corpus, fold_of(corpus), tables(**given))
    assert scales["audio"].clips == CLIPS[:2]
    assert scales["video"].clips == CLIPS[:4]
    truth = np.array([0, 1])
    expected = schemes.calibration_scale(np.log([[0.7, 0.3], [0.6, 0.4]]), truth)
    assert scales["audio"].value == pytest.approx(expected)
    assert fold_fusion.other_scales(corpus, fold_of(corpus), tables()) == {}


def test_without_calibration_every_temperature_is_one(corpus):
    entries, facts = fold_fusion.fuse(
        corpus, fold_of(corpus), tables(calibration="none"), settings=SETTINGS | {"scheme": "product"}
    )
    assert facts["temperatures"] == {"audio": 1.0, "video": 1.0}
    assert set(facts["fused_temperatures"].values()) == {1.0}
    assert facts["calibration"]["audio"] == {"part": "none", "n_clips": 0}
    scores = {entry.name: entry.arrays["scores"] for entry in entries}
    rows = [facts["clips"].index(clip) for clip, source in facts["sources"].items() if source == "fusion"]
    expected = scores["audio"] * scores["video"] / np.array(facts["prior"])
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(scores["fusion"][rows], expected[rows])


def test_the_product_rule_takes_the_prior_of_its_setting(corpus):
    settings = SETTINGS | {"scheme": "product"}
    facts = {
        prior: fold_fusion.fuse(corpus, fold_of(corpus), tables(), settings=settings | {"prior": prior})[1]
        for prior in ("training", "uniform")
    }
    expected = score_tables.prior_of(corpus, fold_of(corpus)).tolist()
    assert facts["training"]["prior"] == expected
    assert facts["uniform"]["prior"] == [1 / len(expected)] * len(expected)


def test_an_inner_network_that_was_trained_on_a_held_out_clip_is_refused(corpus):
    record = selection_record.Record("audio/egemaps/blstm/4_0: weights", None, "loss", ["c01"])
    inner = table(CLIPS[:2], [(0.7, 0.3), (0.6, 0.4)], fold="official.1of2", records=[record])
    given = tables(held_out={"audio": (inner,)}, calibration="training")
    with pytest.raises(StoreError, match=r"scores 1 clips that its networks were trained on \(the first: 'c01'\)"):
        fold_fusion.other_scales(corpus, fold_of(corpus), given)


def test_each_modality_is_calibrated_as_its_scores_say(corpus):
    """Decision values of sound and posteriors of faces, the other way round than in the paper."""
    given = tables()
    swapped = score_tables.align(corpus, fold_of(corpus), given.video, given.audio)
    np.testing.assert_array_equal(swapped.scores.audio[0], [0.6, 0.1])
    np.testing.assert_allclose(swapped.scores.video[4], np.log([0.8, 0.2]))
    before = aligned(corpus).scores
    np.testing.assert_array_equal(swapped.scores.audio, before.video)
    np.testing.assert_array_equal(swapped.scores.video, before.audio)


def test_decision_values_of_training_clips_calibrate_sound_without_inner_networks(corpus):
    given = tables()
    swapped = FoldTables(given.video, given.audio, calibration="training")
    scales = fold_fusion.other_scales(corpus, fold_of(corpus), swapped)
    assert scales["audio"].clips == CLIPS[:4]
    expected = schemes.calibration_scale(given.video.rows("mean", CLIPS[:4])[0], np.array([0, 1, 0, 1]))
    assert scales["audio"].value == pytest.approx(expected)
    assert "video" not in scales  # networks without inner folds have no scores of training clips


def test_networks_of_faces_are_calibrated_by_their_inner_folds(corpus):
    given = tables()
    inner = table(CLIPS[:2], [(0.7, 0.3), (0.6, 0.4)], fold="official.1of2")
    swapped = FoldTables(given.video, given.audio, {"video": (inner,)}, calibration="training")
    scales = fold_fusion.other_scales(corpus, fold_of(corpus), swapped)
    expected = schemes.calibration_scale(np.log([[0.7, 0.3], [0.6, 0.4]]), np.array([0, 1]))
    assert (scales["video"].clips, scales["video"].value) == (CLIPS[:2], pytest.approx(expected))


@pytest.mark.parametrize("modality", ["audio", "video"])
def test_a_run_of_one_modality_has_its_posteriors_in_every_scheme(corpus, modality):
    given = tables()
    alone = FoldTables(**{"audio": None, "video": None, modality: getattr(given, modality)})
    entries, facts = fold_fusion.fuse(corpus, fold_of(corpus), alone, settings=SETTINGS)
    scores = {entry.name: entry.arrays["scores"] for entry in entries}
    assert facts["modalities"] == [modality]
    assert set(facts["sources"].values()) == {modality, "prior"}
    for name in ("fusion", *schemes.WEIGHTED):
        np.testing.assert_array_equal(scores[name], scores[modality])
