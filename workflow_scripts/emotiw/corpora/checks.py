"""Checks of a corpus. All problems are found at once; each is a line that names a file and, in a table, the line."""

import difflib
import os
import re
import stat
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from emotiw.core.emotions import HIDDEN
from emotiw.corpora import leakage, splits
from emotiw.corpora.interface import MAX_ID, SAFE_ID, Candidate, printable
from emotiw.corpora.splits import SPLITS, Fold

SAFE_FOLD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
OUTSIDE = "move it there or set corpus.allow_outside: true"
RESTORE = "correct the path or restore the file"
MISSING = f"is missing; {RESTORE}"
ADD = "add clips or set corpus.classes"
N_NAMED = 5  # files with one cause that are named; of more, the first is, with their number
N_LABELS = 12  # labels that are named where none is known
# what other corpora and tools call the emotions
OTHER_LABELS = {
    **dict.fromkeys(("angry", "ang", "rage"), "anger"),
    **dict.fromkeys(("disgusted", "dis"), "disgust"),
    **dict.fromkeys(("fearful", "afraid", "scared", "fea"), "fear"),
    **dict.fromkeys(("happy", "joy", "hap", "joyful"), "happiness"),
    **dict.fromkeys(("calm", "neu", "none"), "neutral"),
    **dict.fromkeys(("sad", "unhappy"), "sadness"),
    **dict.fromkeys(("surprised", "sur", "astonishment"), "surprise"),
}
OTHER_NAMES = {
    "training": "train",
    "dev": "val",
    "valid": "val",
    "validation": "val",
    "testing": "test",
    "eval": "test",
}


def check(
    candidates: Sequence[Candidate],
    classes: Sequence[str],
    *,
    origin: str,
    shared_films: str,
    everything: bool = False,
) -> list[str]:
    """Problems of the clips: ids, labels, splits, shared subjects, films and contents. No file is read.

    Parameters
    ----------
    candidates : sequence of Candidate
        The clips, with the split or fold that the protocol assigns and the hash of their content.
    classes : sequence of str
        The ordered label set.
    origin : str
        Table or folder of the corpus, for problems that concern no single clip.
    shared_films : str
        `fail` if a film in two splits is a problem, else `note`.
    everything : bool
        Whether the protocol has a fold that trains on nearly all clips.
    """
    problems = [line for candidate in candidates for line in _check_row(candidate)]
    problems += _check_labels(candidates, classes)
    problems += _check_ids(candidates)
    walls = [wall for wall in leakage.WALLS if wall is not leakage.FILM or shared_films == leakage.FAIL]
    problems += [line for wall in walls for line in leakage.shared(wall, candidates, _where)]
    problems += [f"{origin}: {line}" for line in _check_parts(candidates, classes, everything)]
    return problems


def check_file(candidate: Candidate, root: Path, *, allow_outside: bool) -> list[str]:
    """Problems of one clip's file; its real path must lie below the real path `root`. Its content is not read."""
    try:
        str(candidate.path).encode()
    except UnicodeEncodeError:
        path = printable(str(candidate.path))
        return [f"{printable(candidate.where)}: the name of file {path} is not UTF-8; rename it"]
    subject = f"{printable(candidate.where)}: file {printable(str(candidate.path))}"
    try:
        mode = candidate.path.stat().st_mode
        real = os.path.realpath(candidate.path)
    except (OSError, ValueError) as error:
        absent = isinstance(error, FileNotFoundError)
        return [f"{subject} {MISSING if absent else f'cannot be read ({error}); {RESTORE}'}"]
    if set(str(candidate.path)) & set("{}\n"):
        return [f"{subject} has a brace or a line break in its name, which Snakemake cannot take; rename it"]
    if not stat.S_ISREG(mode):
        return [f"{subject} is {_kind(mode)}, expected a regular file"]
    if not allow_outside and not Path(real).is_relative_to(root):
        where = f"{subject} is {printable(real)}, outside the corpus root {root}"
        return [f"{where}; {OUTSIDE}"]
    return []


def joined(problems: Sequence[str]) -> list[str]:
    """Problems of files; those outside the root, and missing ones, are one line each, as they have one cause."""
    lines = list(problems)
    for ending, cause in (
        (OUTSIDE, "files lie outside the corpus root, as through linked folders"),
        (MISSING, "files are missing; if these are all, corpus.root or a column of the table is wrong"),
    ):
        alike = [line for line in lines if line.endswith(ending)]
        if len(alike) > N_NAMED:
            lines = [line for line in lines if not line.endswith(ending)]
            lines.append(f"{len(alike)} {cause}: {alike[0]}")
    return lines


def shared_film_notes(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Lines for the report on films that are in two splits, if that is allowed."""
    films = list(leakage.shared(leakage.FILM, candidates, _where))
    noun = "film is" if len(films) == 1 else "films are"
    return (f"{len(films)} source {noun} in two splits, as published (the first: {films[0]})",) if films else ()


def repeated_content_notes(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Lines for the report on contents that occur twice in a split: no error, but these clips are not independent."""
    clips: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for candidate in candidates:
        if leakage.CONTENT.key(candidate):
            clips[leakage.part(candidate), candidate.sha256][candidate.clip] = candidate.label
    return tuple(_same_content(labels) for labels in clips.values() if len(labels) > 1)


def _same_content(labels: Mapping[str, str]) -> str:
    """Note on clips of one content, by their labels, which may differ."""
    if len(set(labels.values())) == 1:
        return f"same content: clips {', '.join(sorted(labels))}"
    named = ", ".join(f"{clip} ({label})" for clip, label in sorted(labels.items()))
    return f"same content under different labels, of which at most one is right: clips {named}"


def _check_row(candidate: Candidate) -> Iterator[str]:
    where = printable(candidate.where)
    if not SAFE_ID.fullmatch(candidate.clip):
        yield (
            f"{where}: clip id {candidate.clip!r} is unsafe; use at most {MAX_ID} ASCII letters, digits, '_', '.' and "
            "'-', beginning with a letter or digit"
        )
    if candidate.label == HIDDEN:
        if candidate.split != "test":
            yield f"{where}: label '{HIDDEN}' (hidden) of clip {candidate.clip!r} is allowed only in split test"
    if candidate.fold and not SAFE_FOLD.fullmatch(candidate.fold):
        yield f"{where}: fold {candidate.fold!r} is unsafe; use ASCII letters, digits, '_' and '-'"
    if candidate.split and candidate.split not in SPLITS:
        hint = _hint(OTHER_NAMES.get(candidate.split.strip().casefold(), candidate.split), SPLITS)
        yield f"{where}: split {candidate.split!r} is unknown; allowed: {', '.join(SPLITS)}{hint}"


def _check_labels(candidates: Sequence[Candidate], classes: Sequence[str]) -> Iterator[str]:
    """One problem for each unknown label, or one for all of them if no label is known."""
    clips = defaultdict(list)
    for candidate in candidates:
        clips[candidate.label].append(candidate)
    unknown = {label: those for label, those in clips.items() if label not in (*classes, HIDDEN)}
    if len(unknown) > 1 and not any(label in clips for label in classes):
        first = printable(next(iter(unknown.values()))[0].where)
        names = ", ".join(map(repr, list(unknown)[:N_LABELS])) + (", ..." if len(unknown) > N_LABELS else "")
        hint = _label_hint(next(iter(unknown)), classes)
        yield (
            f"{first}: no label is known: they are {names}; allowed: {', '.join(classes)}{hint}; "
            "or set corpus.classes to your labels"
        )
        return
    for label, those in unknown.items():
        others = f", as those of {len(those) - 1} more clips" if len(those) > 1 else ""
        hint = _label_hint(label, classes)
        yield f"{printable(those[0].where)}: label {label!r} is unknown{others}; allowed: {', '.join(classes)}{hint}"


def _label_hint(label: str, classes: Sequence[str]) -> str:
    """Suggest a class: the one that a label is a variant of, or the one that is spelt most similarly."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().strip().casefold()
    meant = OTHER_LABELS.get(plain, plain)
    return _hint(meant if meant in classes else plain, classes)


def _check_ids(candidates: Sequence[Candidate]) -> Iterator[str]:
    first: dict[str, Candidate] = {}
    for candidate in candidates:
        other = first.setdefault(unicodedata.normalize("NFC", candidate.clip).casefold(), candidate)
        if other is not candidate:
            same = "" if other.clip == candidate.clip else f" as {other.clip!r}"
            yield (
                f"{printable(candidate.where)}: clip id {candidate.clip!r} is taken at {printable(other.where)}{same}; "
                "ids must differ in more than case and Unicode form"
            )


def _check_parts(candidates: Sequence[Candidate], classes: Sequence[str], everything: bool) -> Iterator[str]:
    names, parts = [candidate.fold for candidate in candidates], [candidate.split for candidate in candidates]
    clips = [str(i) for i in range(len(candidates))]  # the ids themselves may be wrong
    divided = splits.folds(clips, parts, names)
    if not candidates:
        yield "holds no clip, expected at least one; check corpus.kind and corpus.root"
        return
    if not any(leakage.part(candidate) for candidate in candidates):
        return
    least = 2 if any(parts) else splits.MIN_FOLDS  # of two corpora, each is left out once
    if any(names) and len(divided) < least:
        yield f"only {len(divided)} of at least {least} folds hold clips ({', '.join(divided)})"
        return
    if everything:
        if any(candidate.label == HIDDEN for candidate in candidates):
            yield "clips with a hidden label cannot train the fold `everything`; set corpus.protocol.everything: false"
            return
        divided = splits.folds(clips, parts, names, everything=True)
    label_of_clip = {clip: candidate.label for clip, candidate in zip(clips, candidates, strict=True)}
    for fold in divided.values():
        yield from _check_fold(fold, label_of_clip, classes)


def _check_fold(fold: Fold, label_of_clip: Mapping[str, str], classes: Sequence[str]) -> Iterator[str]:
    if not fold.train:
        yield "split train is empty; a model needs clips to train on"
        return
    if not fold.val:
        yield "split val is empty; early stopping and fusion weights need it: set clips aside for it"
    present = {label_of_clip[clip] for clip in fold.train}
    for label in classes:
        if label not in present:
            yield f"class {label!r} has no training clip in fold {fold.name}; {ADD}"


def _where(candidate: Candidate) -> str:
    return printable(candidate.where)


def _hint(name: str, allowed: Sequence[str]) -> str:
    name_of_folded = {known.casefold(): known for known in allowed}
    close = difflib.get_close_matches(name.strip().casefold(), list(name_of_folded), n=1)
    return f"; did you mean {name_of_folded[close[0]]!r}?" if close else ""


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
