"""What a prediction of a clip holds: posteriors, statuses, and their course over time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emotiw.core.status import Status
from emotiw.jobs.features import MODALITIES
from emotiw.prediction.recogniser import ClipPosteriors

WINDOW_S, STEP_S = 1.0, 0.25  # length and distance of the windows of the timeline [ours]
INTERNAL_ERROR = "internal_error"  # status of both modalities if the program itself failed
NOT_JUDGED = "not_judged"  # of both modalities if its process was killed or lacked memory; it says nothing of the clip
UNCERTAIN = "uncertain"  # instead of a class that is not probable enough
NAMES = ("fusion", *MODALITIES)

Floats = npt.NDArray[np.float64]
Chip = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class SegmentPrediction:
    """The prediction for one segment of a clip.

    Attributes
    ----------
    start_s, duration_s : float
    status : dict of str to str
        Of `video` and `audio`, as in `Prediction`.
    posteriors : ClipPosteriors
    n_frames, n_faces : int
        Numbers of searched frames, and of frames with a face.
    reasons : tuple of str
        Why a modality could not be decoded, or not to its end.
    """

    start_s: float
    duration_s: float
    status: dict[str, str]
    posteriors: ClipPosteriors
    n_frames: int
    n_faces: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Timeline:
    """Posteriors over time.

    Attributes
    ----------
    time_s : ndarray, shape (n_windows,)
        Centres of windows that last `WINDOW_S` seconds.
    posteriors : dict of str to ndarray, shape (n_windows, n_classes)
        Of `fusion`, `video` and `audio`; a row of NaN for a window without any.
    """

    time_s: Floats
    posteriors: dict[str, Floats]


@dataclass(frozen=True)
class Prediction:
    """The prediction for one clip.

    Attributes
    ----------
    path : Path
    classes : tuple of str
    posteriors : dict of str to ndarray or None
        Of `fusion`, `video` and `audio`, shape (n_classes,). For a clip of several segments, their mean weighted by
        length. All None if the system abstains.
    status : dict of str to str
        Of `video` and `audio`: `ok` if any segment is `ok`; `not_trained` if the bundle has no system of the modality;
        `internal_error` if the program failed; `crashed` if native code died at the clip; `not_judged` if its process
        was killed, or memory or disk failed.
    reason : str
        Why there is no prediction; empty if there is one.
    notes : tuple of str
        What a reader of a prediction should know of the clip, for example that it is cut short.
    min_confidence : float
        Smallest probability of the most probable class at which `emotion` names it.
    parts : tuple of SegmentPrediction
    timeline : Timeline
    person, n_people : int
        Number of the person, the one with most faces first, and number of people. 1 if one face is judged.
    strip : tuple of (float, ndarray)
        Times in s and aligned faces for a picture, evenly spaced.
    seconds : float
        Computing time.
    """

    path: Path
    classes: tuple[str, ...]
    posteriors: dict[str, Floats | None]
    status: dict[str, str]
    reason: str = ""
    notes: tuple[str, ...] = ()
    min_confidence: float = 0.0
    parts: tuple[SegmentPrediction, ...] = ()
    timeline: Timeline = field(default_factory=lambda: Timeline(np.empty(0), {}))
    strip: tuple[tuple[float, Chip], ...] = ()
    seconds: float = 0.0
    person: int = 1
    n_people: int = 1

    @property
    def emotion(self) -> str | None:
        """The most probable class, `UNCERTAIN` if its probability is too small, or None if there is no prediction."""
        return UNCERTAIN if self.is_uncertain else self.best("fusion")

    @property
    def is_uncertain(self) -> bool:
        """Whether the most probable class is less probable than `min_confidence`."""
        return self.confidence is not None and self.confidence < self.min_confidence

    @property
    def confidence(self) -> float | None:
        """Fused probability of the most probable class."""
        values = self.posteriors["fusion"]
        return None if values is None else float(values.max())

    @property
    def source(self) -> str:
        """Source of the decision: `fusion`, `video` or `audio` alone, or `none`."""
        sources = [part.posteriors.source for part in self.parts]
        return next((name for name in NAMES if name in sources), "none")

    @property
    def duration_s(self) -> float:
        """Length of the decoded part of the clip."""
        return self.parts[-1].start_s + self.parts[-1].duration_s if self.parts else 0.0

    @property
    def name(self) -> str:
        """Name of the file, and the person if there are several."""
        return f"{self.path.name}{self.of_person}"

    @property
    def of_person(self) -> str:
        """Number of the person as text; empty if there is only one."""
        return f", person {self.person}" if self.n_people > 1 else ""

    @property
    def is_internal_error(self) -> bool:
        """Whether a bug of the program prevented the prediction; the log holds its traceback."""
        return INTERNAL_ERROR in self.status.values()

    @property
    def is_of_the_moment(self) -> bool:
        """Whether another attempt may judge the clip: nothing about it may be kept."""
        return not {INTERNAL_ERROR, NOT_JUDGED, Status.CRASHED}.isdisjoint(self.status.values())

    def best(self, name: str) -> str | None:
        """Return the most probable class by `fusion`, `video` or `audio`; None if it has no posteriors."""
        values = self.posteriors.get(name)
        return None if values is None else self.classes[int(values.argmax())]


def weighted_mean(parts: Iterable[tuple[float, Floats | None]]) -> Floats | None:
    """Mean of the values of parts of a clip, weighted by their lengths in s; None if no part has values."""
    known = [(length_s, values) for length_s, values in parts if values is not None]
    if not known:
        return None
    weights = np.array([length_s for length_s, _ in known])
    return np.asarray(np.average([values for _, values in known], axis=0, weights=weights if weights.any() else None))


def mean_of_parts(parts: Sequence[SegmentPrediction], name: str) -> Floats | None:
    """Mean of the posteriors of `fusion`, `video` or `audio` over the parts of a clip, weighted by their lengths."""
    return weighted_mean((part.duration_s, part.posteriors.mean[name]) for part in parts)
