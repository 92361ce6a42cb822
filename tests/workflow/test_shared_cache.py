"""Runs on parts of a corpus fill a cache, from which a run on the whole of it takes every clip."""

import csv
import re

import pytest
import yaml

from emotiw.corpora import splits

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

CLIPS = [f"c{i}" for i in range(6)]  # of the fixture `sounds`
STAGES = ("audio", "egemaps")


def run(workspace, cache, clips, clips_per_job):
    """Make the features of sound of some clips; numbers of clips that were in the cache, and of clips, by job."""
    folder, name = workspace.folder, f"{clips[0]}_to_{clips[-1]}"
    with (folder / f"corpus/{name}.csv").open("w", newline="") as stream:
        parts = ["train", "train", "val", "test"]
        rows = [[c, f"{c}.wav", "xy"[i % 2], c, parts[min(i, 3)]] for i, c in enumerate(clips)]
        csv.writer(stream).writerows([["clip", "path", "label", "subject", "split"], *rows])
    corpus = {"kind": "csv", "root": "corpus", "table": f"{name}.csv", "classes": ["x", "y"]}
    config = {"run": name, "clips_per_job": clips_per_job, "corpus": corpus, "cache": {"folder": str(cache)}}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(config))
    jobs = sorted(set(splits.batches(clips, clips_per_job).values()))
    done = workspace.snakemake(
        "--", *(f"results/{name}/features/{stage}/{job}.h5" for stage in STAGES for job in jobs), config=f"{name}.yaml"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = [(folder / f"results/{name}/logs/{stage}/{job}.log").read_text() for stage in STAGES for job in jobs]
    return [tuple(map(int, re.search(r"(\d+) of (\d+) clips were in the cache", text).groups())) for text in said]


def test_a_run_on_the_whole_corpus_extracts_nothing_that_its_parts_did(sounds, tmp_path):
    cache, elsewhere = tmp_path / "cache", sounds.copy(tmp_path / "another_copy")
    first = run(sounds, cache, CLIPS[:4], 1)
    assert sum(n_hits for n_hits, _ in first) == 0
    second = run(elsewhere, cache, CLIPS[2:], 2)
    assert sum(n_hits for n_hits, _ in second) == len(STAGES) * 2  # the clips that both have
    whole = run(elsewhere, cache, CLIPS, 4)
    assert all(n_hits == n for n_hits, n in whole)
    assert sum(n for _, n in whole) == len(STAGES) * len(CLIPS)
