"""Posteriors of many clips by a bundle: in several processes, and without judging a clip twice.

Each answer is kept in a file that is named by the clip's content and holds the hash of the bundle, so that an
interrupted evaluation goes on where it ended.
"""

import importlib.metadata
import json
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from emotiw.core import files
from emotiw.core.errors import FeatureError
from emotiw.prediction import bundle as bundles
from emotiw.prediction import contained
from emotiw.prediction.prediction import NAMES, NOT_JUDGED, Floats, Prediction
from emotiw.prediction.predictor import Predictor

Judge = tuple[Path, tuple[tuple[str, int], ...]]  # bundle, and the tracks to be read where they are not its own


@dataclass(frozen=True)
class Answer:
    """What a bundle says of a clip.

    Attributes
    ----------
    posteriors : dict of str to list of float or None
        Of `fusion`, `video` and `audio`; None if the clip has none of them.
    status : dict of str to str
        Of `video` and `audio`.
    source : str
        `fusion`, `video`, `audio` or `none`.
    reason : str
        Why the clip is not judged; empty if it is.
    duration_s : float
    """

    posteriors: dict[str, list[float] | None]
    status: dict[str, str]
    source: str
    reason: str
    duration_s: float

    @classmethod
    def of(cls, prediction: Prediction) -> "Answer":
        """Keep what an evaluation needs of a prediction."""
        posteriors = {name: None if (p := prediction.posteriors[name]) is None else p.tolist() for name in NAMES}
        status = {name: str(value) for name, value in prediction.status.items()}
        return cls(posteriors, status, prediction.source, prediction.reason, round(prediction.duration_s, 3))


def judge(
    bundle: Path,
    clips: Mapping[str, Path],
    *,
    kept: Path | None = None,
    n_processes: int = 1,
    tracks: Mapping[str, int] | None = None,
) -> Iterator[tuple[str, Answer]]:
    """Yield the answer for each clip: first those that are kept, then the others in the order of their keys.

    Parameters
    ----------
    bundle : Path
        Folder of the bundle.
    clips : mapping of str to Path
        Files by the SHA-256 of their contents.
    kept : Path or None
        Folder of the answers; None: nothing is kept.
    n_processes : int
        Each loads the bundle.
    tracks : mapping of str to int or None
        `audio_track` and `video_track`, if they are not to be those of the bundle.

    Raises
    ------
    FeatureError
        After the last answer, if a clip was not judged for a reason that says nothing of the clip.
    """
    about: dict[str, Any] = {"bundle": bundles.read(bundle).identity, "emotiw": importlib.metadata.version("emotiw")}
    about |= {"tracks": dict(tracks)} if tracks else {}
    known = {key: answer for key in clips if kept and (answer := _kept(kept / f"{key}.json", about))}
    yield from known.items()
    missing = [key for key in clips if key not in known]
    judged_by = bundle, tuple(sorted((tracks or {}).items()))
    answers = _answers(judged_by, [clips[key] for key in missing], n_processes)
    lacking = []
    for key, (answer, may_be_kept) in zip(missing, answers, strict=True):
        if kept and may_be_kept:
            files.write_json(kept / f"{key}.json", about | {"answer": vars(answer)})
        if NOT_JUDGED in answer.status.values():
            lacking.append((str(clips[key]), answer.reason))
        yield key, answer
    if lacking:
        raise FeatureError(contained.unfinished(lacking))


def stacked(answers: Sequence[Answer], name: str, n_classes: int) -> Floats:
    """Posteriors of the clips by `fusion`, `video` or `audio`, (n_clips, n_classes); NaN where there are none."""
    rows = [answer.posteriors[name] or [np.nan] * n_classes for answer in answers]
    return np.array(rows, np.float64).reshape(len(rows), n_classes)


def _answers(judged_by: Judge, paths: Sequence[Path], n_processes: int) -> Iterator[tuple[Answer, bool]]:
    """Answer for each path, and whether it may be kept: it may not if another attempt could judge the clip."""
    if not paths:
        return
    if n_processes == 1:
        yield from (_answer(judged_by, path) for path in paths)
        return
    context = multiprocessing.get_context("spawn")  # a fork would share the threads of the libraries
    with ProcessPoolExecutor(min(n_processes, len(paths)), mp_context=context) as pool:
        yield from pool.map(_answer, [judged_by] * len(paths), paths)


def _answer(judged_by: Judge, path: Path) -> tuple[Answer, bool]:
    (prediction,) = _predictor(*judged_by).predict([path])
    return Answer.of(prediction), not prediction.is_of_the_moment


@cache
def _predictor(bundle: Path, tracks: tuple[tuple[str, int], ...]) -> contained.Contained:
    return contained.Contained(replace(Predictor.load(bundle), tracks=dict(tracks)))


def _kept(path: Path, about: Mapping[str, Any]) -> Answer | None:
    """Read a kept answer; None if there is none of this bundle and this version."""
    try:
        found = json.loads(path.read_bytes())
        return Answer(**found["answer"]) if {key: found[key] for key in about} == about else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
