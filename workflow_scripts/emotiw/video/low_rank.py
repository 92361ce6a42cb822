"""Kernels of a large corpus by some of their columns: the Nystroem method.

Of n sets, m training sets are drawn without labels, the landmarks. Only the kernel with them is computed, C (n, m), and
its rows of the landmarks, W (m, m). With W = U S U', the rows of Z = C U S^-1/2 are vectors whose inner products
approximate the kernel:

    K = Z Z' = C W^-1 C'

K is exact between each set and the landmarks. Memory and time grow with n m instead of n^2 (Williams and Seeger, "Using
the Nystroem method to speed up kernel machines", 2001).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.errors import FeatureError
from emotiw.video import kernels
from emotiw.video.image_sets import Frames, Matrix
from emotiw.video.kernels import Kernel, Reference

Ints = npt.NDArray[np.int64]

SMALLEST = 1e-10  # eigenvalue of W relative to the largest; vectors along smaller ones are rounding


def drawn(names: Sequence[str], n: int) -> list[str]:
    """Draw n of these names at random, always the same ones, in the order of the names; all if there are fewer."""
    rows = np.random.default_rng(0).choice(len(names), min(n, len(names)), replace=False)
    return [names[i] for i in sorted(rows)]


def vectors(C: Matrix, landmarks: Ints) -> tuple[Matrix, Matrix]:
    """Z (n, k) and U S^-1/2 (m, k) of the kernel with the landmarks.

    Parameters
    ----------
    C : ndarray, shape (n, m)
        Kernel between all sets and the landmarks.
    landmarks : ndarray of int, shape (m,)
        Rows of C that are the landmarks.
    """
    W = C[landmarks]
    eigenvalues, U = np.linalg.eigh((W + W.T) / 2)
    kept = eigenvalues > SMALLEST * eigenvalues[-1]
    root = U[:, kept] / np.sqrt(eigenvalues[kept])
    return C @ root, np.asarray(root)


class Columns:
    """The six kernels between sets and landmarks.

    Parameters
    ----------
    landmarks : mapping of str to ndarray, shape (n_frames, d)
        Image sets of at least two landmarks, which are training sets; widths of RBF kernels are fitted to them.
    settings : mapping
        `rank`, `regularisation`, `degree`, as of `kernels.feature_kernels`.

    Raises
    ------
    FeatureError
        If there are fewer than two landmarks, a set has too few frames, or the kernel between the landmarks is not
        positive semidefinite.
    """

    def __init__(self, landmarks: Mapping[str, Frames], settings: Mapping[str, Any]) -> None:
        if len(landmarks) < 2:
            raise FeatureError(f"kernels: {len(landmarks)} landmarks; expected at least 2; raise video.landmarks")
        self._settings = settings
        chosen = {name: settings[name] for name in ("rank", "regularisation")}
        self._references = {
            name: Reference.of(of_model) for name, of_model in kernels.training_vectors(landmarks, **chosen).items()
        }
        self.gammas: dict[str, float] = {}
        self.min_eigenvalues: dict[str, float] = {}
        for name, kernel in self._between_landmarks():
            self.gammas[name], self.min_eigenvalues[name] = kernel.gamma, kernel.min_eigenvalue

    def rows(self, sets: Mapping[str, Frames]) -> dict[str, Matrix]:
        """Rows (n_sets, m) of each kernel; FeatureError, naming the set, if one has too few frames."""
        try:
            return kernels.kernels_with([*sets.values()], self._references, self.gammas, self._settings)
        except FeatureError as error:
            raise FeatureError(f"{', '.join(sets)}: {error}") from error

    def _between_landmarks(self) -> Iterator[tuple[str, Kernel]]:
        for name, reference in self._references.items():
            G = reference.products(np.asarray(reference.vectors, np.float64))
            yield from kernels.both_kernels(name, G, len(G), self._settings["degree"])
