"""Weights of training clips by class and by corpus.

With n_k clips of corpus k, n clips in all, and a power a::

    W_k = n n_k^a / sum_j n_j^a                 sum of the weights of corpus k
    w   = W_k / n_k                             of each of its clips
    w   = W_k / (m_k n_kc)                      with balanced classes: of a clip of class c; the corpus has m_k classes

The mean weight is 1. With a = 1 every clip weighs the same; with a = 0 every corpus does.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from sklearn.utils.class_weight import compute_sample_weight

from emotiw.core.errors import FeatureError

Floats = npt.NDArray[np.float64]
NONE, BALANCED, SQUARE_ROOT = "none", "balanced", "square_root"
POWERS: Mapping[str, float] = {NONE: 1.0, SQUARE_ROOT: 0.5, BALANCED: 0.0}  # a, by corpus weights
IN_WORDS = {SQUARE_ROOT: "corpora weighted by the square root of their clips", BALANCED: "corpora weighted equally"}


def clip_weights(y: npt.NDArray[np.int64], corpora: Sequence[str], class_weights: str, corpus_weights: str) -> Floats:
    """Weight of each training clip.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Class indices.
    corpora : sequence of str
        Corpus of each clip.
    class_weights : str
        `none` or `balanced`.
    corpus_weights : str
        A key of `POWERS`.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    FeatureError
        If `corpus_weights` is another word.
    """
    if corpus_weights not in POWERS:
        raise FeatureError(f"corpus weights {corpus_weights!r} are unknown; expected one of {', '.join(POWERS)}")
    _, of_clip, n_clips = np.unique(np.asarray(corpora), return_inverse=True, return_counts=True)
    shares = n_clips ** POWERS[corpus_weights]
    of_corpus = len(y) * shares / shares.sum() / n_clips
    weights = np.ones(len(y))
    for k in range(len(n_clips)):
        # scikit-learn's balanced weights of a part have the mean 1
        of_class = BALANCED if class_weights == BALANCED else None
        weights[of_clip == k] = of_corpus[k] * compute_sample_weight(of_class, y[of_clip == k])
    return weights
