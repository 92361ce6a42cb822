"""SAVEE: `AudioVisualClip/<DC|JE|JK|KL>/{a,d,f,h,n,sa,su}N.avi`."""

import re

from emotiw.core.clip_suffixes import VIDEO
from emotiw.corpora.interface import Candidate, Scan, Source, checked_options, left_out_note, safe_id, walk

SPEAKERS = ("DC", "JE", "JK", "KL")
NAME = re.compile(r"(?P<emotion>[a-z]{1,2})\d+", re.IGNORECASE)
LABELS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}


def scan(source: Source) -> Scan:
    """Find the video clips. The id contains the speaker, because each of the four speakers has an `a1`."""
    checked_options(source)
    candidates, unrecognised = [], []
    for path in walk(source.root, VIDEO):
        speaker, name = path.parent.name, NAME.fullmatch(path.stem)
        if speaker not in SPEAKERS or name is None:
            unrecognised.append(path)
            continue
        label = LABELS.get(name["emotion"].lower(), name["emotion"])
        candidates.append(Candidate(safe_id(f"{speaker}-{path.stem}"), path, label, str(path), speaker))
    schemes = {"leave_one_speaker_out": {speaker: speaker for speaker in SPEAKERS}}
    return Scan(
        tuple(candidates),
        schemes=schemes,
        notes=left_out_note(unrecognised, "not in a speaker's folder or not named as SAVEE's clips"),
    )
