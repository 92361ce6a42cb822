"""The PCA of one feature in one fold: fitted to the frames of the training clips."""

from typing import Any

from emotiw.core.status import Status
from emotiw.corpora import splits
from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import Fold
from emotiw.jobs import gather
from emotiw.jobs.gather import Source
from emotiw.statistics import absent_classes, selection_record
from emotiw.video.pca import PCA, fit_pca, scatter_of


def fit(
    manifest: Manifest, fold: Fold, source: Source, *, feature: str, dimension: int
) -> tuple[PCA | None, dict[str, Any]]:
    """Fit the PCA to the usable training clips of a fold.

    Parameters
    ----------
    manifest : Manifest
        Labels of the clips, and the job that holds each.
    fold : Fold
        Division of the clips; validation and test clips are not read.
    source : Source
        Files of the frame features.
    feature : str
        Name of the feature, for the record.
    dimension : int
        Wanted d, see `pca.fit_pca`.

    Returns
    -------
    pca : PCA or None
        None if fewer than two classes have a usable training clip; the fold then has no such system.
    facts : dict
        Numbers of clips and frames, the classes without a clip, and the record, as JSON.

    Raises
    ------
    StoreError
        If a file of features is missing or damaged, or lacks a clip.
    FeatureError
        If there are fewer than two frames, or all frames are equal.
    """
    usable = gather.statuses(manifest, source, fold.train)
    clips = [clip for clip, status in usable.items() if status == Status.OK]
    labels = [manifest.row_of_clip[clip].label for clip in clips]
    facts = {"n_clips": len(clips), "lacking": splits.lacking(labels, manifest.classes)}
    if not absent_classes.present(labels, manifest.classes):
        return None, facts | selection_record.facts([])
    scatter = scatter_of(gather.Arrays(manifest, source, clips))
    fitted = fit_pca(scatter, dimension)
    record = selection_record.Record(
        f"{feature}: PCA", len(fitted.components), "variance of the frames", clips, kind=selection_record.NO_LABELS
    )
    return fitted, facts | {"n_frames": scatter.n} | selection_record.facts([record])
