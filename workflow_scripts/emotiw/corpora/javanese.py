"""The Javanese audio-video corpus: `<actor>-<sentence>-<emotion>_<repetition>.mp4`, six emotions."""

import re

from emotiw.core.clip_suffixes import VIDEO
from emotiw.corpora.interface import Candidate, Scan, Source, checked_options, left_out_note, safe_id, walk

CLASSES = ("anger", "fear", "happiness", "neutral", "sadness", "surprise")
NAME = re.compile(r"(?P<actor>\d\d)-\d\d-(?P<emotion>\d\d)_\d\d")
LABELS = {"01": "neutral", "02": "sadness", "03": "happiness", "04": "surprise", "05": "fear", "06": "anger"}


def scan(source: Source) -> Scan:
    """Find the clips; actor and emotion stand in the name of the file."""
    checked_options(source)
    candidates, unrecognised = [], []
    for path in walk(source.root, VIDEO):
        name = NAME.fullmatch(path.stem)
        if name is None:
            unrecognised.append(path)
        else:
            label = LABELS.get(name["emotion"], name["emotion"])
            candidates.append(Candidate(safe_id(path.stem), path, label, str(path), f"actor{name['actor']}"))
    note = left_out_note(unrecognised, "not named as the Javanese corpus names its clips")
    return Scan(tuple(candidates), CLASSES, notes=note)
