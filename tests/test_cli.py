"""The command `emotiw`."""

import importlib.metadata
import inspect
import json

import pytest
import yaml
from typer.testing import CliRunner

from emotiw import cli
from emotiw.core.errors import ConfigError
from emotiw.corpora import manifest as manifests
from emotiw.corpora.manifest import Manifest, Row
from emotiw.jobs import settings
from emotiw.workflow import console as texts

LABELS = ("anger", "fear")


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)
    rows = [f"{part}{i},{part}{i}.wav,{LABELS[i]},{part},{part}" for part in ("train", "val", "test") for i in (0, 1)]
    (tmp_path / "t.csv").write_text("\n".join(["clip,path,label,subject,split", *rows]))
    for row in rows:
        (tmp_path / row.split(",")[1]).write_bytes(row.encode())
    corpus = {"kind": "csv", "root": str(tmp_path), "table": "t.csv", "classes": list(LABELS)}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump({"run": "mine", "corpus": corpus}))
    return tmp_path / "my.yaml"


def invoke(*args):
    return CliRunner().invoke(cli.app, [str(arg) for arg in args])


def test_manifest_writes_the_table_and_shows_a_summary(config):
    result = invoke("manifest", "--configfile", config)
    assert result.exit_code == 0, result.output
    assert "csv: 6 clips, scheme official" in result.output
    assert "3 subjects; written to results/mine/manifest.csv" in result.output.replace("\n", "")
    assert len(manifests.read(config.parent / "results/mine/manifest.csv").rows) == 6


def test_output_is_where_the_user_wants_it(config):
    assert invoke("manifest", "--configfile", config, "--output", "here.csv").exit_code == 0
    assert (config.parent / "here.csv").is_file()


def test_an_error_is_told_in_words_and_fails(config):
    (config.parent / "val0.wav").unlink()
    result = invoke("manifest", "--configfile", config)
    assert result.exit_code == cli.UNUSABLE
    assert "ManifestError: 1 problem of the corpus" in result.stderr
    assert "t.csv:4: file" in result.stderr
    assert "Traceback" not in result.stderr


def test_notes_are_printed_as_they_are(config):
    (config.parent / "train1.wav").write_bytes((config.parent / "train0.wav").read_bytes())
    said = " ".join(invoke("manifest", "--configfile", config).output.split())
    assert "note: same content under different labels, of which at most one is right: clips train0 (anger)" in said


def test_help_lists_the_commands_and_the_exit_statuses():
    shown = " ".join(invoke("--help").output.split())
    assert "manifest" in shown
    for status, meaning in cli.STATUSES.items():
        assert f"{status}: {meaning}" in shown


def test_the_version_is_shown():
    result = invoke("--version")
    assert (result.exit_code, result.output) == (cli.OK, f"emotiw {importlib.metadata.version('emotiw')}\n")


COMMANDS = {
    "manifest": ("manifest",),
    "doctor": None,  # a wrong configuration is one of its findings
    "why": ("why", "train0"),
    "run": ("run",),
    "cache": ("cache",),
    "evaluate": ("evaluate", "--bundle", "none"),
}


@pytest.mark.parametrize("command", [arguments for arguments in COMMANDS.values() if arguments])
@pytest.mark.parametrize("text", ["rnu: mine", "run: [", "- run"])
def test_a_bad_configuration_has_one_status_everywhere(config, command, text):
    config.write_text(text)
    result = invoke(*command, "--configfile", config)
    assert result.exit_code == cli.UNUSABLE
    assert result.stderr.startswith("ConfigError: ")


def test_every_command_that_reads_a_configuration_is_checked():
    reading = {
        command.callback.__name__
        for command in cli.app.registered_commands
        if "configfile" in inspect.signature(command.callback).parameters
    }
    assert reading == set(COMMANDS)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ConfigError("x: is 1"), cli.UNUSABLE, "ConfigError: x: is 1\n"),
        (PermissionError(13, "Permission denied", "x"), cli.UNUSABLE, "PermissionError: [Errno 13] Permission denied"),
        (ZeroDivisionError("ours"), cli.INTERNAL, "Traceback (most recent call last)"),
        (ModuleNotFoundError("No module named 'ours'", name="ours"), cli.INTERNAL, "ModuleNotFoundError"),
    ],
)
def test_each_kind_of_error_has_its_status(config, monkeypatch, error, status, message):
    def load(paths):
        raise error

    monkeypatch.setattr(settings, "load", load)
    for command in ("manifest", "cache"):
        result = invoke(command)
        assert result.exit_code == status
        assert message in result.stderr
        assert ("Traceback" in result.stderr) == (status == cli.INTERNAL)


def test_wrong_arguments_are_typers_own_error():
    result = invoke("manifest", "--nonsense")
    assert result.exit_code == cli.UNUSABLE
    assert "No such option" in result.stderr


def made(**values):
    rows = tuple(Row(f"c{i}", "p", label, f"c{i}", fold=f"f{i % 3}") for i, label in enumerate("ababb"))
    return Manifest(rows, ("a", "b", "c"), "demo", synthetic=True, **values)


def cells(table):
    return [list(column.cells) for column in table.columns]


def test_the_summary_counts_by_fold_and_class():
    table = texts.summary(made(scheme="folds"))
    assert [str(column.footer) for column in table.columns] == ["all", "2", "3", "0", "5"]
    assert [[str(cell) for cell in column] for column in cells(table)][1:4] == [
        ["1", "0", "1"],
        ["1", "2", "0"],
        ["0"] * 3,
    ]
    assert texts.heading(made(scheme="folds")) == "demo (synthetic): 5 clips, scheme folds"


def test_the_summary_has_a_column_for_hidden_labels():
    hidden = Manifest((Row("a", "p", "?", "a", "test"), Row("b", "p", "x", "b", "train")), ("x",), "afew")
    table = texts.summary(hidden)
    assert [str(column.header) for column in table.columns] == ["split", "x", "?", "all"]
    assert [str(cell) for cell in cells(table)[0]] == ["train", "test"]


def test_unknown_subjects_are_said_to_be_so():
    assert texts.n_subjects(made()) == "subjects unknown"


METRICS = {
    "run": "mine",
    "corpus": "demo",
    "synthetic": True,
    "n_clips": 9,
    "status": {"video": {"ok": 8, "no_face": 1}},
    "parts": {
        "test": {
            "n_scored": 4,
            "majority_class": {"label": "anger", "accuracy": 0.5},
            "systems": {
                name: {"accuracy": 0.75, "accuracy_interval": [0.5, 1.0], "uar": 0.7, "uar_interval": None}
                for name in ("video", "audio", "fusion")
            },
        },
        "val": {"n_scored": 0},
    },
}


def test_results_are_shown_with_where_to_look(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "report").mkdir()
    (tmp_path / "report/metrics.json").write_text(json.dumps(METRICS))
    shown = invoke("results", tmp_path).output
    for words in ("SYNTHETIC: a self-test", "75.0", "50.0 to 100.0", "8 ok, 1 no_face", "report.html"):
        assert words in shown.replace("\n", "")


def test_results_of_no_run_fail_in_words(tmp_path):
    result = invoke("results", tmp_path / "none")
    assert result.exit_code == cli.UNUSABLE
    assert "metrics.json: missing; run the workflow" in result.stderr


def test_metrics_that_are_no_json_are_told_so(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report/metrics.json").write_text("{")
    result = invoke("results", tmp_path)
    assert result.exit_code == cli.UNUSABLE
    assert "metrics.json: not readable as JSON" in result.stderr
