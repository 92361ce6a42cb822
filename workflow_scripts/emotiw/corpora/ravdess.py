"""RAVDESS: `Actor_NN/MM-VV-EE-II-SS-RR-AA.mp4` (modality, vocal channel, emotion, ..., actor)."""

import re

from emotiw.core.clip_suffixes import AUDIO, VIDEO
from emotiw.core.emotions import EMOTIONS
from emotiw.corpora.interface import Candidate, Scan, Source, checked_options, left_out_note, safe_id, walk

NAME = re.compile(r"(?P<modality>\d\d)-(?P<channel>\d\d)-(?P<emotion>\d\d)-\d\d-\d\d-\d\d-(?P<actor>\d\d)")
MODALITIES = {"audio-video": ("01", VIDEO), "audio-only": ("03", AUDIO)}
LABELS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
N_ACTORS = 24
# test actors of the five folds of Luna-Jimenez et al.
LUNA_JIMENEZ = (
    (2, 5, 14, 15, 16),
    (3, 6, 7, 13, 18),
    (10, 11, 12, 19, 20),
    (8, 17, 21, 23, 24),
    (1, 4, 9, 22),
)
SIX_CONSECUTIVE = tuple(tuple(range(first, first + 4)) for first in range(1, N_ACTORS + 1, 4))


def scan(source: Source) -> Scan:
    """Find the spoken clips of one modality, with or without calm.

    Modality 02 (01 without sound) is never used, nor are the songs, which lack disgust and surprise.
    """
    options = checked_options(source, modality=tuple(MODALITIES), n_classes=(8, 7))
    modality, suffixes = MODALITIES[options["modality"]]
    candidates, unrecognised, songs = [], [], []
    for path in walk(source.root, suffixes):
        name = NAME.fullmatch(path.stem)
        if name is None:
            unrecognised.append(path)
        elif name["modality"] == modality and name["channel"] == "02":
            songs.append(path)
        elif name["modality"] == modality and (options["n_classes"] == 8 or LABELS.get(name["emotion"]) != "calm"):
            label = LABELS.get(name["emotion"], name["emotion"])
            candidates.append(Candidate(safe_id(path.stem), path, label, str(path), f"actor{name['actor']}"))
    notes = left_out_note(unrecognised, "not named as RAVDESS names its clips") + left_out_note(
        songs, "sung, not spoken"
    )
    classes = EMOTIONS if options["n_classes"] == 7 else (*EMOTIONS, "calm")
    schemes = {"six_consecutive": _folds(SIX_CONSECUTIVE), "luna_jimenez": _folds(LUNA_JIMENEZ)}
    n_actors = len({candidate.subject for candidate in candidates})
    if source.scheme in schemes and n_actors < N_ACTORS:
        notes += (
            f"{source.scheme} is defined on {N_ACTORS} actors, but {n_actors} were found;"
            " use the scheme subjects for fewer",
        )
    return Scan(tuple(candidates), classes, schemes, notes)


def _folds(groups: tuple[tuple[int, ...], ...]) -> dict[str, str]:
    return {f"actor{actor:02d}": f"fold{k}" for k, group in enumerate(groups, 1) for actor in group}
