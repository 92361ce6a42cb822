"""Classes that a modality has no usable clip of: left out of its scores, its calibration and its models."""

import io

import numpy as np
import pytest
from rich.console import Console

from emotiw.evaluation import clip_account, system_metrics
from emotiw.evaluation.pools import Pool
from emotiw.fusion import schemes, score_tables
from emotiw.report import headline
from emotiw.scoring import score_average
from emotiw.statistics import absent_classes
from emotiw.statistics.absent_classes import ABSENT
from emotiw.workflow import console

CLASSES = ("anger", "fear", "joy")


def test_classes_are_named_in_the_order_of_all_classes():
    assert absent_classes.present(["joy", "anger", "joy"], CLASSES) == ["anger", "joy"]
    assert absent_classes.present(["joy", "joy"], CLASSES) == []


def test_missing_columns_are_filled():
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    found = absent_classes.filled(values, ["anger", "joy"], CLASSES)
    np.testing.assert_array_equal(found, [[1, ABSENT, 2], [3, ABSENT, 4]])
    assert absent_classes.filled(found, CLASSES, CLASSES) is found


@pytest.mark.parametrize("scale", [0.05, 1.0, 20.0])
def test_an_absent_class_has_no_posterior(scale):
    posteriors = schemes.calibrated(np.array([[0.2, ABSENT, -0.3]]), scale)
    assert posteriors[0, 1] < 1e-12
    assert posteriors.sum() == pytest.approx(1)


def test_a_mean_of_systems_keeps_a_class_absent_that_one_of_them_cannot_name():
    one, two = np.array([[1.0, 2.0, 3.0]]), np.array([[3.0, ABSENT, 1.0]])
    tables = [(["clip"], list(CLASSES), scores) for scores in (one, two)]
    np.testing.assert_array_equal(score_average.mean_scores(tables)[2], [[2, ABSENT, 2]])


def test_clips_of_an_absent_class_do_not_change_the_temperature():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 60) * 2
    scores = np.full((60, 3), ABSENT)
    scores[:, [0, 2]] = rng.normal(size=(60, 2)) + 1.5 * np.stack([truth == 0, truth == 2], 1)
    alone = schemes.calibration_scale(scores, truth)
    more = np.concatenate([scores, scores[:9]]), np.concatenate([truth, np.ones(9, np.int64)])
    assert schemes.calibration_scale(*more) == alone


@pytest.fixture
def metrics():
    """Metrics of a part in which video has judged no clip; its rows hold the class prior, which is right by chance."""
    truth = np.array([0, 0, 0, 1, 2])
    prior = np.tile([0.6, 0.2, 0.2], (5, 1))
    audio = np.full((5, 3), 0.2)
    audio[np.arange(5), [0, 1, 1, 1, 0]] = 0.6
    covered = np.ones(5, bool)
    scores = {"video": (prior, ~covered), "audio": (audio, covered), "fusion": (audio, covered)}
    clips = tuple(f"c{i}" for i in range(5))
    pool = Pool("test", clips, ("official",) * 5, truth, np.arange(5), np.arange(5), scores, ("audio",) * 5)
    part = system_metrics.part_metrics(pool, CLASSES, seed=0, n_resamples=20)
    return {
        "modalities": ["video", "audio"],
        "parts": {"test": part},
        "status": {},
        "n_clips": 5,
        "ledger": {"passed": True},
    }


def test_a_modality_that_has_judged_nothing_has_no_metrics(metrics):
    part = metrics["parts"]["test"]
    assert part["systems"]["video"]["accuracy"] is None
    assert part["systems"]["video"]["n_covered"] == 0
    assert set(part["fusion_gain"]) == {"audio"}
    assert part["systems"]["audio"]["accuracy"] == 0.4


def test_the_best_modality_is_none_that_has_judged_nothing(metrics):
    assert headline.best_modality(metrics, "test") == "audio"
    assert headline.tiles(metrics, "test")[1].name == "Gain of fusion over audio"
    assert "Video judged none of the 5 test clips: it is absent" in headline.warnings(metrics, "test")[0]


def test_the_terminal_calls_it_absent(metrics):
    shown = Console(width=100, file=io.StringIO())
    shown.print(console.scores(metrics))
    (line,) = [line for line in shown.file.getvalue().splitlines() if "video" in line]
    assert "absent" in line


def test_classes_that_are_left_out_are_noted_by_fold(tmp_path):
    facts = {"classes": list(CLASSES), "lacking": {"video": ["joy"], "audio": []}}
    table = score_tables.Table(tmp_path, "official", (), {}, facts, {})
    (note,) = clip_account.left_out([table])
    assert note == "fold official: no training clip of joy has usable faces; video judges among the other classes"
    facts["lacking"]["video"] = ["fear", "joy"]
    (note,) = clip_account.left_out([table])
    assert note.endswith("no training clip of fear, joy has usable faces; video is absent")
