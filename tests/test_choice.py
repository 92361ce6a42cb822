"""Choice of the fusion's scheme and shrinkage: by cross-validation alone, the simplest of equals, never by a fold."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from emotiw.core.errors import FeatureError
from emotiw.fusion import choice, records, schemes
from emotiw.fusion.choice import FACTORS, Method
from emotiw.fusion.schemes import Scale, Scores
from emotiw.report import system_tables
from evaluation_fixtures import evaluate, fuse_all, make_run, write_report
from test_schemes import made_up

AUTO = Method(0.1, "auto", "auto", 4, 2)


@pytest.mark.parametrize("scheme", ["per_class", "joint"])
@pytest.mark.parametrize("factor", [0.0, 0.25, 1.0])
def test_shrinkage_is_a_line_from_the_scheme_s_weights_to_the_shared_one(scheme, factor):
    weights = schemes.fit(made_up(), step=0.1).weights
    found = choice.shrunk(weights, scheme, factor)
    np.testing.assert_allclose(found, weights[scheme] + factor * (weights["shared"] - weights[scheme]))
    if factor in (0.0, 1.0):
        np.testing.assert_array_equal(found, weights[scheme if factor == 0 else "shared"])


def test_without_a_choice_the_fusion_is_the_papers_bit_by_bit():
    scores = made_up()
    plain, found = schemes.fit(scores, step=0.1), choice.fit(scores, Method(0.1))
    assert set(found.fusion.weights) == set(schemes.WEIGHTED)
    for scheme in schemes.SCHEMES:
        np.testing.assert_array_equal(schemes.fused(plain, scores, scheme), schemes.fused(found.fusion, scores, scheme))
    assert (found.scheme, found.shrinkage, found.accuracies) == ("joint", {"per_class": 0, "joint": 0}, {})


def test_cross_validated_accuracies_are_those_of_fits_on_the_other_folds():
    scores = made_up(n=48)
    found = choice.cross_validated(scores, AUTO)
    right = dict.fromkeys(schemes.WEIGHTED, 0)
    for division in choice.divisions(scores, AUTO):
        for train, test in division:
            fitted = schemes.fit(scores[train], step=0.1)
            for scheme in schemes.WEIGHTED:
                fused = schemes.fused(fitted, scores[test], scheme)
                right[scheme] += int((fused.argmax(1) == scores.truth[test]).sum())
    unshrunk = FACTORS.index(0.0)
    assert {name: values[unshrunk] for name, values in found.items()} == {n: r / 96 for n, r in right.items()}
    assert len(set(found["shared"])) == 1
    assert found["joint"][0] == found["per_class"][0] == found["shared"][0]


def test_the_chosen_are_the_most_accurate_in_cross_validation():
    for seed in range(4):
        scores = made_up(n=48, seed=seed)
        found = choice.fit(scores, AUTO)
        best = {name: max(values) for name, values in found.accuracies.items()}
        assert best[found.scheme] == max(best.values())
        for name, s in found.shrinkage.items():
            assert found.accuracies[name][FACTORS.index(s)] == best[name]
        expected = choice.shrunk(found.unshrunk.weights, found.scheme, found.shrinkage.get(found.scheme, 0.0))
        np.testing.assert_array_equal(found.fusion.weights["auto"], expected)


def test_searched_weights_are_chosen_where_the_classes_differ_in_their_weight():
    rng = np.random.default_rng(0)
    audio, video = (rng.dirichlet(np.full(4, 0.5), 240) for _ in range(2))
    scales = {name: Scale(1.0, ()) for name in ("audio", "video")}
    for weights, expected in (([1, 0, 0.8, 0.2], "joint"), ([0.3, 0.3, 0.3, 0.3], "shared")):
        truth = schemes.weighted_sum(audio, video, np.array(weights)).argmax(1)
        scores = Scores(np.log(audio), np.log(video), truth, np.arange(240) // 10)
        found = choice.fit(scores, AUTO, scales=scales)
        assert found.scheme == expected
        assert found.shrinkage["joint"] == (0 if expected == "joint" else 1)


def test_of_equal_candidates_the_simplest_is_chosen():
    scores = made_up(n=40)
    same = replace(scores, video=scores.audio)  # every weight gives the same decisions
    found = choice.fit(same, AUTO)
    assert len({value for values in found.accuracies.values() for value in values}) == 1
    assert (found.scheme, found.shrinkage) == ("shared", {"per_class": 1.0, "joint": 1.0})


def test_a_given_shrinkage_is_used_in_the_choice_of_the_scheme():
    found = choice.fit(made_up(n=48), replace(AUTO, shrinkage=0.3))
    assert found.factors == (0.3,)
    assert found.shrinkage == {"per_class": 0.3, "joint": 0.3}
    assert all(len(values) == 1 for values in found.accuracies.values())


@pytest.mark.parametrize("n_groups", [0, 1])
def test_clips_that_cannot_be_divided_get_the_simplest(n_groups):
    scores = made_up(n=40, n_groups=1) if n_groups else made_up()[np.zeros(0, int)]
    found = choice.fit(scores, AUTO)
    assert (found.scheme, found.shrinkage, found.accuracies) == ("shared", {"per_class": 1.0, "joint": 1.0}, {})
    by_name = {record.choice: record for record in records.of(found, scores, AUTO)}
    assert by_name["fusion/scheme"].criterion == "no division by subject, film and content; the simplest"


def test_a_class_with_one_clip_can_be_chosen_on():
    scores = made_up(n=40)
    kept = np.flatnonzero((scores.truth != 3) | (np.arange(40) == 3))
    found = choice.fit(scores[kept], AUTO)
    assert found.accuracies
    assert np.isfinite(found.fusion.weights["auto"]).all()


@pytest.mark.parametrize("modality", ["audio", "video"])
def test_scores_that_are_not_finite_are_refused(modality):
    scores = made_up(n=40)
    values = getattr(scores, modality).copy()
    values[3, 1] = np.nan
    with pytest.raises(FeatureError, match="scores of 40 clips for the fusion: not finite"):
        choice.fit(replace(scores, **{modality: values}), AUTO)


def test_the_order_of_the_clips_within_groups_chooses_nothing():
    scores = made_up(n=48)
    order = np.lexsort((np.random.default_rng(1).random(48), scores.groups))
    first, second = choice.fit(scores[np.argsort(scores.groups, kind="stable")], AUTO), choice.fit(scores[order], AUTO)
    assert first.facts == second.facts


def test_choices_are_recorded_with_their_clips_and_candidates():
    scores = made_up(n=48)
    named = replace(scores, clips=tuple(f"c{i}" for i in range(48)))
    found = {record.choice: record for record in records.of(choice.fit(named, AUTO), named, AUTO)}
    assert (found["fusion/scheme"].candidates, found["fusion/shrinkage of joint"].candidates) == (3, 5)
    assert found["fusion/scheme"].clips == named.clips
    assert found["fusion/scheme"].criterion.startswith("accuracy in folds grouped by subject, film and content")
    plain = {record.choice for record in records.of(choice.fit(named, Method(0.1)), named, Method(0.1))}
    assert not plain & {"fusion/scheme", "fusion/shrinkage of joint", "fusion/shrinkage of per_class"}


def test_a_run_with_a_chosen_scheme_is_evaluated_and_reported(tmp_path):
    run = make_run(tmp_path, n_folds=3)
    fuse_all(run, scheme="auto", shrinkage="auto")
    metrics = evaluate(run)
    assert metrics["fusion"]["scheme"] == "auto"
    for fold in metrics["fusion"]["folds"].values():
        assert fold["weights"]["auto"] == fold["weights"][fold["choice"]["scheme"]]
        assert fold["optimism"]["auto"]["cross_validated"] <= 1
    test = metrics["parts"]["test"]["systems"]
    assert test["auto"]["confusion"] == test["fusion"]["confusion"]
    lines = {line["name"]: line for line in system_tables.schemes(metrics)}
    assert [name for name, line in lines.items() if line["used"]] == ["auto"]
    assert lines["auto"]["parts"]["test"] == test["auto"]
    ledger = json.loads((tmp_path / "ledger.json").read_text())["entries"]
    assert {entry["choice"] for entry in ledger} >= {"fusion/scheme", "fusion/shrinkage of joint"}
    assert not any("test" in entry["parts"] for entry in ledger)
    page = write_report(run).read_text()
    assert re.search(r'class="chief"><th scope="row" class="text">auto<small>the system “fusion”', page)
