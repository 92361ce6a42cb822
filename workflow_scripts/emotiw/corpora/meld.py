"""MELD: utterances `dia<D>_utt<U>.mp4` of a television series, a folder for each split, labels in `*_sent_emo.csv`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emotiw.core.clip_suffixes import VIDEO
from emotiw.core.emotions import EMOTIONS
from emotiw.corpora import csv_reader
from emotiw.corpora.interface import Candidate, Scan, Source, checked_options, left_out_note, walk

FOLDERS = {"train_splits": "train", "dev_splits_complete": "val", "output_repeated_splits_test": "test"}
FOLDER_OF_SPLIT = {split: folder for folder, split in FOLDERS.items()}
TABLES = {"train": "train_sent_emo.csv", "val": "dev_sent_emo.csv", "test": "test_sent_emo.csv"}
COLUMNS = ("Dialogue_ID", "Utterance_ID", "Emotion")
NAME = re.compile(r"dia\d+_utt\d+")
LABELS = {emotion: emotion for emotion in EMOTIONS} | {"joy": "happiness"}
# listed in the published tables, but missing from the published clips (dev) or damaged and often removed (train)
ABSENT = frozenset({"train-dia125_utt3", "val-dia110_utt7"})


@dataclass(frozen=True)
class _Part:
    candidates: tuple[Candidate, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def scan(source: Source) -> Scan:
    """Find the labelled utterances of the official splits. Ids and dialogues are numbered from 0 in each split.

    The splits share the speakers of the series. A dialogue is therefore used as the subject: its utterances are not
    independent, and no dialogue is in two splits. The film is the episode, if the tables name it.
    """
    checked_options(source)
    videos, unrecognised, twice = _videos(source.root)
    tables = {path.name: path for path in walk(source.root, frozenset({".csv"}))}
    parts = [_part(source.root, split, videos[split], tables.get(name)) for split, name in TABLES.items()]
    notes = left_out_note(unrecognised, "not named dia<D>_utt<U> in a split's folder")
    notes += tuple(note for part in parts for note in part.notes)
    return Scan(
        tuple(candidate for part in parts for candidate in part.candidates),
        notes=(*notes, "the official splits share speakers; subjects are dialogues"),
        problems=(*twice, *(problem for part in parts for problem in part.problems)),
    )


def _videos(root: Path) -> tuple[dict[str, dict[str, Path]], list[Path], list[str]]:
    """Files of the clips by split and name, other files, and a problem for each clip that occurs twice."""
    videos: dict[str, dict[str, Path]] = {split: {} for split in TABLES}
    unrecognised, twice = [], []
    for path in walk(root, VIDEO):
        split = next((FOLDERS[part] for part in path.relative_to(root).parts if part in FOLDERS), None)
        if split is None or not NAME.fullmatch(path.stem):
            unrecognised.append(path)
        elif videos[split].setdefault(path.stem, path) != path:
            twice.append(f"{path}: is also in {videos[split][path.stem].parent}; remove one of the two")
    return videos, unrecognised, twice


def _part(root: Path, split: str, videos: Mapping[str, Path], path: Path | None) -> _Part:
    if path is None:
        return _Part(
            problems=(f"{root / TABLES[split]}: missing; put the published table of split {split} below the root",)
        )
    # the text column is Windows-1252; the columns that are read are ASCII, which Latin-1 decodes correctly
    labels = csv_reader.read(path, COLUMNS, encodings=("utf-8-sig", "latin-1"))
    folder = next((video.parent for video in videos.values()), root / FOLDER_OF_SPLIT[split])
    candidates: list[Candidate] = []
    notes: list[str] = []
    for line, row in labels.rows:
        name = f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}"
        clip = f"{split}-{name}"
        if name not in videos and clip in ABSENT:
            notes.append(f"{clip} left out: known to be absent")
            continue
        video = videos.get(name, folder / f"{name}.mp4")
        label = LABELS.get(row["Emotion"], row["Emotion"])
        subject, episode = f"{split}-dia{row['Dialogue_ID']}", _episode(row)
        candidates.append(Candidate(clip, video, label, f"{path}:{line}", subject, split, film=episode))
    named = {candidate.path for candidate in candidates}
    notes += left_out_note([video for video in videos.values() if video not in named], f"no label in {path.name}")
    return _Part(tuple(candidates), tuple(notes), labels.problems)


def _episode(row: Mapping[str, str]) -> str:
    season, episode = row.get("Season", ""), row.get("Episode", "")
    return f"s{season}e{episode}" if season and episode else ""
