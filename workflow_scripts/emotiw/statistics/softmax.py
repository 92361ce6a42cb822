"""The softmax function. SciPy's gives the same bits, but takes 0.2 s of CPU to import, which a prediction is spared."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def softmax(logits: npt.NDArray[Any]) -> Floats:
    r"""Posteriors of each row of logits, :math:`p_c = \exp(z_c) / \sum_k \exp(z_k)`.

    Parameters
    ----------
    logits : ndarray, shape (n, n_classes)
        Not all of a row may be minus infinity, which is the logit of a class that is impossible.

    Returns
    -------
    ndarray, shape (n, n_classes)
        Each row sums to 1.
    """
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True), np.float64)
