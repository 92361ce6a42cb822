"""Advice before a run: only where a small corpus would train many networks."""

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


def test_a_large_corpus_with_one_clip_a_job_is_told_of_batches():
    found = settings.load([])
    assert hints.single_clips(found, 1000) == ""
    assert "with 1739 clips, one a job, every start of Snakemake takes about 19 s" in hints.single_clips(found, 1739)
    assert hints.single_clips(found | {"clips_per_job": "auto"}, 1739) == ""
