"""Trained models of one feature, as a bundle holds them: frames of a clip, or of a part of it, become class scores.

`Model` says what all of them offer. A model sees the frames of a clip twice: `encode` does once what does not depend
on the part that is asked for, `scores` is called for the whole clip and for each window of its timeline.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt

from emotiw.audio import blstm
from emotiw.audio.blstm import BLSTM
from emotiw.statistics import standardisation
from emotiw.statistics.pooling import PooledLinear, pooled
from emotiw.statistics.standardisation import Scaler
from emotiw.video.image_sets import Frames
from emotiw.video.kernels import Reference, kernels_with
from emotiw.video.linear import Linear
from emotiw.video.pca import PCA, project

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

POSTERIORS, DECISION_VALUES = "posteriors", "decision values"  # forms of scores


class Model(Protocol):
    """A trained model of one feature."""

    @property
    def form(self) -> str:
        """Form of the scores: `POSTERIORS` or `DECISION_VALUES`."""

    @property
    def n_values(self) -> int:
        """Number of values of a frame."""

    @property
    def min_frames(self) -> int:
        """Fewest frames that can be scored."""

    def encode(self, frames: Frames) -> Frames:
        """Frames of a clip, (n_frames, n_values), as `scores` takes them, (n_frames, n)."""

    def scores(self, encoded: Frames, rows: Sequence[Ints]) -> Floats:
        """Scores (n_sets, n_classes) of parts of a clip, each given by its rows of the encoded frames."""


@dataclass(frozen=True)
class KernelModel:
    """Classifiers of image sets, one for each kernel; their decision values are averaged.

    Attributes
    ----------
    pca : PCA
    references : mapping of str to Reference
        Training clips as each image-set model represents them.
    gammas : mapping of str to float
        Widths of the RBF kernels.
    classifiers : mapping of str to Linear
        One for each kernel.
    settings : mapping
        `rank`, `regularisation` and `degree` of the image sets and kernels.
    """

    pca: PCA
    references: Mapping[str, Reference]
    gammas: Mapping[str, float]
    classifiers: Mapping[str, Linear]
    settings: Mapping[str, Any]
    form: ClassVar[str] = DECISION_VALUES
    min_frames: ClassVar[int] = 2  # a covariance matrix needs two

    @property
    def n_values(self) -> int:
        """Number of values of a frame."""
        return self.pca.mean.size

    def encode(self, frames: Frames) -> Floats:
        """Frames after PCA."""
        return project(frames, self.pca)

    def scores(self, encoded: Frames, rows: Sequence[Ints]) -> Floats:
        """Decision values, averaged over the kernels."""
        sets = [encoded[chosen] for chosen in rows]
        kernels = kernels_with(sets, self.references, self.gammas, self.settings)
        return np.asarray(np.mean([self.classifiers[name].decision_values(K) for name, K in kernels.items()], axis=0))


@dataclass(frozen=True)
class Network:
    """A trained BLSTM and the standardisation of its inputs.

    Attributes
    ----------
    model : BLSTM
    scaler : Scaler
    clip : float
        Limit of the inputs in standard deviations.
    population : Scaler, optional
        Average training subject. Given if the network was trained on frames standardised by subject; each new clip is
        then treated as a subject of its own.
    """

    model: BLSTM
    scaler: Scaler
    clip: float
    population: Scaler | None = None

    def posteriors(self, features: Frames) -> npt.NDArray[np.float32]:
        """Frame posteriors (n_frames, n_classes) of a clip's features (n_frames, n_features)."""
        own = standardisation.by_new_subject(features, self.population) if self.population else features
        scaled = standardisation.standardise([own], self.scaler, clip=self.clip)
        return np.asarray(blstm.frame_posteriors(self.model, scaled)[0])


@dataclass(frozen=True)
class NetworkEnsemble:
    """Networks whose frame posteriors are averaged; `networks` holds at least one."""

    networks: Sequence[Network]
    form: ClassVar[str] = POSTERIORS
    min_frames: ClassVar[int] = 1

    @property
    def n_values(self) -> int:
        """Number of values of a frame."""
        return int(self.networks[0].scaler.mean.size)

    def encode(self, frames: Frames) -> Floats:
        """Posteriors of each frame, averaged over the networks."""
        return np.asarray(np.mean([network.posteriors(frames) for network in self.networks], axis=0, dtype=np.float64))

    def scores(self, encoded: Frames, rows: Sequence[Ints]) -> Floats:
        """Posteriors, averaged over the frames."""
        return blstm.clip_scores([encoded[chosen] for chosen in rows])


@dataclass(frozen=True)
class PooledModel:
    """A linear classifier of the mean and the deviation of the frames.

    Attributes
    ----------
    linear : PooledLinear
    population : Scaler
        Mean and scale of the average training subject's vectors, where the vectors of each subject were standardised by
        the statistics of that subject: one clip does not tell those of a new subject. Otherwise mean 0 and scale 1.
    """

    linear: PooledLinear
    population: Scaler
    form: ClassVar[str] = DECISION_VALUES
    min_frames: ClassVar[int] = 1

    @classmethod
    def of(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Model of the arrays of a fitted classifier, as `fold_pooled` stores them."""
        linear = PooledLinear(*(arrays[name] for name in ("mean", "scale", "coefficients", "intercept")))
        return cls(linear, Scaler(arrays["population_mean"], arrays["population_scale"]))

    @property
    def n_values(self) -> int:
        """Number of values of a frame."""
        return self.linear.mean.size // 2

    def encode(self, frames: Frames) -> Frames:
        """Return the frames themselves."""
        return frames

    def distance(self, frames: Frames) -> float:
        """Distance of a clip's frames (n_frames, n_values) from the training clips (`novelty`)."""
        vector = (pooled(frames) - self.population.mean) / self.population.scale
        return float(np.sqrt(np.mean(((vector - self.linear.mean) / self.linear.scale) ** 2)))

    def scores(self, encoded: Frames, rows: Sequence[Ints]) -> Floats:
        """Decision values of pooled frames."""
        vectors = np.stack([pooled(encoded[chosen]) for chosen in rows])
        return self.linear.decision_values((vectors - self.population.mean) / self.population.scale)


@dataclass(frozen=True)
class PosteriorAverage:
    """Frames that are posteriors themselves.

    Attributes
    ----------
    n_values : int
        Number of the classes that the posteriors are of.
    aligned : callable
        Turns posteriors (n_sets, n_values) of these classes into those of the system's, (n_sets, n_classes).
    """

    n_values: int
    aligned: Callable[[Floats], Floats]
    form: ClassVar[str] = POSTERIORS
    min_frames: ClassVar[int] = 1

    def encode(self, frames: Frames) -> Frames:
        """Return the frames themselves."""
        return frames

    def scores(self, encoded: Frames, rows: Sequence[Ints]) -> Floats:
        """Posteriors, averaged over the frames."""
        return self.aligned(blstm.clip_scores([encoded[chosen] for chosen in rows]))
