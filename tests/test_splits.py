"""Folds, groups of subjects and batches."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotiw.core.errors import ManifestError
from emotiw.corpora.splits import Fold, batches, consecutive, folds, natural

CLIPS = st.lists(st.text("abcdef0123456789", min_size=1, max_size=6), min_size=1, max_size=60, unique=True)


def test_official_splits_are_one_fold_with_sorted_clips():
    divided = folds(["b", "a", "c", "d"], ["train", "train", "test", "val"], [""] * 4)
    assert divided == {"official": Fold("official", ("a", "b"), ("d",), ("c",))}


def test_a_fold_validates_on_the_next_one_and_trains_on_the_rest():
    divided = folds(["a", "b", "c", "d"], [""] * 4, ["f1", "f2", "f3", "f4"])
    assert divided["f1"] == Fold("f1", ("c", "d"), ("b",), ("a",))
    assert divided["f4"] == Fold("f4", ("b", "c"), ("a",), ("d",))


def test_folds_follow_in_natural_order():
    names = [f"fold{k}" for k in (10, 2, 1)]
    divided = folds(["x", "y", "z"], [""] * 3, names)
    assert list(divided) == ["fold1", "fold2", "fold10"]
    assert divided["fold2"].val == ("x",)


@given(CLIPS, st.integers(3, 6))
@settings(max_examples=30)
def test_every_clip_is_tested_once_and_in_one_part_of_each_fold(clips, n_folds):
    names = [f"f{i % n_folds}" for i in range(len(clips))]
    divided = folds(clips, [""] * len(clips), names).values()
    assert Counter(clip for fold in divided for clip in fold.test) == Counter(clips)
    if len(set(names)) >= 3:
        assert all(sorted(fold.train + fold.val + fold.test) == sorted(clips) for fold in divided)


def test_consecutive_subjects_share_a_fold():
    groups = consecutive([f"actor{i}" for i in range(1, 19)], 6)
    assert [subject for subject, fold in groups.items() if fold == "fold4"] == ["actor10", "actor11", "actor12"]


def test_groups_differ_by_one_subject_at_most():
    sizes = Counter(consecutive([str(i) for i in range(11)], 4).values())
    assert sorted(sizes.values()) == [2, 3, 3, 3]


@pytest.mark.parametrize("n_folds", [2, 5])
def test_too_few_folds_or_subjects_are_refused(n_folds):
    with pytest.raises(ManifestError, match=f"{n_folds} folds of 4 subjects; expected at least 3 folds"):
        consecutive("abcd", n_folds)


def test_natural_order_compares_numbers_by_value():
    assert sorted(["s10", "s9", "10", "s", "02", "2"], key=natural) == ["02", "2", "10", "s", "s9", "s10"]


def test_one_clip_a_job_names_the_job_after_the_clip():
    assert batches(["a", "b"], 1) == {"a": "a", "b": "b"}


def test_the_number_of_batches_is_the_smallest_power_of_two_that_suffices():
    clips = [f"clip{i}" for i in range(400)]
    assert len(set(batches(clips, 100).values())) == 4
    assert len(set(batches(clips, 99).values())) == 8
    assert set(batches(clips, 400).values()) == {"batch-0"}
    assert batches([], 7) == {}


def test_auto_makes_batches_of_large_corpora_only():
    clips = [f"clip{i}" for i in range(16372)]
    assert batches(clips[:256], "auto") == batches(clips[:256], 1)
    for n in (257, 1739, 16372):
        made = set(batches(clips[:n], "auto").values())
        assert made <= {f"batch-{i}" for i in range(64)}
        assert len(made) > 55


@given(CLIPS, st.integers(2, 20), st.text("xyz", min_size=1, max_size=4))
def test_a_new_clip_touches_one_batch_unless_their_number_doubles(clips, clips_per_job, new):
    before, after = batches(clips, clips_per_job), batches([*clips, new], clips_per_job)
    n_before, n_after = (-(-n // clips_per_job) for n in (len(clips), len(clips) + 1))
    doubled = (n_before - 1).bit_length() != (n_after - 1).bit_length()
    assert doubled or all(after[clip] == job for clip, job in before.items())


@given(CLIPS, st.integers(2, 20))
@settings(max_examples=30)
def test_batches_do_not_depend_on_the_order_of_clips(clips, clips_per_job):
    assert batches(clips, clips_per_job) == batches(clips[::-1], clips_per_job)
