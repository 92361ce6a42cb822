"""Folds of a protocol, consecutive groups of subjects, batches of clips: pure functions of names."""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from emotiw.core.errors import ManifestError

SPLITS = ("train", "val", "test")
OFFICIAL = "official"
MIN_FOLDS = 3  # one to test on, one to validate on, at least one to train on


@dataclass(frozen=True)
class Fold:
    """One division of a corpus: the sorted clip ids of each part."""

    name: str
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]


def lacking(labels: Iterable[str], classes: Sequence[str]) -> list[str]:
    """Classes that none of the labels is."""
    present = set(labels)
    return [name for name in classes if name not in present]


def folds(clips: Sequence[str], splits: Sequence[str], fold_names: Sequence[str]) -> dict[str, Fold]:
    """Divide clips by their fold names where they have any, else by their splits.

    Fold k of K tests on the clips called k, validates on those of the next name (cyclic, in natural order) and
    trains on the rest; official splits give one fold, called `official`.

    Parameters
    ----------
    clips, splits, fold_names : sequence of str
        Aligned: the id, the split and the fold name of each clip; a name is empty where it does not apply.
    """
    if not any(fold_names):
        parts = (_members(clips, splits, {split}) for split in SPLITS)
        return {OFFICIAL: Fold(OFFICIAL, *parts)}
    names = sorted(set(fold_names), key=natural)
    divided = {}
    for test, val in zip(names, names[1:] + names[:1], strict=True):
        train = set(names) - {test, val}
        divided[test] = Fold(test, *(_members(clips, fold_names, part) for part in (train, {val}, {test})))
    return divided


def consecutive(subjects: Iterable[str], n_folds: int) -> dict[str, str]:
    """Fold name of each subject: `n_folds` groups of consecutive subjects, as equal in number as can be.

    Raises
    ------
    ManifestError
        If a fold would be without a subject, or there are fewer than three folds.
    """
    ordered = sorted(set(subjects), key=natural)
    if not MIN_FOLDS <= n_folds <= len(ordered):
        raise ManifestError(
            f"corpus.protocol.n_folds: {n_folds} folds of {len(ordered)} subjects; "
            f"expected at least {MIN_FOLDS} folds and at most one a subject"
        )
    return {subject: f"fold{i * n_folds // len(ordered) + 1}" for i, subject in enumerate(ordered)}


def joined(keys: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Group of each clip, called by its least key: clips that share a key, directly or through others, are one group.

    Parameters
    ----------
    keys : mapping of str to iterable of str
        Of each clip, one at least.
    """
    root: dict[str, str] = {}

    def group(key: str) -> str:
        while root.setdefault(key, key) != key:
            key = root[key]
        return key

    found = {clip: list(theirs) for clip, theirs in keys.items()}
    for theirs in found.values():
        least, *others = sorted({group(key) for key in theirs})
        root |= dict.fromkeys(others, least)
    return {clip: group(theirs[0]) for clip, theirs in found.items()}


def held_out(fold: Fold, groups: Mapping[str, str], labels: Mapping[str, str], n_parts: int) -> dict[str, Fold]:
    """Folds inside a fold: each part of its training clips is held out once, from networks that are to judge it.

    The part takes the place of the test clips, of which there are none; the validation clips stay. Such a fold is
    called by the fold, the part and the wanted number of parts: `fold1.2of3`.

    Parameters
    ----------
    fold : Fold
        Of the protocol.
    groups : mapping of str to str
        Group of each clip, such as its subject, that is not divided. Groups are dealt to the parts in the order of a
        hash of their names, for the names of some corpora tell the class.
    labels : mapping of str to str
        Of each clip. A part is not held out if that left a class of the training clips without any.
    n_parts : int
        Parts, of which there are fewer where there are fewer groups, and none of a single one.
    """
    ordered = sorted({groups[clip] for clip in fold.train}, key=_hash)
    classes = sorted({labels[clip] for clip in fold.train})
    parts = range(min(n_parts, len(ordered)) if len(ordered) > 1 else 0)
    found = {}
    for part in parts:
        theirs = set(ordered[part :: len(parts)])
        kept, held = (tuple(clip for clip in fold.train if (groups[clip] in theirs) == out) for out in (False, True))
        if not lacking((labels[clip] for clip in kept), classes):
            name = f"{fold.name}.{part + 1}of{n_parts}"
            found[name] = Fold(name, kept, fold.val, held)
    return found


def inside(name: str) -> tuple[str, str, int]:
    """Take the name of a fold inside a fold apart: `fold1`, `2of3` and 3 of `fold1.2of3`; else the name, "" and 0."""
    found = re.fullmatch(r"([^.]+)\.(\d+of(\d+))", name)
    return (found[1], found[2], int(found[3])) if found else (name, "", 0)


def batches(clips: Sequence[str], clips_per_job: int) -> dict[str, str]:
    """Job of each clip: the clip itself, or a batch chosen by a hash of its id.

    The number of batches is the smallest power of two that holds all clips with `clips_per_job` a batch on average:
    a new clip changes one batch, and only a doubling of their number divides them anew.
    """
    if clips_per_job == 1:
        return {clip: clip for clip in clips}
    n_batches = 1 << max(0, math.ceil(len(clips) / clips_per_job) - 1).bit_length()
    return {clip: f"batch-{_hash(clip) % n_batches}" for clip in clips}


def natural(name: str) -> tuple[list[str | int], str]:
    """Sort key that orders numbers by value: `fold2` before `fold10`."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


def _members(clips: Sequence[str], names: Sequence[str], wanted: set[str]) -> tuple[str, ...]:
    return tuple(sorted(clip for clip, name in zip(clips, names, strict=True) if name in wanted))


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
