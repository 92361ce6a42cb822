"""Scores and models of a modality that has no usable training clip of some classes, such as clips without a face.

A classifier is trained on the classes that have clips, and judges among them. In its tables and models the other
classes have the decision value `ABSENT`, so their posteriors are 0, and all tables of a run have the same columns.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ABSENT = -1e3  # far below every decision value; its posterior is below 1e-4 at the largest temperature
FEWEST = 2  # classes that a classifier needs


def present(labels: Iterable[str], classes: Sequence[str]) -> list[str]:
    """Classes that occur among the labels, in the order of `classes`; none if there are too few for a classifier."""
    found = set(labels)
    names = [name for name in classes if name in found]
    return names if len(names) >= FEWEST else []


def filled(values: Floats, of: Sequence[str], classes: Sequence[str], fill: float = ABSENT) -> Floats:
    """Columns of `values` (..., n_present) in the order of all classes (..., n_classes); the others hold `fill`.

    Parameters
    ----------
    values : ndarray, shape (..., n_present)
        A column for each class of `of`.
    of, classes : sequence of str
        Classes that were trained, and all classes.
    fill : float
        Decision value of a class without clips; 0 for its coefficients.
    """
    if list(of) == list(classes):
        return values
    whole = np.full((*values.shape[:-1], len(classes)), fill)
    whole[..., [list(classes).index(name) for name in of]] = values
    return whole


def marked(log_posteriors: Floats, lacking: Iterable[str], classes: Sequence[str]) -> Floats:
    """Logarithms of posteriors (n_clips, n_classes) with `ABSENT` for the classes that the posteriors lack."""
    return np.where(np.isin(list(classes), list(lacking)), ABSENT, log_posteriors)


def mean(scores: Sequence[Floats]) -> Floats:
    """Mean of several systems' scores (n_clips, n_classes); a class that one of them cannot name stays absent."""
    stacked = np.stack(scores)
    return np.where((stacked <= ABSENT).any(axis=0), ABSENT, stacked.mean(axis=0))


def named(scores: Floats, truth: Ints, weights: Floats | None) -> tuple[Floats, Ints, Floats | None]:
    """Clips of the classes that their scores can name; the others say nothing of the scores' scale.

    Parameters
    ----------
    scores : ndarray, shape (n_clips, n_classes)
    truth : ndarray, shape (n_clips,)
        Index of the true class.
    weights : ndarray, shape (n_clips,), or None
    """
    can_be_right = scores[np.arange(len(truth)), truth] > ABSENT
    return scores[can_be_right], truth[can_be_right], None if weights is None else weights[can_be_right]
