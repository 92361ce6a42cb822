"""A crate is enough to run again: code, rules, settings and the table of clips; the corpus alone is given besides."""

import csv
import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest
import yaml

from emotiw.core.files import sha256

pytestmark = pytest.mark.workflow

CRATE = "results/small/report/run_crate.zip"


def snakemake(folder, *more):
    """Run Snakemake in a folder, with no other code on the path than what its Snakefile brings."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-m", "snakemake", "-c1", *more, "--", CRATE]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def first(labelled_sounds, quick_run):
    folder = labelled_sounds.folder
    (folder / "small.yaml").write_text(yaml.safe_dump({**quick_run, "run": "small"}))
    snakemake(folder, "--configfile", "small.yaml")
    return folder


def test_a_crate_and_the_corpus_give_the_same_metrics_in_an_empty_folder(first, tmp_path):
    again = tmp_path / "again"
    with zipfile.ZipFile(first / CRATE) as archive:
        archive.extractall(again)
    given = {path.name for path in again.iterdir()}
    shutil.copytree(first / "corpus", again / "corpus")
    shutil.move(first, tmp_path / "gone")  # whatever would still be read from there is missed
    snakemake(again, "-s", "workflow/Snakefile", "--configfile", "config.json")

    report, before = again / "results/small/report", tmp_path / "gone/results/small"
    assert given == {"config.json", "manifest.csv", "report", "ro-crate-metadata.json", "workflow"}
    for name in ("metrics.json", "predictions.csv", "scores.csv.gz", "ledger.json"):
        assert sha256(report / name) == sha256(before / "report" / name), name
    graph = json.loads((again / "ro-crate-metadata.json").read_text())["@graph"]
    (described,) = (entity for entity in graph if entity["@id"] == "report/metrics.json")
    assert described["sha256"] == sha256(report / "metrics.json")
    # what the two runs differ in lies in the folder of logs: when they ran, and what they cost
    times = [json.loads((run / "logs/times.jsonld").read_text())["@graph"][0] for run in (before, report.parent)]
    assert [action["@id"] for action in times] == ["#run"] * 2
    assert times[0]["endTime"] <= times[1]["startTime"] <= times[1]["endTime"]
    assert "#run" in {entity["@id"] for entity in graph}
    assert not any({"startTime", "endTime"} & set(entity) for entity in graph)
    costs = {row["stage"]: row for row in csv.DictReader((report.parent / "logs/costs.csv").read_text().splitlines())}
    assert float(costs["eGeMAPS"]["cpu_hours"]) > 0
    assert int(costs["eGeMAPS"]["jobs"]) == 1
