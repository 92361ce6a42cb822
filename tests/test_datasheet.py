"""Counts of the corpus, deviations, seeds."""

import numpy as np
import pytest
import yaml

from emotiw.core.seeds import derived_seed
from emotiw.report import datasheet, explorer, page
from evaluation_fixtures import config, evaluate, fuse_all, make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = make_run(tmp_path_factory.mktemp("datasheet"), n_folds=3)
    fuse_all(made)
    evaluate(made)
    return made


def test_counts_add_up_to_the_clips(run):
    *folds, (name, total) = datasheet.class_counts(run.corpus)
    assert (name, sum(total)) == ("all", 56)
    assert np.sum([row for _, row in folds], axis=0).tolist() == total


def test_statuses_are_counted_by_fold(run):
    rows = explorer.shown_rows(run.corpus, page.read_predictions(run.folder / "predictions.csv"))
    found = {(modality, status): counts for modality, status, counts in datasheet.status_counts(run.corpus, rows)}
    assert next(iter(found)) == ("video", "ok")
    assert found["video", "ok"][-1] == 54
    assert found["audio", "silent_audio"][-1] == 1
    assert all(sum(counts[:-1]) == counts[-1] and len(counts) == 4 for counts in found.values())
    assert datasheet.places(run.corpus) == ["fold1", "fold2", "fold3"]


def test_subjects_are_counted_by_class(run):
    found = datasheet.subject_counts(run.corpus)
    assert len(found) == 13
    assert sum(sum(counts) for _, _, counts in found) == 56
    assert {where for _, where, _ in found} == {"fold1", "fold2", "fold3"}


def test_seeds_are_those_of_the_networks():
    made = datasheet.seeds({"seed": 7, "blstm": {"architectures": [[64], [64, 32]], "repeats": 2}})
    assert made[1] == ("64-32", [derived_seed(7, "64-32", 0), derived_seed(7, "64-32", 1)])


def test_choices_are_gathered_over_the_folds():
    about = {"kind": "labels", "criterion": "accuracy", "candidates": 7}
    entries = [
        {**about, "choice": name, "fold": fold, "parts": {"train": 3, "val": 2}}
        for fold in ("f", "g")
        for name in ("b", "a")
    ]
    first, second = datasheet.choices_made(entries)
    assert (first["choice"], second["choice"]) == ("a", "b")
    assert (first["folds"], first["parts"], first["candidates"]) == (2, "train 6, val 4", 7)


def test_every_deviation_names_a_key_of_the_configuration():
    assert all(item["values"] for item in datasheet.deviations(config()))


def test_every_choice_of_ours_in_the_configuration_is_a_listed_deviation(root):
    """A line of config.yaml that says [ours] must be named in resources/deviations.json."""
    text = (root / "config.yaml").read_text()
    lines = [number for number, line in enumerate(text.splitlines()) if "[ours]" in line and not line.startswith("#")]
    keys = keys_at(yaml.compose(text))
    marked = {keys[number] for number in lines if number in keys}
    listed = {key for item in datasheet.deviations(config()) for key in item["values"]}
    assert not {key for key in marked if key not in listed and key.partition(".")[0] not in listed}


def keys_at(node, prefix=""):
    """Dotted key that starts in each line of a YAML document."""
    found = {}
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        found[key.start_mark.line] = name
        if isinstance(value, yaml.MappingNode):
            found = keys_at(value, f"{name}.") | found
    return found
