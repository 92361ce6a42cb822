"""Finished runs in folders as the workflow leaves them, made by its programs from made-up scores."""

import json
from pathlib import Path

from emotiw.core.status import Status
from emotiw.jobs import settings, store
from evaluation_fixtures import evaluate, fuse_all, make_run, start

CHIP = {"faces": {"chip_size": 128}}


def identity(chosen, above=None, **facts):
    """Identity of a stage with these settings."""
    return {"settings": chosen, "code": "c0de", "distributions": {"numpy": "2.0"}, "above": above or {}, **facts}


def write_feature(folder, name, clips, stage):
    """Write a feature of all clips in one batch; `clips` are pairs of id and SHA-256."""
    entries = [store.Entry(clip, status=Status.NO_FACE) for clip, _ in clips]
    stage = stage | {"clips": [list(clip) for clip in clips]}
    store.write(folder / "features" / name / "all.h5", "frame_features", entries, stage=stage)


def write_log(folder, name, *lines):
    """Write the log of a job."""
    path = folder / "logs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, ""]))


def finished(folder: Path, root: Path, *, name="first", seed=0, over=None, n_clips=56, crate=True, **fused):
    """Folder of a finished run called `name`: report, crate, features, fused scores, logs."""
    run = make_run(folder, n_clips=n_clips, seed=seed)
    fuse_all(run, **fused)
    config = settings.merge(settings.load([]), {"run": name, **(over or {})})
    evaluate(run)
    report = folder / "report"
    report.mkdir()
    for file in ("metrics.json", "predictions.csv", "scores.csv.gz", "ledger.json"):
        (folder / file).rename(report / file)
    metrics = json.loads((report / "metrics.json").read_text()) | {"run": name}
    (report / "metrics.json").write_text(json.dumps(metrics))
    clips = [(row.clip, row.sha256) for row in run.corpus.rows]
    faces = identity({"faces": config["faces"]})
    write_feature(folder, "faces", clips, faces)
    write_feature(folder, "hog", clips, identity({"hog": config["hog"]}, {"faces": str(config["faces"])}))
    write_feature(folder, "audio", clips, identity({"audio": 1}))
    (folder / "folds/official").mkdir(parents=True)
    (folder / "fusion_official.h5").rename(folder / "folds/official/fusion.h5")
    write_log(
        folder,
        "faces/all.log",
        "INFO x: 3 of 56 clips were in the cache",
        "INFO x: took 7.25 s of CPU time and 300 MB of memory",
    )
    write_log(folder, "evaluate.log", "INFO x: took 0.75 s of CPU time and 120 MB of memory")
    if crate:
        start(
            "crate",
            {"settings": config},
            manifest=folder / "manifest.csv",
            report=report,
            results=[report / "metrics.json", report / "predictions.csv"],
            workflow=[root / "Snakefile", root / "config.yaml"],
            provenance_records=[folder / "weights.json"],
            output=report / "run_crate.zip",
        )
    return folder
