"""A tiny system, trained by the workflow's programs on made-up features, and its bundle."""

import importlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotiw.audio import egemaps
from emotiw.core import files
from emotiw.core.status import Status
from emotiw.corpora import manifest, splits
from emotiw.corpora.manifest import Manifest, Row
from emotiw.jobs import settings, store
from emotiw.jobs.identity import Stage
from emotiw.video import dense_sift
from test_loading import train_predictor

CLASSES = ("anger", "happiness", "neutral")
OVER = {
    "run": "tiny",
    "video": {
        "features": ["dense_sift"],
        "combination": {"features": ["dense_sift"], "classifier": "pls"},
        "pca_dimension": 5,
        "subspace_rank": 3,
        "n_components": 3,
        "inner_folds": 2,
        "inner_repeats": 1,
        "choice": "best",
        "class_weights": "none",
    },
    "blstm": {"architectures": [[4]], "repeats": 2, "optimiser": "adam", "learning_rate": 0.01, "max_epochs": 2},
    "fusion": {"cv_folds": 2},
    "faces": {"frame_step": 2},
}
PARTS = ("train",) * 9 + ("val",) * 6 + ("test",) * 3
SILENT, HIDDEN = "clip16", "clip17"  # a test clip without sound, one without a face


@dataclass(frozen=True)
class Run:
    """Where the artefacts of a run are, and its bundle."""

    folder: Path
    corpus: Manifest

    @property
    def bundle(self):
        return self.folder / "bundle"

    def entry(self, feature, clip):
        return store.read(self.folder / "features" / feature / "all.h5", "frame_features", names=[clip]).entries[clip]


def config():
    return settings.merge(settings.load([]), OVER)


def chips(i, n=6):
    """Faces (n, 128, 128, 3) whose pattern tells the class of clip `i`."""
    rng = np.random.default_rng(i)
    waves = np.sin(np.arange(128) * (0.1 + 0.1 * (i % 3)))[:, None] * np.ones(128)
    grey = 120 + 60 * waves + rng.normal(0, 25, (n, 128, 128))
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=3)


def sound_frames(i, n=12):
    """Frames (n, 88) of sound whose level tells the class of clip `i`."""
    return np.random.default_rng(100 + i).normal(i % 3, 1, (n, 88)).astype(np.float32)


def write_run(folder):
    rows = [
        Row(f"clip{i:02d}", f"{i}.mp4", CLASSES[i % 3], f"s{i // 3}", split=part, job="all")
        for i, part in enumerate(PARTS)
    ]
    run = Run(folder, Manifest(tuple(rows), CLASSES, "demo", synthetic=True))
    manifest.write(folder / "manifest.csv", run.corpus)
    seen = [
        store.Entry(row.clip, status=Status.NO_FACE)
        if row.clip == HIDDEN
        else store.Entry(row.clip, frames(dense_sift.face_sift(chips(i), **config()["dense_sift"])))
        for i, row in enumerate(rows)
    ]
    store.write(folder / "features/dense_sift/all.h5", "frame_features", seen, stage={})
    heard = [
        store.Entry(row.clip, status=Status.NO_AUDIO)
        if row.clip == SILENT
        else store.Entry(row.clip, frames(sound_frames(i)))
        for i, row in enumerate(rows)
    ]
    columns = {"columns": egemaps.columns(**config()["egemaps"])}
    store.write(folder / "features/egemaps/all.h5", "frame_features", heard, stage={}, facts=columns)
    train(run)
    return run


def frames(features):
    return {"features": features, "time": np.arange(len(features)) * 0.04}


def start(run, program, output, *, wildcards=None, chosen=None, **options):
    """Run a program's main in this process."""
    whole = {"settings": config() if chosen is None else chosen, "code": "", "distributions": {}, "above": {}}
    about = Stage(**whole, fold="official", **(wildcards or {}))
    paths = [part for key, value in options.items() for part in (f"--{key}", *map(str, np.atleast_1d(value)))]
    argv = ["--manifest", str(run.folder / "manifest.csv")] if program != "audio_scores" else []
    importlib.import_module(program).main([*argv, *paths, "--output", str(output), "--stage", str(about)])
    return output


def train(run):
    to, of = run.folder, {"feature": "dense_sift"}
    features, sound = to / "features/dense_sift", to / "features/egemaps"
    pca = start(run, "pca", to / "pca.h5", features=features, wildcards=of)
    kernels = start(run, "kernels", to / "kernels.h5", features=features, pca=pca, wildcards=of)
    of = of | {"classifier": "pls"}
    start(run, "video_scores", to / "video.h5", kernels=kernels, model=to / "model.h5", wildcards=of)
    scaler = start(run, "scaler", to / "scaler.h5", features=sound)
    sound = start(run, "gather_egemaps", to / "egemaps.h5", features=sound)
    chosen = {"blstm": {key: it for key, it in config()["blstm"].items() if key not in ("architectures", "repeats")}}
    for repeat in (0, 1):
        about = {"architecture": [4], "repeat": repeat, "seed": 7 + repeat}
        model, output = (to / f"4_{repeat}.{suffix}" for suffix in ("safetensors", "h5"))
        options = {"features": sound, "scaler": scaler, "model": model, "wildcards": about, "chosen": chosen}
        start(run, "train_blstm", output, **options)
    start(run, "audio_scores", to / "audio.h5", frames=to / "frames.h5", posteriors=[to / "4_0.h5", to / "4_1.h5"])
    start(run, "fusion", to / "fusion.h5", **{"audio": to / "audio.h5", "video": to / "video.h5", "held-out": []})
    landmarks = to / "weights/landmarks.dat"
    landmarks.parent.mkdir()
    sha256 = train_predictor(landmarks, 5)
    files.write_json(landmarks.with_suffix(".json"), {"name": "points", "licence": "CC0-1.0", "sha256": sha256})
    system = {key: 0.5 for key in ("n", "accuracy", "accuracy_interval", "uar", "uar_interval", "confusion")}
    part = {"n_scored": 3, "systems": dict.fromkeys(("fusion", "video", "audio"), system)}
    files.write_json(to / "metrics.json", {"parts": {"test": part}, "fusion": {}, "networks": {}})
    export(run, run.bundle)


def export(run, output, features=None):
    to = run.folder
    networks = [to / "4_0.safetensors", to / "4_1.safetensors"]
    sources = {"fusion": to / "fusion.h5", "pca": to / "pca.h5", "kernels": to / "kernels.h5", "networks": networks}
    sources |= {"classifiers": to / "model.h5", "weights": to / "weights/landmarks.dat", "embeddings": []}
    return start(run, "bundle", output, metrics=to / "metrics.json", features=features or to / "features", **sources)


def rewrite(bundle, change):
    """Change a bundle's index as one who knows its checksum would."""
    from emotiw.prediction.bundle import index_sha256

    path = bundle / "bundle.json"
    about = json.loads(path.read_text())
    change(about)
    path.write_text(json.dumps(about | {"sha256": index_sha256(about)}))


def folds(run):
    return splits.folds([r.clip for r in run.corpus.rows], [r.split for r in run.corpus.rows], [""] * len(PARTS))
