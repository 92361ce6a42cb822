"""Folds inside a fold: parts of the training clips that networks hold out."""

import re
from dataclasses import replace

import pytest

from emotiw.core.errors import ManifestError
from emotiw.corpora import manifest, splits
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


def test_neither_a_film_nor_a_content_is_divided(corpus):
    fold = manifest.folds(corpus)["fold2"]
    whole = manifest.held_out(corpus, fold, 3)
    a, b, c = (whole[f"fold2.{i}of3"].test[0] for i in (1, 2, 3))
    changes = {a: {"film": "one"}, b: {"film": "one", "sha256": "f" * 64}, c: {"sha256": "f" * 64}}
    shared = replace(corpus, rows=tuple(replace(row, **changes.get(row.clip, {})) for row in corpus.rows))
    parts = [set(part.test) for part in manifest.held_out(shared, fold, 3).values()]
    assert any({a, b, c} <= part for part in parts)


def test_what_shares_a_subject_film_or_content_is_a_group_called_by_its_least_subject(corpus):
    changes = {
        "b": {"subject": "s2", "film": "one"},
        "a": {"subject": "s1", "film": "one", "sha256": "f"},
        "c": {"subject": "s3", "sha256": "f"},
        "d": {"subject": "s3"},
        "e": {"subject": "s4", "film": "two"},
    }
    rows = tuple(replace(corpus.rows[0], clip=clip, **({"sha256": clip} | more)) for clip, more in changes.items())
    small = replace(corpus, rows=rows)
    assert manifest.groups(small, "abcde") == {**dict.fromkeys("abcd", "0 s1"), "e": "0 s4"}
    assert manifest.groups(small, "bcde") == {"b": "0 s2", "c": "0 s3", "d": "0 s3", "e": "0 s4"}


def test_a_part_without_which_a_class_had_no_clip_is_not_held_out(corpus):
    fold = manifest.folds(corpus)["fold2"]
    whole = manifest.held_out(corpus, fold, 3)
    only = {*whole["fold2.2of3"].test}
    rows = [
        replace(row, label="anger") if row.label == "fear" and row.clip in fold.train and row.clip not in only else row
        for row in corpus.rows
    ]
    assert list(manifest.held_out(replace(corpus, rows=tuple(rows)), fold, 3)) == ["fold2.1of3", "fold2.3of3"]


def test_a_fold_is_found_by_its_name(corpus):
    folds = manifest.folds(corpus)
    assert manifest.fold(corpus, "fold3") == folds["fold3"]
    assert manifest.fold(corpus, "fold3.2of3") == manifest.held_out(corpus, folds["fold3"], 3)["fold3.2of3"]


@pytest.mark.parametrize("name", ["fold9", "fold9.1of3", "fold1.4of3", "fold1.2", "fold1.x", "fold1.1of3.1of3"])
def test_a_fold_that_is_not_there_is_an_error(corpus, name):
    with pytest.raises(ManifestError, match=rf"fold '{re.escape(name)}': not in the manifest; expected one of fold1"):
        manifest.fold(corpus, name)


def test_of_two_subjects_each_is_held_out_and_of_one_nothing(corpus):
    fold = manifest.folds(corpus)["fold1"]
    both = replace(corpus, rows=tuple(replace(row, subject=f"s{i % 2}") for i, row in enumerate(corpus.rows)))
    one = replace(corpus, rows=tuple(replace(row, subject="s") for row in corpus.rows))
    assert list(manifest.held_out(both, fold, 3)) == ["fold1.1of3", "fold1.2of3"]
    assert manifest.held_out(one, fold, 3) == {}


def test_parts_do_not_follow_the_names_of_subjects():
    clips = [f"c{i:03d}" for i in range(60)]
    labels = {clip: ("anger", "fear", "sadness")[i % 3] for i, clip in enumerate(clips)}
    parts = splits.held_out(splits.Fold("f", tuple(clips), (), ()), {clip: clip for clip in clips}, labels, 3)
    assert len(parts) == 3
    assert all({labels[clip] for clip in part.test} == {"anger", "fear", "sadness"} for part in parts.values())
