"""Recorded hashes of a run: what is altered, cut or missing is named."""

import hashlib
import json
import os
import re

import pytest
from typer.testing import CliRunner

from emotiw import cli
from emotiw.core.errors import StoreError
from emotiw.workflow import checksums


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "results/demo"
    for name in ("a.h5", "video/b.h5", "logs/x.log", "manifest.files.csv", ".a.h5.1.tmp"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    weights = tmp_path / "results/weights"
    weights.mkdir()
    (weights / "w-1.dat").write_text("weights")
    (weights / "w-1.json").write_text(json.dumps({"sha256": hashlib.sha256(b"weights").hexdigest()}))
    checksums.record(folder)
    return folder


def verify(folder, *more):
    return CliRunner().invoke(cli.app, ["verify", str(folder), *more])


def test_the_record_names_results_and_nothing_else(run):
    assert set(json.loads((run / "checksums.json").read_text())["files"]) == {"a.h5", "video/b.h5"}


def test_the_record_depends_on_content_alone(run):
    before = (run / "checksums.json").read_bytes()
    os.utime(run / "a.h5", (1, 1))
    checksums.record(run)
    assert (run / "checksums.json").read_bytes() == before


def test_an_untouched_run_is_found_so(run):
    result = verify(run)
    assert result.exit_code == 0
    assert "2 files are as they were recorded" in result.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: (run / "a.h5").write_text("b.h5"), r"a.h5: sha256 [0-9a-f]+, [0-9a-f]+ was recorded; delete it"),
        (lambda run: (run / "a.h5").write_text("a"), r"a.h5: has 1 bytes, 4 were recorded"),
        (lambda run: (run / "a.h5").unlink(), r"a.h5: cannot be read \(No such file"),
        (lambda run: (run.parent / "weights/w-1.dat").write_text("w"), r"w-1.dat: sha256"),
        (lambda run: (run.parent / "weights/w-1.json").write_text("["), r"w-1.json: unreadable"),
    ],
)
def test_the_first_bad_file_is_named(run, change, message):
    change(run)
    found = list(checksums.faults(run))
    assert len(found) == 1
    assert re.search(message, found[0])
    result = verify(run)
    assert result.exit_code == 1
    assert found[0] in result.stderr


def test_all_bad_files_are_named_on_demand(run):
    (run / "a.h5").unlink()
    (run / "video/b.h5").unlink()
    assert verify(run).stderr.count("cannot be read") == 1
    assert verify(run, "--all").stderr.count("cannot be read") == 2


def test_a_changed_file_is_recorded_anew_when_a_run_ends(run):
    (run / "a.h5").write_text("new")
    checksums.record(run)
    assert list(checksums.faults(run)) == []


def test_a_bundle_is_checked_too(run):
    (run / "bundle").mkdir()
    (run / "bundle/bundle.json").write_text("{}")
    checksums.record(run)
    result = verify(run)
    assert result.exit_code == 1
    assert "bundle.json: is None of version None" in result.stderr


def test_without_a_record_nothing_is_said_to_be_right(tmp_path):
    with pytest.raises(StoreError, match=r"checksums.json: missing; run the workflow: it writes the file"):
        next(checksums.faults(tmp_path))
    (tmp_path / "checksums.json").write_text("[]")
    with pytest.raises(StoreError, match="unreadable"):
        next(checksums.faults(tmp_path))
