"""AFEW, the films of the EmotiW challenges: `Train_AFEW/<Class>/<id>.avi`, `Val_AFEW/...`, `Test_vid_Distribute/`."""

from pathlib import Path

from emotiw.core.emotions import HIDDEN
from emotiw.corpora.interface import VIDEO, Candidate, Scan, Source, choose, left_out, safe_id, walk

SPLITS = {"train_afew": "train", "val_afew": "val", "test_vid_distribute": "test"}
LABELS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "sad": "sadness",
    "surprise": "surprise",
}
UNKNOWN = "the source films are not named in this corpus: a film in two splits cannot be noticed"


def scan(source: Source) -> Scan:
    """Find the clips; an id can occur in train and in val, so that the split is part of the clip's id.

    The films, let alone the actors, are not named: subjects are unknown. Test clips lie flat and have no label.
    """
    choose(source)
    found, strange = [], []
    for path in walk(source.root, VIDEO):
        split = _split(path.relative_to(source.root))
        if split is None:
            strange.append(path)
            continue
        folder = path.parent.name
        label = HIDDEN if split == "test" else LABELS.get(folder.casefold(), folder)
        found.append(Candidate(f"{split}-{safe_id(path.stem)}", path, label, str(path), split=split))
    return Scan(
        tuple(found), notes=(*left_out(strange, "not below Train_AFEW, Val_AFEW or Test_vid_Distribute"), UNKNOWN)
    )


def _split(path: Path) -> str | None:
    return next((SPLITS[part.casefold()] for part in path.parts if part.casefold() in SPLITS), None)
