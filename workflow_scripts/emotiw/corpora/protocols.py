"""Protocols of a run of several corpora: pooled folds of subjects, one corpus left out, train here and test there.

All of them divide people, not entries: no subject of a population is in two parts, whatever entry shows them.
Validation clips are those of some subjects of each training corpus, chosen by a hash of their names.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from emotiw.core.emotions import HIDDEN
from emotiw.core.errors import ManifestError
from emotiw.corpora import entries as of_run
from emotiw.corpora import splits
from emotiw.corpora.entries import Entry
from emotiw.corpora.interface import Candidate

Assigned = tuple[list[Candidate], list[str], list[str]]  # candidates with split and fold, problems, notes


def assign(candidates: Sequence[Candidate], entries: Sequence[Entry], protocol: Mapping[str, Any]) -> Assigned:
    """Divide the clips of several corpora; the scheme is a key of `SCHEMES`.

    Clips with a hidden label are left out, because nothing can be tested on them.

    Returns
    -------
    candidates : list of Candidate
        With the split, the fold or both (`splits.folds`) that the protocol assigns.
    problems, notes : list of str
    """
    undivided = [replace(candidate, split="", fold="") for candidate in candidates if candidate.label != HIDDEN]
    n_hidden = len(candidates) - len(undivided)
    divided, problems, notes = SCHEMES[protocol["scheme"]](undivided, entries, protocol)
    return divided, problems, [*notes, *([f"{n_hidden} clips with a hidden label left out"] if n_hidden else [])]


def spread(subjects_of: Mapping[str, Iterable[str]], n_folds: int) -> dict[str, str]:
    """Fold name of each subject, so that every fold has subjects of each population that has enough of them.

    The subjects of a population form `n_folds` groups of consecutive subjects, of sizes that differ by at most one. A
    population with fewer subjects than folds has one in some of the folds; each such population begins one fold later
    than the one before.

    Parameters
    ----------
    subjects_of : mapping of str to iterable of str
        Subjects of each population.
    n_folds : int

    Raises
    ------
    ManifestError
        If there are fewer than three folds, or more than the largest population has subjects.
    """
    ordered = {name: sorted(set(subjects), key=splits.natural) for name, subjects in sorted(subjects_of.items())}
    most = max(map(len, ordered.values()), default=0)
    if not splits.MIN_FOLDS <= n_folds <= most:
        raise ManifestError(
            f"corpus.protocol.n_folds: {n_folds} folds, but the corpus with most subjects has {most}; expected at least"
            f" {splits.MIN_FOLDS} folds and at most one a subject of it"
        )
    fold_of_subject, start = {}, 0
    for subjects in ordered.values():
        n = len(subjects)
        for i, subject in enumerate(subjects):
            fold_of_subject[subject] = f"fold{(start + i * n_folds // n) % n_folds + 1}"
        start += n < n_folds  # a full population starts anywhere with the same sizes of folds
    return fold_of_subject


def validation_groups(groups_of: Mapping[str, Iterable[str]], n_folds: int) -> set[str]:
    """Choose the groups of subjects whose clips validate: of each corpus one in `n_folds`, at least one.

    Groups are taken in the order of a hash of their names, corpora with few groups first. A group is never taken if it
    is the last of a corpus, so a corpus with one group has none.

    Parameters
    ----------
    groups_of : mapping of str to iterable of str
        Groups of each corpus; corpora of one population share groups.
    n_folds : int
    """
    groups = {name: set(names) for name, names in groups_of.items()}
    chosen: set[str] = set()
    for name in sorted(groups, key=lambda name: (len(groups[name]), name)):
        wanted = max(1, len(groups[name]) // n_folds)
        for group in sorted(groups[name] - chosen, key=_hash):
            is_last = any(group in others and others <= {*chosen, group} for others in groups.values())
            if len(chosen & groups[name]) < wanted and not is_last:
                chosen.add(group)
    return chosen


def _subjects(candidates: Sequence[Candidate], entries: Sequence[Entry], protocol: Mapping[str, Any]) -> Assigned:
    """Pooled folds: each tests on subjects of all corpora."""
    population = {entry.name: entry.population for entry in entries}
    subjects = defaultdict(set)
    for candidate in candidates:
        if candidate.subject:
            subjects[population[candidate.corpus]].add(candidate.subject)
    try:
        fold_of_subject = spread(subjects, protocol["n_folds"])
    except ManifestError as error:
        return list(candidates), [str(error)], []
    unknown = Counter(candidate.corpus for candidate in candidates if not candidate.subject)
    problems = [
        f"corpora.{name}: the subject of {n} clips is unknown, so they are in no fold; use another scheme"
        for name, n in unknown.items()
    ]
    return [replace(c, fold=fold_of_subject.get(c.subject, "")) for c in candidates], problems, []


def _leave_one_corpus_out(
    candidates: Sequence[Candidate], entries: Sequence[Entry], protocol: Mapping[str, Any]
) -> Assigned:
    """One fold for each corpus, or for each population of several, that tests on all its clips."""
    group, held = of_run.group_names(entries), _validation(candidates, protocol["n_folds"])
    return [replace(c, fold=group[c.corpus], split="val" if c.clip in held else "train") for c in candidates], [], []


def _train_test(candidates: Sequence[Candidate], entries: Sequence[Entry], protocol: Mapping[str, Any]) -> Assigned:
    """One division: some entries train and validate, others test; entries in neither list are left out."""
    tested = [replace(c, split="test") for c in candidates if c.corpus in protocol["test"]]
    people = {c.subject for c in tested if c.subject}
    listed = [c for c in candidates if c.corpus in protocol["train"]]
    training = [c for c in listed if c.subject not in people]
    held = _validation(training, protocol["n_folds"])
    notes = [
        f"{n} clips left out: {why}"
        for n, why in (
            (len(listed) - len(training), "of people whom the test corpora show too"),
            (len(candidates) - len(listed) - len(tested), "of entries that neither train nor test"),
        )
        if n
    ]
    return [*(replace(c, split="val" if c.clip in held else "train") for c in training), *tested], [], notes


def _validation(candidates: Sequence[Candidate], n_folds: int) -> set[str]:
    """Ids of the clips that validate."""
    keys = {c.clip: [f"0 {c.subject or c.clip}", *([f"1 {c.film}"] if c.film else [])] for c in candidates}
    group = splits.connected_groups(keys)
    groups_of: dict[str, set[str]] = defaultdict(set)
    for candidate in candidates:
        groups_of[candidate.corpus].add(group[candidate.clip])
    chosen = validation_groups(groups_of, n_folds)
    return {clip for clip, name in group.items() if name in chosen}


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


SCHEMES: Mapping[str, Callable[[Sequence[Candidate], Sequence[Entry], Mapping[str, Any]], Assigned]] = {
    "subjects": _subjects,
    "leave_one_corpus_out": _leave_one_corpus_out,
    "train_test": _train_test,
}
