"""Which jobs would run for a clip: targets, Snakemake's dry run read, its reasons shortened."""

import pytest
import yaml
from typer.testing import CliRunner

from emotiw import cli
from emotiw.core.errors import ConfigError, ManifestError
from emotiw.corpora.manifest import Manifest, Row
from emotiw.jobs import settings
from emotiw.workflow import explain
from emotiw.workflow.files import Files
from emotiw.workflow.plan import Plan

ROWS = tuple(
    Row(f"{part}{i}", f"clips/{part}{i}.mp4", label, part, split=part, sha256="0", job=f"{part}{i}")
    for part in ("train", "val", "test")
    for i, label in enumerate(("anger", "fear"))
)
FILES = Files(Plan(settings.load([]), Manifest(ROWS, ("anger", "fear"), "csv")))
TEXT = """Building DAG of jobs...
Job stats:
job       count
------  -------
faces         1
fusion        1
total         2

[Tue Nov 24 21:13:35 2026]
rule faces:
    input: a.mp4
    output: results/demo/features/faces/test0.h5
    log: x.log
    jobid: 1
    reason: Missing output files: results/demo/features/faces/test0.h5
    wildcards: job=test0
[Tue Nov 24 21:13:35 2026]
rule fusion:
    output: results/demo/folds/official/fusion.h5
    reason: Input files updated by another job: x

This was a dry-run (flag -n).
"""
PARAMS = (
    "Params have changed since last execution: Union of exclusive params before and now across all output: "
    'before: {"above": {"faces": "1"}, "code": "a", "settings": {"cnn": {"crop": 227}}} '
    'now: {"above": {"faces": "2"}, "code": "b", "settings": {"cnn": {"crop": 224}}} '
)


def test_a_clips_targets_are_its_features_and_the_scores_of_the_folds_that_test_it():
    row, found = explain.targets(FILES, "test0")
    assert row.job == "test0"
    assert "results/demo/features/faces/test0.h5" in found
    assert found[-1] == "results/demo/folds/official/fusion.h5"
    assert explain.targets(FILES, "clips/train1.mp4")[1][-1].endswith("train1.h5")


def test_an_unknown_clip_is_refused_with_those_like_it():
    with pytest.raises(ManifestError, match=r"TEST: not a clip of csv; similar: test0, test1; see"):
        explain.targets(FILES, "TEST")


def test_jobs_are_read_with_their_reasons():
    faces, fusion = explain.jobs(TEXT)
    assert (faces.rule, faces.output) == ("faces", "results/demo/features/faces/test0.h5")
    assert faces.reason.startswith("Missing output files")
    assert fusion.reason == "Input files updated by another job: x"
    assert explain.jobs("Nothing to be done (all requested files are present and up to date).") == []


def test_a_text_that_is_not_understood_is_no_empty_answer():
    with pytest.raises(ConfigError, match="2 jobs were understood, 3 are announced; run `snakemake -n`"):
        explain.jobs(TEXT.replace("total         2", "total         3"))


def test_a_reason_of_changed_identity_names_what_differs():
    assert (
        explain.explained(PARAMS)
        == "Params have changed since last execution: faces changed; code changed; cnn.crop 227 -> 224"
    )
    assert explain.explained("Params have changed: before: {oops") == "Params have changed: before: {oops"
    assert explain.explained("Missing output files: x") == "Missing output files: x"


def test_the_jobs_of_a_run_are_counted_by_what_makes_them_run():
    changed = "Params have changed since last execution: "
    reasons = {
        "faces": [changed + "faces.chip_size 128 -> 160"] * 3,
        "cnn": [changed + "faces changed", "Missing output files: x", changed + "faces changed; code changed"],
        "hog": ["Input files updated by another job: x", changed + "numpy 2.0 -> 2.1; faces changed"],
        "all": ["Input files updated by another job: x"],
    }
    found = explain.causes([explain.Job(rule, "", reason) for rule, of_rule in reasons.items() for reason in of_rule])
    assert {cause: dict(rules) for cause, rules in found.items()} == {
        "faces.chip_size 128 -> 160": {"faces": 3},
        "code changed": {"cnn": 1},
        "numpy 2.0 -> 2.1": {"hog": 1},
        "output missing": {"cnn": 1},
        "following from these": {"cnn": 1, "hog": 1},
    }
    assert list(found)[-2:] == ["output missing", "following from these"]


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """A folder with a corpus and a stand-in for the workflow, of one rule."""
    monkeypatch.chdir(tmp_path)
    rows = [f"{part}{i},{part}{i}.wav,{label},{part},{part}" for part in ("train", "val", "test") for i, label in
            enumerate(("anger", "fear"))]  # fmt: skip
    (tmp_path / "t.csv").write_text("\n".join(["clip,path,label,subject,split", *rows]))
    for row in rows:
        (tmp_path / row.split(",")[1]).write_bytes(row.encode())
    chosen = {"kind": "csv", "root": str(tmp_path), "table": "t.csv", "classes": ["anger", "fear"]}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump({"run": "mine", "corpus": chosen}))
    return tmp_path


def test_the_command_tells_a_clips_own_jobs_and_those_for_its_scores(corpus):
    (corpus / "Snakefile").write_text(
        "rule anything:\n    output: 'results/mine/features/{kind}/{job}.h5'\n    shell: 'touch {output}'\n"
        "rule fusion:\n    output: 'results/mine/folds/official/fusion.h5'\n    shell: 'touch {output}'\n"
    )
    result = CliRunner().invoke(cli.app, ["why", "test0", "--configfile", "my.yaml"])
    assert result.exit_code == 0, result.stderr
    assert "job test0: 7 of its own jobs would run" in result.output
    assert "1 job for its scores: Missing output files" in " ".join(result.output.split())


def test_without_a_clip_the_command_tells_the_jobs_of_the_run(corpus):
    (corpus / "Snakefile").write_text(
        "rule all:\n    input: 'results/mine/folds/official/fusion.h5'\n"
        "rule faces:\n    output: 'results/mine/features/faces/test0.h5'\n    shell: 'touch {output}'\n"
        "rule fusion:\n    input: rules.faces.output\n    output: 'results/mine/folds/official/fusion.h5'\n"
        "    shell: 'touch {output}'\n"
    )
    result = CliRunner().invoke(cli.app, ["why", "--configfile", "my.yaml"])
    assert result.exit_code == 0, result.stderr
    assert result.output.startswith("run mine: 2 jobs would run")
    assert "output missing 2 jobs" in " ".join(result.output.split())


def test_what_snakemake_refuses_is_passed_on(corpus):
    (corpus / "Snakefile").write_text("rule broken:\n    oops\n")
    result = CliRunner().invoke(cli.app, ["why", "test0", "--configfile", "my.yaml"])
    assert result.exit_code == cli.UNUSABLE
    assert "snakemake refuses to plan" in result.stderr
