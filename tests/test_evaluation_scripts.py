"""The programs from scores to the account of every clip: fusion, evaluate, report, faces_film."""

import csv
import dataclasses
import gzip
from dataclasses import replace

import av
import numpy as np
import pytest
from scipy.special import softmax

from emotiw.core.errors import StoreError
from emotiw.core.status import Status
from emotiw.corpora import manifest, splits
from emotiw.corpora.manifest import Manifest
from emotiw.evaluation import clip_account, ledger, pools, run_metrics, system_metrics, systems
from emotiw.fusion import fold as fold_fusion
from emotiw.fusion import schemes, score_tables
from emotiw.jobs import store
from emotiw.statistics import metrics, selection_record
from evaluation_fixtures import CLASSES, FIGURES, NETWORKS, SETTINGS, evaluate, fuse_all, make_run, start, write_report

NETWORK = "audio/egemaps/blstm/64_0"


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("official"))
    fuse_all(run)
    return run, evaluate(run)


@pytest.fixture(scope="module")
def crossed(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("crossed"), n_folds=3)
    fuse_all(run)
    return run, evaluate(run)


@pytest.fixture(scope="module")
def fused(official):
    run, _ = official
    return store.read(run.folder / "fusion_official.h5", "scores")


def table(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


# fusion.py


def test_every_clip_of_the_fold_has_a_finite_row_in_every_system(official, fused):
    run, _ = official
    assert fused.facts["clips"] == [row.clip for row in run.corpus.rows]
    assert set(fused.entries) == {"video", "audio", "shared", "per_class", "joint", "stacked", "product", "fusion"}
    for entry in fused.entries.values():
        assert entry.arrays["scores"].shape == (len(run.corpus.rows), 7)


def test_sources_follow_the_defects(fused):
    sources, parts = fused.facts["sources"], fused.facts["parts"]
    assert {sources[clip] for clip in ("clip003", "clip010", "clip017")} <= {"audio", "video", "prior"}
    assert all(
        source == "fusion" for clip, source in sources.items() if parts[clip] != "train" and clip not in DEFECTIVE
    )


DEFECTIVE = {"clip003", "clip010", "clip017", "clip030"}


def test_one_modality_is_taken_as_it_is_and_neither_gives_the_prior(official, fused):
    run, _ = official
    clips, sources = fused.facts["clips"], fused.facts["sources"]
    rows = {name: entry.arrays["scores"] for name, entry in fused.entries.items()}
    prior = score_tables.prior_of(run.corpus, run.folds["official"])
    expected = {"audio": rows["audio"], "video": rows["video"], "prior": np.tile(prior, (len(clips), 1))}
    for i, clip in enumerate(clips):
        if sources[clip] != "fusion":
            assert (rows["fusion"][i] == expected[sources[clip]][i]).all()


def test_the_configured_scheme_is_the_system_called_fusion(fused):
    assert (fused.entries["fusion"].arrays["scores"] == fused.entries["joint"].arrays["scores"]).all()


def test_weights_and_temperatures_are_fitted_on_validation_clips_with_both_modalities(official, fused):
    run, _ = official
    fold = run.folds["official"]
    audio, video = (score_tables.read(run.folder / f"{name}_official.h5", run.corpus) for name in ("audio", "video"))
    clips = [clip for clip in fold.val if clip in audio.clips and clip in video.clips]
    heard, seen = schemes.log_posteriors(audio.rows("mean", clips)[0]), video.rows("mean", clips)[0]
    truth = score_tables.truth_of(run.corpus, clips)
    fitted = schemes.fit(schemes.Scores(heard, seen, truth, truth), step=SETTINGS["grid_step"])
    assert fused.facts["n_fitted"] == len(clips)
    assert fused.facts["temperatures"]["audio"] == pytest.approx(1 / fitted.audio_scale)
    assert fused.facts["weights"]["joint"] == fitted.weights["joint"].tolist()


@pytest.fixture(scope="module")
def out_of_fold(official, tmp_path_factory):
    """Two tables of posteriors of training clips, of networks that held these out, by the names of their folds."""
    run, _ = official
    folder, rng = tmp_path_factory.mktemp("held_out"), np.random.default_rng(3)
    found = []
    for name, fold in manifest.held_out(run.corpus, run.folds["official"], 2).items():
        clips = [clip for clip in fold.test if clip not in DEFECTIVE]
        truth = score_tables.truth_of(run.corpus, clips)
        posteriors = softmax(0.4 * np.eye(7)[truth] + rng.normal(0, 0.3, (len(clips), 7)), axis=1)
        made = [selection_record.Record(f"{NETWORK}: epoch", 7, "least loss", fold.val, candidates=20)]
        facts = {"clips": clips, "classes": CLASSES, "fold": name, "scores": "posteriors"}
        facts |= selection_record.facts(made)
        path = folder / f"{name}.h5"
        store.write(path, "scores", [store.Entry("mean", {"scores": posteriors})], stage={}, facts=facts)
        found.append(path)
    return found


@pytest.fixture(scope="module")
def calibrated(official, out_of_fold, tmp_path_factory):
    run, _ = official
    output = tmp_path_factory.mktemp("calibrated") / "fusion.h5"
    start(
        "fusion",
        {"settings": {"fusion": SETTINGS | {"calibration": "training"}}, "fold": "official"},
        manifest=run.table,
        audio=run.folder / "audio_official.h5",
        video=run.folder / "video_official.h5",
        held_out_audio=out_of_fold,
        held_out_video=[],
        output=output,
    )
    return score_tables.read(output, run.corpus)


def held_out(run, paths):
    """Arguments of `FoldTables` for an out-of-fold calibration by the networks of inner folds of sound."""
    tables = tuple(score_tables.read(path, run.corpus) for path in paths)
    return {"held_out": {"audio": tables}, "calibration": "training"}


@pytest.mark.parametrize("calibration", ["validation", "training"])
def test_test_clips_change_neither_weights_nor_temperatures(official, fused, calibrated, out_of_fold, calibration):
    run, _ = official
    fold = run.folds["official"]
    audio, video = (score_tables.read(run.folder / f"{name}_official.h5", run.corpus) for name in ("audio", "video"))
    before, given = fused.facts, {}
    if calibration == "training":
        before, given = calibrated.facts, held_out(run, out_of_fold)
    rows = [video.clips.index(clip) for clip in fold.test if clip in video.clips]
    video.systems["mean"][rows] = 100 * video.systems["mean"][rows][:, ::-1]
    _, facts = fold_fusion.fuse(run.corpus, fold, fold_fusion.FoldTables(audio, video, **given), settings=SETTINGS)
    assert {key: facts[key] for key in ("weights", "temperatures", "optimism")} == {
        key: before[key] for key in ("weights", "temperatures", "optimism")
    }


def test_temperatures_may_be_fitted_on_training_clips_that_were_held_out(official, out_of_fold, calibrated, fused):
    run, _ = official
    tables = [score_tables.read(path, run.corpus) for path in out_of_fold]
    clips = [clip for table in tables for clip in table.clips]
    posteriors = np.concatenate([table.systems["mean"] for table in tables])
    heard = schemes.calibration_scale(schemes.log_posteriors(posteriors), score_tables.truth_of(run.corpus, clips))
    video = score_tables.read(run.folder / "video_official.h5", run.corpus)
    train = [clip for clip in video.clips if clip in run.folds["official"].train]
    seen = schemes.calibration_scale(video.rows("mean", train)[0], score_tables.truth_of(run.corpus, train))
    facts = calibrated.facts
    assert facts["temperatures"] == pytest.approx({"audio": 1 / heard, "video": 1 / seen})
    assert facts["temperatures"]["audio"] != pytest.approx(fused.facts["temperatures"]["audio"], rel=0.1)
    assert facts["calibration"] == {
        "audio": {"part": "train", "n_clips": len(clips)},
        "video": {"part": "train", "n_clips": len(train)},
    }
    assert {about["part"] for about in fused.facts["calibration"].values()} == {"val"}
    assert facts["n_fitted"] == fused.facts["n_fitted"]
    assert facts["optimism"] != fused.facts["optimism"]


def test_the_ledger_tells_what_held_out_networks_and_temperatures_have_seen(official, calibrated):
    run, _ = official
    entries = {entry["choice"]: entry["parts"] for entry in ledger.gather(run.folds, [calibrated])}
    assert set(entries["fusion/scale of audio"]) == set(entries["fusion/scale of video"]) == {"train"}
    assert set(entries["fusion/joint"]) == {"val"}
    assert set(entries[f"held out 1of2: {NETWORK}: epoch"]) == {"val"}
    assert f"held out 2of2: {NETWORK}: epoch" in entries


def test_a_network_that_has_learnt_what_it_held_out_is_refused(official, out_of_fold):
    run, _ = official
    table = score_tables.read(out_of_fold[0], run.corpus)
    clip = table.clips[0]
    facts = {
        **table.facts,
        **selection_record.facts([selection_record.Record(f"{NETWORK}: weights", None, "loss", [clip])]),
    }
    tables = fold_fusion.FoldTables(table, table, {"audio": (replace(table, facts=facts),)}, calibration="training")
    with pytest.raises(StoreError, match=rf"scores 1 clips that its networks were trained on \(the first: '{clip}'\)"):
        fold_fusion.other_scales(run.corpus, run.folds["official"], tables)


def test_without_a_held_out_score_the_validation_clips_calibrate(official, out_of_fold):
    run, _ = official
    audio, video = (score_tables.read(run.folder / f"{name}_official.h5", run.corpus) for name in ("audio", "video"))
    none = replace(score_tables.read(out_of_fold[0], run.corpus), clips=(), systems={"mean": np.zeros((0, 7))})
    tables = fold_fusion.FoldTables(audio, video, {"audio": (none,)}, calibration="training")
    _, facts = fold_fusion.fuse(run.corpus, run.folds["official"], tables, settings=SETTINGS)
    assert [facts["calibration"][name]["part"] for name in ("audio", "video")] == ["val", "train"]


def test_optimism_is_cross_validated_without_dividing_a_film(fused, tmp_path):
    assert set(fused.facts["optimism"]) == set(schemes.SCHEMES)
    run = make_run(tmp_path)
    rows = tuple(replace(row, film="one") if row.split == "val" else row for row in run.corpus.rows)
    manifest.write(run.table, replace(run.corpus, rows=rows))
    fuse_all(run)
    alone = store.read(tmp_path / "fusion_official.h5", "scores").facts
    assert alone["optimism"] is None
    assert alone["weights"]["joint"] == fused.facts["weights"]["joint"]


def test_clips_of_two_subjects_in_one_film_are_a_group_and_only_within_their_part(official):
    run, _ = official
    fold = run.folds["official"]
    of = run.corpus.row_of_clip
    first, second = fold.val[0], next(clip for clip in fold.val if of[clip].subject != of[fold.val[0]].subject)
    elsewhere = fold.test[0]
    in_film = {first, second, elsewhere}
    rows = tuple(replace(row, film="one") if row.clip in in_film else row for row in run.corpus.rows)
    found = dict(zip(fold.val, score_tables.groups_of(replace(run.corpus, rows=rows), fold, fold.val), strict=True))
    joined = {of[first].subject, of[second].subject}
    assert {clip for clip in fold.val if found[clip] == found[first]} == {
        clip for clip in fold.val if of[clip].subject in joined
    }
    assert len(set(found.values())) == len({of[clip].subject for clip in fold.val}) - 1
    theirs = score_tables.groups_of(replace(run.corpus, rows=rows), fold, fold.test)
    assert (theirs == score_tables.subjects_of(run.corpus, fold.test)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": CLASSES[::-1]}, "classes surprise, .*; expected anger"),
        ({"clips": ["clip000", "clip000"]}, "clips occur twice"),
        ({"clips": ["clip000", "elsewhere"]}, "not in the manifest \\['elsewhere'\\]"),
        ({"clips": ["clip000"]}, "is \\(2, 7\\), expected 1 clips by 7 classes"),
    ],
)
def test_scores_of_other_clips_or_classes_are_refused(official, tmp_path, change, message):
    run, _ = official
    facts = {"clips": ["clip000", "clip001"], "classes": CLASSES, "fold": "official"} | change
    store.write(tmp_path / "x.h5", "scores", [store.Entry("mean", {"scores": np.ones((2, 7))})], stage={}, facts=facts)
    with pytest.raises(StoreError, match=message):
        score_tables.read(tmp_path / "x.h5", run.corpus)


# evaluate.py


def test_metrics_of_the_test_part_equal_those_of_the_predictions(official):
    run, found = official
    rows = [row for row in table(run.folder / "predictions.csv") if row["part"] == "test"]
    for name in ("video", "audio", "fusion"):
        system = found["parts"]["test"]["systems"][name]
        right = [row[f"predicted_{name}"] == row["label"] for row in rows]
        assert system["accuracy"] == pytest.approx(np.mean(right))
        assert system["n"] == len(rows) == np.sum(system["confusion"])
        assert system["accuracy_interval"][0] < system["accuracy"] < system["accuracy_interval"][1]


def test_systems_that_see_better_than_chance_beat_the_majority_class(crossed):
    _, found = crossed
    test = found["parts"]["test"]
    assert all(test["systems"][name]["accuracy"] > test["majority_class"]["accuracy"] for name in systems.MAIN)


def test_single_systems_are_scored_beside_the_main_ones(official):
    _, found = official
    expected = {"video", "audio", *schemes.SCHEMES, "fusion", "video/cnn/pls/mean", "audio/egemaps/blstm/64_1"}
    assert expected <= set(found["parts"]["test"]["systems"])


def test_the_family_of_paired_tests_is_stated_and_agrees_with_the_gains(official):
    _, found = official
    test = found["parts"]["test"]
    made = {(it["a"], it["b"]): it for it in test["comparisons"]}
    assert list(made) == list(systems.FAMILY)
    assert "Holm's correction" in found["comparisons_family"]
    for name in ("video", "audio"):
        it, gain = made["fusion", name], test["fusion_gain"][name]
        assert it["difference"] == pytest.approx(gain["accuracy"])
        assert it["difference_interval"] == pytest.approx(gain["accuracy_interval"])
        assert it["n"] == test["n_scored"]
        assert it["mcnemar_holm"] >= it["mcnemar_p"]
        assert it["permutation_holm"] >= it["permutation_p"]


def test_systems_are_compared_with_the_baseline_of_their_modality_on_the_same_resamples(official):
    _, found = official
    systems = found["parts"]["test"]["systems"]
    for modality, baseline in (("video", "video/lbp_top/svm"), ("audio", "audio/functionals/svm")):
        over = systems[modality]["over_baseline"]
        assert over["baseline"] == baseline
        assert over["accuracy"] == pytest.approx(systems[modality]["accuracy"] - systems[baseline]["accuracy"])
        assert over["accuracy_interval"][0] < over["accuracy"] < over["accuracy_interval"][1]
        assert "over_baseline" not in systems[baseline]
    assert "over_baseline" in systems["audio/egemaps/blstm/64_1"]
    assert "over_baseline" not in systems["fusion"]


def test_calibration_does_not_change_what_a_modality_predicts(official):
    _, found = official
    systems = found["parts"]["test"]["systems"]
    assert systems["video"]["confusion"] == systems["video/cnn/pls/mean"]["confusion"]
    assert systems["audio"]["confusion"] == systems["audio/egemaps/blstm/mean"]["confusion"]


def test_coverage_and_accuracy_over_the_covered_clips(official):
    run, found = official
    rows = [row for row in table(run.folder / "predictions.csv") if row["part"] == "test"]
    judged = [row for row in rows if row["source"] in ("fusion", "audio")]
    audio = found["parts"]["test"]["systems"]["audio"]
    assert audio["n_covered"] == len(judged)
    assert audio["accuracy_covered"] == pytest.approx(
        np.mean([row["predicted_audio"] == row["label"] for row in judged])
    )


def test_statuses_add_up_to_the_clips_of_the_manifest(official):
    run, found = official
    assert found["status"] == {
        "video": {"ok": 54, "no_face": 1, "undecodable": 1},
        "audio": {"ok": 53, "no_audio": 1, "silent_audio": 1, "undecodable": 1},
    }
    assert all(sum(counts.values()) == found["n_clips"] == len(run.corpus.rows) for counts in found["status"].values())


def test_metrics_tell_by_fold_which_network_is_selected_and_why(crossed):
    run, found = crossed
    assert found["networks"] == dict.fromkeys([f"egemaps/{name}" for name in run.folds], NETWORKS)


def test_every_clip_has_a_prediction_and_probabilities_that_sum_to_one(official):
    run, _ = official
    rows = table(run.folder / "predictions.csv")
    assert [row["clip"] for row in rows] == [row.clip for row in run.corpus.rows]
    assert all(row["predicted_fusion"] in CLASSES for row in rows)
    assert all(sum(float(row[f"p_{name}"]) for name in CLASSES) == pytest.approx(1, abs=1e-5) for row in rows)


def test_folds_are_pooled_so_that_every_clip_is_tested_once(crossed):
    run, found = crossed
    rows = table(run.folder / "predictions.csv")
    for part in ("test", "val"):
        assert sorted(row["clip"] for row in rows if row["part"] == part) == [row.clip for row in run.corpus.rows]
        assert found["parts"][part]["n"] == len(run.corpus.rows)
    assert set(found["fusion"]["folds"]) == {"fold1", "fold2", "fold3"}


def test_the_table_of_scores_is_tidy_and_holds_covered_clips_only(crossed):
    run, found = crossed
    with gzip.open(run.folder / "scores.csv.gz", "rt", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len({(row["clip"], row["part"], row["system"], row["class"]) for row in rows}) == len(rows)
    test = found["parts"]["test"]["systems"]
    for name in ("video", "fusion", NETWORK):
        mine = [row for row in rows if row["part"] == "test" and row["system"] == name]
        assert len(mine) == 7 * test[name]["n_covered"]


def test_evaluating_twice_gives_the_same_bytes(official):
    run, _ = official
    evaluate(run, "again.json")
    assert (run.folder / "again.json").read_bytes() == (run.folder / "metrics.json").read_bytes()


def test_every_key_of_a_system_is_there(official):
    _, found = official
    system = found["parts"]["test"]["systems"]["fusion"]
    shares = {"accuracy", "accuracy_interval", "uar", "uar_interval", "macro_f1", "macro_f1_interval"}
    assert shares | {"accuracy_wilson", "recalls", "confusion", "n", "n_covered"} <= set(system)
    assert system["n_classes_present"] == 7


def test_the_gain_of_fusion_is_the_difference_of_the_accuracies(official):
    _, found = official
    test = found["parts"]["test"]
    for name, gain in test["fusion_gain"].items():
        expected = test["systems"]["fusion"]["accuracy"] - test["systems"][name]["accuracy"]
        assert gain["accuracy"] == pytest.approx(expected)
        assert gain["accuracy_interval"][0] <= gain["accuracy"] <= gain["accuracy_interval"][1]


def loaded(run):
    fused = [score_tables.read(run.folder / f"fusion_{name}.h5", run.corpus) for name in run.folds]
    return fused, clip_account.read_statuses(run.corpus, {"video": run.folder / "faces", "audio": run.folder / "audio"})


OPTIONS = {"run": "x", "seed": 0, "evaluation": {"bootstrap": 50}}


def test_hidden_labels_are_predicted_and_not_scored(official):
    run, _ = official
    fused, found = loaded(run)
    rows = tuple(dataclasses.replace(row, label="?") if row.split == "test" else row for row in run.corpus.rows)
    corpus = Manifest(rows, CLASSES, "afew")
    parts = pools.join(corpus, run.folds, fused, {})
    content = run_metrics.content(corpus, fused, parts, found, settings=OPTIONS)
    test = content["parts"]["test"]
    assert (test["n_scored"], test["n_hidden"]) == (0, test["n"])
    assert test["systems"]["fusion"]["accuracy"] is None
    assert test["majority_class"]["accuracy"] is None
    assert (
        f"test: {test['n']} of {test['n']} labels are hidden; those clips are predicted, not scored" in content["notes"]
    )
    assert len(clip_account.prediction_rows(corpus, parts, found)) == len(rows) + 1


def test_a_clip_without_a_status_is_an_error(official):
    run, _ = official
    fused, found = loaded(run)
    del found["audio"]["clip007"]
    parts = pools.join(run.corpus, run.folds, fused, {})
    with pytest.raises(StoreError, match="1 of 56 clips have no audio status: clip007"):
        run_metrics.content(run.corpus, fused, parts, found, settings=OPTIONS)


def test_a_clip_of_the_manifest_in_no_fold_is_an_error(official):
    run, _ = official
    fused, found = loaded(run)
    fold = run.folds["official"]
    smaller = {"official": splits.Fold("official", fold.train, fold.val, fold.test[1:])}
    parts = pools.join(run.corpus, smaller, fused, {})
    with pytest.raises(StoreError, match=f"1 of 56 clips have no prediction: {fold.test[0]}"):
        clip_account.check_complete(run.corpus, parts, found)


def test_a_clip_that_is_ok_and_yet_has_no_scores_is_noted(official):
    run, _ = official
    fused, found = loaded(run)
    clip = next(clip for clip in run.folds["official"].test if found["video"][clip] != Status.OK)
    found["video"][clip] = Status.OK
    parts = pools.join(run.corpus, run.folds, fused, {})
    content = run_metrics.content(run.corpus, fused, parts, found, settings=OPTIONS)
    assert f"test: video is ok but has no scores for {clip}" in content["notes"]


def test_a_missing_or_repeated_fold_is_an_error(crossed):
    run, _ = crossed
    fused, _ = loaded(run)
    with pytest.raises(StoreError, match="of folds fold1, fold2; expected one of each of fold1, fold2, fold3"):
        pools.join(run.corpus, run.folds, fused[:2], {})


def test_a_system_that_some_folds_lack_is_an_error(crossed):
    run, _ = crossed
    fused, _ = loaded(run)
    one = score_tables.read(run.folder / "audio_fold1.h5", run.corpus)
    with pytest.raises(StoreError, match=f"{NETWORK}: has scores in some folds only"):
        pools.join(run.corpus, run.folds, fused, {"audio": [one]})


def test_a_fused_table_without_a_clip_of_its_fold_is_an_error(official):
    run, _ = official
    fused, _ = loaded(run)
    short = dataclasses.replace(fused[0], clips=tuple(f"other {clip}" for clip in fused[0].clips))
    with pytest.raises(StoreError, match="has no row of clip"):
        pools.join(run.corpus, run.folds, [short], {})


def test_one_subject_has_no_intervals(official):
    run, _ = official
    fused, _ = loaded(run)
    corpus = Manifest(tuple(dataclasses.replace(row, subject="one") for row in run.corpus.rows), CLASSES, "csv")
    part = pools.join(corpus, run.folds, fused, {})[2]
    found = system_metrics.part_metrics(part, CLASSES, seed=0, n_resamples=10)
    assert found["systems"]["fusion"]["accuracy_interval"] is None
    assert found["n_subjects"] == 1


def test_bootstrap_resamples_are_shared_by_all_systems(official):
    """Equal systems get equal intervals whatever stands before them."""
    _, found = official
    systems = found["parts"]["test"]["systems"]
    assert systems["fusion"]["uar_interval"] == systems["joint"]["uar_interval"]
    assert systems["fusion"]["accuracy"] == float(metrics.accuracy(np.array(systems["joint"]["confusion"])))


# report.py and faces_film.py


def test_the_report_is_one_page_and_the_same_twice(official):
    run, _ = official
    page = write_report(run).read_text()
    figures = [(run.folder / f"{name}.svg").read_bytes() for name in FIGURES]
    assert page == write_report(run, "again.html").read_text()
    assert figures == [(run.folder / f"{name}.svg").read_bytes() for name in FIGURES]
    assert all(figure.startswith(b"<svg") for figure in figures)
    assert all(f'"n":"{row.clip}"' in page for row in run.corpus.rows)


def test_the_film_shows_every_page_of_clips_and_is_the_same_twice(tmp_path):
    run = make_run(tmp_path, n_clips=63)
    for name in ("faces.mp4", "again.mp4"):
        start("faces_film", {"settings": {}}, manifest=run.table, faces=run.folder / "faces", output=tmp_path / name)
    assert (tmp_path / "faces.mp4").read_bytes() == (tmp_path / "again.mp4").read_bytes()
    with av.open(str(tmp_path / "faces.mp4")) as film:
        stream = film.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(stream)]
    assert stream.codec_context.name == "h264"
    assert len(frames) == 2 * 32
    assert frames[0].std() > frames[-1].std()  # the second page holds three clips only


def test_the_corpus_of_these_tests_reads_back(official):
    run, _ = official
    assert manifest.read(run.table) == run.corpus
