"""What the doctor finds, and what it says to do."""

import importlib.metadata

import pytest
import yaml
from typer.testing import CliRunner

from emotiw import cli
from emotiw.core import extras
from emotiw.jobs import settings
from emotiw.workflow import doctor
from emotiw.workflow.doctor import State


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(findings, what):
    return next(it for it in findings if it.what == what)


def test_the_environment_of_the_tests_is_the_locks(root):
    (finding,) = doctor.versions(root / "requirements.lock")
    assert finding.state in (State.GOOD, State.ODD)
    assert doctor.python().state == State.GOOD
    assert doctor.decoders().state == State.GOOD
    assert doctor.commands().state == State.GOOD


def test_missing_and_other_versions_are_told_apart(tmp_path):
    def installed(name):
        if name == "gone":
            raise importlib.metadata.PackageNotFoundError(name)
        return "2.0+cpu"

    (tmp_path / "lock").write_text("gone==1\nold==1.0\nsame==2.0\n")
    missing, other = doctor.versions(tmp_path / "lock", installed)
    assert (missing.state, missing.found) == (State.BAD, "missing: gone")
    assert (other.state, other.found) == (State.ODD, "other versions: old 2.0 (lock: 1.0)")
    (tmp_path / "lock").write_text("same==2.0\n")
    assert next(doctor.versions(tmp_path / "lock", installed)).found == "1 as the lock says"
    assert next(doctor.versions(tmp_path / "none")).state == State.ODD


def test_a_decoder_or_a_module_that_is_not_there_is_bad(monkeypatch):
    monkeypatch.setattr(doctor, "DECODERS", ("h264", "no_such_codec"))
    assert "lacks no_such_codec" in doctor.decoders().found
    monkeypatch.setattr(doctor, "IMPORTS", ("no_such_module",))
    assert "no_such_module" in doctor.commands().found


def test_little_disk_and_memory_are_noted(here, monkeypatch):
    (here / "meminfo").write_text("MemAvailable:    1000 kB\n")
    disk, results, memory = doctor.space(here, here / "meminfo")
    assert (memory.state, results.state) == (State.ODD, State.GOOD)
    monkeypatch.setattr(doctor, "FREE_BYTES", 1 << 60)
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    disk, results = doctor.space(here, here / "none")
    assert (disk.state, results.state) == (State.ODD, State.BAD)


def test_a_lock_is_noted(here):
    assert doctor.lock().state == State.GOOD
    (here / ".snakemake/locks").mkdir(parents=True)
    (here / ".snakemake/locks/0.input.lock").touch()
    assert "snakemake --unlock" in doctor.lock().remedy


def test_a_corpus_that_is_not_there_is_bad(here):
    about = {"kind": "ravdess", "root": "nowhere"}
    assert "set corpus.root" in doctor.corpus(about, "corpus").remedy
    assert doctor.corpus(about | {"root": "."}, "corpus").state == State.GOOD
    assert "make demo" in doctor.corpus({"kind": "demo", "root": "nowhere"}, "corpus").remedy


def test_weights_are_here_or_will_come(here):
    about = settings.load([])["weights"]
    first = list(doctor.weights(about))
    assert {it.state for it in first} == {State.ODD}
    assert "the package index (face-recognition-models)" in first[0].found
    (here / "results/weights").mkdir(parents=True)
    (here / "results/weights/landmarks-1.json").touch()
    assert next(doctor.weights(about)).state == State.GOOD
    wrong = about | {"landmarks": about["landmarks"] | {"path": "nowhere.dat"}}
    assert next(doctor.weights(wrong)).state == State.BAD


def test_a_bundle_may_be_missing_but_not_damaged(here):
    assert doctor.trained(here / "bundle").state == State.ODD
    (here / "bundle").mkdir()
    assert doctor.trained(here / "bundle").state == State.BAD


def test_a_configuration_that_is_wrong_ends_the_examination(here):
    (here / "my.yaml").write_text("rnu: x")
    *_, last = doctor.examine([here / "my.yaml"])
    assert (last.what, last.state) == ("configuration", State.BAD)


def test_the_command_says_what_to_do_and_by_its_status_whether_a_run_would_fail(here, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    result = CliRunner().invoke(cli.app, ["doctor"])
    assert result.exit_code == 1
    assert "make demo renders it" in result.output
    assert "checks failed; a run would fail" in result.output
    (here / "clips").mkdir()
    (here / "my.yaml").write_text(yaml.safe_dump({"corpus": {"kind": "ravdess", "root": "clips"}}))
    result = CliRunner().invoke(cli.app, ["doctor", "--configfile", "my.yaml"])
    assert result.exit_code == 0, result.output
    assert "ready to run" in result.output


def test_without_the_extras_only_what_predict_needs_is_examined(here, monkeypatch):
    monkeypatch.setattr(extras, "installed", lambda module: module != "snakemake")
    findings = list(doctor.examine([]))
    assert State.BAD not in {finding.state for finding in findings}
    assert not {"corpus", "lock", "configuration"} & {finding.what for finding in findings}
    workflow = found(findings, "workflow")
    assert (workflow.state, workflow.found) == (State.ODD, "not installed: snakemake")
    assert "pip install 'emotiw[workflow]'" in workflow.remedy


def test_with_the_extras_all_packages_are_there():
    assert doctor.workflow().state == State.GOOD
