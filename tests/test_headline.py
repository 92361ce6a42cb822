"""Top of the report: tiles, the sentence that judges, and the warnings."""

import copy

import pytest

from emotiw.report import headline
from evaluation_fixtures import evaluate, fuse_all, make_run


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("headline"), n_folds=3)
    fuse_all(run)
    return evaluate(run)


@pytest.fixture
def found(metrics):
    """A copy of the metrics that a test may change, of a run without anything to warn of."""
    made = copy.deepcopy(metrics)
    assert made["parts"]["test"]["n_scored"] >= headline.FEW_CLIPS
    return made


def system(found, name):
    return found["parts"]["test"]["systems"][name]


def test_three_tiles_are_the_accuracy_the_gain_and_the_coverage(found):
    accuracy, gain, coverage = headline.tiles(found, "test")
    fusion = system(found, "fusion")
    assert accuracy.value == f"{100 * fusion['accuracy']:.1f} %"
    assert accuracy.bar.value == 100 * fusion["accuracy"]
    assert accuracy.bar.ends == [100 * end for end in fusion["accuracy_interval"]]
    assert accuracy.bar.mark == 100 * found["parts"]["test"]["majority_class"]["accuracy"]
    best = headline.best_modality(found, "test")
    assert gain.name == f"Gain of fusion over {best}"
    assert gain.value == f"{100 * (fusion['accuracy'] - system(found, best)['accuracy']):+.1f} points"
    assert sum(number for _, _, number in coverage.shares) == found["parts"]["test"]["n"]


def test_places_on_a_bar_are_shares_of_its_axis():
    bar = headline.Bar(0, None, 0, "", (-10, 30))
    assert [bar.place(value) for value in (-10, 0, 10, 30, 99)] == [0, 25, 50, 100, 100]


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((0.1, 0.2), "Fusion is better than guessing:"),
        ((-0.1, 0.2), "Fusion is no better than guessing, as far as these clips can tell:"),
        ((-0.2, -0.1), "Fusion is worse than guessing:"),
        (None, "Fusion has too few independent clips to be told from guessing:"),
    ],
)
def test_one_sentence_says_better_same_or_worse(found, ends, said):
    system(found, "fusion")["over_majority"]["accuracy_interval"] = ends
    assert headline.sentence(found, "test").startswith(said)


def test_a_gain_whose_interval_holds_zero_is_called_undecided(found):
    for name in ("video", "audio"):
        found["parts"]["test"]["fusion_gain"][name]["accuracy_interval"] = [-0.1, 0.2]
    assert "It cannot be told from zero." in headline.tiles(found, "test")[1].remark
    for name in ("video", "audio"):
        found["parts"]["test"]["fusion_gain"][name]["accuracy_interval"] = [0.1, 0.2]
    assert "It cannot be told from zero." not in headline.tiles(found, "test")[1].remark


def test_the_account_names_every_source(found):
    text = headline.account(found, "test")
    assert text.startswith("All 56 clips are accounted for.")
    for name, number in found["parts"]["test"]["sources"].items():
        assert (f"{number} from" in text) == bool(number), name


def test_the_best_modality_is_the_more_accurate_that_judged_a_clip(found):
    system(found, "video")["accuracy"], system(found, "audio")["accuracy"] = 0.1, 0.2
    assert headline.best_modality(found, "test") == "audio"
    system(found, "audio")["n_covered"] = 0
    assert headline.best_modality(found, "test") == "video"
    system(found, "video")["n_covered"] = 0
    assert headline.best_modality(found, "test") is None
    assert headline.tiles(found, "test")[1].value == "none"


def test_a_system_that_judged_nothing_is_no_best_modality_and_is_warned_of(found):
    system(found, "video").update(n_covered=0, accuracy=0.99)
    assert headline.tiles(found, "test")[1].name == "Gain of fusion over audio"
    (line,) = [line for line in headline.warnings(found, "test") if line.startswith("Video")]
    assert "judged none of the" in line


def test_a_run_that_judged_nothing_says_so(found):
    for name in ("video", "audio", "fusion"):
        system(found, name).update(n_covered=0, accuracy=None, accuracy_interval=None, uar=None, uar_interval=None)
        system(found, name).pop("over_majority")
    assert headline.sentence(found, "test").startswith("Fusion judged none of the")
    assert [tile.value for tile in headline.tiles(found, "test")][:2] == ["none", "none"]
    assert [tile.value for tile in headline.tiles(found | {"modalities": ["audio"]}, "test")][:2] == ["none", "none"]
    assert len(headline.warnings(found, "test")) == 3


def test_a_good_run_has_no_warning(found):
    assert headline.warnings(found, "test") == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda part: part["systems"]["fusion"].update(accuracy=0.01), "Fusion is worse than always answering"),
        (lambda part: part["systems"]["fusion"].update(uar_interval=[0.1, 0.3]), "cannot be told from chance"),
        (lambda part: part.update(n_groups=4), "4 independent groups"),
        (lambda part: part.update(n_groups=1), "1 independent group (clips"),
        (lambda part: part.update(n_scored=12), "Only 12 clips are scored; one clip is 8.3 points."),
        (lambda part: part["systems"]["fusion"].update(n_covered=30), "Fusion judged 30 of the"),
        (lambda part: part["systems"]["audio"].update(n_covered=9), "Audio judged 9 of the"),
    ],
)
def test_what_a_reader_must_know_is_warned_of(found, change, said):
    change(found["parts"]["test"])
    assert [line for line in headline.warnings(found, "test") if said in line]


def test_a_modality_of_few_clips_is_not_compared_with_guessing(found):
    system(found, "video").update(n_covered=5, accuracy=0.01)
    (line,) = headline.warnings(found, "test")
    assert line.startswith("Video judged 5 of the")


def test_a_choice_that_saw_test_clips_is_warned_of(found):
    found["ledger"]["passed"] = False
    assert "A choice saw the labels of test clips" in headline.warnings(found, "test")[0]


def test_a_run_of_one_modality_has_its_recall_instead_of_a_gain(found):
    tiles = headline.tiles(found | {"modalities": ["audio"]}, "test")
    assert [tile.name for tile in tiles] == ["Accuracy of audio", "Mean recall of the classes (UAR)", "Clips judged"]
    assert tiles[1].bar.mark == pytest.approx(100 / 7)


def test_validation_clips_are_said_to_be_fitted_to(found):
    assert "(to which its weights were fitted)" in headline.sentence(found, "val")
    assert "fitted" not in headline.sentence(found | {"modalities": ["audio"]}, "val")
