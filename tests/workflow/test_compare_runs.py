"""Two runs over one cache compared, and a sweep: each run is a whole run of Snakemake on six clips of sound."""

import json
import os
import subprocess
import sys

import pytest
import yaml

pytestmark = pytest.mark.workflow

CLIPS, SIGNALS = 6, ("audio", "egemaps", "functionals")


def emotiw(folder, *arguments):
    start = [sys.executable, "-c", "from emotiw.cli import app; app()"]
    environment = os.environ | {"PYTHONPATH": str(folder / "workflow_scripts"), "COLUMNS": "200"}
    return subprocess.run(
        [*start, *map(str, arguments)], cwd=folder, env=environment, capture_output=True, text=True, check=False,
        timeout=600,
    )  # fmt: skip


@pytest.fixture
def folder(labelled_sounds):
    return labelled_sounds.folder


@pytest.fixture
def write(folder, quick_run):
    """Write the configuration of a run by its name, over the cache of all runs; returns the name of the file."""

    def written(name, **over):
        config = {**quick_run, "cache": {"folder": "features_of_all"}, "run": name, **over}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(config))
        return f"{name}.yaml"

    return written


def test_two_runs_differ_in_what_was_changed_and_share_the_rest(folder, write):
    for name, c in (("first", 0.1), ("second", 1.0)):
        config = write(name, pooled={"c": c, "inner_folds": 2})
        done = emotiw(folder, "run", f"results/{name}/report/run_crate.zip", "--configfile", config, "-c", "1")
        assert done.returncode == 0, done.stdout + done.stderr
    done = emotiw(folder, "compare", "results/first", "results/second", "--page", "c.html", "--json", "c.json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((folder / "c.json").read_text())
    (difference,) = found["differences"]
    assert difference["settings"] == [["pooled.c", 0.1, 1.0]]
    assert (difference["versions"], difference["weights"]) == ([], [])
    of_stage = {stage["stage"]: stage for stage in difference["stages"]}
    for name in SIGNALS:
        assert (of_stage[name]["n_equal"], of_stage[name]["n_different"]) == (CLIPS, 0), name
    assert of_stage["pooled_scores"]["reasons"] == [["pooled.c 0.1 -> 1.0", 1]]
    assert of_stage["fusion"]["n_different"] == 1
    first, second = found["costs"]
    assert (first["n_cached"], second["n_cached"]) == (0, CLIPS * len(SIGNALS))
    for name in SIGNALS:  # an identical stage took its clips from the cache, and both logs state their cost
        assert second["stages"][name]["n_cached"] == CLIPS
        assert first["stages"][name]["seconds"] > 0
    assert found["paired"]["systems"] == ["audio"]
    assert found["paired"]["n_clips"] == 2
    assert "equal, so there was nothing to compute again: waveform, eGeMAPS" in done.stdout
    assert "pooled.c 0.1 -&gt; 1.0" in (folder / "c.html").read_text()


def test_a_sweep_makes_its_runs_chooses_one_and_shows_all(folder, write):
    config = write("swept", sweep={"grid": {"pooled.c": [0.001, 1.0]}, "system": "audio"})
    done = emotiw(folder, "run", "--configfile", config, "-c", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    to = folder / "results/swept_sweep"
    found, ledger = (json.loads((to / name).read_text()) for name in ("sweep.json", "ledger.json"))
    assert [line["settings"] for line in found["runs"]] == [{"pooled.c": "0.001"}, {"pooled.c": "1.0"}]
    scores = [line["score"] for line in found["runs"]]
    assert found["chosen"] == f"swept_{1 + scores.index(max(scores))}"
    assert found["optimism"]["n_subjects"] == 2
    metrics = json.loads((folder / f"results/{found['chosen']}/report/metrics.json").read_text())
    assert found["test"]["accuracy"] == metrics["parts"]["test"]["systems"]["audio"]["accuracy"]
    assert ledger["passed"]
    assert ledger["entries"][0]["parts"] == {"val": 2}
    page = (to / "compare.html").read_text()
    assert all(f"swept_{i}" in page for i in (1, 2))
    assert f"to go on with it: emotiw run --configfile results/swept_sweep/{found['chosen']}.yaml" in done.stdout
    assert emotiw(folder, "run", "-n", "--configfile", f"results/swept_sweep/{found['chosen']}.yaml").returncode == 0
