"""A run as a Workflow Run RO-Crate."""

import hashlib
import io
import json
import subprocess
import zipfile
from pathlib import Path

import pytest
import rocrate

from emotiw.report import run_crate

FACTS = {
    "git": {"commit": "a" * 40, "date": "2026-11-24T20:00:00+00:00", "dirty": False},
    "config": {"run": "small", "seed": 2016},
    "python": "3.11.7",
    "packages": {"snakemake": "9.27.1", "numpy": "2.4.6"},
    "weights": [{"name": "AlexNet", "licence": "BSD-3-Clause", "sha256": "b" * 64}],
    "imports": [{"name": "imports.hubert", "licence": "MIT", "sha256": "d" * 64}],
}
ABOUT = {"name": "A run: small", "description": "Audio-video emotion recognition on 3 clips."}
METADATA = "ro-crate-metadata.json"


@pytest.fixture
def run(tmp_path, root):
    (tmp_path / "metrics.json").write_text("{}")
    (tmp_path / "manifest.csv").write_text("clip\n")
    results = {"report/metrics.json": tmp_path / "metrics.json"}
    inputs = {"manifest.csv": tmp_path / "manifest.csv"}
    return results, inputs, {f"workflow/{name}": root / name for name in ("Snakefile", "rules/audio.smk")}


def unpacked(data, folder):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    graph = json.loads((folder / METADATA).read_text())["@graph"]
    return {entity["@id"]: entity for entity in graph}


def test_a_crate_describes_what_ran_on_what_and_what_came_out(run, tmp_path):
    found = unpacked(run_crate.packed(*run, facts=FACTS, heading=ABOUT), tmp_path / "crate")
    action = found["#run"]
    assert action["instrument"] == {"@id": "workflow/Snakefile"} == found["./"]["mainEntity"]
    assert [thing["@id"] for thing in action["object"]] == [
        "config.json",
        "manifest.csv",
        f"#weights-{'b' * 12}",
        f"#imports-{'d' * 12}",
    ]
    assert action["result"] in ({"@id": "report/metrics.json"}, [{"@id": "report/metrics.json"}])
    assert found["report/metrics.json"]["sha256"] == hashlib.sha256(b"{}").hexdigest()
    assert found["pkg:pypi/numpy@2.4.6"]["softwareVersion"] == "2.4.6"
    assert found["./"]["datePublished"] == FACTS["git"]["date"]
    assert json.loads((tmp_path / "crate/config.json").read_text()) == FACTS["config"]
    named = {name for name in found if (tmp_path / "crate" / name).is_file()}
    written = {path.relative_to(tmp_path / "crate").as_posix() for path in (tmp_path / "crate").rglob("*.*")}
    assert written - named == set()


def test_a_crate_holds_the_code_that_ran(run, root, tmp_path):
    results, inputs, workflow = run
    code = run_crate.code(root)
    found = unpacked(run_crate.packed(results, inputs, workflow | code, facts=FACTS, heading=ABOUT), tmp_path / "crate")
    modules = [path.relative_to(root) for path in (root / "workflow_scripts").rglob("*.py")]
    assert {f"workflow/{path.as_posix()}" for path in modules} <= set(found)
    for name in ("workflow_scripts/emotiw/resources/report.css", "schemas/config.schema.yaml", "envs/report.yaml"):
        assert (tmp_path / "crate/workflow" / name).read_bytes() == (root / name).read_bytes()
    assert not [name for name in found if "__pycache__" in name or "/people/" in name]
    data = run_crate.packed(results, inputs, workflow | code, facts=FACTS, heading=ABOUT)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.getinfo("workflow/workflow_scripts/warm/python").external_attr >> 16 & 0o100
    assert len(data) < 3_000_000


def test_the_same_run_gives_the_same_bytes(run):
    facts = {**FACTS, "packages": dict(reversed(FACTS["packages"].items()))}
    assert run_crate.packed(*run, facts=FACTS, heading=ABOUT) == run_crate.packed(*run, facts=facts, heading=ABOUT)


def test_a_run_outside_a_repository_has_a_date_that_says_nothing(run, tmp_path):
    facts = {**FACTS, "git": {"commit": None, "date": None, "dirty": None}}
    found = unpacked(run_crate.packed(*run, facts=facts, heading=ABOUT), tmp_path / "crate")
    assert found["./"]["datePublished"] == run_crate.UNDATED
    assert found["workflow/Snakefile"]["version"] == "unknown"


@pytest.fixture
def validated(root):
    python = root / ".venv-crate/bin/python"
    if not python.exists():
        pytest.skip("no .venv-crate with rocrate-validator; `make test` sets it up")
    context = Path(rocrate.__file__).parent / "data/ro-crate.jsonld"

    def validate(folder):
        command = [python, root / "tests/validate_crate.py", folder, context]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    return validate


def test_a_crate_is_valid(run, tmp_path, validated):
    unpacked(run_crate.packed(*run, facts=FACTS, heading=ABOUT), tmp_path / "crate")
    done = validated(tmp_path / "crate")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_validator_notices_what_is_missing(run, tmp_path, validated):
    unpacked(run_crate.packed(*run, facts=FACTS, heading=ABOUT), tmp_path / "crate")
    path = tmp_path / "crate" / METADATA
    content = json.loads(path.read_text())
    for entity in content["@graph"]:
        if entity["@id"] == "#run":
            del entity["instrument"]
    path.write_text(json.dumps(content))
    assert "MUST have an instrument" in validated(tmp_path / "crate").stdout
