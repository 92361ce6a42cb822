"""The whole workflow on a small synthetic corpus: what it makes, and that it makes it once."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter

import numpy as np
import pytest
import soundfile

from emotiw.jobs import store
from emotiw.prediction.predictor import Predictor
from emotiw.workflow import checksums

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


def metrics(workspace):
    return json.loads((workspace.folder / "results/small/report/metrics.json").read_text())


def test_every_system_is_scored_with_intervals(workspace):
    systems = metrics(workspace)["parts"]["test"]["systems"]
    for name in ("video", "audio", "fusion"):
        about = systems[name]
        low, high = about["accuracy_interval"]
        assert low <= about["accuracy"] <= high
        assert np.sum(about["confusion"]) == metrics(workspace)["parts"]["test"]["n_scored"]
        assert len(about["uar_interval"]) == 2


def test_every_clip_has_a_status_and_a_prediction(workspace):
    found = metrics(workspace)
    assert found["n_clips"] == workspace.n_clips
    assert {name: sum(counts.values()) for name, counts in found["status"].items()} == dict.fromkeys(
        ("video", "audio"), workspace.n_clips
    )
    with (workspace.folder / "results/small/report/predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len({row["clip"] for row in rows}) == workspace.n_clips
    assert all(row["predicted_fusion"] for row in rows)


def test_planted_defects_are_statuses_and_the_other_modality_decides(workspace):
    with (workspace.folder / "results/small/report/predictions.csv").open() as stream:
        rows = {row["clip"]: row for row in csv.DictReader(stream)}
    about = {
        name.partition("_")[2].partition("_")[2]: (row["status_video"], row["status_audio"], row["source"])
        for name, row in rows.items()
        if name.count("_") > 1
    }
    assert about["few_faces"][:2] == ("few_faces", "ok")
    assert about["no_audio"] == ("ok", "no_audio", "video")
    assert about["short_audio"] == ("ok", "short_audio", "video")
    assert about["no_face"][0] == "no_face"


def test_the_page_is_whole_and_needs_no_network(workspace):
    page = (workspace.folder / "results/small/report/report.html").read_text()
    assert page.rstrip().endswith("</html>")
    for outside in ('src="http', "src='http", '<link rel="stylesheet" href="http', "@import"):
        assert outside not in page


def test_snakemakes_own_report_holds_pages_tables_and_figures_with_captions(workspace):
    done = workspace.snakemake("--report", "whole.zip")
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(workspace.folder / "whole.zip") as archive:
        names = {os.path.basename(name) for name in archive.namelist()}
        text = "".join(archive.read(n).decode() for n in archive.namelist() if n.endswith((".html", ".js", ".json")))
    figures = {f"{name}.svg" for name in ("systems", "classifiers", "figure4", "recall", "gains", "weights")}
    assert names >= figures | {"report.html", "learning_curves.svg", "faces.mp4", "table7_combinations.csv"}
    assert all(category in text for category in ("Figures", "Tables of the paper", "Numbers"))
    assert "figure 4 of the paper" in text


def test_nothing_is_done_twice(workspace):
    again = workspace.snakemake()
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout + again.stderr


def test_the_workflow_passes_the_linter(workspace):
    assert workspace.snakemake("--lint").returncode == 0
    demo = workspace.snakemake("--lint", "-s", "rules/demo.smk", config=None)
    assert demo.returncode == 0, demo.stdout


def test_a_batch_of_clips_holds_what_single_clips_hold(workspace):
    config = workspace.over("batched", "{run: batched, clips_per_job: 8}")
    done = workspace.snakemake("features", config=config)
    assert done.returncode == 0, done.stderr
    features = workspace.folder / "results"
    for stage, kind in {"egemaps": "frame_features", "faces": "faces", "cnn": "frame_features"}.items():
        batches = sorted((features / "batched/features" / stage).glob("*.h5"))
        assert 1 < len(batches) < workspace.n_clips
        for batch in batches:
            for name, entry in store.read(batch, kind).entries.items():
                alone = features / f"small/features/{stage}/{name}.h5"
                if not alone.exists():  # the clip has no such stream, so it needs no job of its own
                    assert (stage, entry.status) == ("egemaps", "no_audio")
                    continue
                single = store.read(alone, kind).entries[name]
                assert (single.status, single.facts) == (entry.status, entry.facts)
                for key in single.arrays:
                    np.testing.assert_array_equal(single.arrays[key], entry.arrays[key])


def test_the_report_of_a_job_names_the_stage_that_made_it(workspace):
    found = store.read(next((workspace.folder / "results/small/features/egemaps").glob("*.h5")), "frame_features")
    assert set(found.stage) >= {"settings", "code", "distributions", "above"}
    assert set(found.stage["distributions"]) >= {"opensmile", "h5py"}


def test_a_corpus_that_leaks_is_refused_before_any_job(workspace):
    folder = workspace.folder / "leaking"
    folder.mkdir()
    rows = (workspace.folder / "corpus/manifest.csv").read_text().replace(",s03,val", ",s01,val")
    (folder / "manifest.csv").write_text(rows)
    (folder / "clips").symlink_to(workspace.folder / "corpus/clips")
    config = workspace.over("leaking", "{run: leaking, corpus: {root: leaking, allow_outside: true}}")
    done = workspace.snakemake(config=config)
    assert done.returncode != 0
    assert "s01" in done.stdout + done.stderr
    assert not (workspace.folder / "results/leaking/features").exists()


def test_each_job_of_a_clip_has_a_log_of_its_own(workspace):
    logs = Counter(path.parent.name for path in (workspace.folder / "results/small/logs").rglob("*.log"))
    assert logs["cnn"] == workspace.n_clips
    assert logs["egemaps"] == workspace.n_clips - 1  # one clip has no sound


def test_parsing_the_workflow_imports_no_torch(workspace):
    command = [sys.executable, "-X", "importtime", "-m", "snakemake", "--configfile", "small.yaml", "-n"]
    done = subprocess.run(command, cwd=workspace.folder, capture_output=True, text=True, check=True, timeout=120)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "snakemake.workflow" in imported
    assert not imported & {"torch", "av", "opensmile", "dlib", "pytorch_lightning", "sklearn"}


def test_the_demo_corpus_is_rendered_by_rules(workspace):
    done = workspace.snakemake("-s", "rules/demo.smk", "-n", "--workflow-profile", "none", config=None)
    assert done.returncode == 0, done.stderr
    jobs = dict(re.findall(r"^(demo_\w+) +(\d+)$", done.stdout, re.MULTILINE))
    assert jobs == {"demo_clips": "14", "demo_defects": "1", "demo_corpus": "1"}


@pytest.mark.parametrize("target", ["manifest", "features", "audio_only", "video_only", "metrics", "page"])
def test_a_target_of_the_readme_is_a_rule(workspace, target):
    done = workspace.snakemake("-n", target)
    assert done.returncode == 0, done.stderr


def test_a_corpus_of_sound_alone_is_scored_by_its_sound_in_another_folder(workspace, tmp_path):
    (tmp_path / "corpus").mkdir()
    rows = [["clip", "path", "label", "subject", "split"]]
    for path in sorted((workspace.folder / "corpus/clips").glob("s0?_*.mp4")):
        if path.stem.count("_") == 1:
            of_clip = workspace.folder / f"results/small/features/audio/{path.stem}.h5"
            found = store.read(of_clip, "audio").entries[path.stem]
            subject, label = path.stem.split("_")
            soundfile.write(tmp_path / f"corpus/{path.stem}.wav", found.arrays["waveform"], 16000)
            split = {"s03": "val", "s04": "test", "s05": "test"}.get(subject, "train")
            rows.append([path.stem, f"{path.stem}.wav", label, subject, split])
    with (tmp_path / "corpus/manifest.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    shutil.copy(workspace.folder / "tiny.onnx", tmp_path)  # paths are taken from the folder that Snakemake runs in
    config = workspace.over("sound", f"{{run: sound, clips_per_job: 8, corpus: {{root: {tmp_path / 'corpus'}}}}}")
    done = workspace.snakemake("--directory", str(tmp_path), config=config)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "results/sound/report/metrics.json").read_text())
    assert found["status"]["video"] == {"ok": 0, "no_video": len(rows) - 1}
    assert found["parts"]["test"]["sources"] == {"fusion": 0, "video": 0, "audio": 6, "prior": 0}


def test_held_out_training_clips_calibrate_the_fusion_and_stand_in_the_ledger(workspace, tmp_path):
    copy = workspace.copy(tmp_path / "emotiw")
    config = copy.over("calibrated", "fusion: {calibration: training}")
    done = copy.snakemake("results/small/report/ledger.json", config=config)
    assert done.returncode == 0, done.stdout + done.stderr
    results = copy.folder / "results/small"
    about = store.read(results / "folds/official/fusion.h5", "scores", names=()).facts["calibration"]
    heard = [
        clip
        for part in ("1of2", "2of2")
        for clip in store.read(results / f"folds/official.{part}/egemaps/blstm/8_0.h5", "posteriors", names=()).facts[
            "parts"
        ]["test"]
    ]
    assert about["audio"] == {"part": "train", "n_clips": len(heard)}
    assert len(heard) == len(set(heard))
    assert about["video"]["part"] == "train"
    made = {
        entry["choice"]: entry["parts"] for entry in json.loads((results / "report/ledger.json").read_text())["entries"]
    }
    assert (
        set(made["held out 1of2: audio/egemaps/blstm/8_0: weights"]) == set(made["fusion/scale of audio"]) == {"train"}
    )


def test_the_bundle_predicts_as_the_run_did(workspace):
    predictor = Predictor.load(workspace.folder / "results/small/bundle")
    fused = store.read(workspace.folder / "results/small/folds/official/fusion.h5", "scores")
    tested = [clip for clip, part in fused.facts["parts"].items() if part == "test"]
    sources = set()
    for clip in tested:
        (found,) = predictor.predict([workspace.folder / f"corpus/clips/{clip}.mp4"])
        sources.add(found.source)
        assert found.source == fused.facts["sources"][clip].replace("prior", "none"), found.reason
        for name, values in found.posteriors.items():
            if values is not None:
                expected = fused.entries[name].arrays["scores"][fused.facts["clips"].index(clip)]
                np.testing.assert_allclose(values, expected, atol=1e-5)
    assert "fusion" in sources


def test_the_hashes_of_the_run_are_recorded(workspace):
    run = workspace.folder / "results/small"
    assert list(checksums.faults(run)) == []
    assert "report/metrics.json" in json.loads((run / "checksums.json").read_text())["files"]
