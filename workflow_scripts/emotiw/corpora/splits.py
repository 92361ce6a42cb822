"""Divide clips into the folds of a protocol, inner folds and batches; everything is computed from names alone."""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from emotiw.core.errors import ManifestError

SPLITS = ("train", "val", "test")
OFFICIAL = "official"
EVERYTHING = "everything"  # fold that tests nothing, so that nearly all clips train
SINGLE_CLIPS, AUTO_BATCHES = 256, 64  # of `clips_per_job: auto`
MIN_FOLDS = 3  # one to test on, one to validate on, at least one to train on


@dataclass(frozen=True)
class Fold:
    """One division of a corpus: the sorted clip ids of each part."""

    name: str
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]


def lacking(labels: Iterable[str], classes: Sequence[str]) -> list[str]:
    """Classes that do not occur among the labels, in the order of `classes`."""
    present = set(labels)
    return [name for name in classes if name not in present]


def folds(
    clips: Sequence[str], splits: Sequence[str], fold_names: Sequence[str], *, everything: bool = False
) -> dict[str, Fold]:
    """Divide clips by their fold names where they have any, else by their splits.

    Fold k of K tests on the clips called k, validates on those of the next name (cyclic, in natural order) and
    trains on the rest; official splits give one fold, called `official`. Where clips have both, fold k tests on all
    clips called k, and the others train or validate as their split says.

    Parameters
    ----------
    clips, splits, fold_names : sequence of str
        Aligned: the id, the split and the fold name of each clip; a name is empty where it does not apply.
    everything : bool
        Whether to add a last fold, `everything`, without test clips: it validates on the clips of split `val`, or
        without splits on those of the first fold, and trains on all others.
    """
    names = sorted(set(fold_names), key=natural)
    if not any(fold_names):
        divided = {OFFICIAL: Fold(OFFICIAL, *(_members(clips, splits, {split}) for split in SPLITS))}
    elif any(splits):
        divided = {name: _left_out(name, clips, splits, fold_names) for name in names}
    else:
        divided = _cyclic(clips, fold_names, names)
    if everything:
        held = set(_members(clips, splits, {"val"}) if any(splits) else _members(clips, fold_names, {names[0]}))
        train = tuple(sorted(set(clips) - held))
        divided[EVERYTHING] = Fold(EVERYTHING, train, tuple(sorted(held)), ())
    return divided


def tested(folds_by_name: Mapping[str, Fold]) -> dict[str, Fold]:
    """Folds that are evaluated: all but `everything`."""
    return {name: fold for name, fold in folds_by_name.items() if name != EVERYTHING}


def members(folds_by_name: Mapping[str, Fold], which: str) -> dict[str, Fold]:
    """Folds whose models a bundle holds: those that are evaluated (`folds`), or the last one (`everything`)."""
    return {EVERYTHING: folds_by_name[EVERYTHING]} if which == EVERYTHING else tested(folds_by_name)


def _left_out(name: str, clips: Sequence[str], splits: Sequence[str], fold_names: Sequence[str]) -> Fold:
    """Fold that tests on the clips of its name; the splits of the others say which train and which validate."""
    used = ["test" if fold == name else split for split, fold in zip(splits, fold_names, strict=True)]
    return Fold(name, *(_members(clips, used, {split}) for split in SPLITS))


def _cyclic(clips: Sequence[str], fold_names: Sequence[str], names: Sequence[str]) -> dict[str, Fold]:
    divided = {}
    for test, val in zip(names, [*names[1:], *names[:1]], strict=True):
        train = set(names) - {test, val}
        divided[test] = Fold(test, *(_members(clips, fold_names, part) for part in (train, {val}, {test})))
    return divided


def consecutive(subjects: Iterable[str], n_folds: int) -> dict[str, str]:
    """Fold name of each subject: `n_folds` groups of consecutive subjects, of sizes that differ by at most one.

    Raises
    ------
    ManifestError
        If there are fewer than three folds, or more folds than subjects.
    """
    ordered = sorted(set(subjects), key=natural)
    if not MIN_FOLDS <= n_folds <= len(ordered):
        raise ManifestError(
            f"corpus.protocol.n_folds: {n_folds} folds of {len(ordered)} subjects; "
            f"expected at least {MIN_FOLDS} folds and at most one a subject"
        )
    return {subject: f"fold{i * n_folds // len(ordered) + 1}" for i, subject in enumerate(ordered)}


def connected_groups(keys: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Group of each clip: clips that share a key, directly or through other clips, are in one group.

    A group is named by the smallest of its keys (connected components of the graph of clips and keys).

    Parameters
    ----------
    keys : mapping of str to iterable of str
        Keys of each clip, at least one.
    """
    root: dict[str, str] = {}

    def group(key: str) -> str:
        while root.setdefault(key, key) != key:
            key = root[key]
        return key

    keys_of_clip = {clip: list(clip_keys) for clip, clip_keys in keys.items()}
    for clip_keys in keys_of_clip.values():
        least, *others = sorted({group(key) for key in clip_keys})
        root |= dict.fromkeys(others, least)
    return {clip: group(clip_keys[0]) for clip, clip_keys in keys_of_clip.items()}


def held_out(fold: Fold, groups: Mapping[str, str], labels: Mapping[str, str], n_parts: int) -> dict[str, Fold]:
    """Inner folds of a fold: each part of its training clips is held out once.

    The networks of an inner fold predict the part that they were not trained on (out-of-fold scores). The part is the
    test part of the inner fold; the validation clips are those of the fold. Inner folds are named by the fold, the
    number of the part and the wanted number of parts: `fold1.2of3`.

    Parameters
    ----------
    fold : Fold
        A fold of the protocol.
    groups : mapping of str to str
        Group of each clip, such as its subject; no group is divided. Groups are assigned to parts in the order of a
        hash of their names, because the names of some corpora depend on the class.
    labels : mapping of str to str
        Label of each clip. A part is not held out if the rest would lack a class of the training clips.
    n_parts : int
        Number of parts. With fewer groups there are as many parts as groups; a single group gives no inner fold.
    """
    ordered = sorted({groups[clip] for clip in fold.train}, key=_hash)
    classes = sorted({labels[clip] for clip in fold.train})
    parts = range(min(n_parts, len(ordered)) if len(ordered) > 1 else 0)
    inner_folds = {}
    for part in parts:
        held_groups = set(ordered[part :: len(parts)])
        kept = tuple(clip for clip in fold.train if groups[clip] not in held_groups)
        held_out_clips = tuple(clip for clip in fold.train if groups[clip] in held_groups)
        if not lacking((labels[clip] for clip in kept), classes):
            name = f"{fold.name}.{part + 1}of{n_parts}"
            inner_folds[name] = Fold(name, kept, fold.val, held_out_clips)
    return inner_folds


def split_inner_name(name: str) -> tuple[str, str, int]:
    """Split an inner fold's name: `fold1.2of3` gives (`fold1`, `2of3`, 3); another name gives (name, "", 0)."""
    match = re.fullmatch(r"([^.]+)\.(\d+of(\d+))", name)
    return (match[1], match[2], int(match[3])) if match else (name, "", 0)


def batches(clips: Sequence[str], clips_per_job: int | str) -> dict[str, str]:
    """Job of each clip: the clip itself, or a batch chosen by a hash of its id.

    The number of batches is the smallest power of two at which a batch has at most `clips_per_job` clips on average.
    A new clip therefore changes one batch; all batches change only when their number doubles. With `auto` there is one
    clip a job up to `SINGLE_CLIPS` clips, and `AUTO_BATCHES` batches above.
    """
    if isinstance(clips_per_job, str):
        clips_per_job = 1 if len(clips) <= SINGLE_CLIPS else math.ceil(len(clips) / AUTO_BATCHES)
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
