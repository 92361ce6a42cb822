"""A copy of the workflow with a small synthetic corpus, run once for all tests of this folder."""

import csv
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from emotiw.demo import design, render
from emotiw.jobs import settings
from media_fixtures import sound_file, tone
from onnx_fixtures import averages
from onnx_fixtures import settings as embedding

CLASSES = ("anger", "happiness", "neutral")
CONFIG = """
run: small
corpus:
  kind: csv
  root: corpus
  table: manifest.csv
  classes: [anger, happiness, neutral]
faces: {frame_step: 4}
video: {features: [cnn, dense_sift], pca_dimension: 16, n_components_max: 4, inner_folds: 2}
audio: {classifiers: [blstm, pooled_logistic]}
blstm: {architectures: [[8], [8, 8]], repeats: 1, optimiser: adam, learning_rate: 1.0e-3, max_epochs: 6}
fusion: {cv_folds: 2}
evaluation: {bootstrap: 200}
"""


@dataclass(frozen=True)
class Workspace:
    """A folder with a copy of the workflow in it."""

    folder: Path
    n_clips: int

    def snakemake(self, *more: str, config: str | None = "small.yaml") -> subprocess.CompletedProcess[str]:
        """Run Snakemake here, with the default profile unless `more` says otherwise."""
        chosen = ["--configfile", config] if config else []
        command = [sys.executable, "-m", "snakemake", *chosen, "-c2", *more]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=900)

    def outdated(self, config: str = "small.yaml") -> Counter[str]:
        """Names of the rules that a dry run would start, with the number of their jobs."""
        done = self.snakemake("-n", "--workflow-profile", "none", config=config)
        assert done.returncode == 0, done.stderr
        table = done.stdout.partition("Job stats:")[2].partition("total")[0]
        jobs = re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)
        return Counter({rule: int(count) for rule, count in jobs if rule != "all"})

    def outputs(self) -> set[str]:
        """Files that a dry run would write."""
        done = self.snakemake("-n", "--workflow-profile", "none")
        assert done.returncode == 0, done.stderr
        lines = re.findall(r"^ +output: (.*)$", done.stdout, re.MULTILINE)
        return {path for line in lines for path in line.split(", ")}

    def copy(self, folder: Path) -> "Workspace":
        """Copy everything to another folder."""
        shutil.copytree(self.folder, folder)
        return replace(self, folder=folder)

    def over(self, name: str, text: str) -> str:
        """Write a configuration that lays `text` over the small one; return its file's name."""
        (self.folder / f"{name}.over.yaml").write_text(text)
        merged = settings.merge(
            settings.read(self.folder / "small.yaml"), settings.read(self.folder / f"{name}.over.yaml")
        )
        (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(merged))
        return f"{name}.yaml"


def write_corpus(folder: Path) -> int:
    """Render five subjects in three emotions, and the clips with planted defects that have one of these labels."""
    drawn = design.Design(n_subjects=5, n_train=2, n_val=1)
    chosen = [clip for clip in design.clips(drawn) if clip.label in CLASSES]
    (folder / "clips").mkdir(parents=True)
    for clip in chosen:
        (folder / "clips" / f"{clip.name}.mp4").write_bytes(render.encoded(clip, drawn))
    with (folder / "manifest.csv").open("w", newline="") as stream:
        rows = [[c.name, f"clips/{c.name}.mp4", c.label, c.subject, c.split] for c in chosen]
        csv.writer(stream).writerows([["clip", "path", "label", "subject", "split"], *rows])
    return len(chosen)


@pytest.fixture(scope="session")
def fresh(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The workflow and its corpus, before anything has been run."""
    folder = tmp_path_factory.mktemp("workspace") / "emotiw"
    left_out = shutil.ignore_patterns(
        ".git", ".venv*", ".snakemake", "results", "__pycache__", ".*_cache", ".hypothesis"
    )
    shutil.copytree(root, folder, ignore=left_out)
    (folder / "tiny.onnx").write_bytes(averages())
    networks = {"tiny": embedding(averages(), output="maps")}
    (folder / "small.yaml").write_text(CONFIG + yaml.safe_dump({"embeddings": networks}))
    return Workspace(folder, write_corpus(folder / "corpus"))


@pytest.fixture
def sounds(root: Path, tmp_path: Path) -> Workspace:
    """The workflow and six clips without pictures, `corpus/c0.wav` to `c5.wav`, for a corpus of the test's own."""
    folder = tmp_path / "sounds"
    left_out = shutil.ignore_patterns(".*", "results", "__pycache__", "tests")
    shutil.copytree(root, folder, ignore=left_out)
    (folder / "corpus").mkdir()
    for i in range(6):
        sound_file(folder / f"corpus/c{i}.wav", tone(0.3 + i / 20))
    return Workspace(folder, 6)


@pytest.fixture
def labelled_sounds(sounds: Workspace) -> Workspace:
    """`sounds` with the table `corpus/clips.csv`: two classes, six subjects, official splits of two clips each."""
    parts, labels = ("train", "val", "test"), ("anger", "happiness")
    rows = [[f"c{i}", f"c{i}.wav", labels[i % 2], f"s{i}", parts[i // 2]] for i in range(6)]
    with (sounds.folder / "corpus/clips.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["clip", "path", "label", "subject", "split"], *rows])
    return sounds


@pytest.fixture
def quick_run() -> dict[str, Any]:
    """Configuration of a whole run on `labelled_sounds`, without its name: one pooled classifier of eGeMAPS."""
    return {
        "corpus": {"kind": "csv", "root": "corpus", "table": "clips.csv", "classes": ["anger", "happiness"]},
        "clips_per_job": 6,
        "audio": {
            "features": ["egemaps"],
            "classifiers": ["pooled_logistic"],
            "combination": {"features": ["egemaps"], "classifier": "pooled_logistic"},
        },
        "pooled": {"c": 0.1, "inner_folds": 2},
        "evaluation": {"bootstrap": 100},
    }


@pytest.fixture(scope="session")
def workspace(fresh: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The workflow after one whole run, in a folder of its own."""
    made = fresh.copy(tmp_path_factory.mktemp("run") / "emotiw")
    done = made.snakemake()
    assert done.returncode == 0, done.stdout + done.stderr
    return made
