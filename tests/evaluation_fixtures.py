"""A made-up run, without any media: a corpus, its per-clip artefacts and the scores of both modalities."""

import hashlib
import importlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from emotiw.core.status import Status
from emotiw.corpora import manifest, splits
from emotiw.corpora.manifest import Manifest, Row
from emotiw.jobs import settings, store
from emotiw.statistics import selection_record
from video_fixtures import faces_of

CLASSES = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
DEFECTS = {3: ("no_face", "ok"), 10: ("ok", "silent_audio"), 17: ("undecodable", "undecodable"), 30: ("ok", "no_audio")}
KERNELS = ("mean", "subspace_rbf")
MORE = {  # stage, index of the modality, entries, noise
    "sift": ({"feature": "dense_sift", "classifier": "pls"}, 0, KERNELS, 0.3),
    "both": ({"features": "cnn+dense_sift", "classifier": "pls"}, 0, ("mean",), 0.3),
    "lbp_top": ({"feature": "lbp_top"}, 0, ("svm",), 1.0),
    "functionals": ({"feature": "functionals"}, 1, ("svm",), 1.0),
}
SETTINGS = {
    "prior": "training",
    "calibration": "validation",
    "scheme": "joint",
    "shrinkage": 0.0,
    "grid_step": 0.1,
    "cv_folds": 3,
    "cv_repeats": 2,
}


@dataclass(frozen=True)
class Run:
    """Paths and content of a made-up run."""

    folder: Path
    corpus: Manifest

    @property
    def table(self) -> Path:
        return self.folder / "manifest.csv"

    @property
    def folds(self) -> dict[str, splits.Fold]:
        return manifest.folds(self.corpus)


def rows(n_clips: int, n_folds: int, classes: tuple[str, ...] = CLASSES) -> tuple[Row, ...]:
    """Clips of thirteen subjects, classes in turn; official splits where `n_folds` is 0."""
    found = []
    for i in range(n_clips):
        subject = (i * 5) % 13
        part = {"fold": f"fold{subject % n_folds + 1}"} if n_folds else {"split": ("train", "val", "test")[subject % 3]}
        name = f"clip{i:03d}"
        found.append(
            Row(
                name,
                f"{name}.mp4",
                classes[i % len(classes)],
                f"s{subject:02d}",
                sha256=hashlib.sha256(name.encode()).hexdigest(),
                job=name,
                **part,
            )
        )
    return tuple(found)


def weights_record() -> dict[str, Any]:
    """Record of a network that was fine-tuned on two pictures, with the epoch chosen on a third and a fourth."""
    epoch = selection_record.entry(
        selection_record.Record("AlexNet fine-tuned: epoch", 4, "accuracy", ["p", "q"], candidates=5)
    )
    return {"name": "alexnet", "licence": "BSD", "sha256": "f" * 64, "choices": [epoch]}


def several(n_clips: int = 91) -> Manifest:
    """Three corpora, each left out once, and a fold of everything; no clip of the third is surprised."""
    found = []
    for row in rows(n_clips, 0):
        subject = int(row.subject[1:])
        corpus, split = "abc"[subject % 3], "val" if subject < 3 else "train"
        if not (corpus == "c" and row.label == "surprise"):
            found.append(replace(row, corpus=corpus, fold=corpus, split=split))
    label_sets = {"a": CLASSES, "b": CLASSES, "c": CLASSES[:-1]}
    scheme = "leave_one_corpus_out"
    return Manifest(tuple(found), CLASSES, "a + b + c", True, scheme, (), everything=True, label_sets=label_sets)


def make_run(folder: Path, *, n_clips: int = 56, n_folds: int = 0, synthetic: bool = True, seed: int = 0) -> Run:
    """Write a manifest, the statuses of its clips, and the scores of both modalities for every fold."""
    scheme = "subjects" if n_folds else "official"
    return write_run(folder, Manifest(rows(n_clips, n_folds), CLASSES, "demo", synthetic, scheme), seed=seed)


def write_run(folder: Path, corpus: Manifest, *, seed: int = 0) -> Run:
    """Write the files of a run of this corpus."""
    run = Run(folder, corpus)
    manifest.write(run.table, corpus)
    rng = np.random.default_rng(seed)
    _write_clips(run, rng)
    for name, fold in run.folds.items():
        _write_scores(run, name, fold, rng)
        _write_more_scores(run, name, fold)
        _write_frames(run, name, fold)
    (folder / "weights.json").write_text(json.dumps(weights_record()))
    return run


def status(index: int) -> tuple[Status, Status]:
    video, audio = DEFECTS.get(index, ("ok", "ok"))
    return Status(video), Status(audio)


def face(rng: np.random.Generator, n_frames: int = 9, size: int = 64) -> np.ndarray:
    """Chips of a schematic face that moves a little."""
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    skin = np.array([224, 172, 125]) * rng.uniform(0.4, 1)
    chips = np.empty((n_frames, size, size, 3), np.uint8)
    for i in range(n_frames):
        dx = 0.03 * np.sin(i)
        chips[i] = np.where(((x - dx) ** 2 / 0.1 + y**2 / 0.18 < 1)[..., None], skin, 90)
        for eye in (-0.13, 0.13):
            chips[i][(x - dx - eye) ** 2 + (y + 0.1) ** 2 < 0.002] = 20
        chips[i][(abs(x - dx) < 0.13) & (abs(y - 0.2 - rng.uniform(-1, 1) * (x - dx) ** 2) < 0.02)] = (150, 40, 40)
    return chips


def faces_arrays(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return faces_of(face(rng))


NETWORKS = {
    "selected": "64_0",
    "selection": {"rule": "least loss", "part": "val", "n_clips": 9},
    "restarts": {"64": {"n": 2, "best": "64_0", "mean": {"accuracy": 0.5}, "std": {"accuracy": 0.1}}},
}
FACES_FACTS = {
    **{"n_searched": 10, "n_searched_whole": 1, "n_detected": 9, "n_faces_max": 1, "n_kept": 9},
    **{"detected_fraction": 0.9, "kept_fraction": 0.9, "n_cuts": 0, "n_scenes": 1},
}


def _write_clips(run: Run, rng: np.random.Generator) -> None:
    for i, row in enumerate(run.corpus.rows):
        video, audio = status(i)
        seen = faces_arrays(rng) if video == Status.OK else {}
        heard = {"waveform": np.zeros(8, np.float32)} if audio == Status.OK else {}
        for kind, arrays, state in (("faces", seen, video), ("audio", heard, audio)):
            facts = FACES_FACTS if kind == "faces" and arrays else {}
            entry = store.Entry(row.clip, arrays, state, facts)
            store.write(run.folder / kind / f"{row.job}.h5", kind, [entry], stage={})


def _write_scores(run: Run, name: str, fold: splits.Fold, rng: np.random.Generator) -> None:
    index = {row.clip: i for i, row in enumerate(run.corpus.rows)}
    clips = sorted(fold.train + fold.val + fold.test)
    seen = [clip for clip in clips if status(index[clip])[0] == Status.OK]
    heard = [clip for clip in sorted(fold.val + fold.test) if status(index[clip])[1] == Status.OK]

    def evidence(names: list[str]) -> np.ndarray:
        return np.eye(7)[[CLASSES.index(run.corpus.row_of_clip[clip].label) for clip in names]]

    video = {kernel: evidence(seen) * 0.3 + rng.normal(0, 0.2, (len(seen), 7)) for kernel in ("subspace_rbf", "mean")}
    made = [selection_record.Record("video/cnn/pls/mean: n_components", 8, "accuracy", fold.train, candidates=40)]
    facts = {"clips": seen, "classes": CLASSES, "fold": name, "scores": "decision values", "classifier": "pls"}
    facts |= selection_record.facts(made)
    stage = {"fold": name, "modality": "video", "feature": "cnn", "classifier": "pls"}
    entries = [store.Entry(kernel, {"scores": values}) for kernel, values in video.items()]
    store.write(run.folder / f"video_{name}.h5", "scores", entries, stage=stage, facts=facts)
    audio = {net: softmax(evidence(heard) + rng.normal(0, 0.7, (len(heard), 7)), axis=1) for net in ("64_0", "64_1")}
    audio["mean"] = (audio["64_0"] + audio["64_1"]) / 2
    entries = [store.Entry(net, {"scores": values}) for net, values in audio.items()]
    made = [selection_record.Record("audio/egemaps/blstm/64_0: epoch", 7, "least loss", fold.val, candidates=20)]
    facts |= {"clips": heard, "scores": "posteriors", "classifier": "blstm", **NETWORKS}
    facts |= selection_record.facts(made)
    stage = {"fold": name, "modality": "audio", "feature": "egemaps"}
    store.write(run.folder / f"audio_{name}.h5", "scores", entries, stage=stage, facts=facts)


def _write_more_scores(run: Run, name: str, fold: splits.Fold) -> None:
    """Scores of another feature, of both together and of the baselines, each worse than the last."""
    rng = np.random.default_rng(len(name))
    index = {row.clip: i for i, row in enumerate(run.corpus.rows)}
    for system, (stage, modality, entries, noise) in MORE.items():
        clips = [c for c in sorted(fold.train + fold.val + fold.test) if status(index[c])[modality] == Status.OK]
        evidence = np.eye(7)[[CLASSES.index(run.corpus.row_of_clip[clip].label) for clip in clips]]
        written = [store.Entry(e, {"scores": evidence + rng.normal(0, noise, (len(clips), 7))}) for e in entries]
        made = [selection_record.Record(f"{system}: C", 1.0, "accuracy", fold.train, candidates=7)]
        facts = {"clips": clips, "classes": CLASSES, "fold": name, **selection_record.facts(made)}
        store.write(run.folder / f"{system}_{name}.h5", "scores", written, stage={"fold": name, **stage}, facts=facts)


def _write_frames(run: Run, name: str, fold: splits.Fold) -> None:
    """Frame posteriors of the clips that were not learnt from; every second has more frames than a page shows."""
    rng = np.random.default_rng(len(name))
    index = {row.clip: i for i, row in enumerate(run.corpus.rows)}
    entries = []
    for clip in sorted(fold.val + fold.test):
        if status(index[clip])[1] == Status.OK:
            n_frames = (50, 130)[index[clip] % 2]
            posteriors = softmax(rng.normal(0, 1, (n_frames, 7)), axis=1).astype(np.float32)
            entries.append(store.Entry(clip, {"posteriors": posteriors, "time": np.arange(n_frames) * 0.04}))
    facts = {"fold": name, "classes": CLASSES}
    store.write(run.folder / f"frames_{name}.h5", "posteriors", entries, stage={"fold": name}, facts=facts)


def config() -> dict:
    """The shipped configuration, for a run called `demo`."""
    return settings.load([])


def start(program, stage, **options):
    """Run a program's main with paths as options."""
    argv = ["--stage", json.dumps(stage)]
    for name, value in options.items():
        paths = value if isinstance(value, list) else [value]
        argv += [f"--{name.replace('_', '-')}", *map(str, paths)]
    importlib.import_module(program).main(argv)


def fuse_all(run, **over):
    """Fuse all folds; `over` are settings of the section `fusion` that differ from `SETTINGS`."""
    for name in run.folds:
        start(
            "fusion",
            {"settings": {"fusion": SETTINGS | over}, "fold": name},
            manifest=run.table,
            audio=run.folder / f"audio_{name}.h5",
            video=run.folder / f"video_{name}.h5",
            held_out_audio=[],
            held_out_video=[],
            output=run.folder / f"fusion_{name}.h5",
        )


def evaluate(run, output="metrics.json"):
    def of(stem):
        return [run.folder / f"{stem}_{name}.h5" for name in run.folds]

    start(
        "evaluate",
        {
            "settings": {
                "run": "made-up",
                "seed": 1,
                "evaluation": {"bootstrap": 200},
                "corpus": {"shared_films": "fail"},
            },
            "modalities": ["video", "audio"],
        },
        manifest=run.table,
        fusion=of("fusion"),
        audio_scores=of("audio") + of("functionals"),
        video_scores=of("video") + of("sift") + of("both") + of("lbp_top"),
        faces=run.folder / "faces",
        audio=run.folder / "audio",
        weights_records=[run.folder / "weights.json"],
        predictions=run.folder / "predictions.csv",
        scores=run.folder / "scores.csv.gz",
        ledger=run.folder / "ledger.json",
        output=run.folder / output,
    )
    return json.loads((run.folder / output).read_text())


FIGURES = ("systems", "classifiers", "figure4", "recall", "gains", "weights")


def write_report(run, output="report.html"):
    """Write the page of an evaluated run; return its path."""
    start(
        "report",
        {"settings": config()},
        manifest=run.table,
        metrics=run.folder / "metrics.json",
        predictions=run.folder / "predictions.csv",
        scores=run.folder / "scores.csv.gz",
        ledger=run.folder / "ledger.json",
        fusion=[run.folder / f"fusion_{name}.h5" for name in run.folds],
        frames=[run.folder / f"frames_{name}.h5" for name in run.folds],
        faces=run.folder / "faces",
        provenance_records=[run.folder / "weights.json"],
        figures=[run.folder / f"{name}.svg" for name in FIGURES],
        output=run.folder / output,
    )
    return run.folder / output
