"""A change re-runs exactly the jobs that depend on it: edit a thing, ask a dry run what it would do."""

import os
import shutil
from collections import Counter
from contextlib import contextmanager

import pytest

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

CLIPS = 19
SOUNDS = 18  # one clip has no sound
REPORT_END = {"evaluate": 1, "tables": 1, "report": 1, "crate": 1, "bundle": 1}
END = {"fusion": 1, **REPORT_END}
NETWORKS_END = {"train_blstm": 2, "blstm_scores": 1, "learning_curves": 1, **END}
AUDIO_END = {"scaler": 1, **NETWORKS_END}
# a third feature, alone and in three more combinations, none of which is the video system
NEW_FEATURE = {"pca": 1, "kernels": 1, "kernel_scores": 1, "combination": 3, **REPORT_END}
SCORES_END = {"combination": 1, **END}
# the frames of sounds as image sets, for a system that is not fused
OF_SOUND_SETS = {"pca": 1, "kernels": 1, "kernel_scores": 1, **REPORT_END}


def gathered(n_features):
    """Jobs of the gather for a number of features."""
    return {"pca": n_features, "kernels": n_features, "kernel_scores": n_features, **SCORES_END}


# the features that the small configuration names, and that of the baseline
DESCRIPTORS = {"cnn": CLIPS, "dense_sift": CLIPS, "lbp_top": CLIPS}
SHEETS = {"contact_sheet": CLIPS, "contact_page": 1}
FACES_DOWN = {"faces": CLIPS, "faces_film": 1, **SHEETS, **DESCRIPTORS, "baseline": 1, **gathered(2)}
POOLED = {"pooled_scores": 1}
EGEMAPS_END = {"gather_frames": 1, **POOLED, **AUDIO_END}
AUDIO_DOWN = {"audio": SOUNDS, "egemaps": SOUNDS, "functionals": SOUNDS, "baseline": 1, **EGEMAPS_END}

EDITS = {
    "emotiw/media/container.py": AUDIO_DOWN | FACES_DOWN | {"baseline": 2},
    **dict.fromkeys(
        (f"emotiw/media/{name}.py" for name in ("clock", "packets", "reading", "stated_lengths", "tracks")),
        AUDIO_DOWN | FACES_DOWN | {"baseline": 2},
    ),
    "emotiw/media/geometry.py": FACES_DOWN,
    "emotiw/media/picture_filters.py": FACES_DOWN,
    "emotiw/media/dynamic_range.py": FACES_DOWN,
    "emotiw/media/mixing.py": AUDIO_DOWN,
    "emotiw/media/resampling.py": AUDIO_DOWN,
    "emotiw/media/video_frames.py": FACES_DOWN,
    "emotiw/media/soundtrack.py": AUDIO_DOWN,
    "emotiw/jobs/per_clip.py": AUDIO_DOWN | FACES_DOWN | {"baseline": 2},
    "emotiw/jobs/containment.py": AUDIO_DOWN | FACES_DOWN | {"baseline": 2},
    "emotiw/core/signals.py": AUDIO_DOWN | FACES_DOWN | {"baseline": 2},
    "emotiw/media/probing.py": {},
    "emotiw/jobs/cache.py": AUDIO_DOWN | FACES_DOWN | {"baseline": 2},
    "emotiw/media/waveform.py": AUDIO_DOWN,
    "emotiw/audio/egemaps.py": {"egemaps": SOUNDS, **EGEMAPS_END},
    "emotiw/audio/functionals.py": {"functionals": SOUNDS, "baseline": 1, **REPORT_END},
    "emotiw/audio/whisper.py": {},
    "whisper.py": {},
    "emotiw/audio/augmentation.py": {},
    "augmented_whisper.py": {},
    "emotiw/audio/log_mel.py": {},
    "emotiw/audio/onnx_sound.py": {},
    "emotiw/jobs/sound_settings.py": {"bundle": 1},
    "sound_embedding.py": {},
    "emotiw/weights/onnx_network.py": {},
    "emotiw/audio/sound_entries.py": {"egemaps": SOUNDS, "functionals": SOUNDS, "baseline": 1, **EGEMAPS_END},
    "emotiw/audio/opensmile_features.py": {"egemaps": SOUNDS, "functionals": SOUNDS, "baseline": 1, **EGEMAPS_END},
    "emotiw/faces/search.py": FACES_DOWN,
    "emotiw/faces/detector.py": FACES_DOWN,
    "emotiw/faces/tracking.py": FACES_DOWN,
    "emotiw/faces/scene_cuts.py": FACES_DOWN,
    "emotiw/report/contact_sheet.py": SHEETS,
    "emotiw/report/contact_page.py": {"contact_page": 1},
    "emotiw/video/alexnet.py": {"cnn": CLIPS, **gathered(1)},
    "emotiw/video/winograd.py": {"cnn": CLIPS, **gathered(1)},
    "emotiw/video/onnx_embedding.py": {},
    "emotiw/video/expression_recipe.py": {},
    "emotiw/video/expression_data.py": {},
    "emotiw/video/expression_network.py": {},
    "emotiw/video/expression_training.py": {},
    "emotiw/video/expression_job.py": {},
    "emotiw/video/expression_scores.py": {},
    "emotiw/video/expression_features.py": {},
    "emotiw/video/expression_posteriors.py": {},
    "emotiw/weights/expression_layers.py": {},
    "emotiw/weights/expression_weights.py": {},
    "emotiw/weights/ready_expression.py": {},
    "emotiw/weights/face_resnet.py": {},
    "emotiw/weights/ferplus.py": {},
    "emotiw/weights/written.py": {},
    "expression.py": {},
    "expression_posteriors.py": {},
    "face_resnet.py": {},
    "ready_expression.py": {},
    "train_expression.py": {},
    "emotiw/video/grey.py": {"dense_sift": CLIPS, "lbp_top": CLIPS, "baseline": 1, **gathered(1)},
    "emotiw/video/dense_sift.py": {"dense_sift": CLIPS, **gathered(1)},
    "emotiw/video/hog.py": {},
    "emotiw/video/lbp_top.py": {"lbp_top": CLIPS, "baseline": 1, **REPORT_END},
    "emotiw/jobs/accelerator.py": {"cnn": CLIPS, **gathered(1), **NETWORKS_END},
    "emotiw/jobs/devices.py": {"cnn": CLIPS, **gathered(1), **NETWORKS_END},
    "emotiw/core/agreement.py": {"cnn": CLIPS, **gathered(1), **NETWORKS_END},
    "emotiw/core/device_choice.py": {"cnn": CLIPS, **gathered(1), **NETWORKS_END},
    "emotiw/core/progress.py": NETWORKS_END,
    "emotiw/weights/acquisition.py": {"landmarks": 1, "alexnet": 1, **FACES_DOWN},
    "emotiw/weights/package_index.py": {"landmarks": 1, "alexnet": 1, **FACES_DOWN},
    "emotiw/core/download.py": {"landmarks": 1, "alexnet": 1, **FACES_DOWN},
    "emotiw/video/pca.py": gathered(2),
    "emotiw/jobs/large_artefacts.py": {
        "kernels": 2,
        "kernel_scores": 2,
        "gather_frames": 1,
        **NETWORKS_END,
        **SCORES_END,
    },
    "emotiw/video/second_moment.py": gathered(2),
    "emotiw/video/low_rank.py": {"kernels": 2, "kernel_scores": 2, **SCORES_END},
    "emotiw/video/kernel_scoring.py": {"kernel_scores": 2, **SCORES_END},
    "emotiw/video/vector_classifiers.py": {"kernel_scores": 2, "baseline": 2, **SCORES_END},
    "emotiw/video/eigenvectors.py": {"baseline": 2, **gathered(2)},
    "emotiw/video/image_sets.py": {"baseline": 2, "kernels": 2, "kernel_scores": 2, **SCORES_END},
    "emotiw/video/fold_pca.py": gathered(2),
    "emotiw/video/fold_kernels.py": {"kernels": 2, "kernel_scores": 2, **SCORES_END},
    "emotiw/video/fold_scores.py": {"kernel_scores": 2, **SCORES_END},
    "emotiw/video/fold_baseline.py": {"baseline": 2, **REPORT_END},
    "emotiw/video/pls.py": {"kernel_scores": 2, "baseline": 2, **SCORES_END},
    "emotiw/statistics/cross_validation.py": {"kernel_scores": 2, "baseline": 2, **POOLED, **SCORES_END},
    "emotiw/statistics/clip_weights.py": {"kernel_scores": 2, "baseline": 2, **POOLED, **SCORES_END},
    "emotiw/core/clip_suffixes.py": {},
    "emotiw/statistics/absent_classes.py": {"baseline": 2, **NETWORKS_END, **POOLED, **gathered(2)},
    "emotiw/statistics/one_vs_rest.py": {"kernel_scores": 2, "baseline": 2, **POOLED, **SCORES_END},
    "emotiw/statistics/selection_record.py": {
        **{"baseline": 2, **POOLED, **gathered(2)},
        **{"scaler": 1, "train_blstm": 2, "blstm_scores": 1, "learning_curves": 1},
    },
    "emotiw/scoring/score_average.py": SCORES_END,
    "emotiw/scoring/pooled_classifiers.py": {**POOLED, **REPORT_END},
    "emotiw/scoring/fold_pooled.py": {**POOLED, **REPORT_END},
    "emotiw/scoring/fold_average.py": {},
    "emotiw/statistics/pooling.py": {**POOLED, **REPORT_END},
    "emotiw/video/baselines.py": {"baseline": 2, **REPORT_END},
    "emotiw/statistics/softmax.py": END,
    "emotiw/fusion/branch_and_bound.py": END,
    "emotiw/fusion/score_tables.py": END,
    "emotiw/fusion/fold.py": END,
    "emotiw/fusion/fused_posteriors.py": END,
    "emotiw/fusion/stacking.py": END,
    "emotiw/fusion/optimism.py": END,
    "emotiw/fusion/choice.py": END,
    "emotiw/fusion/records.py": END,
    "emotiw/statistics/comparisons.py": REPORT_END,
    "emotiw/evaluation/ledger.py": REPORT_END,
    "emotiw/evaluation/pools.py": REPORT_END,
    "emotiw/evaluation/system_metrics.py": REPORT_END,
    "emotiw/evaluation/confusion_metrics.py": REPORT_END,
    "emotiw/evaluation/calibration_metrics.py": REPORT_END,
    "emotiw/evaluation/breakdown.py": REPORT_END,
    "emotiw/evaluation/stranger_metrics.py": {},
    "emotiw/evaluation/run_metrics.py": REPORT_END,
    "emotiw/evaluation/corpus_metrics.py": REPORT_END,
    "emotiw/evaluation/clip_account.py": REPORT_END,
    "emotiw/evaluation/submission.py": {},
    "submission.py": {},
    "emotiw/evaluation/systems.py": REPORT_END,
    "emotiw/jobs/stages.py": REPORT_END,
    "emotiw/jobs/stage_table.py": REPORT_END,
    "emotiw/jobs/classifier_table.py": REPORT_END,
    "emotiw/jobs/features.py": REPORT_END,
    "emotiw/video/baseline_names.py": {"baseline": 2, **REPORT_END},
    "emotiw/report/paper_tables.py": {"tables": 1, "report": 1, "crate": 1},
    "emotiw/report/corpus_tables.py": {"tables": 1, "report": 1, "crate": 1},
    "emotiw/statistics/standardisation.py": {**POOLED, **AUDIO_END},
    "emotiw/audio/blstm.py": NETWORKS_END,
    "emotiw/audio/peephole_lstm.py": NETWORKS_END,
    "emotiw/audio/peephole_autograd.py": NETWORKS_END,
    "emotiw/audio/permutation.py": NETWORKS_END,
    "emotiw/audio/training.py": NETWORKS_END,
    "emotiw/audio/fold_network.py": NETWORKS_END,
    "emotiw/audio/fold_scaler.py": AUDIO_END,
    "emotiw/audio/fold_scores.py": {"blstm_scores": 1, "learning_curves": 1, **END},
    "emotiw/audio/ensemble.py": {"blstm_scores": 1, "learning_curves": 1, **END},
    "emotiw/jobs/lightning.py": NETWORKS_END,
    "emotiw/video/fine_tuning.py": {},
    "emotiw/video/fine_tuning_state.py": {},
    "emotiw/video/fine_tuning_data.py": {},
    "emotiw/video/fine_tuning_network.py": {},
    "emotiw/video/fine_tuning_job.py": {},
    "emotiw/statistics/metrics.py": END,
    "emotiw/statistics/calibration.py": REPORT_END,
    "emotiw/report/face_video.py": {"faces_film": 1},
    "emotiw/report/page.py": {"report": 1, "crate": 1},
    "emotiw/report/clip_files.py": {"report": 1, "crate": 1},
    "emotiw/report/charts.py": {"report": 1, "crate": 1},
    "emotiw/report/confusion_cells.py": {"report": 1, "crate": 1},
    "emotiw/report/corpus_chart.py": {"report": 1, "crate": 1},
    "emotiw/report/frames.py": {},
    "emotiw/report/headline.py": {"report": 1, "crate": 1},
    "emotiw/report/limits.py": {"report": 1, "crate": 1},
    "emotiw/report/methods.py": {"report": 1, "crate": 1},
    "emotiw/report/names.py": {"report": 1, "crate": 1},
    "emotiw/report/time_courses.py": {"report": 1, "crate": 1},
    "emotiw/report/run_crate.py": {"crate": 1},
    "emotiw/prediction/bundle_export.py": {"bundle": 1},
    "emotiw/prediction/bundle.py": {"bundle": 1},
    "emotiw/prediction/bundle_training.py": {"bundle": 1},
    "emotiw/prediction/judging.py": {},
    "emotiw/prediction/bundle_models.py": {"bundle": 1},
    "emotiw/prediction/bundle_contents.py": {"bundle": 1},
    "emotiw/prediction/models.py": {"bundle": 1},
    "emotiw/prediction/novelty.py": {"bundle": 1},
    "emotiw/prediction/novelty_threshold.py": {"bundle": 1},
    "emotiw/prediction/same_person.py": {},
    "emotiw/prediction/describers.py": {},
    "emotiw/prediction/probes.py": {},
    "emotiw/prediction/recogniser.py": {},
    "emotiw/prediction/predictor.py": {},
    "emotiw/prediction/prediction.py": {},
    "emotiw/prediction/contained.py": {},
    "emotiw/prediction/people.py": {},
    "emotiw/prediction/voices.py": {},
    "emotiw/faces/everyone.py": {},
    "emotiw/prediction/records.py": {},
    "emotiw/prediction/card.py": {"bundle": 1},
    "emotiw/prediction/strangers.py": {"bundle": 1},
    "emotiw/prediction/output_checks.py": {},
    "emotiw/prediction/thumbnails.py": {},
    "emotiw/weights/efficientnet.py": {},
    "emotiw/imports/contents.py": {},
    "emotiw/imports/listing.py": {},
    "emotiw/workflow/imported_clips.py": {},
    "emotiw/workflow/plan.py": {},
    "emotiw/workflow/layout.py": {},
    "emotiw/workflow/bundle_evaluation.py": {},
    "emotiw/workflow/evaluation_page.py": {},
    **{
        f"emotiw/compare/{name}.py": {}
        for name in ("content", "cost_page", "made", "pairing", "run_files", "page", "stage_names", "sweep_choice")
    },
    "emotiw/jobs/identity_changes.py": {},
    "emotiw/jobs/loggers.py": NETWORKS_END,
    **{
        f"emotiw/workflow/{name}.py": {}
        for name in ("croissant", "ending", "retries", "sweep", "following", "run_progress")
    },
    "emotiw/corpora/afew.py": {},
    "emotiw/corpora/repositories.py": {},
    "emotiw/corpora/entries.py": {},
    "emotiw/corpora/protocols.py": {},
    "emotiw/corpora/subject_folds.py": {},
    "emotiw/corpora/seen.py": {"bundle": 1},
    "emotiw/corpora/unseen.py": {},
    "emotiw/corpora/label_maps.py": {},
    "audio.py": AUDIO_DOWN,
    "egemaps.py": {"egemaps": SOUNDS, **EGEMAPS_END},
    "gather_frames.py": {"gather_frames": 1, **NETWORKS_END},
    "functionals.py": {"functionals": SOUNDS, "baseline": 1, **REPORT_END},
    "faces.py": FACES_DOWN,
    "cnn.py": {"cnn": CLIPS, **gathered(1)},
    "hog.py": {},
    "lbp_top.py": {"lbp_top": CLIPS, "baseline": 1, **REPORT_END},
    "imported.py": {},
    "embedding.py": {},
    "dense_sift.py": {"dense_sift": CLIPS, **gathered(1)},
    "pca.py": gathered(2),
    "kernels.py": {"kernels": 2, "kernel_scores": 2, **SCORES_END},
    "kernel_scores.py": {"kernel_scores": 2, **SCORES_END},
    "pooled_scores.py": {**POOLED, **REPORT_END},
    "average_scores.py": {},
    "combination.py": SCORES_END,
    "scaler.py": AUDIO_END,
    "train_blstm.py": NETWORKS_END,
    "blstm_scores.py": {"blstm_scores": 1, "learning_curves": 1, **END},
    "learning_curves.py": {"learning_curves": 1},
    "emotiw/report/learning_curves.py": {"learning_curves": 1},
    "fusion.py": END,
    "baseline.py": {"baseline": 2, **REPORT_END},
    "evaluate.py": REPORT_END,
    "tables.py": {"tables": 1, "crate": 1},
    "report.py": {"report": 1, "crate": 1},
    "crate.py": {"crate": 1},
    "bundle.py": {"bundle": 1},
    "faces_film.py": {"faces_film": 1},
    "contact_sheet.py": SHEETS,
    "contact_page.py": {"contact_page": 1},
}


@contextmanager
def changed(path, content):
    """Give a file another content for a while, and its old times back afterwards."""
    old, times = path.read_bytes(), path.stat()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(old)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_module_runs_what_imports_it(workspace, name):
    path = workspace.folder / "workflow_scripts" / name
    with changed(path, path.read_bytes() + b"\nMUTATION = 1\n"):
        assert workspace.outdated() == Counter(EDITS[name])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("egemaps_frames.conf.inc", {"egemaps": SOUNDS, **EGEMAPS_END}),
        ("report.html.j2", {"report": 1, "crate": 1}),
        ("report_clips.html.j2", {"report": 1, "crate": 1}),
        ("contact_page.css", {"contact_page": 1}),
        ("bundle.schema.json", {"bundle": 1}),
    ],
)
def test_an_edited_data_file_runs_what_reads_it(workspace, name, expected):
    path = workspace.folder / "workflow_scripts/emotiw/resources" / name
    with changed(path, path.read_bytes() + b"\n"):
        assert workspace.outdated() == Counter(expected)


def test_a_comment_runs_nothing(workspace):
    path = workspace.folder / "workflow_scripts/emotiw/media/container.py"
    with changed(path, path.read_bytes() + b"\n# a remark\n"):
        assert workspace.outdated() == Counter()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("fusion: {grid_step: 0.1}", END, id="grid_step"),
        (
            "fusion: {calibration: training}",
            {"gather_frames": 2, "scaler": 2, "train_blstm": 4, "blstm_scores": 2, **END},
        ),
        ("seed: 7", {**NETWORKS_END}),
        ("evaluation: {bootstrap: 300}", REPORT_END),
        ("baseline: {c_grid: [1.0]}", {"baseline": 2, **REPORT_END}),
        ("video: {classifiers: [pls, svm]}", {"kernel_scores": 2, "combination": 1, **REPORT_END}),
        ("report: {title: Another}", {"report": 1}),
        ("blstm: {dropout: 0.1}", NETWORKS_END),
        ("blstm: {normalise: subject}", AUDIO_END),
        ("blstm: {repeats: 2}", NETWORKS_END),
        ("video: {n_components: 1}", {"kernel_scores": 2, **SCORES_END}),
        ("video: {svm_c: 2.0}", {"report": 1}),
        ("video: {pca_dimension: 12}", gathered(2)),
        ("audio: {silence_peak: 1.0e-3}", AUDIO_DOWN),
        ("hog: {bins: 8}", {}),
        ("embeddings: {tiny: {mean: [0.1, 0.1, 0.1]}}", {}),
        (f"embeddings: {{tiny: {{sha256: {'a' * 64}}}}}", {}),
        ("video: {features: [cnn, dense_sift, tiny]}", {"embedding": CLIPS, **NEW_FEATURE}),
        ("video: {features: [cnn, dense_sift, hog]}", {"hog": CLIPS, **NEW_FEATURE}),
        ("pooled: {c_grid: [1.0]}", {**POOLED, **REPORT_END}),
        ("audio: {classifiers: [blstm, pooled_logistic, pls]}", OF_SOUND_SETS),
        ("audio: {combination: {classifier: pooled_logistic}}", END),
        (
            "{embeddings: {tiny: {std: [2, 2, 2]}}, video: {features: [cnn, dense_sift, tiny]}}",
            {"embedding": CLIPS, **NEW_FEATURE},
        ),
        ("faces: {chip_padding: 0.3}", FACES_DOWN),
        ("limits: {job_s: 100.0}", {"report": 1}),
        ("accelerator: cpu", {"report": 1}),
        ("cnn: {layer: conv5}", {"cnn": CLIPS, **gathered(1)}),
    ],
)
def test_a_changed_setting_runs_what_reads_it(workspace, text, expected):
    # the report, the crate and the bundle hold the whole configuration, so they are always made again
    always = {"report": 1, "crate": 1, "bundle": 1}
    assert workspace.outdated(workspace.over("changed", text)) == Counter({**expected, **always})


def test_another_cache_runs_nothing(workspace):
    assert workspace.outdated(workspace.over("cached", "cache: {folder: elsewhere, users: [root]}")) == Counter()


def test_a_replaced_clip_runs_its_own_jobs_whatever_its_date(workspace):
    clips = workspace.folder / "corpus/clips"
    mine, other = clips / "s04_anger.mp4", clips / "s04_happiness.mp4"
    # another recording of the same length of file would do: one byte after the end changes the content
    with changed(mine, other.read_bytes() + b"\0"):
        os.utime(mine, (1e9, 1e9))
        made = {path for path in workspace.outputs() if "/features/" in path}
    assert {os.path.basename(path) for path in made} == {"s04_anger.h5"}
    assert len(made) == 7
    assert workspace.outdated() == Counter()


def test_a_touched_clip_runs_nothing(workspace):
    clip = workspace.folder / "corpus/clips/s04_anger.mp4"
    clip.touch()
    assert workspace.outdated() == Counter()


def test_an_added_clip_runs_its_own_jobs_and_the_gather(workspace):
    table = workspace.folder / "corpus/manifest.csv"
    new = workspace.folder / "corpus/clips/new.mp4"
    shutil.copy(workspace.folder / "corpus/clips/s04_neutral.mp4", new)
    try:
        with new.open("ab") as stream:
            stream.write(b"\0")
        with changed(table, table.read_bytes() + b"new,clips/new.mp4,neutral,s04,test\r\n"):
            jobs = workspace.outdated()
    finally:
        new.unlink()
    assert {rule: jobs[rule] for rule in ("audio", "faces", "cnn", "pca", "kernels", "scaler")} == {
        "audio": 1, "faces": 1, "cnn": 1, "pca": 0, "kernels": 2, "scaler": 0,
    }  # fmt: skip
    assert workspace.outdated() == Counter()


def test_other_weights_run_what_uses_them(workspace):
    config = workspace.over("weights", f"weights: {{alexnet: {{path: other.safetensors, sha256: {'a' * 64}}}}}")
    assert workspace.outdated(config) == Counter({"alexnet": 1, "cnn": CLIPS, **gathered(1)})


def test_a_lost_intermediate_is_made_again(workspace):
    lost = workspace.folder / "results/small/features/cnn/s01_anger.h5"
    kept = lost.read_bytes()
    times = lost.stat()
    lost.unlink()
    try:
        assert workspace.outdated()["cnn"] == 1
    finally:
        lost.write_bytes(kept)
        os.utime(lost, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert workspace.outdated() == Counter()
