"""nEMO: `<speaker>_<emotion>_<sentence>.wav`, Polish speech of nine actors in six emotions."""

import re

from emotiw.core.clip_suffixes import AUDIO
from emotiw.corpora.interface import Candidate, Scan, Source, checked_options, left_out_note, safe_id, walk

CLASSES = ("anger", "fear", "happiness", "neutral", "sadness", "surprise")
NAME = re.compile(r"(?P<speaker>[A-Z]{2}\d+)_(?P<emotion>[a-z]+)_\d+")
LABELS = {label: label for label in CLASSES} | {"surprised": "surprise"}


def scan(source: Source) -> Scan:
    """Find the clips. They are sound alone; speaker, emotion and sentence stand in the name of the file."""
    checked_options(source)
    candidates, unrecognised = [], []
    for path in walk(source.root, AUDIO):
        name = NAME.fullmatch(path.stem)
        if name is None:
            unrecognised.append(path)
        else:
            label = LABELS.get(name["emotion"], name["emotion"])
            candidates.append(Candidate(safe_id(path.stem), path, label, str(path), name["speaker"]))
    return Scan(tuple(candidates), CLASSES, notes=left_out_note(unrecognised, "not named as nEMO names its clips"))
