"""eNTERFACE'05: `subject N/<emotion>/sentence K/*.avi`, with spaces in the names."""

import re
from collections.abc import Sequence
from pathlib import Path

from emotiw.core.clip_suffixes import VIDEO
from emotiw.corpora.interface import Candidate, Scan, Source, checked_options, left_out_note, safe_id, walk

CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
SUBJECT = re.compile(r"subject[ _-]?(?P<number>\d+)", re.IGNORECASE)


def scan(source: Source) -> Scan:
    """Find the clips. The label is the name of the folder below the subject's; the id is the path from the subject on.

    Some clips lie directly in the emotion's folder, without a folder for the sentence.
    """
    checked_options(source)
    candidates, unrecognised = [], []
    for path in walk(source.root, VIDEO):
        subject, below = _subject(path.relative_to(source.root).with_suffix("").parts)
        if len(below) < 2:
            unrecognised.append(path)
            continue
        label = below[0].strip().casefold()
        clip = safe_id(Path(subject, *below).as_posix())
        candidates.append(Candidate(clip, path, label if label in CLASSES else below[0], str(path), subject))
    return Scan(tuple(candidates), CLASSES, notes=left_out_note(unrecognised, "not below subject N/<emotion>"))


def _subject(parts: Sequence[str]) -> tuple[str, Sequence[str]]:
    for level, part in enumerate(parts):
        if name := SUBJECT.fullmatch(part):
            return f"subject{int(name['number']):02d}", parts[level + 1 :]
    return "", ()
