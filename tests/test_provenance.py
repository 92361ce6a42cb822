"""Provenance: complete, and without anything that differs between two runs of the same."""

import hashlib
import json
import os
import subprocess

import numpy
import pytest

from emotiw.core.errors import WeightsError
from emotiw.report import provenance

GIT = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}


def git(folder, *command):
    subprocess.run(["git", "-C", folder, *command], check=True, capture_output=True, env={**os.environ, **GIT})


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.py").write_text("1\n")
    git(folder, "add", "a.py")
    git(folder, "commit", "-q", "-m", "one")
    return folder


@pytest.fixture
def determinants(repository, tmp_path):
    manifest, record = tmp_path / "manifest.csv", tmp_path / "w.json"
    manifest.write_text("clip\n")
    record.write_text(json.dumps({"name": "alexnet", "sha256": "0"}))
    return lambda: provenance.determinants(
        repository=repository, config={"seed": 1}, manifest=manifest, records=[record], artefacts=[manifest]
    )


def test_everything_that_determines_the_results_is_named(determinants):
    facts = determinants()
    assert facts["config"] == {"seed": 1}
    assert facts["manifest_sha256"] == hashlib.sha256(b"clip\n").hexdigest() == facts["artefacts"]["manifest.csv"]
    assert facts["weights"] == [{"name": "alexnet", "sha256": "0"}]
    assert facts["packages"]["numpy"] == numpy.__version__
    assert facts["machine"]["cpu"]


def test_an_embedding_that_no_rule_made_is_named_as_such(repository, tmp_path):
    path = tmp_path / "w.json"
    path.write_text(json.dumps({"name": "made here", "sha256": "0"}))
    config = {"embeddings": {"a": {"path": "x/a.onnx", "sha256": "0"}, "b": {"path": "x/b.onnx", "sha256": "1"}}}
    config["sound_embeddings"] = {"c": {"path": "x/c.onnx", "sha256": "2"}}
    facts = provenance.determinants(repository=repository, config=config, manifest=path, records=[path])
    made, supplied, heard = facts["weights"]
    assert (heard["name"], heard["source"]) == ("sound_embeddings.c", {"file": "c.onnx"})
    assert made["name"] == "made here"
    assert supplied == {
        "name": "embeddings.b",
        "licence": "unknown: supplied by the user",
        "source": {"file": "b.onnx"},
        "sha256": "1",
    }


def test_an_import_is_named_with_its_licence_and_the_hash_of_the_contents_of_all_clips(repository, tmp_path):
    section = {"path": "/far/away/hubert", "licence": "MIT", "modality": "audio", "level": "frame"}
    table = tmp_path / "imports/hubert.csv"
    table.parent.mkdir()
    found = []
    for path, sha256 in (("x/a.npy", "0"), ("y/a.npy", "0"), ("y/a.npy", "1")):
        table.write_text(f"clip,path,sha256,job\na,{path},{sha256},a\n")
        (tmp_path / "manifest.csv").write_text("clip\n")
        facts = provenance.determinants(
            repository=repository,
            config={"imports": {"hubert": section}},
            manifest=tmp_path / "manifest.csv",
            records=[],
        )
        (record,) = facts["imports"]
        found.append(record.pop("sha256"))
    assert record == {
        "name": "imports.hubert", "licence": "MIT", "source": {"file": "hubert"}, "modality": "audio", "level": "frame",
    }  # fmt: skip
    assert found[0] == found[1] != found[2]


def test_it_is_the_same_twice_and_holds_no_time_or_host(determinants):
    assert json.dumps(determinants(), sort_keys=True) == json.dumps(determinants(), sort_keys=True)
    assert not {"time_utc", "host"} & set(determinants())


def test_commit_and_uncommitted_changes(repository):
    clean = provenance.git_state(repository)
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    for name in ("my.yaml", "clips.csv", "results.txt"):  # what a user adds to run the workflow
        (repository / name).write_text("2\n")
    assert provenance.git_state(repository) == clean


@pytest.mark.parametrize("name", ["Snakefile", "workflow_scripts/new.py", "rules/more.smk", "config.yaml"])
def test_a_change_of_code_is_uncommitted(repository, name):
    (repository / name).parent.mkdir(exist_ok=True)
    (repository / name).write_text("2\n")
    assert provenance.git_state(repository)["dirty"] is True


def test_a_folder_without_a_repository_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.git_state(tmp_path) == {"commit": None, "date": None, "dirty": None}


def test_a_machine_without_git_has_no_commit(repository, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert provenance.git_state(repository)["commit"] is None


@pytest.mark.parametrize("text", ["not json", "[1]"])
def test_a_damaged_record_of_weights_is_refused(tmp_path, text):
    path = tmp_path / "w.json"
    path.write_text(text)
    with pytest.raises(WeightsError, match=r"w\.json: .*run the workflow again"):
        provenance.determinants(repository=tmp_path, config={}, manifest=path, records=[path])
