"""The plan: which files a job needs, and what its identity depends on."""

import importlib
from dataclasses import replace

import pytest

from emotiw.audio import egemaps
from emotiw.core.errors import ConfigError, WeightsError
from emotiw.core.seeds import derived_seed
from emotiw.corpora.manifest import Manifest, Row
from emotiw.jobs import identity, settings, stages
from emotiw.workflow import costs
from emotiw.workflow import plan as plans
from emotiw.workflow.files import Files
from emotiw.workflow.plan import Plan
from onnx_fixtures import settings as embedding
from sound_network_fixtures import settings as sound_embedding

CLASSES = ("anger", "fear")
PARTS = ("train", "val", "test")
ROWS = tuple(
    Row(f"{part}{i}", f"clips/{part}{i}.mp4", CLASSES[i], part, split=part, sha256=f"{part}{i}", job=f"{part}{i}")
    for part in PARTS
    for i in (0, 1)
)
CORPUS = Manifest(ROWS, CLASSES, "csv")
FOLD = "results/demo/folds/official"
GATHERED = {
    "pca": {"fold": "official", "feature": "cnn"},
    "kernels": {"fold": "official", "feature": "cnn"},
    "kernel_scores": {"fold": "official", "feature": "cnn", "classifier": "pls"},
    "combination": {"fold": "official", "features": "cnn+dense_sift", "classifier": "pls"},
    "baseline": {"fold": "official", "feature": "functionals"},
    "gather_frames": {"fold": "official", "feature": "egemaps"},
    "scaler": {"fold": "official", "feature": "egemaps"},
    "train_blstm": {"fold": "official", "feature": "egemaps", "architecture": "64-64", "repeat": "3"},
    "blstm_scores": {"fold": "official", "feature": "egemaps"},
    "fusion": {"fold": "official"},
    "evaluate": {},
    "tables": {},
    "report": {},
    "bundle": {},
}
END = ("evaluate", "tables", "report", "bundle")


def plan(corpus=CORPUS, **over):
    return Plan(settings.merge(settings.load([]), over), corpus)


def files(corpus=CORPUS, **over):
    return Files(plan(corpus, **over))


def with_clip(name, **values):
    return replace(CORPUS, rows=tuple(replace(row, **values) if row.clip == name else row for row in ROWS))


def changed(other):
    """Stages of the gather whose identity differs from that of the default plan."""
    return {name for name, w in GATHERED.items() if plan().stage(name, **w).digest != other.stage(name, **w).digest}


def test_a_fold_needs_the_files_of_its_parts():
    assert files().features("cnn", "official", ["train"]) == [
        "results/demo/features/cnn/train0.h5",
        "results/demo/features/cnn/train1.h5",
    ]
    assert len(files().features("cnn")) == len(ROWS)


def test_a_batch_is_needed_once():
    batched = replace(CORPUS, rows=tuple(replace(row, job="batch-0") for row in ROWS))
    assert files(batched).features("cnn", "official") == ["results/demo/features/cnn/batch-0.h5"]
    assert plan(batched).protocol.media("batch-0") == [row.path for row in ROWS]


def test_there_are_six_architectures_of_ten_networks():
    networks = files().networks("official", "egemaps")
    assert len(set(networks)) == 60
    assert "results/demo/folds/official/egemaps/blstm/156-300-102_9.h5" in networks


def test_everything_is_a_target():
    targets = set(files().all())
    assert targets >= {*files().targets(""), *files().all_features()}
    assert {"results/demo/report/report.html", "results/demo/folds/official/fusion.h5"} <= targets
    assert {"results/demo/report/contact_sheets.html", "results/demo/report/contact_sheets/test0.png"} <= targets


def of_subjects():
    """A corpus with a clip of each class by each of five subjects, three of whom are for training."""
    parts = [("train", s) for s in "abc"] + [("val", "d"), ("test", "e")]
    rows = [
        Row(f"{s}{c}", f"{s}{c}.mp4", c, s, split=part, sha256=f"{s}{c}", job=f"{s}{c}")
        for part, s in parts
        for c in CLASSES
    ]
    return Manifest(tuple(rows), CLASSES, "csv")


def test_calibration_by_training_clips_needs_networks_that_hold_these_out():
    corpus = of_subjects()
    chosen = plan(corpus, fusion={"calibration": "training"})
    names = [f"official.{i}of3" for i in (1, 2, 3)]
    inner = [f"results/demo/folds/{name}/egemaps/blstm.h5" for name in names]
    assert files(corpus).inner_scores("official", "audio") == []
    assert Files(chosen).inner_scores("official", "audio") == inner
    assert Files(chosen).inner_scores("official", "video") == []
    assert {path for name in names for path in Files(chosen).networks(name, "egemaps")} <= {*Files(chosen).all()}
    above = {"audio", "video", *(f"audio/{name}" for name in names)}
    assert set(chosen.stage("fusion", fold="official")["above"]) == above
    inside, outside = (Files(chosen).features("egemaps", name, ["train"]) for name in (names[0], "official"))
    assert set(inside) < set(outside)
    of_fold = [chosen.stage("scaler", fold=name, feature="egemaps")["rows"] for name in (names[0], "official")]
    assert of_fold[0] != of_fold[1]


def test_every_feature_combination_and_classifier_is_scored():
    both = plan(video={"features": ["cnn", "dense_sift"], "classifiers": ["pls", "svm"]})
    assert Files(both).scores("video") == [
        *(f"{FOLD}/{feature}/{name}.h5" for feature in ("cnn", "dense_sift") for name in ("pls", "svm")),
        *(f"{FOLD}/combined/cnn+dense_sift/{name}.h5" for name in ("pls", "svm")),
        f"{FOLD}/lbp_top/baseline.h5",
    ]
    alone = [f"{FOLD}/{name}/svm.h5" for name in ("cnn", "dense_sift")]
    assert Files(both).combined("official", "cnn+dense_sift", "svm") == alone
    assert Files(both).scores("audio") == [f"{FOLD}/egemaps/blstm.h5", f"{FOLD}/functionals/baseline.h5"]


CHOOSING = {"inner_folds", "inner_repeats", "choice", "class_weights"}


@pytest.mark.parametrize(
    ("features", "file", "stage", "wildcards"),
    [
        (["dense_sift", "cnn"], "combined/cnn+dense_sift/pls.h5", "combination", {"features": "cnn+dense_sift"}),
        (["cnn"], "cnn/pls.h5", "kernel_scores", {"feature": "cnn"}),
    ],
)
def test_the_video_system_is_a_combination_or_a_single_feature(features, file, stage, wildcards):
    chosen = plan(video={"combination": {"features": features}})
    assert Files(chosen).fused("official", "video", "") == [f"{FOLD}/{file}"]
    above = chosen.stage("fusion", fold="official")["above"]
    assert above["video"] == chosen.stage(stage, fold="official", **wildcards, classifier="pls").digest


@pytest.mark.parametrize(
    ("over", "read"),
    [
        ({"svm_c": "auto"}, {"svm_c", "c_grid", *CHOOSING}),
        ({"svm_c": 1.0}, {"svm_c", *CHOOSING}),
    ],
)
def test_a_grid_is_in_the_identity_of_what_chooses_from_it(over, read):
    wildcards = {**GATHERED["kernel_scores"], "classifier": "svm"}
    assert set(plan(video=over).stage("kernel_scores", **wildcards)["settings"]["video"]) == read


@pytest.mark.parametrize(
    "stage", ["audio", "egemaps", "functionals", "faces", "cnn", "dense_sift", "hog", "lbp_top", "contact_sheet"]
)
def test_the_content_of_a_clip_is_in_the_identity_of_its_own_jobs_only(stage):
    other = plan(with_clip("test0", sha256="new"))
    assert plan().stage(stage, job="test0").digest != other.stage(stage, job="test0").digest
    assert plan().stage(stage, job="test1").digest == other.stage(stage, job="test1").digest


def test_a_test_clip_reaches_nothing_that_is_fitted_on_training_clips():
    assert not changed(plan(with_clip("test0", sha256="new"))) & {"pca", "scaler"}
    assert changed(plan(with_clip("train0", sha256="new"))) == set(GATHERED)


def test_a_label_reaches_what_is_trained_on_it():
    assert changed(plan(with_clip("val0", label="fear"))) == set(GATHERED) - {"pca", "scaler"}


def test_a_clip_that_goes_to_the_next_part_reaches_everything_though_the_order_of_all_clips_stays():
    assert changed(plan(with_clip("train1", split="val"))) == set(GATHERED)


def test_a_film_reaches_what_makes_folds_inside_a_part():
    assert changed(plan(with_clip("train0", film="one"))) == {
        *("kernel_scores", "combination", "baseline", "fusion"),
        *END,
    }


@pytest.mark.parametrize(
    ("over", "reached"),
    [
        ({"seed": 1}, {"train_blstm", "blstm_scores", "fusion", *END}),
        ({"fusion": {"grid_step": 0.1}}, {"fusion", *END}),
        ({"fusion": {"scheme": "auto"}}, {"fusion", *END}),
        ({"fusion": {"shrinkage": 0.5}}, {"fusion", *END}),
        ({"fusion": {"calibration": "training"}}, {"fusion", *END}),
        ({"video": {"svm_c": 3.0}}, {"report", "bundle"}),
        ({"video": {"n_components_max": 3}}, {"kernel_scores", "combination", "fusion", *END}),
        ({"video": {"choice": "one_standard_error"}}, {"kernel_scores", "combination", "fusion", *END}),
        ({"video": {"inner_repeats": 5}}, {"kernel_scores", "combination", "fusion", *END}),
        ({"video": {"class_weights": "balanced"}}, {"kernel_scores", "combination", "fusion", *END}),
        ({"baseline": {"inner_folds": 2}}, {"baseline", *END}),
        ({"baseline": {"class_weights": "balanced"}}, {"baseline", *END}),
        ({"video": {"subspace_rank": 3}}, {"kernels", "kernel_scores", "combination", "fusion", *END}),
        ({"limits": {"job_s": 5.0}}, {"report", "bundle"}),
        ({"accelerator": "cpu"}, {"report", "bundle"}),
        (
            {"cnn": {"storage": "float32"}},
            set(GATHERED) - {"baseline", "gather_frames", "scaler", "train_blstm", "blstm_scores"},
        ),
        ({"limits": {"max_pixels": 5}}, set(GATHERED)),
    ],
)
def test_a_setting_reaches_the_stages_that_read_it_and_those_below(over, reached):
    assert changed(plan(**over)) == reached


@pytest.mark.parametrize(
    "over",
    [
        {"cache": {"folder": "elsewhere", "users": ["root"]}},
        {"sweep": {"grid": {"seed": [1, 2]}}},
        {"loggers": ["csv"]},
    ],
)
def test_what_changes_no_result_is_in_no_identity(over):
    other = plan(**over)
    assert changed(other) == set()
    assert other.stage("crate").digest == plan().stage("crate").digest
    assert other.stage("cnn", job="test0").digest == plan().stage("cnn", job="test0").digest


@pytest.mark.parametrize("stage", ["audio", "egemaps", "functionals", "faces", "cnn", "dense_sift", "hog", "lbp_top"])
def test_but_for_its_clips_a_job_s_identity_does_not_depend_on_its_batch(stage):
    batched = plan(replace(CORPUS, rows=tuple(replace(row, job="batch-0") for row in ROWS)))
    alone, together = plan().stage(stage, job="test0"), batched.stage(stage, job="batch-0")
    assert {name: value for name, value in together.items() if name != "clips_sha256"} == {
        name: value for name, value in alone.items() if name != "clips_sha256"
    }
    assert alone["clips_sha256"] == identity.clips_digest([["test0", "test0"]])
    assert together["clips_sha256"] == identity.clips_digest([row.clip, row.sha256] for row in ROWS)


def test_the_order_of_settings_does_not_count():
    config = settings.load([])
    config["blstm"] = dict(reversed(config["blstm"].items()))
    w = GATHERED["train_blstm"]
    assert repr(Plan(config, CORPUS).stage("train_blstm", **w)) == repr(plan().stage("train_blstm", **w))


def test_a_network_is_told_its_layers_and_a_seed_of_its_own():
    stage = plan().stage("train_blstm", **GATHERED["train_blstm"])
    assert stage["architecture"] == [64, 64]
    assert stage["seed"] == derived_seed(2016, "64-64", 3)


def test_seeds_are_63_bits_and_never_shared():
    seeds = {derived_seed(root, name, i) for root in (0, 1) for name in ("64", "64-64") for i in range(10)}
    assert len(seeds) == 40
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_weights_are_named_by_their_content(tmp_path):
    path = tmp_path / "mine.npz"
    path.write_bytes(b"abc")
    mine = plan(weights={"alexnet": {"path": str(path)}})
    assert mine.weights("alexnet") == "alexnet-ba7816bf8f01"
    assert mine.stage("cnn", job="test0").digest != plan().stage("cnn", job="test0").digest
    assert mine.stage("hog", job="test0").digest == plan().stage("hog", job="test0").digest


def test_weights_from_an_address_are_named_by_the_hash_that_is_asked_for():
    mine = plan(weights={"alexnet": {"url": "https://example.org/a.npz", "sha256": "ab" * 32}})
    assert mine.weights("alexnet") == "alexnet-abababababab"
    assert mine.stage("alexnet")["sha256"] == "ab" * 32


# --- features of either modality ---------------------------------------------------------------------------------

VOICE = {
    "features": ["egemaps", "whisper"],
    "classifiers": ["blstm", "pooled_logistic", "pls"],
    "combination": {"features": ["egemaps", "whisper"], "classifier": "pooled_logistic"},
}
FACE = {
    "features": ["hog", "lbp_top"],
    "classifiers": ["pls", "pooled_svm", "blstm"],
    "combination": {"features": ["hog"], "classifier": "blstm"},
}


def test_sounds_are_given_to_networks_to_pooled_statistics_and_to_image_sets():
    found = files(audio=VOICE)
    assert found.scores("audio") == [
        *(f"{FOLD}/{name}/{c}.h5" for name in VOICE["features"] for c in VOICE["classifiers"]),
        *(f"{FOLD}/combined/egemaps+whisper/{c}.h5" for c in VOICE["classifiers"]),
        f"{FOLD}/functionals/baseline.h5",
    ]
    assert found.fused("official", "audio", "") == [f"{FOLD}/combined/egemaps+whisper/pooled_logistic.h5"]
    of_whisper = set(found.networks("official", "whisper", "posteriors"))
    assert len(of_whisper) == 60
    assert of_whisper < set(found.all())
    assert found.of_networks("frames") == [f"{FOLD}/{name}/blstm_frames.h5" for name in VOICE["features"]]
    assert {"results/demo/features/whisper/test0.h5", f"{FOLD}/whisper/pls.h5"} <= set(found.targets("audio_only/"))
    assert not [path for path in files().all() if "whisper" in path]


def test_faces_are_given_to_networks_and_a_feature_of_whole_clips_to_pooled_classifiers_alone():
    found = files(video=FACE)
    of_hog = [f"{FOLD}/hog/{name}.h5" for name in FACE["classifiers"]]
    # no frames, so no image sets, no networks, and no combination with a feature by these
    of_clips = [f"{FOLD}/lbp_top/pooled_svm.h5", f"{FOLD}/combined/hog+lbp_top/pooled_svm.h5"]
    assert found.scores("video") == [*of_hog, *of_clips, f"{FOLD}/lbp_top/baseline.h5"]
    assert found.plan.networks() == ["hog", "egemaps"]
    assert found.fused("official", "video", "") == [f"{FOLD}/hog/blstm.h5"]


def test_frames_of_a_network_are_read_by_the_page_only_where_sounds_are_fused_by_networks():
    assert files().courses("") == [f"{FOLD}/egemaps/blstm_frames.h5"]
    assert files(audio=VOICE).courses("") == files().courses("video_only/") == []


@pytest.mark.parametrize(
    ("over", "stage", "wildcards", "modality"),
    [
        ({"audio": VOICE}, "pooled_scores", {"feature": "whisper", "classifier": "pooled_logistic"}, "audio"),
        ({"audio": VOICE}, "kernel_scores", {"feature": "whisper", "classifier": "pls"}, "audio"),
        ({"audio": VOICE}, "combination", {"features": "egemaps+whisper", "classifier": "pls"}, "audio"),
        ({"video": FACE}, "train_blstm", {"feature": "hog", "architecture": "64", "repeat": "0"}, "video"),
        ({"video": FACE}, "blstm_scores", {"feature": "hog"}, "video"),
    ],
)
def test_a_program_is_told_the_modality_of_its_feature(over, stage, wildcards, modality):
    assert plan(**over).stage(stage, fold="official", **wildcards)["modality"] == modality


def test_pooling_is_told_whether_a_clip_has_frames_or_one_vector():
    chosen = {"fold": "official", "classifier": "pooled_svm"}
    kinds = [plan(video=FACE).stage("pooled_scores", feature=name, **chosen) for name in FACE["features"]]
    assert [stage["feature_kind"] for stage in kinds] == ["frame_features", "clip_features"]
    assert set(kinds[0]["settings"]) == {"pooled"}


def test_a_feature_reaches_the_systems_that_it_is_part_of_and_no_other():
    before, after = plan(audio=VOICE), plan(audio=VOICE, whisper={"layer": 4})
    reached = {
        system
        for system in before.systems()
        if before.system_stage("official", system).digest != after.system_stage("official", system).digest
    }
    assert reached == {system for system in before.systems() if "whisper" in system.features}
    assert {system.classifier for system in reached} == set(VOICE["classifiers"])
    ends = [which.stage(name, **w).digest for which in (before, after) for name, w in ENDS.items()]
    assert len(set(ends)) == 2 * len(ENDS)


ENDS = {"fusion": {"fold": "official"}, "learning_curves": {}, "evaluate": {}}


def test_inner_networks_are_those_of_the_fused_systems_of_both_modalities():
    both = {"audio": {**VOICE, "combination": {"features": ["whisper", "egemaps"], "classifier": "blstm"}}}
    chosen = Files(plan(of_subjects(), video=FACE, **both, fusion={"calibration": "training"}))
    names = [f"official.{i}of3" for i in (1, 2, 3)]
    inner = {modality: chosen.inner_scores("official", modality) for modality in ("audio", "video")}
    assert inner["video"] == [f"results/demo/folds/{name}/hog/blstm.h5" for name in names]
    assert inner["audio"] == [f"results/demo/folds/{name}/combined/egemaps+whisper/blstm.h5" for name in names]
    made = set(chosen.all())
    for name in names:
        for feature in ("egemaps", "whisper", "hog"):
            assert set(chosen.networks(name, feature)) <= made
    above = chosen.plan.stage("fusion", fold="official")["above"]
    assert set(above) == {"audio", "video", *(f"{modality}/{name}" for modality in inner for name in names)}


# --- embeddings --------------------------------------------------------------------------------------------------

BELOW = {
    "pca": {"fold": "official"},
    "kernels": {"fold": "official"},
    "kernel_scores": {"fold": "official", "classifier": "pls"},
}


def embedded(**first):
    """A plan with two networks, `one` and `two`; `one` is part of the video system."""
    networks = {"one": embedding(b"1", **first), "two": embedding(b"2", path="two.onnx")}
    chosen = {"features": ["one", "two", "cnn"], "combination": {"features": ["one", "cnn"]}}
    return plan(embeddings=networks, video=chosen)


def test_an_embedding_is_a_feature_like_any_other():
    found = embedded()
    assert set(Files(found).features("one")) <= set(Files(found).all_features())
    assert set(Files(found).features("two")) <= set(Files(found).targets("video_only/"))
    assert Files(found).fused("official", "video", "") == [f"{FOLD}/combined/one+cnn/pls.h5"]
    assert f"{FOLD}/two/pls.h5" in Files(found).scores("video")
    assert Files(found).embeddings() == ["tiny.onnx", "two.onnx"]
    assert not files().embeddings()


@pytest.mark.parametrize("change", [{"mean": [0.4, 0.4, 0.4]}, {"sha256": "f" * 64}, {"pool": "mean"}])
def test_what_an_embedding_depends_on_reaches_its_own_jobs_and_those_below(change):
    before, after = embedded(), embedded(**change)
    reached = {
        (stage, name)
        for name in ("one", "two", "cnn")
        for stage, w in BELOW.items()
        if before.stage(stage, **w, feature=name).digest != after.stage(stage, **w, feature=name).digest
    }
    assert reached == {(stage, "one") for stage in BELOW}
    jobs = [
        [which.stage("embedding", embedding=name, job="test0") for which in (before, after)] for name in ("one", "two")
    ]
    assert [old.digest == new.digest for old, new in jobs] == [False, True]
    assert before.stage("cnn", job="test0").digest == after.stage("cnn", job="test0").digest
    assert before.stage("fusion", fold="official").digest != after.stage("fusion", fold="official").digest


def test_the_content_of_a_clip_is_in_the_identity_of_its_own_embedding_only():
    networks = {"one": embedding(b"1")}
    before, after = plan(embeddings=networks), plan(with_clip("test0", sha256="new"), embeddings=networks)
    equal = [
        before.stage("embedding", embedding="one", job=job).digest
        == after.stage("embedding", embedding="one", job=job).digest
        for job in ("test0", "test1")
    ]
    assert equal == [False, True]


@pytest.mark.parametrize("name", ["fusion", "systems", "efficientnet_lite0"])
def test_an_embedding_may_be_called_as_a_stage_that_makes_no_feature(name):
    mine = plan(embeddings={name: embedding(b"1")}, video={"features": ["cnn", name]})
    assert Files(mine).features(name)[0] == f"results/demo/features/{name}/test0.h5"
    above = mine.stage("kernels", fold="official", feature=name)["above"]
    jobs = {row.job: mine.stage("embedding", embedding=name, job=row.job).digest for row in ROWS}
    assert above[name] == identity.Stage(jobs).digest


def test_an_embedding_is_told_only_its_own_settings():
    stage = embedded().stage("embedding", embedding="two", job="test0")
    assert stage["settings"] == {"on_defect": "exclude", "embeddings": {"two": embedding(b"2", path="two.onnx")}}


def heard(**first):
    """A plan with two networks of sound, `one` and `two`; `one` is among the features of the audio systems."""
    networks = {"one": sound_embedding(b"1", **first), "two": sound_embedding(b"2", path="two.onnx")}
    return plan(sound_embeddings=networks, audio={"features": ["egemaps", "one"]})


def test_a_network_of_sound_adds_a_feature_of_its_name():
    found = Files(heard())
    assert set(found.features("one")) <= set(found.all_features())
    assert not set(found.features("two")) & set(found.all_features()), "made on demand, because no system uses it"
    assert found.features("one")[0] == "results/demo/features/one/test0.h5"
    assert heard().layout.pattern("sound_embedding") == "results/demo/features/{sound_embedding}/{job}.h5"
    assert heard().layout.log("sound_embedding") == "results/demo/logs/sound_embedding/{sound_embedding}_{job}.log"


@pytest.mark.parametrize("change", [{"normalise": "clip"}, {"sha256": "f" * 64}, {"level": "clip"}])
def test_what_a_network_of_sound_depends_on_reaches_its_own_jobs(change):
    equal = [
        heard().stage("sound_embedding", sound_embedding=name, job="test0").digest
        == heard(**change).stage("sound_embedding", sound_embedding=name, job="test0").digest
        for name in ("one", "two")
    ]
    assert equal == [False, True]
    assert heard().stage("egemaps", job="test0").digest == heard(**change).stage("egemaps", job="test0").digest


def test_a_network_of_sound_is_told_its_own_settings_and_reads_the_sound():
    stage = heard().stage("sound_embedding", sound_embedding="two", job="test0")
    networks = {"two": sound_embedding(b"2", path="two.onnx")}
    assert stage["settings"] == {"on_defect": "exclude", "sound_embeddings": networks}
    assert set(stage["above"]) == {"audio"}


# --- features from elsewhere -------------------------------------------------------------------------------------


def elsewhere(level="frame", **hashes):
    """A plan with an imported feature, with hashes of the contents of some clips."""
    section = {"modality": "audio", "level": level, "path": "files", "licence": "MIT"}
    clips = {row.clip: (f"files/{row.clip}.npy", hashes.get(row.clip, "0")) for row in ROWS}
    config = settings.merge(
        settings.load([]), {"imports": {"mine": section}, "audio": {"features": ["egemaps", "mine"]}}
    )
    return Plan(config, CORPUS, {"mine": clips})


def test_an_import_adds_a_feature_of_its_name_and_reads_its_files():
    found = Files(elsewhere())
    assert set(found.features("mine")) <= set(found.all_features())
    assert found.features("mine")[0] == "results/demo/features/mine/test0.h5"
    assert found.imported("mine", "test0") == ["files/test0.npy"]
    assert elsewhere().layout.pattern("imported") == "results/demo/features/{imported}/{job}.h5"
    assert elsewhere().layout.log("imported") == "results/demo/logs/imported/{imported}_{job}.log"


def test_a_clip_without_a_file_needs_none():
    plan = elsewhere()
    plan.imports["mine"]["test0"] = ("", "")
    assert Files(plan).imported("mine", "test0") == []


def test_the_content_of_a_clip_s_file_is_in_the_identity_of_its_own_job_only():
    before, after = elsewhere(), elsewhere(test0="1")
    equal = [
        before.stage("imported", imported="mine", job=job).digest
        == after.stage("imported", imported="mine", job=job).digest
        for job in ("test0", "test1")
    ]
    assert equal == [False, True]
    assert (
        elsewhere("clip").stage("imported", imported="mine", job="test1").digest
        != before.stage("imported", imported="mine", job="test1").digest
    )
    assert before.stage("cnn", job="test0").digest == after.stage("cnn", job="test0").digest


def test_the_content_of_a_clip_itself_is_in_no_identity_of_an_import():
    changed = Plan(elsewhere().config, with_clip("test0", sha256="new"), elsewhere().imports)
    for job in ("test0", "test1"):
        assert (
            changed.stage("imported", imported="mine", job=job).digest
            == elsewhere().stage("imported", imported="mine", job=job).digest
        )


# --- the fine-tuned network --------------------------------------------------------------------------------------

TUNED = {"features": ["cnn", "cnn_fer2013", "dense_sift"]}


@pytest.mark.parametrize(
    ("feature", "wanted"),
    [
        ("cnn_fer2013", "cnn_fer2013 needs FER2013 or weights that were trained on it; set fine_tuning.faces.path or"),
        ("expression", "expression needs FER2013 or weights that were trained on it; set expression.faces.path or"),
    ],
)
def test_a_network_that_cannot_be_had_is_an_error_only_where_clips_have_pictures(feature, wanted):
    over = {"features": [feature, "cnn"], "combination": {"features": ["cnn"], "classifier": "pls"}}
    with pytest.raises(ConfigError, match=wanted):
        plan(video=over)
    sound = replace(CORPUS, rows=tuple(replace(row, format="wav", rate_hz="16000") for row in ROWS))
    assert plan(sound, video=over).modalities() == ["audio"]


@pytest.fixture
def fer(tmp_path):
    path = tmp_path / "fer2013.csv"
    path.write_bytes(b"abc")
    return {"faces": {"path": str(path)}}


def test_the_fine_tuned_network_is_named_by_all_that_its_training_depends_on(fer):
    mine = plan(video=TUNED, fine_tuning=fer)
    stage = mine.stage("fine_tune")
    assert mine.model("cnn_fer2013") == f"fine_tuned-{stage.digest[:12]}"
    assert mine.models()[-1] == mine.model("cnn_fer2013")
    assert stage["faces"].startswith("ba7816bf8f01")
    assert "faces" not in stage["settings"]["fine_tuning"]
    other = plan(video=TUNED, fine_tuning=fer | {"max_epochs": 3})
    assert other.model("cnn_fer2013") != mine.model("cnn_fer2013")
    assert other.stage("cnn_fer2013", job="test0").digest != mine.stage("cnn_fer2013", job="test0").digest
    assert other.stage("cnn", job="test0").digest == mine.stage("cnn", job="test0").digest


def test_a_network_that_was_fine_tuned_elsewhere_is_taken(fer, tmp_path):
    weights = {"alexnet_fer2013": {"path": str(tmp_path / "fer2013.csv")}}
    mine = plan(video=TUNED, weights=weights)
    assert mine.model("cnn_fer2013") == "alexnet_fer2013-ba7816bf8f01"
    assert mine.stage("cnn_fer2013", job="test0")["above"]["alexnet"] == mine.stage("alexnet_fer2013").digest


def test_features_of_the_fine_tuned_network_are_made_only_where_they_are_used(fer):
    assert not [path for path in files().all_features() if "fer2013" in path]
    assert len(plan().models()) == 2
    assert [path for path in files(video=TUNED, fine_tuning=fer).all_features() if "fer2013" in path]


def test_faces_that_are_missing_are_an_error():
    with pytest.raises(WeightsError, match=r"fine_tuning\.faces\.path: is null, expected a file or folder; set it"):
        plan().model("cnn_fer2013")
    with pytest.raises(WeightsError, match=r"No such file or directory; correct fine_tuning\.faces\.path"):
        plan(fine_tuning={"faces": {"path": "nowhere.csv"}}).stage("fine_tune")


EXPRESSION = {"features": ["expression", "expression_posteriors"]}


def test_the_expression_network_is_named_by_all_that_its_training_depends_on(fer, tmp_path):
    mine = plan(video=EXPRESSION, expression=fer)
    stage = mine.stage("train_expression")
    assert mine.model("expression") == mine.model("expression_posteriors") == f"expression-{stage.digest[:12]}"
    assert (stage["faces"][:12], stage["votes"]) == ("ba7816bf8f01", None)
    assert not {"faces", "votes", "head", "storage", "mirror", "chip_share"} & set(stage["settings"]["expression"])
    (tmp_path / "votes.npz").write_bytes(b"votes")
    for change in ({"threads": 2}, {"dropout": 0.1}, {"votes": {"path": str(tmp_path / "votes.npz")}}):
        assert plan(video=EXPRESSION, expression=fer | change).model("expression") != mine.model("expression"), change


@pytest.mark.parametrize(
    ("change", "remade"), [({"mirror": False}, EXPRESSION["features"]), ({"head": "labels"}, ["expression_posteriors"])]
)
def test_the_use_of_the_expression_network_does_not_train_it_again(fer, change, remade):
    mine, other = plan(video=EXPRESSION, expression=fer), plan(video=EXPRESSION, expression=fer | change)
    assert other.model("expression") == mine.model("expression")
    digests = {name: [p.stage(name, job="test0").digest for p in (mine, other)] for name in EXPRESSION["features"]}
    assert [name for name, (before, after) in digests.items() if before != after] == remade


def test_an_expression_network_that_was_trained_elsewhere_is_taken(fer):
    mine = plan(video=EXPRESSION, weights={"expression": fer["faces"]})
    assert mine.model("expression") == "ready_expression-ba7816bf8f01"
    for name in EXPRESSION["features"]:
        assert mine.stage(name, job="test0")["above"]["expression_network"] == mine.stage("ready_expression").digest


# --- the table of stages -----------------------------------------------------------------------------------------


def test_every_stage_has_a_program(root):
    for row in stages.TABLE:
        assert (root / "workflow_scripts" / f"{row.program or row.name}.py").is_file(), row.name


def test_every_name_that_a_row_uses_is_known():
    for row in stages.TABLE:
        assert set(row.facts) <= set(plans.FACTS), row.name
        for name in row.above:
            assert name in plans.LINKS or name in stages.ROWS or name == "{feature}", row.name
            open_ones = set(stages.ROWS[name].wildcards if name in stages.ROWS else ()) - set(row.wildcards)
            assert open_ones <= set(plans.DOMAINS), row.name


@pytest.mark.parametrize("row", stages.face_features(), ids=lambda row: row.name)
def test_a_feature_is_given_again_by_a_function_or_by_weights(row):
    assert bool(row.describe) != bool(row.weights)
    if row.describe:
        module, _, name = row.describe.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_wildcards_with_equal_values_are_told_apart():
    mine = plan(video={"features": ["cnn", "hog"], "classifiers": ["pls"]})
    one = mine.stage("kernels", fold="official", feature="hog")
    assert mine.stage("kernels", feature="hog", fold="official") is one
    with pytest.raises(KeyError):
        mine.stage("kernels", fold="hog", feature="official")


@pytest.mark.parametrize("mode", ["functionals", "low_level", "both"])
@pytest.mark.parametrize("version", ["eGeMAPSv01b", "eGeMAPSv02"])
def test_memory_is_planned_with_the_number_of_values_that_opensmile_gives(mode, version):
    columns = egemaps.columns(feature_set=version, mode=mode, frame_length_s=0.04, deltas=False)
    assert costs.EGEMAPS_VALUES[mode] - 2 <= len(columns) <= costs.EGEMAPS_VALUES[mode]


def test_the_corpus_of_a_clip_is_in_the_identity_of_folds_of_several_corpora_alone():
    pooled = {"fold": "official", "feature": "cnn", "classifier": "pooled_svm"}

    def digest(corpora):
        rows = tuple(replace(row, corpus=name) for row, name in zip(ROWS, corpora, strict=True))
        return plan(replace(CORPUS, rows=rows)).stage("pooled_scores", **pooled).digest

    names = ["ab"[i % 2] for i in range(len(ROWS))]
    assert len({digest(names), digest(names[::-1]), digest([""] * len(ROWS))}) == 3
    assert digest([""] * len(ROWS)) == plan().stage("pooled_scores", **pooled).digest
