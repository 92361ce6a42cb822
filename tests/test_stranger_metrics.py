"""Scores of a finished system on a corpus that it has not seen."""

import json

import numpy as np
import pytest

from emotiw.evaluation import stranger_metrics
from emotiw.evaluation.stranger_metrics import ALL, OWN, Judged
from emotiw.workflow import evaluation_page

CLASSES = ("anger", "disgust", "fear")


def judged(**over):
    """Six clips of three subjects without disgust; the face judges four of them, the voice two."""
    fused = np.array(
        [[0.5, 0.4, 0.1], [0.3, 0.6, 0.1], [0.1, 0.2, 0.7], [0.2, 0.5, 0.3], [0.6, 0.1, 0.3], [np.nan] * 3], float
    )
    none = np.full(3, np.nan)
    posteriors = {
        "fusion": fused,
        "video": np.array([*fused[:4], none, none]),
        "audio": np.array([none, none, none, none, fused[4], none]),
    }
    values = {
        "classes": CLASSES,
        "truth": np.array([0, 0, 2, 2, 2, 0]),
        "subjects": ("a", "a", "b", "b", "c", "c"),
        "groups": ("x",) * 4 + ("y",) * 2,
        "posteriors": posteriors,
    }
    return Judged(**values | over)


def content(**over):
    return stranger_metrics.content(judged(**over), seed=1, n_resamples=200)


def test_a_corpus_that_lacks_classes_is_scored_twice():
    found = content()["among"]
    assert list(found) == [OWN, ALL]
    assert found[OWN]["classes"] == ["anger", "fear"]
    assert found[OWN]["systems"]["fusion"]["accuracy"] == pytest.approx(4 / 5)
    assert found[ALL]["systems"]["fusion"]["accuracy"] == pytest.approx(2 / 5)
    assert found[OWN]["systems"]["fusion"]["confusion"] == [[2, 0], [1, 2]]
    assert (found[OWN]["chance"], found[OWN]["majority_class"]) == (0.5, {"label": "anger", "accuracy": 0.5})


def test_a_corpus_with_every_class_is_scored_once():
    assert list(content(truth=np.array([0, 1, 2, 2, 2, 0]))["among"]) == [ALL]


def test_clips_that_are_not_judged_are_counted_and_not_scored():
    systems = content()["among"][OWN]["systems"]
    assert [(systems[name]["n_judged"], systems[name]["coverage"]) for name in ("fusion", "video", "audio")] == [
        (5, pytest.approx(5 / 6)),
        (4, pytest.approx(4 / 6)),
        (1, pytest.approx(1 / 6)),
    ]
    assert systems["fusion"]["accuracy_of_all"] == pytest.approx(4 / 6)
    assert sum(b["n"] for b in systems["fusion"]["reliability"]) == 5


def test_groups_and_subjects_have_their_own_scores():
    found = content()
    assert set(found["groups"]) == {"x", "y"}
    assert found["groups"]["x"][OWN]["systems"]["fusion"]["accuracy"] == 1.0
    assert found["groups"]["y"][OWN]["systems"]["fusion"]["n_judged"] == 1
    by_subject = {it["subject"]: it["systems"]["fusion"] for it in found["subjects"]}
    assert {name: (it["n_right"], it["n_judged"]) for name, it in by_subject.items()} == {
        "a": (2, 2),
        "b": (2, 2),
        "c": (0, 1),
    }
    assert content(groups=("x",) * 6)["groups"] == {}


def test_intervals_are_of_whole_subjects_and_the_same_for_the_same_seed():
    first, second = content(), content()
    assert first == second
    low, high = first["among"][OWN]["systems"]["fusion"]["accuracy_interval"]
    assert low < 0.8 <= high
    assert content(subjects=("a",) * 6)["among"][OWN]["systems"]["fusion"]["accuracy_interval"] is None


def about(**over):
    trained_on = {"corpus": "ravdess", "synthetic": False, "n_clips": 9, "n_subjects": 3, "scheme": "x", "note": ""}
    return {
        "bundle": {"run": "mine", "sha256": "1" * 64, "trained_on": trained_on, "lacking": ""},
        "corpus": {"kind": "csv", "synthetic": False, "labels": {"calm": None}, "n_subjects_known": 3, "notes": []},
        "seen": {"checked": True, "n_seen": 0, "seen": ""},
        "not_judged": [{"clip": "<b>c6</b>", "reason": "neither face nor voice"}],
        "duration_s": 12.0,
        "scores": content(**over),
    }


def test_the_page_shows_every_score_without_a_script():
    text = evaluation_page.render(about())
    assert "Among the 2 classes anger, fear: 80.0 % of 5 clips are judged rightly" in text
    assert "chance is 50.0 %; 1 of 6 clips are not judged." in text
    assert "The bundle was trained on no clip, no subject and no film of this corpus" in text
    assert "&lt;b&gt;c6&lt;/b&gt;" in text
    assert "<script" not in text
    assert text.count("<svg") == 3 + 3 + 1  # confusions and reliability of three systems, coverage
    assert text == evaluation_page.render(json.loads(json.dumps(about())))


def test_the_page_of_clips_that_are_not_judged_says_so():
    none = {name: np.full((6, 3), np.nan) for name in ("fusion", "video", "audio")}
    text = evaluation_page.render(about(posteriors=none))
    assert "No clip is judged." in text
    assert "<svg" not in text


@pytest.mark.parametrize("n", [0, 1, 2, 20, 21, 399])
def test_a_long_curve_is_thinned_and_keeps_its_end(n):
    found = evaluation_page.thinned(range(n), 20)
    assert len(found) <= 21
    assert found[-1:] == list(range(n))[-1:]
