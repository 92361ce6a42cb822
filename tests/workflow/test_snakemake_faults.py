"""Faults of Snakemake that this workflow cures; each is shown, then the cure."""

import os
import re
import stat
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.workflow

CHAIN = """
import sys
sys.path.insert(0, {scripts!r})
from emotiw.jobs.identity import Stage

V = config.get("version", "1")
A = Stage(settings=V, above={{}})
B = Stage(settings=0, above={{"a": A.digest}} if {cured} else {{}})

rule c:
    input: "b.txt"
    output: "c.txt"
    params: stage=Stage(above={{"b": B.digest}})
    shell: "cat {{input}} > {{output}}"
rule b:
    input: "a.txt"
    output: "b.txt"
    params: stage=B
    shell: "cat {{input}} > {{output}}"
rule a:
    output: "a.txt"
    params: stage=A
    shell: "test {{params.stage[settings]}} = 1 -o -e repaired && echo version {{params.stage[settings]}} > {{output}}"
"""

SWAP = """
import sys
sys.path.insert(0, {scripts!r})
from emotiw.jobs.identity import Stage

rule a:
    output: "a.txt"
    params: {params}
    shell: "echo {{params}} > {{output}}"
"""

CACHED = """
import sys
sys.path.insert(0, {scripts!r})
from emotiw.jobs.identity import Stage

rule a:
    output: "a.txt"
    params: stage=Stage(code={code}, clips={clips})
    cache: True
    shell: "echo computed > {{output}}"
"""

LOOKS = """
{onstart}
rule all:
    input: "last/0", "last/1"
rule short:
    output: "short/{{i}}"
    shell: ": > {{output}}"
rule last:
    input: [f"short/{{i}}" for i in range(30)]
    output: "last/{{i}}"
    shell: "sleep 4; : > {{output}}"
"""


def snakemake(folder, *more):
    command = [sys.executable, "-m", "snakemake", "-c1", "--workflow-profile", "none", *more]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def write(root, folder, text, **values):
    (folder / "Snakefile").write_text(textwrap.dedent(text).format(scripts=str(root / "workflow_scripts"), **values))


@pytest.mark.parametrize(("cured", "found"), [(False, "version 1"), (True, "version 2")])
def test_a_failed_stage_leaves_stale_results_unless_its_identity_reaches_down(root, tmp_path, cured, found):
    write(root, tmp_path, CHAIN, cured=cured)
    assert snakemake(tmp_path).returncode == 0
    assert snakemake(tmp_path, "--config", "version=2").returncode == 1
    (tmp_path / "repaired").touch()
    again = snakemake(tmp_path, "--config", "version=2")
    assert again.returncode == 0
    assert ("Nothing to be done" in again.stdout + again.stderr) is not cured
    assert (tmp_path / "c.txt").read_text().strip() == found


@pytest.mark.parametrize(
    ("params", "noticed"), [("steps={}, layers={}", False), ("stage=Stage(settings=dict(steps={}, layers={}))", True)]
)
def test_swapped_parameters_go_unnoticed_unless_they_are_one_mapping(root, tmp_path, params, noticed):
    write(root, tmp_path, SWAP, params=params.format(1, 2))
    assert snakemake(tmp_path).returncode == 0
    write(root, tmp_path, SWAP, params=params.format(2, 1))
    again = snakemake(tmp_path, "-n")
    assert ("Nothing to be done" in again.stdout + again.stderr) is not noticed


@pytest.mark.parametrize("cured", [False, True])
def test_the_rate_limit_looks_for_jobs_for_ever_unless_it_is_taken_away(root, tmp_path, cured):
    found = re.search(r"^onstart:\n(    .*\n)+", (root / "Snakefile").read_text(), re.MULTILINE)
    onstart = re.sub(r"share_memory\(\)|retries\.spare\(.*\)", "pass", found[0])  # the names of this Snakefile's rules
    write(root, tmp_path, LOOKS, onstart=onstart if cured else "")
    done = snakemake(tmp_path, "--verbose")
    assert done.returncode == 0
    # a job of 4 s runs while another is ready: a look a finished job and second, or one a finished job
    looks = (done.stdout + done.stderr).count("Ready jobs: 1\n")
    assert (looks < 10) is cured


def test_its_own_cache_serves_whatever_anyone_has_put_there(root, tmp_path, monkeypatch):
    entries = tmp_path / "cache"
    entries.mkdir()
    monkeypatch.setenv("SNAKEMAKE_OUTPUT_CACHE", str(entries))

    def run(name, **values):
        (tmp_path / name).mkdir()
        write(root, tmp_path / name, CACHED, **values)
        done = snakemake(tmp_path / name, "--cache")
        assert done.returncode == 0, done.stderr
        return (tmp_path / name / "a.txt").read_text()

    clips = [["a", "0"]]
    assert run("one", code=1, clips=clips) == "computed\n"
    (entry,) = [path for path in entries.iterdir() if path.is_file()]
    assert stat.S_IMODE(entry.stat().st_mode) & (stat.S_IWOTH | stat.S_IWGRP)
    assert os.path.samefile(tmp_path / "one/a.txt", entry)  # what damages the output damages the entry
    entry.write_text("poisoned\n")
    assert run("two", code=1, clips=clips) == "poisoned\n"
    # the stage's identity keeps it from being stale, but a batch of other clips takes none of its clips from there
    assert run("three", code=1, clips=[*clips, ["b", "1"]]) == "computed\n"
    # the cure: emotiw.jobs.cache (tests/test_cache.py, tests/test_per_clip.py)
