"""DFEW: `Clip/original/NNNNN.mp4`, five folds in `EmoLabel_DataSplit/{train,test}(single-labeled)/set_K.csv`."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from emotiw.core.clip_suffixes import VIDEO
from emotiw.core.emotions import EMOTIONS
from emotiw.corpora import csv_reader
from emotiw.corpora.interface import Candidate, Scan, Source, checked_options, left_out_note, walk

LABELS = {
    "1": "happiness",
    "2": "sadness",
    "3": "neutral",
    "4": "anger",
    "5": "surprise",
    "6": "disgust",
    "7": "fear",
}
SET = re.compile(r"set_(?P<number>\d)")
PART = re.compile(r"(?P<part>train|test)\s*\(single[-_ ]labell?ed\)", re.IGNORECASE)
COLUMNS = ("video_name", "label")
N_FOLDS = 5
UNKNOWN = "this corpus names neither films nor actors, so one that is in two folds cannot be detected"


def scan(source: Source) -> Scan:
    """Find the clips with a single label, and the fold that tests each.

    The fold is the number of the set whose test table lists the clip. The tables for training are the other clips of
    the same set, so they are checked against these and not used.
    """
    options = checked_options(source, clips=("original", "clip_224x224"))
    folder = source.root / "Clip" / options["clips"]
    if not folder.is_dir():
        return Scan((), problems=(f"{folder}: missing; put the published clips there, or set the option clips",))
    videos = {path.stem.zfill(5): path for path in walk(folder, VIDEO)}
    if not videos and any(path.is_dir() for path in folder.iterdir()):
        text = "holds folders of frames, expected clips; join the frames of each folder to a clip NNNNN.mp4"
        return Scan((), problems=(f"{folder}: {text}, or use the option clips: original",))
    candidates, problems = _listed(source.root, folder, videos)
    listed = {candidate.clip for candidate in candidates}
    notes = left_out_note([path for name, path in videos.items() if name not in listed], "without a single label")
    return Scan(tuple(candidates), EMOTIONS, notes=(*notes, UNKNOWN), problems=tuple(problems))


def _listed(root: Path, folder: Path, videos: Mapping[str, Path]) -> tuple[list[Candidate], list[str]]:
    """Clips of the test tables with their folds, and the problems of the tables."""
    tables = dict(_tables(root))
    problems = [
        f"{root / 'EmoLabel_DataSplit'}: no table {part}(single-labeled)/set_{number}.csv; unpack the published splits"
        for number in range(1, N_FOLDS + 1)
        for part in ("train", "test")
        if (part, str(number)) not in tables
    ]
    candidates: dict[str, Candidate] = {}
    trained: dict[str, set[str]] = {}
    for (part, number), path in sorted(tables.items()):
        table = csv_reader.read(path, COLUMNS)
        problems += table.problems
        for line, row in table.rows:
            name = row["video_name"].removesuffix(".mp4").zfill(5)
            label = LABELS.get(row["label"], row["label"])
            if part == "train":
                trained.setdefault(number, set()).add(name)
            elif other := candidates.get(name):
                problems.append(f"{path}:{line}: clip {name!r} is also tested at {other.where}; keep one of the two")
            else:
                path_of_clip = videos.get(name, folder / f"{name}.mp4")
                candidates[name] = Candidate(name, path_of_clip, label, f"{path}:{line}", fold=f"fold{number}")
    return list(candidates.values()), [*problems, *_mixed(candidates, trained)]


def _tables(root: Path) -> Iterator[tuple[tuple[str, str], Path]]:
    """Tables of the splits by part and number of the set."""
    for path in walk(root, frozenset({".csv"})):
        part, number = PART.fullmatch(path.parent.name), SET.fullmatch(path.stem)
        if part and number:
            yield (part["part"].lower(), number["number"]), path


def _mixed(candidates: Mapping[str, Candidate], trained: Mapping[str, set[str]]) -> Iterator[str]:
    """Name the sets that train on clips which they test."""
    for number, names in sorted(trained.items()):
        both = sorted(name for name in names if name in candidates and candidates[name].fold == f"fold{number}")
        if both:
            found = f"trains on {len(both)} clips that it tests (the first: {both[0]!r})"
            yield f"set_{number}.csv: {found}; restore the published tables"
