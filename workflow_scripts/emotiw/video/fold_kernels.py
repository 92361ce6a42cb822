"""The six kernels of one feature in one fold, between all its usable clips: training, validation, test."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emotiw.core.status import Status
from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import SPLITS, Fold
from emotiw.jobs import gather
from emotiw.jobs.gather import Source
from emotiw.statistics import selection_record
from emotiw.video import kernels
from emotiw.video.image_sets import Matrix
from emotiw.video.pca import PCA, project


@dataclass(frozen=True)
class ImageSets:
    """Image sets of the usable clips of a fold after PCA, training clips first.

    Attributes
    ----------
    frames : dict of str to ndarray, shape (n_frames, d)
        By clip id.
    parts : list of str
        Part of each clip: one of `splits.SPLITS`.
    """

    frames: dict[str, Matrix]
    parts: list[str]

    @property
    def training(self) -> list[str]:
        """Ids of the training clips."""
        return list(self.frames)[: self.parts.count("train")]


def projected(manifest: Manifest, fold: Fold, source: Source, pca: PCA | None) -> ImageSets:
    """Project the frame features of all usable clips of a fold.

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
    frames: dict[str, Matrix] = {}
    parts: list[str] = []
    if pca is None:
        return ImageSets(frames, parts)
    part_of_clip = {clip: part for part in SPLITS for clip in getattr(fold, part)}
    for clip, part in part_of_clip.items():
        # one clip at a time: the 9216 values of all frames of EmotiW are 4 GB
        entry = gather.load(manifest, source, [clip])[clip]
        if entry.status == Status.OK:
            frames[clip] = project(entry.arrays["features"], pca)
            parts.append(part)
    return ImageSets(frames, parts)


def six_kernels(
    sets: ImageSets, video: Mapping[str, Any], *, feature: str, above: Mapping[str, Any]
) -> tuple[dict[str, kernels.Kernel], dict[str, Any]]:
    """Compute the kernels of a feature, and the facts of their artefact.

    Parameters
    ----------
    sets : ImageSets
        From `projected`.
    video : mapping
        Section `video` of the configuration: `subspace_rank`, `regularisation`, `polynomial_degree`.
    feature : str
        Name of the feature, for the record.
    above : mapping
        Facts of the PCA's artefact, whose records are kept.

    Returns
    -------
    kernels : dict of str to Kernel
        As in `kernels.feature_kernels`; empty matrices without image sets.
    facts : dict
        Clips, parts, numbers of frames, gammas, smallest eigenvalues and records, as JSON.

    Raises
    ------
    FeatureError
        If there are fewer than two training sets, a set has too few frames, or a kernel matrix is not symmetric and
        positive semidefinite.
    """
    six = kernels.feature_kernels(
        sets.frames,
        len(sets.training),
        rank=video["subspace_rank"],
        regularisation=video["regularisation"],
        degree=video["polynomial_degree"],
    )
    gammas = {name: kernel.gamma for name, kernel in six.items()}
    widths = selection_record.Record(
        f"{feature}: kernel widths",
        gammas,
        "median squared distance",
        sets.training,
        kind=selection_record.NO_LABELS,
    )
    return six, {
        "clips": list(sets.frames),
        "parts": sets.parts,
        "n_frames": [len(F) for F in sets.frames.values()],
        "gamma": gammas,
        "min_eigenvalue": {name: kernel.min_eigenvalue for name, kernel in six.items()},
        **selection_record.facts([widths] if sets.frames else [], above),
    }
