"""CREMA-D: `VideoFlash/<actor>_<sentence>_<ANG|DIS|FEA|HAP|NEU|SAD>_<level>.flv`."""

import re

from emotiw.core.clip_suffixes import VIDEO
from emotiw.corpora.interface import Candidate, Scan, Source, checked_options, left_out_note, safe_id, walk

CLASSES = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
NAME = re.compile(r"(?P<actor>\d{4})_[A-Z]{3}_(?P<emotion>[A-Z]{3})_[A-Z]{1,2}")
LABELS = {label[:3].upper(): label for label in CLASSES}
BAD = frozenset({"1076_MTI_NEU_XX", "1076_MTI_SAD_XX", "1064_TIE_SAD_XX", "1064_IEO_DIS_MD"})
# first and last test actor of each fold
FIVE_ACTORS = ((1001, 1018), (1019, 1036), (1037, 1054), (1055, 1072), (1073, 1091))


def scan(source: Source) -> Scan:
    """Find the video clips, except those known to be bad. The sound files are the same takes and are ignored."""
    checked_options(source)
    candidates, unrecognised, bad = [], [], []
    for path in walk(source.root, VIDEO):
        name = NAME.fullmatch(path.stem)
        if name is None:
            unrecognised.append(path)
        elif path.stem in BAD:
            bad.append(path)
        else:
            label = LABELS.get(name["emotion"], name["emotion"])
            candidates.append(Candidate(safe_id(path.stem), path, label, str(path), name["actor"]))
    notes = left_out_note(unrecognised, "not named as CREMA-D names its clips") + left_out_note(bad, "known to be bad")
    folds = {
        str(actor): f"fold{k}" for k, (first, last) in enumerate(FIVE_ACTORS, 1) for actor in range(first, last + 1)
    }
    return Scan(tuple(candidates), CLASSES, {"five_actors": folds}, notes)
