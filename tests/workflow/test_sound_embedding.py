"""A network of sound by configuration: its files are made by Snakemake, and made again if the network is another."""

import csv
import re

import pytest
import yaml

from emotiw.jobs import store
from sound_network_fixtures import CLIP, settings, strided

pytestmark = pytest.mark.workflow

CONFIG = """
run: sounds
corpus: {kind: csv, root: corpus, table: clips.csv, classes: [anger, happiness]}
"""


def configure(workspace, **networks):
    data = strided()
    (workspace.folder / "tiny.onnx").write_bytes(data)
    described = {name: settings(data, **changed) for name, changed in networks.items()}
    (workspace.folder / "small.yaml").write_text(CONFIG + yaml.safe_dump({"sound_embeddings": described}))


@pytest.fixture
def workspace(sounds):
    parts, labels = ("train", "val", "test"), ("anger", "happiness")
    rows = [[f"c{i}", f"c{i}.wav", labels[i % 2], f"s{i}", parts[i // 2]] for i in range(6)]
    with (sounds.folder / "corpus/clips.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["clip", "path", "label", "subject", "split"], *rows])
    return sounds


def test_a_network_of_sound_is_a_feature_of_its_name(workspace):
    configure(workspace, frames={}, whole=CLIP)
    targets = [f"results/sounds/features/{name}/c0.h5" for name in ("frames", "whole")]
    done = workspace.snakemake(*targets)
    assert done.returncode == 0, done.stderr
    frames, whole = (workspace.folder / target for target in targets)
    assert store.read(frames, "frame_features").entries["c0"].arrays["features"].shape == (14, 2)
    assert store.read(whole, "clip_features").entries["c0"].arrays["features"].shape == (2,)
    configure(workspace, frames={"normalise": "clip"}, whole=CLIP)
    planned = workspace.snakemake("-n", "--workflow-profile", "none", *targets)
    assert planned.returncode == 0, planned.stderr
    assert re.findall(r"^ +output: (.*)$", planned.stdout, re.MULTILINE) == targets[:1]
