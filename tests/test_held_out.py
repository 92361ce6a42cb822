"""Folds inside a fold: parts of the training clips that networks hold out."""

from dataclasses import replace

import pytest

from emotiw import manifest
from emotiw.errors import ManifestError
from evaluation_fixtures import make_run


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"), n_clips=130, n_folds=4).corpus


def test_each_training_clip_is_held_out_once_with_all_of_its_subject(corpus):
    fold = manifest.folds(corpus)["fold2"]
    parts = manifest.held_out(corpus, fold, 3)
    assert list(parts) == ["fold2.1of3", "fold2.2of3", "fold2.3of3"]
    assert sorted(clip for part in parts.values() for clip in part.test) == list(fold.train)
    subjects = {row.clip: row.subject for row in corpus.rows}
    for part in parts.values():
        assert sorted(part.train + part.test) == list(fold.train)
        assert not {subjects[clip] for clip in part.train} & {subjects[clip] for clip in part.test}
        assert part.val == fold.val
        assert not {*part.train, *part.test} & {*fold.val, *fold.test}


def test_a_fold_is_found_by_its_name(corpus):
    folds = manifest.folds(corpus)
    assert manifest.fold(corpus, "fold3") == folds["fold3"]
    assert manifest.fold(corpus, "fold3.2of3") == manifest.held_out(corpus, folds["fold3"], 3)["fold3.2of3"]


@pytest.mark.parametrize("name", ["fold9", "fold9.1of3", "fold1.4of3"])
def test_a_fold_that_is_not_there_is_an_error(corpus, name):
    with pytest.raises(ManifestError, match=f"fold '{name}': there is none; expected one of fold1"):
        manifest.fold(corpus, name)


def test_of_two_subjects_each_is_held_out_and_of_one_nothing(corpus):
    fold = manifest.folds(corpus)["fold1"]
    both = replace(corpus, rows=tuple(replace(row, subject=f"s{i % 2}") for i, row in enumerate(corpus.rows)))
    one = replace(corpus, rows=tuple(replace(row, subject="s") for row in corpus.rows))
    assert list(manifest.held_out(both, fold, 3)) == ["fold1.1of3", "fold1.2of3"]
    assert manifest.held_out(one, fold, 3) == {}


def test_parts_do_not_follow_the_names_of_subjects(corpus):
    fold = manifest.folds(corpus)["fold1"]
    alone = replace(corpus, rows=tuple(replace(row, subject=f"{row.label}_{row.clip}") for row in corpus.rows))
    labels = {row.clip: row.label for row in corpus.rows}
    for part in manifest.held_out(alone, fold, 3).values():
        assert {labels[clip] for clip in part.train} == set(corpus.classes)
