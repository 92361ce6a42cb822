"""Tiny systems, trained by the workflow's programs on made-up features, and their bundles."""

import hashlib
import importlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotiw.audio import egemaps
from emotiw.core import files
from emotiw.core.emotions import EMOTIONS
from emotiw.core.status import Status
from emotiw.corpora import manifest, splits
from emotiw.corpora.manifest import Manifest, Row
from emotiw.evaluation import systems
from emotiw.jobs import settings, stages, store
from emotiw.jobs.features import MODALITIES
from emotiw.jobs.identity import Stage
from emotiw.jobs.stage_row import Kind, StageRow
from emotiw.video import dense_sift, hog
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
    "pooled": {"c": 0.1, "inner_folds": 2},
    "blstm": {"architectures": [[4]], "repeats": 2, "optimiser": "adam", "learning_rate": 0.01, "max_epochs": 2},
    "fusion": {"cv_folds": 2},
    "faces": {"frame_step": 2},
}
PARTS = ("train",) * 9 + ("val",) * 6 + ("test",) * 3
SILENT, HIDDEN = "clip16", "clip17"  # a test clip without sound, one without a face


def system(features, classifier):
    """Section of a modality whose fused system has these features and this classifier."""
    chosen = {"features": list(features), "classifier": classifier}
    return {"features": list(features), "classifiers": [classifier], "combination": chosen}


@dataclass(frozen=True)
class Run:
    """Where the artefacts of a run are, and its bundle."""

    folder: Path
    corpus: Manifest
    config: dict

    @property
    def bundle(self):
        return self.folder / "bundle"

    @property
    def modalities(self):
        return [modality for modality, jobs in self.corpus.jobs_with.items() if jobs]

    def entry(self, feature, clip):
        return store.read(self.folder / "features" / feature / "all.h5", "frame_features", names=[clip]).entries[clip]

    def features(self, modality, clip):
        """Frames of each feature of the fused system, by name; empty for a clip without the modality."""
        names = systems.fused(self.config, modality).features if modality in self.modalities else ()
        entries = {name: self.entry(name, clip) for name in names}
        return {name: entry.arrays["features"] for name, entry in entries.items() if entry.status == Status.OK}


def config(over=None):
    return settings.merge(settings.merge(settings.load([]), OVER), over or {})


def shown(i):
    """Class that clip `i` shows; every fourth one shows another than its own, so that no system is certain."""
    return (i + (i % 4 == 0)) % 3


def chips(i, n=6):
    """Faces (n, 128, 128, 3) with the pattern of the class that clip `i` shows."""
    rng = np.random.default_rng(i)
    waves = np.sin(np.arange(128) * (0.1 + 0.1 * shown(i)))[:, None] * np.ones(128)
    grey = 120 + 60 * waves + rng.normal(0, 25, (n, 128, 128))
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=3)


def sound_frames(i, n=12, n_values=88):
    """Frames of sound with the level of the class that clip `i` shows."""
    return np.random.default_rng(100 + i).normal(shown(i), 1, (n, n_values)).astype(np.float32)


def posteriors(i, n=6):
    """Posteriors of the classes in another order, the first of which is no class of the corpus."""
    values = np.random.default_rng(200 + i).gamma(1, size=(n, 4)) + 3 * np.eye(4)[3 - shown(i)]
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def posteriors_of_emotions(i):
    """Posteriors of the seven emotions, with the largest where clip `i` shows it."""
    values = np.random.default_rng(300 + i).gamma(1, size=(6, 7)) + 3 * (np.array(EMOTIONS) == CLASSES[shown(i)])
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


POSTERIORS_OF = ["contempt", *reversed(CLASSES)]
# features whose values are posteriors, of faces and of sound, as rows of the table of stages
POSTERIOR_ROWS = [
    StageRow(name, Kind.FRAME_FEATURE, source=source, describe="bundle_fixtures:posteriors", posteriors=True)
    for name, source in (("face_posteriors", "faces"), ("voice_posteriors", "audio"))
]
# of each feature: frames of clip `i`, and the facts of its files
FEATURES = {
    "dense_sift": (lambda i: dense_sift.face_sift(chips(i), **config()["dense_sift"]), {}),
    "hog": (lambda i: hog.face_hog(chips(i), **config()["hog"]), {}),
    "face_posteriors": (posteriors, {"columns": POSTERIORS_OF}),
    "expression_posteriors": (posteriors_of_emotions, {"columns": list(EMOTIONS)}),
    "tiny": (lambda i: sound_frames(i + 50, 9, 2), {}),  # by a network in an ONNX file
    "voice_posteriors": (lambda i: posteriors(i + 50, 9), {"columns": POSTERIORS_OF}),
    "egemaps": (sound_frames, {"columns": egemaps.columns(**config()["egemaps"])}),
    "whisper": (lambda i: sound_frames(i + 50, 7, 512), {}),  # fewer and longer frames than eGeMAPS has
}


STREAMS = {"video": {"width": "640", "height": "480", "fps": "25"}, "audio": {"rate_hz": "48000", "channels": "1"}}


def write_run(folder, over=None, modalities=MODALITIES, unusable=None):
    """Train the systems of a configuration on clips with some streams, fuse them, and export the bundle.

    `unusable` names more clips, by modality, without a face or sound.
    """
    streams = {key: value for modality in modalities for key, value in STREAMS[modality].items()}
    rows = [
        Row(f"clip{i:02d}", f"{i}.mp4", CLASSES[i % 3], f"s{i // 3}", split=part, job="all", format="mp4", **streams)
        for i, part in enumerate(PARTS)
    ]
    run = Run(folder, Manifest(tuple(rows), CLASSES, "demo", synthetic=True), config(over))
    manifest.write(folder / "manifest.csv", run.corpus)
    for modality in modalities:
        clip, status = {"video": (HIDDEN, Status.NO_FACE), "audio": (SILENT, Status.NO_AUDIO)}[modality]
        lacking = dict.fromkeys([clip, *(unusable or {}).get(modality, ())], status)
        for name in systems.fused(run.config, modality).features:
            make, facts = FEATURES[name]
            clips = [
                store.Entry(row.clip, status=lacking[row.clip])
                if row.clip in lacking
                else store.Entry(row.clip, frames(make(i)))
                for i, row in enumerate(rows)
            ]
            store.write(folder / f"features/{name}/all.h5", "frame_features", clips, stage={}, facts=facts)
    train(run)
    return run


def frames(features):
    return {"features": features, "time": np.arange(len(features)) * 0.04}


def start(run, program, output, *, wildcards=None, chosen=None, **options):
    """Run a program's main in this process."""
    whole = {"settings": chosen or run.config, "code": "", "distributions": {}, "above": {}}
    about = Stage(**whole, fold="official", **(wildcards or {}))
    paths = [part for key, value in options.items() for part in (f"--{key}", *map(str, np.atleast_1d(value)))]
    argv = [] if program in ("blstm_scores", "combination") else ["--manifest", str(run.folder / "manifest.csv")]
    importlib.import_module(program).main([*argv, *paths, "--output", str(output), "--stage", str(about)])
    return output


def scores_of_kernels(run, of, to):
    features = run.folder / "features" / of["feature"]
    pca = start(run, "pca", to / "pca.h5", features=features, wildcards=of)
    kernels = start(run, "kernels", to / "kernels.h5", features=features, pca=pca, wildcards=of)
    return start(run, "kernel_scores", to / "scores.h5", kernels=kernels, model=to / "model.h5", wildcards=of)


def scores_of_pooled(run, of, to):
    features, of = run.folder / "features" / of["feature"], of | {"feature_kind": "frame_features"}
    return start(run, "pooled_scores", to / "scores.h5", features=features, model=to / "model.h5", wildcards=of)


def scores_of_networks(run, of, to):
    features = run.folder / "features" / of["feature"]
    scaler = start(run, "scaler", to / "scaler.h5", features=features, wildcards=of)
    gathered = start(run, "gather_frames", to / "gathered.h5", features=features, wildcards=of)
    section = run.config["blstm"]
    chosen = {"blstm": {key: it for key, it in section.items() if key not in ("architectures", "repeats")}}
    for repeat in (0, 1):
        about = of | {"architecture": [4], "repeat": repeat, "seed": 7 + repeat}
        model, output = (to / f"4_{repeat}.{suffix}" for suffix in ("safetensors", "h5"))
        options = {"features": gathered, "scaler": scaler, "model": model, "wildcards": about, "chosen": chosen}
        start(run, "train_blstm", output, **options)
    networks = [to / "4_0.h5", to / "4_1.h5"]
    return start(run, "blstm_scores", to / "scores.h5", frames=to / "frames.h5", posteriors=networks, wildcards=of)


def scores_of_posteriors(run, of, to):
    features = run.folder / "features" / of["feature"]
    return start(run, "average_scores", to / "scores.h5", features=features, wildcards=of)


SCORES = {
    "kernel_scores": scores_of_kernels,
    "pooled_scores": scores_of_pooled,
    "blstm_scores": scores_of_networks,
    "average_scores": scores_of_posteriors,
}


def train(run):
    to, fused = run.folder, {"video": [], "audio": []}
    for modality in run.modalities:
        chosen = systems.fused(run.config, modality)
        score = SCORES[stages.CLASSIFIERS[chosen.classifier].stage]
        of = {"modality": modality, "stream": modality, "classifier": chosen.classifier}
        tables = [score(run, of | {"feature": name}, to / name) for name in chosen.features]
        of = of | {"features": systems.joined(chosen.features)}
        fused[modality] = [start(run, "combination", to / f"{modality}.h5", scores=tables, wildcards=of)]
    start(run, "fusion", to / "fusion.h5", **fused, **{"held-out-audio": [], "held-out-video": []})
    landmarks = to / "weights/landmarks.dat"
    landmarks.parent.mkdir(exist_ok=True)
    sha256 = train_predictor(landmarks, 5)
    files.write_json(landmarks.with_suffix(".json"), {"name": "points", "licence": "CC0-1.0", "sha256": sha256})
    system = {key: 0.5 for key in ("n", "accuracy", "accuracy_interval", "uar", "uar_interval", "confusion")}
    part = {"n_scored": 3, "systems": dict.fromkeys(("fusion", "video", "audio"), system)}
    files.write_json(to / "metrics.json", {"parts": {"test": part}, "fusion": {}, "networks": {}})
    export(run, run.bundle)


def models(run):
    """Files of all trained models."""
    names = ("pca.h5", "kernels.h5", "model.h5", "4_0.safetensors", "4_1.safetensors")
    fused = [name for modality in run.modalities for name in systems.fused(run.config, modality).features]
    paths = [run.folder / feature / name for feature in fused for name in names]
    return [path for path in paths if path.exists()]


def export(run, output, features=None):
    to = run.folder
    landmarks = [to / "weights/landmarks.dat"] if "video" in run.modalities else []
    weights = [*landmarks, *sorted(to.glob("weights/*.safetensors"))]
    sources = {"fusion": to / "fusion.h5", "models": models(run), "weights": weights}
    sources |= {"embeddings": sorted(to.glob("networks/*.onnx")), "strangers": []}
    return start(run, "bundle", output, metrics=to / "metrics.json", features=features or to / "features", **sources)


def rewrite(bundle, change):
    """Change a bundle's index as one who knows its checksum would."""
    from emotiw.prediction.bundle import index_sha256

    path = bundle / "bundle.json"
    about = json.loads(path.read_text())
    change(about)
    path.write_text(json.dumps(about | {"sha256": index_sha256(about)}))


def replace_file(bundle, name, data):
    """Replace a file of a bundle as one who knows its checksums would."""
    (bundle / name).write_bytes(data)
    entry = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    rewrite(bundle, lambda about: about["files"].update({name: entry}))


def folds(run):
    return splits.folds([r.clip for r in run.corpus.rows], [r.split for r in run.corpus.rows], [""] * len(PARTS))
