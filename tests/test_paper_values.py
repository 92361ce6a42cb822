"""Published figures and the verdicts on ours."""

import dataclasses

import pytest

from emotiw.report import paper_values
from emotiw.statistics.metrics import wilson_interval

FIGURE = paper_values.Figure("x", "test", "31 to 35 %", (0.31, 0.35), "s", paper_values.accuracy("fusion"))


@pytest.mark.parametrize(
    ("value", "ends", "comparable", "expected"),
    [
        (0.354, (0.3, 0.4), True, paper_values.MATCHES),
        (0.33, None, True, paper_values.MATCHES),
        (0.36, (0.34, 0.38), True, paper_values.WITHIN),
        (0.28, (0.25, 0.31), True, paper_values.WITHIN),
        (0.45, (0.40, 0.50), True, paper_values.DIFFERS),
        (0.20, (0.15, 0.25), True, paper_values.DIFFERS),
        (0.45, None, True, paper_values.DIFFERS),
        (None, None, True, paper_values.NO_LABEL),
        (0.33, (0.3, 0.4), False, paper_values.OTHER_CORPUS),
    ],
)
def test_verdicts_follow_their_rules(value, ends, comparable, expected):
    assert paper_values.verdict(FIGURE, value, ends, comparable) == expected


def test_a_system_that_is_not_ours_is_not_tested():
    assert paper_values.verdict(dataclasses.replace(FIGURE, ours=None), None, None, True) == paper_values.NOT_OURS


def test_the_published_interval_is_wilsons():
    low, high = wilson_interval(320, 593)
    assert f"{100 * low:.1f} to {100 * high:.1f}" in paper_values.PUBLISHED_INTERVAL


def metrics(classes=("anger", "fear")):
    gain = {"accuracy": 0.07, "accuracy_interval": [0.02, 0.12]}
    system = {"accuracy": 0.5, "accuracy_interval": [0.4, 0.6], "confusion": [[8, 2], [0, 0]], "over_baseline": gain}
    part = {"systems": {"fusion": system, "audio": system}}
    return {"classes": list(classes), "parts": {"test": part, "val": part}}


def test_every_figure_stands_beside_ours():
    lines = {line.figure.what: line for line in paper_values.lines(metrics(), "test", "afew")}
    assert len(lines) == len(paper_values.FIGURES)
    assert lines["recall of anger"].verdict == paper_values.MATCHES
    assert lines["recall of anger"].interval == pytest.approx(wilson_interval(8, 10))
    assert lines["recall of happiness"].verdict == paper_values.NO_LABEL
    assert lines["accuracy, audio and video fused"].verdict == paper_values.WITHIN
    gain = next(line for name, line in lines.items() if "above" in name)
    assert (gain.value, gain.part, gain.verdict) == (0.07, "val", paper_values.MATCHES)


def test_a_class_without_clips_has_no_recall():
    assert paper_values.recall("fusion", "fear")(metrics(), "test") == (None, None)


def test_a_system_without_a_baseline_has_no_difference():
    assert paper_values.over_baseline("video")(metrics(), "test") == (None, None)


@pytest.mark.parametrize(("corpus", "expected"), [("AFEW", True), ("afew_2016", True), ("ravdess", False)])
def test_only_afew_is_the_papers_corpus(corpus, expected):
    assert paper_values.comparable(corpus) is expected
