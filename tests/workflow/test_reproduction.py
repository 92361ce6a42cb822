"""What `make reproduce` compares: artefacts of two runs, by rule. The runs themselves take half an hour."""

import shutil

import pytest

import reproduce

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def graph(workspace):
    done = workspace.snakemake("--rulegraph", "--forceall")
    return reproduce.parents(done.stdout)


def test_what_lies_below_a_rule_is_read_from_snakemake(graph):
    assert reproduce.descendants("faces_film", graph) == {"faces_film", "all"}
    below = reproduce.descendants("pca", graph)
    assert {"kernels", "kernel_scores", "combination", "fusion", "evaluate", "tables", "report"} <= below
    others = {"cnn", "faces", "audio", "gather_frames", "scaler", "train_blstm", "pooled_scores", "baseline"}
    assert not below & others


def test_a_difference_is_reported_with_the_first_rule_that_made_one(workspace, graph, tmp_path):
    ignored = shutil.ignore_patterns(".snakemake")
    for name in ("first", "second"):
        shutil.copytree(workspace.folder / "results", tmp_path / name / "results", ignore=ignored)
    first = reproduce.hashes(tmp_path / "first")
    assert "results/small/report/metrics.json" in first
    assert not [name for name in first if "/logs/" in name or name.endswith("manifest.files.csv")]
    changed = ["results/small/report/metrics.json", "results/small/features/egemaps/s01_anger.h5"]
    for name in changed:
        with (tmp_path / "second" / name).open("ab") as stream:
            stream.write(b" ")
    lost = "results/small/report/report.html"
    (tmp_path / "second" / lost).unlink()
    different = reproduce.differing(first, reproduce.hashes(tmp_path / "second"))
    assert different == sorted([*changed, lost])
    makers = reproduce.rules_of(workspace.snakemake("--summary").stdout)
    assert reproduce.makers_of(different, makers) == {"evaluate", "egemaps", "report"}
    assert reproduce.makers_of(["results/small/bundle/bundle.json"], makers) == {"bundle"}
    assert reproduce.first_rule(different, makers, graph) == "egemaps"
    assert reproduce.first_rule([], makers, graph) == "no rule of the workflow"
