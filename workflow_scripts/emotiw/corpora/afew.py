"""AFEW, the films of the EmotiW challenges: `Train_AFEW/<Class>/<id>.avi`, `Val_AFEW/...`, `Test_vid_Distribute/`."""

from pathlib import Path

from emotiw.core.clip_suffixes import VIDEO
from emotiw.core.emotions import HIDDEN
from emotiw.corpora.interface import Candidate, Scan, Source, checked_options, left_out_note, safe_id, walk

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
UNKNOWN = "this corpus does not name its source films, so a film in two splits cannot be detected"


def scan(source: Source) -> Scan:
    """Find the clips. The clip's id contains the split, because an id can occur in train and in val.

    Subjects are unknown, because the corpus names neither films nor actors. Test clips lie in one folder, unlabelled.
    """
    checked_options(source)
    candidates, unrecognised = [], []
    for path in walk(source.root, VIDEO):
        split = _split(path.relative_to(source.root))
        if split is None:
            unrecognised.append(path)
            continue
        folder = path.parent.name
        label = HIDDEN if split == "test" else LABELS.get(folder.casefold(), folder)
        candidates.append(Candidate(f"{split}-{safe_id(path.stem)}", path, label, str(path), split=split))
    return Scan(
        tuple(candidates),
        notes=(*left_out_note(unrecognised, "not below Train_AFEW, Val_AFEW or Test_vid_Distribute"), UNKNOWN),
    )


def _split(path: Path) -> str | None:
    return next((SPLITS[part.casefold()] for part in path.parts if part.casefold() in SPLITS), None)
