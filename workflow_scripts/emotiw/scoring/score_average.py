"""Means of several systems' scores."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import StoreError
from emotiw.statistics import absent_classes

Matrix = npt.NDArray[np.float64]
Table = tuple[Sequence[str], Sequence[str], Matrix]


def mean_scores(tables: Sequence[Table]) -> tuple[list[str], list[str], Matrix]:
    """Mean of several systems' scores without rescaling, S = (S_1 + .. + S_m) / m (Ding et al. 2016, table 7).

    Each S_i is the score of one feature, itself the mean over its six kernels (`kernel_scoring.feature_scores`). Clips
    that a system lacks are left out.

    Parameters
    ----------
    tables : sequence of (clips, classes, scores)
        Clip ids, class names and scores (n_clips, n_classes) of each system.

    Returns
    -------
    clips, classes : list of str
        In the order of the first system.
    scores : ndarray, shape (n_clips, n_classes)

    Raises
    ------
    StoreError
        If the classes differ in name or order.
    """
    clips, classes, _ = tables[0]
    for _, other, _ in tables:
        if list(other) != list(classes):
            raise StoreError(
                f"scores: classes {', '.join(other)}, expected {', '.join(classes)}; run the workflow again"
            )
    row_of_clip = [{clip: i for i, clip in enumerate(names)} for names, _, _ in tables]
    common = [clip for clip in clips if all(clip in rows for rows in row_of_clip)]
    aligned = [table[2][[rows[clip] for clip in common]] for rows, table in zip(row_of_clip, tables, strict=True)]
    return common, list(classes), absent_classes.mean(aligned)
