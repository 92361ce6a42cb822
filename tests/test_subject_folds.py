"""Folds of subjects that are stratified by class, and the protocol that is suggested where one does not work."""

from collections import Counter

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from emotiw.core.errors import ManifestError
from emotiw.corpora import subject_folds
from emotiw.corpora.interface import Candidate

CLASSES = ("anger", "fear", "neutral")


def corpus(*labels_of_subjects):
    """Clips of each class, such as "aaf", by subject."""
    names = {"a": "anger", "f": "fear", "n": "neutral"}
    return {f"s{i}": Counter(names[letter] for letter in labels) for i, labels in enumerate(labels_of_subjects)}


def test_every_fold_gets_a_share_of_each_class():
    counts = corpus("aaaa", "aaaa", "aaaa", "ffff", "ffff", "ffff", "nnnn", "nnnn", "nnnn")
    folds = subject_folds.stratified(counts, 3)
    for fold in ("fold1", "fold2", "fold3"):
        held = sum((counts[subject] for subject, name in folds.items() if name == fold), Counter())
        assert held == {"anger": 4, "fear": 4, "neutral": 4}


def variation(counts, fold_of_subject, n_folds):
    """Mean over the classes of the deviation, over the folds, of the share of a class that a fold holds."""
    held = {f"fold{i + 1}": Counter() for i in range(n_folds)}
    for subject, fold in fold_of_subject.items():
        held[fold] += counts[subject]
    table = np.array([[count[label] for label in CLASSES] for count in held.values()])
    return (table / table.sum(axis=0)).std(axis=0).mean()


def test_folds_are_as_even_as_those_of_scikit_learn():
    found = {"mine": [], "scikit-learn": [], "consecutive": []}
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n_subjects, n_folds = int(rng.integers(8, 24)), int(rng.integers(3, 7))
        subjects = np.concatenate([np.arange(n_subjects), rng.integers(0, n_subjects, 5 * n_subjects)])
        labels = (subjects + rng.integers(0, 2, len(subjects))) % 3  # a subject shows two of three classes
        counts = {f"s{s}": Counter(CLASSES[label] for label in labels[subjects == s]) for s in range(n_subjects)}
        reference = enumerate(StratifiedGroupKFold(n_folds).split(labels, labels, subjects), start=1)
        theirs = {f"s{s}": f"fold{i}" for i, (_, test) in reference for s in subjects[test]}
        divided = (
            subject_folds.stratified(counts, n_folds), theirs, subject_folds.assigned("subjects", counts, n_folds)
        )  # fmt: skip
        for name, folds in zip(found, divided, strict=True):
            found[name].append(variation(counts, folds, n_folds))
    mine, reference, consecutive = (np.mean(values) for values in found.values())
    assert mine == pytest.approx(reference, rel=0.05)
    assert mine < 0.8 * consecutive


def test_the_order_of_the_table_does_not_matter():
    counts = corpus("aaf", "ffn", "nna", "anf", "aaa", "fnn")
    assert subject_folds.stratified(dict(reversed(counts.items())), 3) == subject_folds.stratified(counts, 3)


@pytest.mark.parametrize("n_folds", [2, 7])
def test_too_few_or_too_many_folds_are_refused(n_folds):
    with pytest.raises(ManifestError, match=r"expected at least 3 folds and at most one a subject"):
        subject_folds.stratified(corpus("af", "af", "af", "af", "af", "af"), n_folds)


def test_the_nearest_number_of_folds_that_works_is_suggested():
    counts = corpus("an", "fn", "n", "n", "n", "an", "fn", "n")
    suggested = subject_folds.suggestion("subjects", counts, CLASSES, 9)
    assert suggested == "set corpus.protocol to {scheme: subjects, n_folds: 8}, which works"
    assert subject_folds.works(subject_folds.assigned("subjects", counts, 8), counts, CLASSES)


def test_another_division_is_suggested_if_consecutive_subjects_never_work():
    counts = corpus("an", "an", "fn", "fn", "fn", "fn")
    for number in range(3, 7):
        assert not subject_folds.works(subject_folds.assigned("subjects", counts, number), counts, CLASSES)
    suggested = subject_folds.suggestion("subjects", counts, CLASSES, 3)
    assert suggested == "set corpus.protocol to {scheme: stratified_subjects, n_folds: 4}, which works"
    assert subject_folds.works(subject_folds.stratified(counts, 4), counts, CLASSES)


def test_a_class_of_one_subject_is_said_to_be_one():
    suggested = subject_folds.suggestion("subjects", corpus("an", "n", "fn", "fn"), CLASSES, 3)
    assert suggested.startswith("only subject 's0' has clips of class 'anger', so no folds of subjects can train")


def test_two_subjects_are_too_few():
    assert "need 3 of them" in subject_folds.suggestion("subjects", corpus("afn", "afn"), CLASSES, 3)


def test_unknown_subjects_and_hidden_labels_are_not_counted(tmp_path):
    clips = [("c1", "anger", "s1"), ("c2", "?", "s1"), ("c3", "fear", ""), ("c4", "?", "s2")]
    candidates = [Candidate(clip, tmp_path, label, clip, subject) for clip, label, subject in clips]
    assert subject_folds.counted(candidates) == {"s1": Counter(anger=1), "s2": Counter()}
