"""A copy of the workflow with a small synthetic corpus, run once for all tests of this folder."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

CONFIG = """
run: small
corpus:
  kind: csv
  root: corpus
  table: manifest.csv
  classes: [anger, happiness, neutral]
faces: {frame_step: 4}
video: {features: [cnn, dense_sift], pca_dimension: 16, n_components: 3, inner_folds: 2}
blstm: {architectures: [[8], [8, 8]], repeats: 1, optimiser: adam, learning_rate: 1.0e-3, max_epochs: 6}
fusion: {cv_folds: 2}
evaluation: {bootstrap: 200}
"""


@dataclass(frozen=True)
class Workspace:
    """A folder with a copy of the workflow in it."""

    folder: Path

    def snakemake(self, *more: str, config: str = "small.yaml") -> subprocess.CompletedProcess[str]:
        """Run Snakemake here, with the default profile."""
        command = [sys.executable, "-m", "snakemake", "--configfile", config, "-c2", *more]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=900)

    def outdated(self, *more: str, config: str = "small.yaml") -> Counter[str]:
        """Names of the rules that a dry run would start, with the number of their jobs."""
        done = self.snakemake("-n", "--workflow-profile", "none", *more, config=config)
        assert done.returncode == 0, done.stderr
        table = re.findall(
            r"^(\w+) +(\d+)$", done.stdout.partition("Job stats:")[2].partition("total")[0], re.MULTILINE
        )
        return Counter({rule: int(count) for rule, count in table if rule != "all"})

    def outputs(self, *more: str) -> set[str]:
        """Files that a dry run would write."""
        done = self.snakemake("-n", "--workflow-profile", "none", *more)
        assert done.returncode == 0, done.stderr
        lines = re.findall(r"^ +output: (.*)$", done.stdout, re.MULTILINE)
        return {path for line in lines for path in line.split(", ")}


@pytest.fixture(scope="session")
def workspace(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The workflow and its corpus, before anything has been run."""
    folder = tmp_path_factory.mktemp("workspace") / "emotiw"
    left_out = shutil.ignore_patterns(
        ".git", ".venv*", ".snakemake", "results", "__pycache__", ".*_cache", ".hypothesis"
    )
    shutil.copytree(root, folder, ignore=left_out)
    (folder / "small.yaml").write_text(CONFIG)
    # hashes need not differ between runs for a fault to show, but they may
    os.environ["PYTHONHASHSEED"] = "1"
    return Workspace(folder)
