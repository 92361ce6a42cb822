"""A small made-up corpus of video features: 30 clips of three classes, in files of several clips."""

import numpy as np

from emotiw.core.status import Status
from emotiw.corpora import manifest
from emotiw.jobs import store

CLASSES = ("anger", "happiness", "neutral")
SETTINGS = {
    "video": {
        "pca_dimension": 6,
        "subspace_rank": 3,
        "regularisation": 1e-3,
        "polynomial_degree": 1,
        "exact_clips": 100,
        "landmarks": 10,
        "n_components": 3,
        "svm_c": 1.0,
        "logistic_c": 1.0,
        "inner_folds": 3,
        "inner_repeats": 1,
        "choice": "best",
        "class_weights": "none",
    },
    "baseline": {
        "c_grid": [1.0, 10.0],
        "gamma_grid": [0.3, 1.0],
        "inner_folds": 3,
        "inner_repeats": 1,
        "choice": "best",
        "class_weights": "none",
    },
}
AUTO = {**SETTINGS["video"], "n_components": "auto", "n_components_max": 5}
N_TRAIN, N_VAL, N_TEST = 18, 6, 6
LBP_TOP = {"feature": "lbp_top", "modality": "video", "stream": "video"}


def faces_of(chips):
    """Arrays of the faces of a clip with these chips (n, height, width, 3), 25 of them a second."""
    n = len(chips)
    return {
        "chips": chips,
        "time": np.arange(n) / 25,
        "frame": np.arange(n, dtype=np.int32),
        "box": np.zeros((n, 4), np.int32),
        "score": np.ones(n, np.float32),
        "landmarks": np.zeros((n, 5, 2), np.float32),
    }


def row(i):
    split = "train" if i < N_TRAIN else "val" if i < N_TRAIN + N_VAL else "test"
    label = "?" if split == "test" else CLASSES[i % 3]
    return manifest.Row(f"clip{i:02d}", f"{i}.mp4", label, f"subject{i // 3}", split, job=f"job{i % 4}")


def frames(i):
    rng = np.random.default_rng(i)
    features = rng.standard_normal((5 + i % 4, 8)) * (1 + 4 * np.eye(8)[i % 3]) + 4 * np.eye(8)[i % 3]
    return {"features": features.astype(np.float32), "time": np.arange(len(features)) / 25}


def write_corpus(folder, frames=frames, order=1, without=("clip01", "clip20")):
    """Manifest and frame features in files of several clips; two clips have no face."""
    rows = [row(i) for i in range(N_TRAIN + N_VAL + N_TEST)][::order]
    manifest.write(folder / "manifest.csv", manifest.Manifest(tuple(rows), CLASSES, "test"))
    for job in {row.job for row in rows}:
        entries = [
            store.Entry(row.clip, {}, Status.NO_FACE)
            if row.clip in without
            else store.Entry(row.clip, frames(int(row.clip[4:])))
            for row in rows
            if row.job == job
        ]
        store.write(folder / "features" / f"{job}.h5", "frame_features", entries, stage={})
    return folder


def write_baseline_corpus(folder, without=()):
    rows = [row(i) for i in range(N_TRAIN + N_VAL + N_TEST)]
    manifest.write(folder / "manifest.csv", manifest.Manifest(tuple(rows), CLASSES, "test"))
    for job in {row.job for row in rows}:
        entries = [
            store.Entry(r.clip, {}, Status.NO_FACE)
            if r.clip in without
            else store.Entry(r.clip, {"features": frames(int(r.clip[4:]))["features"].mean(axis=0)})
            for r in rows
            if r.job == job
        ]
        store.write(folder / "features" / f"{job}.h5", "clip_features", entries, stage={})
    return {"manifest": folder / "manifest.csv", "features": folder / "features", **LBP_TOP}
