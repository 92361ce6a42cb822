"""Features from elsewhere in a run: files of a clip are read, checked before any job, and their content is watched."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from emotiw.core.status import Status
from emotiw.jobs import store

pytestmark = pytest.mark.workflow

CLIPS = [f"c{i}" for i in range(6)]
CONFIG = {
    "run": "mine",
    "clips_per_job": 1,
    "corpus": {"kind": "csv", "root": "corpus", "table": "clips.csv", "classes": ["anger", "fear"]},
    "imports": {
        "hubert": {"modality": "audio", "level": "frame", "path": "features", "licence": "MIT", "frame_step_s": 0.02}
    },
}
TARGETS = [f"results/mine/features/hubert/{clip}.h5" for clip in CLIPS]


@pytest.fixture
def run(sounds):
    """A run that imports a feature of five of its six clips."""
    with (sounds.folder / "corpus/clips.csv").open("w", newline="") as stream:
        rows = [
            [c, f"{c}.wav", ("anger", "fear")[i % 2], c, ("train", "val", "test")[i // 2]] for i, c in enumerate(CLIPS)
        ]
        csv.writer(stream).writerows([["clip", "path", "label", "subject", "split"], *rows])
    (sounds.folder / "features").mkdir()
    for i, clip in enumerate(CLIPS[:5]):
        np.save(sounds.folder / f"features/{clip}.npy", np.full((3, 2), i, np.float32))
    (sounds.folder / "small.yaml").write_text(yaml.safe_dump(CONFIG))
    return sounds


def planned(run):
    """Clips whose feature a dry run would make."""
    done = run.snakemake("-n", "--workflow-profile", "none", *TARGETS)
    assert done.returncode == 0, done.stderr
    return sorted(Path(path).stem for path in re.findall(r"^ +output: (.*)$", done.stdout, re.MULTILINE))


def test_a_feature_is_made_of_its_files_and_only_changed_ones_are_read_again(run):
    done = run.snakemake(*TARGETS)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {clip: store.read(run.folder / path, "frame_features") for clip, path in zip(CLIPS, TARGETS, strict=True)}
    assert [next(iter(one.statuses.values())) for one in found.values()] == [Status.OK] * 5 + [Status.NO_FEATURE]
    np.testing.assert_array_equal(found["c3"].entries["c3"].arrays["features"], np.full((3, 2), 3))
    assert planned(run) == []
    (run.folder / "features/c0.npy").touch()
    np.save(run.folder / "features/c3.npy", np.full((4, 2), 7, np.float32))
    assert planned(run) == ["c3"]
    np.save(run.folder / "features/c5.npy", np.full((4, 2), 7, np.float32))
    assert planned(run) == ["c3", "c5"]


def test_faulty_files_are_listed_before_any_job(run):
    np.save(run.folder / "features/c1.npy", np.full((3, 2), np.nan))
    np.save(run.folder / "features/d.npy", np.ones((3, 2)))
    done = run.snakemake(*TARGETS)
    assert done.returncode != 0
    assert "features/c1.npy: holds nan at [0, 0]" in done.stderr + done.stdout
    assert "features: 1 names are of no clip of the corpus: d" in done.stderr + done.stdout
    assert not (run.folder / "results/mine/features").exists()
