"""Clips of one person judged relative to each other, which is transductive [ours].

A face at rest looks sad in one person and surprised in another, and voices differ likewise. Where a folder holds
several clips of a person, the average of the logarithms of the person's posteriors estimates what is the person's and
not the emotion's, and is removed from each clip::

    P_jc = p_jc exp(-a_c) / sum_c p_jc exp(-a_c),  a_c = mean_j log p_jc

for each modality before the fusion. No label is used. The answer for a clip then depends on the person's other clips,
and it is right only if these show different emotions about equally often.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from emotiw.core.errors import ConfigError
from emotiw.fusion import schemes
from emotiw.jobs.features import MODALITIES
from emotiw.prediction.bundle import Bundle
from emotiw.prediction.contained import Contained, Progress
from emotiw.prediction.prediction import NAMES, Floats, Prediction, SegmentPrediction, weighted_mean
from emotiw.prediction.recogniser import Averages, Recogniser

FEWEST = 6  # clips of a person below which they are judged alone [ours]
COLUMNS = ("clip", "subject")

PersonOf = Callable[[Path], str]  # "" for a clip of nobody known


def person_of(told: str) -> PersonOf:
    """Return the function that names the person of a clip.

    Parameters
    ----------
    told : str
        A regular expression, searched in the path of a clip: its group, or the whole match without a group, is the
        person. Or a CSV table (`*.csv`) with the columns `clip`, a path or the name of a file, and `subject`.

    Raises
    ------
    ConfigError
        If the expression is none, or the table cannot be read or lacks a column.
    """
    if told.endswith(".csv"):
        subjects = _table(Path(told))
        return lambda path: subjects.get(str(path)) or subjects.get(path.name) or subjects.get(path.stem) or ""
    try:
        pattern = re.compile(told)
    except re.error as error:
        raise ConfigError(
            f"--subject-of {told}: no regular expression ({error}); expected one, or a table.csv"
        ) from error
    return lambda path: (found[min(pattern.groups, 1)] or "") if (found := pattern.search(str(path))) else ""


@dataclass(frozen=True)
class Together:
    """A predictor that judges the clips of each person relative to each other.

    Attributes
    ----------
    predictor : Contained
    person_of : callable
        From `person_of`.
    """

    predictor: Contained
    person_of: PersonOf

    @property
    def bundle(self) -> Bundle:
        """The bundle of the predictor."""
        return self.predictor.bundle

    def predict(self, paths: Iterable[str | Path], progress: Progress | None = None) -> Iterator[Prediction]:
        """Predict clips person by person, as `Predictor.predict` does; the clips of one person are held in memory."""
        predictions = self.predictor.predict(in_turn(list(map(Path, paths)), self.person_of), progress)
        return together(predictions, self.person_of, self.predictor.predictor.recogniser)


def in_turn(paths: Sequence[Path], of: PersonOf) -> list[Path]:
    """Paths with the clips of each person next to each other."""
    return sorted(paths, key=of)


def together(predictions: Iterable[Prediction], of: PersonOf, recogniser: Recogniser) -> Iterator[Prediction]:
    """Judge the clips of each person relative to each other; the clips of one person are held in memory.

    Parameters
    ----------
    predictions : iterable of Prediction
        With the clips of each person next to each other (`in_turn`).
    of : callable
        From `person_of`.
    recogniser : Recogniser
        That of the predictions.
    """
    for person, clips in groupby(predictions, key=lambda prediction: of(prediction.path)):
        held = list(clips)
        n_judged = sum(clip.emotion is not None for clip in held)
        if not person:
            note = "judged alone: --subject-of names nobody for this clip"
        elif n_judged < FEWEST:
            note = f"judged alone: {n_judged} clips of {person}, at least {FEWEST} are needed to judge them together"
        else:
            note = f"judged together with the clips of {person}, {n_judged} in all (transductive)"
            averages = _averages(held, [member.name for member in recogniser.members])
            held = [_relative(clip, averages, recogniser) for clip in held]
        yield from (replace(clip, notes=(*clip.notes, note)) if clip.emotion is not None else clip for clip in held)


def _averages(clips: Sequence[Prediction], members: Sequence[str]) -> Averages:
    """Average logarithm of each member's posteriors; each clip counts alike, and so does each second of it."""
    averages: dict[str, dict[str, Floats]] = {}
    for member in members:
        rows = {name: [_of_clip(clip.parts, member, name) for clip in clips] for name in MODALITIES}
        known = {name: [row for row in found if row is not None] for name, found in rows.items()}
        averages[member] = {name: np.mean(found, axis=0) for name, found in known.items() if len(found) >= FEWEST}
    return averages


def _of_clip(parts: Sequence[SegmentPrediction], member: str, name: str) -> Floats | None:
    posteriors = [(part.duration_s, part.posteriors.members[member][name]) for part in parts]
    return weighted_mean((s, None if p is None else schemes.log_posteriors(p[None])[0]) for s, p in posteriors)


def _relative(clip: Prediction, averages: Averages, recogniser: Recogniser) -> Prediction:
    parts = tuple(replace(part, posteriors=recogniser.relative(part.posteriors, averages)) for part in clip.parts)
    posteriors = {
        name: weighted_mean((part.duration_s, part.posteriors.mean[name]) for part in parts) for name in NAMES
    }
    timeline = replace(clip.timeline, posteriors=recogniser.relative_course(clip.timeline.posteriors, averages))
    return replace(clip, parts=parts, posteriors=posteriors, timeline=timeline)


def _table(path: Path) -> Mapping[str, str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, ValueError, csv.Error) as error:
        raise ConfigError(f"--subject-of {path}: cannot be read ({error}); expected a CSV table") from error
    if not rows or not all(name in rows[0] for name in COLUMNS):
        found = ", ".join(rows[0]) if rows else "no row"
        raise ConfigError(f"--subject-of {path}: has {found}; expected the columns {' and '.join(COLUMNS)}")
    return {row["clip"]: row["subject"] or "" for row in rows if row["clip"]}
