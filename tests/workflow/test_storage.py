"""The rules name every file that they read: they run where data lie in a storage that no job looks into."""

import shutil

import pytest

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


def test_a_run_needs_no_shared_file_system(fresh, tmp_path):
    if not shutil.which("rsync"):
        pytest.skip("needs rsync, which Snakemake's fs storage copies with")
    here, there = tmp_path / "here", tmp_path / "there"
    made = fresh.copy(here)
    shutil.copytree(here / "corpus", there / "corpus")
    config = made.over("stored", "{run: stored, clips_per_job: 32}")
    done = made.snakemake(
        *("audio_only", "--default-storage-provider", "fs", "--default-storage-prefix", str(there)),
        *("--shared-fs-usage", "none"),
        config=config,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run = there / "results/stored"
    assert (run / "folds/official/egemaps/blstm.h5").is_file()
    assert (run / "manifest.csv").read_bytes() == (here / "results/stored/manifest.csv").read_bytes()
    # nothing but the table, and what was said of the run, was left where the jobs ran
    left = {path.relative_to(here / "results").parts[1] for path in (here / "results").rglob("*") if path.is_file()}
    assert left <= {"manifest.csv", "manifest.json", "manifest.files.csv", "checksums.json", "logs"}
