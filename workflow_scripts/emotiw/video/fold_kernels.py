"""The six kernels of one feature in one fold, between all its usable clips: training, validation, test.

Above `video.exact_clips` usable clips, the kernels are between all clips and some training clips, the landmarks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emotiw.core.status import Status
from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import SPLITS, Fold
from emotiw.jobs import gather
from emotiw.jobs.gather import Source
from emotiw.statistics import selection_record
from emotiw.statistics.selection_record import Record
from emotiw.video import kernels, low_rank
from emotiw.video.image_sets import Frames, Matrix
from emotiw.video.pca import PCA, project

CLIPS_PER_BLOCK = 64  # whose rows are computed at a time


@dataclass(frozen=True)
class ImageSets:
    """Image sets of the usable clips of a fold after PCA, training clips first; they are read when they are asked for.

    Attributes
    ----------
    clips : list of str
    parts : list of str
        Part of each clip: one of `splits.SPLITS`.
    of_clip : callable
        Image set (n_frames, d) of a clip.
    """

    clips: list[str]
    parts: list[str]
    of_clip: Callable[[str], Frames]

    @property
    def training(self) -> list[str]:
        """Ids of the training clips."""
        return self.clips[: self.parts.count("train")]

    def of_clips(self, clips: Sequence[str]) -> dict[str, Frames]:
        """Image sets of these clips."""
        return {clip: self.of_clip(clip) for clip in clips}


def projected(manifest: Manifest, fold: Fold, source: Source, pca: PCA | None) -> ImageSets:
    """Image sets of all usable clips of a fold.

    Parameters
    ----------
    manifest : Manifest
        Names the job that holds each clip.
    fold : Fold
        Division of the clips.
    source : Source
        Files of the frame features.
    pca : PCA or None
        PCA of the training clips; None if the fold has no such system, which gives no image sets.

    Raises
    ------
    StoreError
        If a file of features is missing or damaged, or lacks a clip.
    """
    if pca is None:
        nothing: dict[str, Frames] = {}
        return ImageSets([], [], nothing.__getitem__)
    part_of_clip = {clip: part for part in SPLITS for clip in getattr(fold, part)}
    statuses = gather.statuses(manifest, source, part_of_clip)
    clips = [clip for clip, status in statuses.items() if status == Status.OK]

    def of_clip(clip: str) -> Frames:
        # one clip at a time: the 9216 values of all frames of EmotiW are 4 GB
        return project(gather.load(manifest, source, [clip])[clip].arrays["features"], pca)

    return ImageSets(clips, [part_of_clip[clip] for clip in clips], of_clip)


@dataclass(frozen=True)
class FoldKernels:
    """The six kernels, computed one after the other; `facts` are complete once all of them were asked for."""

    matrices: Iterator[tuple[str, Matrix]]
    facts: dict[str, Any] = field(default_factory=dict)


def six_kernels(sets: ImageSets, video: Mapping[str, Any], *, feature: str, above: Mapping[str, Any]) -> FoldKernels:
    """Compute the kernels of a feature, and the facts of their artefact.

    Parameters
    ----------
    sets : ImageSets
        From `projected`.
    video : mapping
        Section `video` of the configuration: `subspace_rank`, `regularisation`, `polynomial_degree`, `exact_clips`,
        `landmarks`.
    feature : str
        Name of the feature, for the record.
    above : mapping
        Facts of the PCA's artefact, whose records are kept.

    Returns
    -------
    FoldKernels
        Matrices (n_clips, n_clips), or (n_clips, n_landmarks) above `exact_clips` clips; empty ones without image
        sets. Facts: clips, parts, numbers of frames, gammas, smallest eigenvalues, records, and the landmarks if there
        are any; JSON.

    Raises
    ------
    FeatureError
        If there are fewer than two training sets, a set has too few frames, or a kernel matrix is not symmetric and
        positive semidefinite.
    """
    settings = {"rank": video["subspace_rank"], "regularisation": video["regularisation"]}
    settings["degree"] = video["polynomial_degree"]
    facts: dict[str, Any] = {"clips": sets.clips, "parts": sets.parts}
    if len(sets.clips) > video["exact_clips"] and len(sets.training) > video["landmarks"]:
        chosen = low_rank.drawn(sets.training, video["landmarks"])
        facts["landmarks"] = chosen
        records = [_record(f"{feature}: landmarks", len(chosen), "drawn at random", sets.training)]
        return FoldKernels(_with_landmarks(sets, chosen, settings, facts, _Widths(feature, records, above)), facts)
    return FoldKernels(_exact(sets, settings, facts, _Widths(feature, [], above)), facts)


@dataclass(frozen=True)
class _Widths:
    """What the records of the kernels are made from: name of the feature, earlier records, facts of the PCA."""

    feature: str
    records: list[Record]
    above: Mapping[str, Any]

    def facts(self, gammas: Mapping[str, float], clips: Sequence[str]) -> dict[str, Any]:
        """Facts with the records, that of the widths of the kernels last."""
        widths = _record(f"{self.feature}: kernel widths", dict(gammas), "median squared distance", clips)
        return {"gamma": dict(gammas), **selection_record.facts([*self.records, widths] if clips else [], self.above)}


def _record(choice: str, chosen: Any, criterion: str, clips: Sequence[str]) -> Record:
    return Record(choice, chosen, criterion, clips, kind=selection_record.NO_LABELS)


def _exact(
    sets: ImageSets, settings: Mapping[str, Any], facts: dict[str, Any], widths: _Widths
) -> Iterator[tuple[str, Matrix]]:
    frames = sets.of_clips(sets.clips)
    facts["n_frames"] = [len(F) for F in frames.values()]
    gammas, facts["min_eigenvalue"] = {}, {}
    for name, kernel in kernels.feature_kernels(frames, len(sets.training), **settings):
        gammas[name], facts["min_eigenvalue"][name] = kernel.gamma, kernel.min_eigenvalue
        yield name, kernel.matrix
    facts.update(widths.facts(gammas, sets.training))


def _with_landmarks(
    sets: ImageSets, landmarks: Sequence[str], settings: Mapping[str, Any], facts: dict[str, Any], widths: _Widths
) -> Iterator[tuple[str, Matrix]]:
    columns = low_rank.Columns(sets.of_clips(landmarks), settings)
    facts.update(widths.facts(columns.gammas, landmarks), min_eigenvalue=columns.min_eigenvalues, n_frames=[])
    matrices = {name: np.empty((len(sets.clips), len(landmarks))) for name in columns.gammas}
    for start in range(0, len(sets.clips), CLIPS_PER_BLOCK):
        block = sets.of_clips(sets.clips[start : start + CLIPS_PER_BLOCK])
        facts["n_frames"] += [len(F) for F in block.values()]
        for name, rows in columns.rows(block).items():
            matrices[name][start : start + len(rows)] = rows
    yield from matrices.items()
