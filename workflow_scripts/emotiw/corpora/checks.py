"""What makes a corpus unusable, found all at once: each check gives lines that name a file and, in tables, a line."""

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
from emotiw.corpora.interface import MAX_ID, SAFE_ID, Candidate, shown
from emotiw.corpora.splits import SPLITS, Fold

SAFE_FOLD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
OTHER_NAMES = {
    "training": "train",
    "dev": "val",
    "valid": "val",
    "validation": "val",
    "testing": "test",
    "eval": "test",
}


def check(candidates: Sequence[Candidate], classes: Sequence[str], *, origin: str, shared_films: str) -> list[str]:
    """Every problem of the clips as a table, with their content known by its hash; no file is touched.

    Parameters
    ----------
    candidates : sequence of Candidate
        With the split, or the fold, that the protocol has given them.
    classes : sequence of str
        The ordered label set.
    origin : str
        The corpus's table or folder, to name in problems of the whole.
    shared_films : str
        Whether a film in two splits is a problem: `fail` or `note`.
    """
    problems = [line for candidate in candidates for line in _check_row(candidate, classes)]
    problems += _check_ids(candidates)
    walls = [wall for wall in leakage.WALLS if wall is not leakage.FILM or shared_films == leakage.FAIL]
    problems += [line for wall in walls for line in leakage.shared(wall, candidates, _where)]
    problems += [f"{origin}: {line}" for line in _check_parts(candidates, classes)]
    return problems


def check_file(candidate: Candidate, root: Path, *, allow_outside: bool) -> list[str]:
    """Problems of one clip's file, whose real path must be below the real path `root`; its content is not looked at."""
    try:
        str(candidate.path).encode()
    except UnicodeEncodeError:
        return [f"{shown(candidate.where)}: a file's name is not UTF-8: {shown(str(candidate.path))}; rename it"]
    subject = f"{shown(candidate.where)}: file {shown(str(candidate.path))}"
    try:
        mode = candidate.path.stat().st_mode
        real = os.path.realpath(candidate.path)
    except (OSError, ValueError) as error:
        reason = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        return [f"{subject} {reason}; correct the path or restore the file"]
    if set(str(candidate.path)) & set("{}\n"):
        return [f"{subject} has a brace or a line break in its name, which Snakemake cannot take; rename it"]
    if not stat.S_ISREG(mode):
        return [f"{subject} is {_kind(mode)}, expected a regular file"]
    if not allow_outside and not Path(real).is_relative_to(root):
        return [f"{subject} leaves the corpus root {root} (it is {shown(real)}); corpus.allow_outside: true accepts it"]
    return []


def shared_films(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Note the films that are in two splits, where that is allowed."""
    films = list(leakage.shared(leakage.FILM, candidates, _where))
    noun = "film is" if len(films) == 1 else "films are"
    return (f"{len(films)} source {noun} in two splits, as published (the first: {films[0]})",) if films else ()


def repeated(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Note each content that occurs more than once within a split: no error, but no two independent clips either."""
    clips = defaultdict(list)
    for candidate in candidates:
        if leakage.CONTENT.key(candidate):
            clips[leakage.part(candidate), candidate.sha256].append(candidate.clip)
    return tuple(f"same content: clips {', '.join(sorted(names))}" for names in clips.values() if len(names) > 1)


def _check_row(candidate: Candidate, classes: Sequence[str]) -> Iterator[str]:
    where = shown(candidate.where)
    if not SAFE_ID.fullmatch(candidate.clip):
        yield (
            f"{where}: clip id {candidate.clip!r} is unsafe; use at most {MAX_ID} ASCII letters, digits, '_', '.' and "
            "'-', beginning with a letter or digit"
        )
    if candidate.label == HIDDEN:
        if candidate.split != "test":
            yield f"{where}: label '{HIDDEN}' (hidden) of clip {candidate.clip!r} is allowed only in split test"
    elif candidate.label not in classes:
        hint = _hint(candidate.label, classes)
        yield f"{where}: label {candidate.label!r} is unknown; allowed: {', '.join(classes)}{hint}"
    if candidate.fold and not SAFE_FOLD.fullmatch(candidate.fold):
        yield f"{where}: fold {candidate.fold!r} is unsafe; use ASCII letters, digits, '_' and '-'"
    if candidate.split and candidate.split not in SPLITS:
        hint = _hint(OTHER_NAMES.get(candidate.split.strip().casefold(), candidate.split), SPLITS)
        yield f"{where}: split {candidate.split!r} is unknown; allowed: {', '.join(SPLITS)}{hint}"


def _check_ids(candidates: Sequence[Candidate]) -> Iterator[str]:
    first: dict[str, Candidate] = {}
    for candidate in candidates:
        other = first.setdefault(unicodedata.normalize("NFC", candidate.clip).casefold(), candidate)
        if other is not candidate:
            same = "" if other.clip == candidate.clip else f" as {other.clip!r}"
            yield (
                f"{shown(candidate.where)}: clip id {candidate.clip!r} is taken at {shown(other.where)}{same}; "
                "ids must differ in more than case and Unicode form"
            )


def _check_parts(candidates: Sequence[Candidate], classes: Sequence[str]) -> Iterator[str]:
    names = [candidate.fold for candidate in candidates]
    clips = [str(i) for i in range(len(candidates))]  # ids may be at fault
    divided = splits.folds(clips, [candidate.split for candidate in candidates], names)
    if not candidates:
        yield "holds no clip; check corpus.kind and corpus.root"
        return
    if not any(leakage.part(candidate) for candidate in candidates):
        return
    if any(names) and len(divided) < splits.MIN_FOLDS:
        yield f"only {len(divided)} of at least {splits.MIN_FOLDS} folds hold clips ({', '.join(divided)})"
        return
    label_of_clip = {clip: candidate.label for clip, candidate in zip(clips, candidates, strict=True)}
    for fold in divided.values():
        yield from _check_fold(fold, label_of_clip, classes)


def _check_fold(fold: Fold, label_of_clip: Mapping[str, str], classes: Sequence[str]) -> Iterator[str]:
    if not fold.train:
        yield "split train is empty; a model needs clips to train on"
        return
    if not fold.val:
        yield "split val is empty; networks stop and fusion weights are chosen on it, so set clips aside for it"
    present = {label_of_clip[clip] for clip in fold.train}
    for label in classes:
        if label not in present:
            yield f"class {label!r} has no training clip in fold {fold.name}; add clips or set corpus.classes"


def _where(candidate: Candidate) -> str:
    return shown(candidate.where)


def _hint(name: str, allowed: Sequence[str]) -> str:
    of_folded = {known.casefold(): known for known in allowed}
    close = difflib.get_close_matches(name.strip().casefold(), list(of_folded), n=1)
    return f"; did you mean {of_folded[close[0]]!r}?" if close else ""


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
