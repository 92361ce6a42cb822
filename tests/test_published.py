"""Published figures and the verdicts on ours."""

import dataclasses

import pytest

from emotiw import published
from emotiw.metrics import wilson_interval

FIGURE = published.Figure("x", "test", "31 to 35 %", (0.31, 0.35), "s", published.accuracy("fusion"))


@pytest.mark.parametrize(
    ("value", "ends", "comparable", "expected"),
    [
        (0.354, (0.3, 0.4), True, published.MATCHES),
        (0.33, None, True, published.MATCHES),
        (0.36, (0.34, 0.38), True, published.WITHIN),
        (0.28, (0.25, 0.31), True, published.WITHIN),
        (0.45, (0.40, 0.50), True, published.DIFFERS),
        (0.20, (0.15, 0.25), True, published.DIFFERS),
        (0.45, None, True, published.DIFFERS),
        (None, None, True, published.NO_LABEL),
        (0.33, (0.3, 0.4), False, published.OTHER_CORPUS),
    ],
)
def test_verdicts_follow_their_rules(value, ends, comparable, expected):
    assert published.verdict(FIGURE, value, ends, comparable) == expected


def test_a_system_that_is_not_ours_is_not_tested():
    assert published.verdict(dataclasses.replace(FIGURE, ours=None), None, None, True) == published.NOT_OURS


def test_the_published_interval_is_wilsons():
    low, high = wilson_interval(320, 593)
    assert f"{100 * low:.1f} to {100 * high:.1f}" in published.PUBLISHED_INTERVAL


def metrics(classes=("anger", "fear")):
    gain = {"accuracy": 0.07, "accuracy_interval": [0.02, 0.12]}
    system = {"accuracy": 0.5, "accuracy_interval": [0.4, 0.6], "confusion": [[8, 2], [0, 0]], "over_baseline": gain}
    part = {"systems": {"fusion": system, "audio": system}}
    return {"classes": list(classes), "parts": {"test": part, "val": part}}


def test_every_figure_stands_beside_ours():
    lines = {line.figure.what: line for line in published.lines(metrics(), "test", "afew")}
    assert len(lines) == len(published.FIGURES)
    assert lines["recall of anger"].verdict == published.MATCHES
    assert lines["recall of anger"].interval == pytest.approx(wilson_interval(8, 10))
    assert lines["recall of happiness"].verdict == published.NO_LABEL
    assert lines["accuracy, audio and video fused"].verdict == published.WITHIN
    gain = next(line for name, line in lines.items() if "above" in name)
    assert (gain.value, gain.part, gain.verdict) == (0.07, "val", published.MATCHES)


def test_a_class_without_clips_has_no_recall():
    assert published.recall("fusion", "fear")(metrics(), "test") == (None, None)


def test_a_system_without_a_baseline_has_no_difference():
    assert published.over_baseline("video")(metrics(), "test") == (None, None)


@pytest.mark.parametrize(("corpus", "expected"), [("AFEW", True), ("afew_2016", True), ("ravdess", False)])
def test_only_afew_is_the_papers_corpus(corpus, expected):
    assert published.comparable(corpus) is expected
