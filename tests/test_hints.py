"""Advice before a run: a preset for a small corpus, batches for many clips or a cluster, the command for a sweep."""

import pytest

from emotiw.jobs import settings
from emotiw.workflow import hints


def test_a_small_corpus_with_the_default_is_told_of_the_preset():
    text = hints.small_corpus(settings.load([]), 30)
    assert text.startswith("hint: 30 clips are few for 60 networks a fold")
    assert "presets/quick.yaml" in text


@pytest.mark.parametrize("preset", ["quick", "blstm_adam"])
def test_a_preset_silences_it(root, preset):
    found = settings.load([root / "presets" / f"{preset}.yaml"])
    told = hints.small_corpus(found, 30)
    assert bool(told) == (preset == "blstm_adam")  # which still trains sixty networks


def test_a_large_corpus_or_few_networks_need_no_hint(root):
    assert hints.small_corpus(settings.load([]), 200) == ""
    assert hints.small_corpus(settings.load([root / "examples" / "demo.yaml"]), 106) == ""


def test_many_clips_with_one_a_job_are_told_of_batches():
    found = settings.load([])
    assert hints.batches(found, 1000) == ""
    assert "with 1739 clips, one a job, every start of Snakemake takes about 19 s" in hints.batches(found, 1739)
    for chosen in (2, "auto"):
        assert hints.batches(found | {"clips_per_job": chosen}, 3000) == ""


def test_a_cluster_is_told_of_its_preset(root):
    assert "presets/cluster.yaml" in hints.batches(settings.load([]), 30, "slurm")
    assert hints.batches(settings.load([root / "presets/cluster.yaml"]), 30, "slurm") == ""


def test_snakemake_alone_makes_no_sweep():
    swept = settings.merge(settings.load([]), {"sweep": {"list": [{"seed": 1}, {"seed": 2}]}})
    assert "`emotiw run` makes the runs" in hints.sweep(swept)
    assert hints.sweep(settings.load([])) == ""
