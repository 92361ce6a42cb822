"""docs/extending.md, executed: the feature that it adds is computed, scored, reported, bundled and predicted with."""

import json
import os
import re
import subprocess
import sys
from collections import Counter

import pytest

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

MARK = r"<!-- file: (?P<file>\S+?)(?:; before: (?P<before>.+?))? -->\n"
BLOCK = re.compile(MARK + r"```\w+\n(?P<text>.*?)```\n", re.DOTALL)
MOST_PLACES = 5
USED = "video: {features: [cnn, dense_sift, lbp], combination: {features: [cnn, lbp]}}"


def blocks(page):
    return [match.groupdict() for match in BLOCK.finditer(page.read_text())]


def apply(block, folder):
    """Write a block as a file, or insert it into one before a text that occurs once."""
    path = folder / block["file"]
    if block["before"] is None:
        assert not path.exists(), f"{path} is there already"
        path.write_text(block["text"])
        return
    mark, content = block["before"].replace("\\n", "\n"), path.read_text()
    assert content.count(mark) == 1, f"{block['file']}: {mark!r} occurs {content.count(mark)} times"
    start = content.rindex("\n", 0, content.index(mark)) + 1
    path.write_text(content[:start] + block["text"] + content[start:])


@pytest.fixture(scope="module")
def extended(root, workspace, tmp_path_factory):
    """A copy of a finished run, to whose code the page was applied."""
    copy = workspace.copy(tmp_path_factory.mktemp("extended") / "emotiw")
    for block in blocks(root / "docs/extending.md"):
        apply(block, copy.folder)
    return copy


@pytest.fixture(scope="module")
def planned(extended):
    """Jobs that a dry run with the new feature would start, before it runs."""
    return extended.outdated(extended.over("used", USED))


@pytest.fixture(scope="module")
def done(extended, planned):
    """The copy after a run with the new feature."""
    result = extended.snakemake(config="used.yaml")
    assert result.returncode == 0, result.stderr[-4000:]
    return extended


def emotiw(workspace, *arguments):
    command = [sys.executable, "-c", "from emotiw.cli import app; app()", *arguments]
    environment = os.environ | {"PYTHONPATH": str(workspace.folder / "workflow_scripts")}
    return subprocess.run(
        command, cwd=workspace.folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def test_a_feature_is_added_in_few_places(root):
    files = {block["file"] for block in blocks(root / "docs/extending.md")}
    # defaults and their schema are one place in two files
    assert len(files - {"schemas/config.schema.yaml"}) == MOST_PLACES


def test_the_pages_code_is_in_the_style_of_the_house(extended, root):
    files = [block["file"] for block in blocks(root / "docs/extending.md") if block["file"].endswith(".py")]
    for command in (["format", "--check"], ["check"]):
        made = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *files],
            cwd=extended.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stdout + made.stderr


def test_the_pages_own_test_passes(extended):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_lbp.py"]
    environment = os.environ | {"PYTHONPATH": str(extended.folder / "workflow_scripts")}
    made = subprocess.run(command, cwd=extended.folder, env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout


def test_only_the_feature_and_what_reads_it_are_computed(planned, workspace):
    assert planned["lbp"] == workspace.n_clips
    assert (planned["pca"], planned["kernels"], planned["kernel_scores"]) == (1, 1, 1)
    untouched = ("faces", "audio", "cnn", "dense_sift", "hog", "lbp_top", "egemaps", "functionals")
    untouched += ("baseline", "scaler", "train_blstm", "blstm_scores", "pooled_scores")
    assert planned & Counter(untouched) == Counter()


def test_the_feature_is_scored_and_reported(done):
    metrics = json.loads((done.folder / "results/small/report/metrics.json").read_text())
    scored = set(metrics["parts"]["test"]["systems"])
    assert {"video/lbp/pls/mean", "video/cnn+lbp/pls/mean"} <= scored
    assert "CNN + LBP" in (done.folder / "results/small/report/report.html").read_text()
    assert "LBP" in (done.folder / "results/small/report/tables/tables.md").read_text()


def test_the_feature_is_bundled_and_predicted_with(done):
    index = json.loads((done.folder / "results/small/bundle/bundle.json").read_text())
    assert index["features"]["video"] == ["cnn", "lbp"]
    assert index["settings"]["lbp"] == {"size": 64, "grid": 4}
    clip = "corpus/clips/s04_anger.mp4"
    made = emotiw(done, "predict", clip, "--bundle", "results/small/bundle", "--output", "predicted", "--self-test")
    assert made.returncode == 0, made.stdout + made.stderr
    (about,) = json.loads((done.folder / "predicted/predictions.json").read_text())["clips"]
    assert about["status"]["video"] == "ok"
