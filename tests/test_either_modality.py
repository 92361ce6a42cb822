"""The systems of the paper with their modalities exchanged: image sets of sounds by PLS, networks on frames of faces.

Voices and faces are synthetic, features are those of the programs. Each program gets its identity and its paths from
the plan, as Snakemake gives them.
"""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from emotiw.core.seeds import derived_seed
from emotiw.corpora import manifest
from emotiw.corpora.manifest import Manifest, Row
from emotiw.demo import voice
from emotiw.jobs import settings, store
from emotiw.workflow.files import Files
from emotiw.workflow.plan import Plan
from evaluation_fixtures import FACES_FACTS, faces_arrays

CLASSES = ("anger", "happiness", "sadness")
PARTS = {"a": "train", "b": "train", "c": "train", "d": "train", "e": "val", "f": "val", "g": "test", "h": "test"}
OVER = {
    "audio": {
        "features": ["egemaps"],
        "classifiers": ["pls", "pooled_logistic"],
        "combination": {"features": ["egemaps"], "classifier": "pls"},
    },
    "video": {
        "features": ["hog"],
        "classifiers": ["blstm"],
        "combination": {"features": ["hog"], "classifier": "blstm"},
        **{"pca_dimension": 8, "subspace_rank": 3, "n_components_max": 4, "inner_folds": 2},
    },
    "blstm": {"architectures": [[8]], "repeats": 2, "optimiser": "adam", "learning_rate": 0.01, "max_epochs": 15},
    "fusion": {"calibration": "training", "cv_folds": 2, "cv_repeats": 1},
    "evaluation": {"bootstrap": 100},
}


def rows():
    for subject, part in PARTS.items():
        for label in CLASSES:
            clip = f"{subject}_{label}"
            yield Row(clip, f"{clip}.mp4", label, subject, part, sha256=clip, job=clip)


def waveform(rng, label):
    speaker = voice.Speaker(rng.uniform(120, 200), 1.0, 0.05, 0.0)
    spoken = voice.utterance(rng, speaker, voice.MANNERS[label], duration_s=1.0).samples
    return (0.1 * spoken / np.abs(spoken).max()).astype(np.float32)


def chips(rng, label):
    """Faces whose mouth is bent as the emotion says."""
    arrays = faces_arrays(rng)
    y, x = np.mgrid[0:64, 0:64] / 64 - 0.5
    bend = {"anger": 0.0, "happiness": -1.5, "sadness": 1.5}[label] + rng.normal(0, 0.2)
    arrays["chips"][:, (abs(x) < 0.3) & (abs(y - 0.2 - bend * x**2) < 0.05)] = (150, 40, 40)
    return arrays


class Run:
    """A run in a folder: its plan, its files, and programs started as the rules start them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.corpus = folder, Manifest(tuple(rows()), CLASSES, "made up")
        self.plan = Plan(settings.completed(OVER), self.corpus)
        self.files, self.layout = Files(self.plan), self.plan.layout
        self.table = folder / self.layout.table
        manifest.write(self.table, self.corpus)

    def at(self, path: str) -> Path:
        return self.folder / path

    def start(self, name, wildcards, output, **paths):
        options = {"output": output, "stage": str(self.plan.stage(name, **wildcards)), **paths}
        argv = []
        for key, value in options.items():
            given = value if isinstance(value, list) else [value]
            argv += [f"--{key.replace('_', '-')}", *map(str, given)]
        importlib.import_module(name).main(argv)

    def clips(self):
        for row in self.corpus.rows:
            rng = np.random.default_rng(derived_seed(0, row.clip, 0))
            seen = store.Entry(row.clip, chips(rng, row.label), facts=FACES_FACTS)
            heard = store.Entry(row.clip, {"waveform": waveform(rng, row.label)}, facts={"rate_hz": 16000})
            for name, entry, feature in (("faces", seen, "hog"), ("audio", heard, "egemaps")):
                source = self.at(self.layout.feature(name, row.job))
                store.write(source, name, [entry], stage=self.plan.stage(name, job=row.job))
                self.start(feature, {"job": row.job}, self.at(self.layout.feature(feature, row.job)), **{name: source})

    def of_feature(self, name, fold, feature, output="", **paths):
        """Start a program of a fold that reads a feature's files."""
        path = self.at(self.layout.path(name, output, fold=fold, feature=feature))
        features = self.at(f"{self.layout.folder}/features/{feature}")
        self.start(name, {"fold": fold, "feature": feature}, path, manifest=self.table, features=features, **paths)
        return path

    def networks(self, fold):
        scaler = self.of_feature("scaler", fold, "hog")
        frames = self.of_feature("gather_frames", fold, "hog")
        of = {"fold": fold, "feature": "hog"}
        for repeat in self.plan.repeats():
            chosen = {**of, "architecture": "8", "repeat": repeat}
            posteriors, model = (
                self.at(self.layout.path("train_blstm", name, **chosen)) for name in ("posteriors", "model")
            )
            inputs = {"manifest": self.table, "features": frames, "scaler": scaler, "model": model}
            self.start("train_blstm", chosen, posteriors, **inputs)
        made = list(map(self.at, self.files.networks(fold, "hog")))
        scores, frames = (self.at(self.layout.path("blstm_scores", name, **of)) for name in ("scores", "frames"))
        self.start("blstm_scores", of, scores, posteriors=made, frames=frames)

    def sounds(self, fold):
        pca = self.of_feature("pca", fold, "egemaps")
        kernels = self.of_feature("kernels", fold, "egemaps", pca=pca)
        inputs = {"kernel_scores": {"kernels": kernels}}
        inputs["pooled_scores"] = {"features": self.at(f"{self.layout.folder}/features/egemaps")}
        for name, classifier in (("kernel_scores", "pls"), ("pooled_scores", "pooled_logistic")):
            chosen = {"fold": fold, "feature": "egemaps", "classifier": classifier}
            scores, model = (self.at(self.layout.path(name, output, **chosen)) for output in ("scores", "model"))
            self.start(name, chosen, scores, manifest=self.table, model=model, **inputs[name])

    def fuse(self, fold):
        paths = {name: list(map(self.at, self.files.fused(fold, name, ""))) for name in ("audio", "video")}
        for name in ("audio", "video"):
            paths[f"held_out_{name}"] = list(map(self.at, self.files.inner_scores(fold, name)))
        self.start(
            "fusion", {"fold": fold}, self.at(self.layout.path("fusion", fold=fold)), manifest=self.table, **paths
        )

    def evaluate(self):
        outputs = {name: self.at(self.layout.path("evaluate", name)) for name in ("predictions", "scores", "ledger")}
        scored = {f"{name}_scores": list(map(self.at, self.files.scores(name))) for name in ("audio", "video")}
        # the baselines of the challenge are not part of this test
        scored = {name: [path for path in paths if path.stem != "baseline"] for name, paths in scored.items()}
        signals = {name: self.at(f"{self.layout.folder}/features/{name}") for name in ("faces", "audio")}
        fused = list(map(self.at, self.files.per_fold("fusion")))
        more = {"manifest": self.table, "fusion": fused, "weights_records": [], **outputs, **scored, **signals}
        self.start("evaluate", {}, self.at(self.layout.path("evaluate", "metrics")), **more)
        return json.loads(self.at(self.layout.path("evaluate", "metrics")).read_text())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = Run(tmp_path_factory.mktemp("exchanged"))
    made.clips()
    made.sounds("official")
    for fold in ("official", *made.plan.protocol.inner_folds("official")):
        made.networks(fold)
    made.fuse("official")
    return made


@pytest.fixture(scope="module")
def metrics(run):
    return run.evaluate()


@pytest.fixture(scope="module")
def fused(run):
    return store.read(run.at(run.layout.path("fusion", fold="official")), "scores")


def test_every_system_of_both_modalities_is_scored_under_its_name(metrics):
    scored = set(metrics["parts"]["test"]["systems"])
    assert {"audio/egemaps/pls/mean", "audio/egemaps/pls/subspace_rbf", "audio/egemaps/pooled_logistic/mean"} <= scored
    assert {f"video/hog/blstm/{name}" for name in ("8_0", "8_1", "8", "mean", "selected")} <= scored
    assert set(metrics["networks"]) == {"hog/official"}


def test_sounds_by_image_sets_and_faces_by_networks_are_better_than_chance(metrics):
    systems = metrics["parts"]["test"]["systems"]
    for name in ("audio", "video", "audio/egemaps/pooled_logistic/mean"):
        assert systems[name]["accuracy"] > 1 / len(CLASSES), name


def test_decision_values_of_sound_and_posteriors_of_faces_are_each_calibrated_as_what_they_are(run, fused):
    sound = store.read(run.at(run.files.fused("official", "audio", "")[0]), "scores")
    faces = store.read(run.at(run.files.fused("official", "video", "")[0]), "scores")
    assert (sound.facts["scores"], faces.facts["scores"]) == ("decision values", "posteriors")
    temperatures = fused.facts["temperatures"]
    tables = {"audio": (sound, lambda values: values), "video": (faces, np.log)}
    for name, (table, evidence) in tables.items():
        rows_of = [table.facts["clips"].index(clip) for clip in run.plan.protocol.folds["official"].test]
        expected = softmax(evidence(table.entries["mean"].arrays["scores"][rows_of]) / temperatures[name], axis=1)
        found = [fused.facts["clips"].index(clip) for clip in run.plan.protocol.folds["official"].test]
        np.testing.assert_allclose(fused.entries[name].arrays["scores"][found], expected, atol=1e-6)


def test_both_are_calibrated_on_training_clips_sound_out_of_fold_and_faces_by_inner_networks(fused):
    calibration = fused.facts["calibration"]
    assert calibration["video"] == {"part": "train", "n_clips": 12}
    assert calibration["audio"]["part"] == "train"
    choices = {entry["choice"] for entry in fused.facts["choices"]["entries"]}
    assert {f"held out {i}of2: video/hog/blstm/8_0: weights" for i in (1, 2)} <= choices


def test_no_choice_saw_a_test_clip(run, metrics):
    assert metrics["ledger"]["passed"]
    entries = json.loads(run.at(run.layout.path("evaluate", "ledger")).read_text())["entries"]
    seen = {entry["choice"]: set(entry["parts"]) for entry in entries}
    assert seen["egemaps: PCA"] == seen["audio/egemaps/pls/mean: n_components"] == {"train"}
    assert seen["audio/egemaps/pooled_logistic: C"] == seen["video/hog/blstm/8_0: weights"] == {"train"}
    assert seen["video/hog/blstm/8_0: epoch"] == {"val"}


def test_every_file_that_the_programs_wrote_is_one_that_the_plan_names(run, metrics):
    planned = {run.at(path) for path in run.files.all()}
    made = {
        run.at(
            run.layout.path("train_blstm", "posteriors", fold="official", feature="hog", architecture="8", repeat="0")
        )
    }
    made |= {
        run.at(path) for path in (*run.files.scores("audio"), *run.files.scores("video")) if run.at(path).is_file()
    }
    made |= {run.at(path) for path in run.files.inner_scores("official", "video")}
    assert len(made) == 6
    assert made <= planned
    assert all(path.is_file() for path in made)
