"""The trained system as a function of a clip's features: scores of each feature, fusion, mean of members.

A recogniser has one member for each training fold. A member is the whole system of its fold, with its own calibration
and fusion weights. The posteriors of the recogniser are the mean of the posteriors of its members.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.fusion import fused_posteriors, schemes
from emotiw.fusion.schemes import Fusion
from emotiw.jobs.features import MODALITIES
from emotiw.prediction.models import POSTERIORS, Model, PooledModel
from emotiw.statistics.absent_classes import ABSENT
from emotiw.video.image_sets import Frames

Floats = npt.NDArray[np.float64]
Posteriors = Floats | None  # None: the clip lacks the modality
Averages = Mapping[str, Mapping[str, Floats]]  # by member and modality
Window = Mapping[str, npt.NDArray[np.int64]]  # rows of each feature's frames that lie in a window of the clip


@dataclass(frozen=True)
class Member:
    """The system of one fold.

    Attributes
    ----------
    name : str
    video, audio : mapping of str to Model
        Model of each feature, all of one form of scores; empty if the fold has no system of the modality.
    fusion : Fusion
    scheme : str
        Scheme of the fusion.
    lacking : mapping of str to sequence of int
        By modality, the columns of the classes that it could not be trained on.
    """

    name: str
    video: Mapping[str, Model]
    audio: Mapping[str, Model]
    fusion: Fusion
    scheme: str
    lacking: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def models(self, modality: str) -> Mapping[str, Model]:
        """Models of `video` or `audio`."""
        return self.video if modality == "video" else self.audio

    def encode(self, modality: str, frames: Mapping[str, Frames]) -> dict[str, Frames]:
        """Frames of each feature of a modality as its model takes them; empty if the clip lacks the modality."""
        return {name: model.encode(frames[name]) for name, model in self.models(modality).items()} if frames else {}

    def posteriors(self, modality: str, encoded: Mapping[str, Frames], windows: Sequence[Window]) -> Floats:
        """Calibrated posteriors (n_windows, n_classes) of a modality in parts of a clip.

        The scores of several features are averaged. A window in which a feature has too few frames gets a row of NaN.
        """
        models = self.models(modality)
        posteriors = np.full((len(windows), len(self._weights)), np.nan)
        filled = [i for i, window in enumerate(windows) if encoded and _suffices(window, models)]
        if filled:
            scores = self._scores(models, encoded, [windows[i] for i in filled])
            scores[:, list(self.lacking.get(modality, ()))] = ABSENT
            scale = self.fusion.video_scale if modality == "video" else self.fusion.audio_scale
            posteriors[filled] = schemes.calibrated(scores, scale)
        return posteriors

    def fused(self, video: Floats, audio: Floats) -> Floats:
        """Fused posteriors (n_windows, n_classes); those of the other modality where one is NaN."""
        found = np.where(np.isnan(video), audio, video)
        both = ~np.isnan(video + audio).any(axis=1)
        scale = self.fusion.fused_scales.get(self.scheme, 1.0)
        found[both] = fused_posteriors.posteriors(self._fused_scores(video[both], audio[both]), scale)
        return found

    def _fused_scores(self, video: Floats, audio: Floats) -> Floats:
        """Fused scores, whose largest decides, of windows that have both modalities."""
        if self.scheme == schemes.PRODUCT and self.fusion.prior is not None:
            return schemes.product_rule(audio, video, self.fusion.prior)
        return schemes.weighted_sum(audio, video, self._weights)

    @property
    def _weights(self) -> Floats:
        return self.fusion.weights[self.scheme]

    @staticmethod
    def _scores(models: Mapping[str, Model], encoded: Mapping[str, Frames], windows: Sequence[Window]) -> Floats:
        """Mean of the features' scores (n_windows, n_classes), as the fusion takes them."""
        each = [model.scores(encoded[name], [window[name] for window in windows]) for name, model in models.items()]
        scores = np.asarray(np.mean(each, axis=0))
        is_posterior = next(iter(models.values())).form == POSTERIORS
        return schemes.log_posteriors(scores) if is_posterior else scores


@dataclass(frozen=True)
class Encoded:
    """A clip's frames as each member takes them, in the order of the members; empty for a missing modality.

    Attributes
    ----------
    video, audio : list of dict of str to ndarray
        For each feature, (n_frames, n).
    """

    video: Sequence[Mapping[str, Frames]]
    audio: Sequence[Mapping[str, Frames]]


@dataclass(frozen=True)
class ClipPosteriors:
    """Posteriors of one clip.

    Attributes
    ----------
    mean : dict of str to ndarray or None
        Of `video`, `audio` and `fusion`, shape (n_classes,): the mean over the members that have posteriors.
    members : dict of str to dict
        The posteriors of each member, by its name.
    """

    mean: dict[str, Posteriors]
    members: dict[str, dict[str, Posteriors]]

    @property
    def source(self) -> str:
        """Source of the fused posteriors: `fusion`, `video` or `audio` alone, or `none`."""
        present = [name for name in MODALITIES if self.mean[name] is not None]
        return "fusion" if len(present) == 2 else (present or ["none"])[0]


@dataclass(frozen=True)
class Recogniser:
    """Members whose posteriors are averaged.

    Attributes
    ----------
    members : sequence of Member
    scales : mapping of str to float
        1 / temperature of the averaged posteriors of `video`, `audio` and `fusion`, fitted on corpora that were left
        out of training (`strangers`); empty without such a calibration.
    """

    members: Sequence[Member]
    scales: Mapping[str, float] = field(default_factory=dict)

    def min_frames(self, modality: str) -> int:
        """Fewest frames of each feature of a modality that every member can score."""
        return max(
            (model.min_frames for member in self.members for model in member.models(modality).values()), default=1
        )

    def encode(self, faces: Mapping[str, Frames] | None, sound: Mapping[str, Frames] | None) -> Encoded:
        """Frames of a clip as each member takes them.

        Parameters
        ----------
        faces, sound : mapping of str to ndarray, or None
            Frames (n_frames, n_values) of each feature of the faces and of the sound; features of one modality may
            differ in their numbers of frames. None for a missing modality.
        """
        return Encoded(
            [member.encode("video", faces or {}) for member in self.members],
            [member.encode("audio", sound or {}) for member in self.members],
        )

    def distance(self, modality: str, encoded: Encoded) -> float | None:
        """Mean distance of a clip from the training clips of the members (`novelty`); None where it is not defined.

        It is defined for a modality with one feature and a classifier of pooled frames.
        """
        found = []
        for member, frames in zip(self.members, encoded.video if modality == "video" else encoded.audio, strict=True):
            models = list(member.models(modality).items())
            if len(models) == 1 and isinstance(models[0][1], PooledModel) and frames:
                found.append(models[0][1].distance(frames[models[0][0]]))
        return float(np.mean(found)) if found else None

    def predict(self, encoded: Encoded) -> ClipPosteriors:
        """Posteriors of a whole clip."""
        rows = {
            member.name: {
                "video": member.posteriors("video", faces, [_whole(faces)]),
                "audio": member.posteriors("audio", sound, [_whole(sound)]),
            }
            for member, faces, sound in zip(self.members, encoded.video, encoded.audio, strict=True)
        }
        return self._joined(rows)

    def relative(self, posteriors: ClipPosteriors, averages: Averages) -> ClipPosteriors:
        """Posteriors of a clip relative to the average ones of the same person (`same_person`).

        Parameters
        ----------
        posteriors : ClipPosteriors
        averages : mapping of str to mapping of str to ndarray, shape (n_classes,)
            For each member, the average logarithm of the person's posteriors of `video` and of `audio`; a modality
            that is missing stays as it is.
        """
        rows = {
            name: {modality: relative(_row(values[modality]), averages[name].get(modality)) for modality in MODALITIES}
            for name, values in posteriors.members.items()
        }
        return self._joined(rows)

    def relative_course(self, course: Mapping[str, Floats], averages: Averages) -> dict[str, Floats]:
        """Timeline (`timeline`) of a clip relative to the average posteriors of the same person.

        A timeline holds the mean of the members. The mean of their averages is removed from it.
        """
        rows = {}
        for name in MODALITIES:
            known = [of[name] for of in averages.values() if name in of]
            raw = _scaled(course[name], 1 / self.scales[name]) if self.scales else course[name]
            rows[name] = relative(raw, np.mean(known, axis=0) if known else None)
        fused = [member.fused(rows["video"], rows["audio"]) for member in self.members]
        return self._calibrated({**rows, "fusion": _mean_known(fused)})

    def _joined(self, rows: Mapping[str, Mapping[str, Floats]]) -> ClipPosteriors:
        """Fuse each member's posteriors (1, n_classes) of both modalities, average the members and calibrate."""
        members = {}
        for member in self.members:
            values = {**rows[member.name], "fusion": member.fused(*(rows[member.name][name] for name in MODALITIES))}
            members[member.name] = {name: None if np.isnan(row).any() else row[0] for name, row in values.items()}
        names = (*MODALITIES, "fusion")
        mean = {name: _mean([values[name] for values in members.values()]) for name in names}
        found = {name: _row(values) for name, values in mean.items()}
        calibrated = {name: values[0] for name, values in self._calibrated(found).items()}
        return ClipPosteriors({name: None if mean[name] is None else calibrated[name] for name in names}, members)

    def timeline(self, encoded: Encoded, faces: Sequence[Window], sound: Sequence[Window]) -> dict[str, Floats]:
        """Posteriors of `video`, `audio` and `fusion` for windows of a clip, each (n_windows, n_classes).

        Parameters
        ----------
        encoded : Encoded
        faces, sound : sequence of mapping of str to ndarray of int
            Rows of each feature's frames in each window, of faces and of sound. A window in which a feature has too few
            frames gets a row of NaN.
        """
        members = []
        for i, member in enumerate(self.members):
            video = member.posteriors("video", encoded.video[i], faces)
            audio = member.posteriors("audio", encoded.audio[i], sound)
            members.append({"video": video, "audio": audio, "fusion": member.fused(video, audio)})
        return self._calibrated(
            {name: _mean_known([values[name] for values in members]) for name in (*MODALITIES, "fusion")}
        )

    def _calibrated(self, mean: dict[str, Floats]) -> dict[str, Floats]:
        """Averaged posteriors (n_windows, n_classes) with the scales; fused ones of one modality with that one's."""
        if not self.scales:
            return mean
        found = {name: _scaled(values, self.scales[name], self._lacking(name)) for name, values in mean.items()}
        for name, other in (("video", "audio"), ("audio", "video")):
            alone = np.isnan(mean[other]).any(axis=1) & ~np.isnan(mean["fusion"]).any(axis=1)
            found["fusion"][alone] = found[name][alone]
        return found

    def _lacking(self, name: str) -> list[int]:
        """Columns of the classes that `video`, `audio` or `fusion` lacks in every member."""
        of = MODALITIES if name == "fusion" else (name,)
        columns = [set(member.lacking.get(modality, ())) for member in self.members for modality in of]
        return sorted(set.intersection(*columns)) if columns else []


def relative(posteriors: Floats, average: Floats | None) -> Floats:
    """Posteriors p (n, n_classes) over exp(average), normalised; rows of NaN stay, and all without an average.

    With scores that are linear in a vector x of the clip, this is the same as removing the person's mean of x.

    Parameters
    ----------
    posteriors : ndarray, shape (n, n_classes)
    average : ndarray, shape (n_classes,), or None
        Average of log p over clips of the same person.
    """
    known = ~np.isnan(posteriors).any(axis=1)
    if average is None or not known.any():
        return posteriors
    found = posteriors.copy()
    difference = schemes.log_posteriors(posteriors[known]) - average
    is_absent = average < np.log(schemes.TINY) + 1e-6  # a class that is never possible stays so
    found[known] = schemes.calibrated(np.where(is_absent, ABSENT, difference), 1.0)
    return found


def _suffices(window: Window, models: Mapping[str, Model]) -> bool:
    """Whether each model has the frames that it needs in a window; never without a model."""
    return bool(models) and all(len(window.get(name, ())) >= model.min_frames for name, model in models.items())


def _whole(encoded: Mapping[str, npt.NDArray[Any]]) -> Window:
    """All rows of every feature."""
    return {name: np.arange(len(frames)) for name, frames in encoded.items()}


def _row(posteriors: Posteriors) -> Floats:
    """Posteriors as one row; a row of NaN if there are none."""
    return np.full((1, 1), np.nan) if posteriors is None else posteriors[None]


def _scaled(posteriors: Floats, scale: float, lacking: Sequence[int] = ()) -> Floats:
    """Posteriors (n_windows, n_classes) to the power of a scale, over their sum; rows of NaN stay.

    Those of the columns `lacking` stay 0.
    """
    found, known = posteriors.copy(), ~np.isnan(posteriors).any(axis=1)
    if known.any():
        logs = schemes.log_posteriors(posteriors[known])
        logs[:, list(lacking)] = ABSENT
        found[known] = schemes.calibrated(logs, scale)
    return found


def _mean_known(values: Sequence[Floats]) -> Floats:
    """Mean of the values (n, n_classes) that are not NaN."""
    stack = np.stack(values)
    n = (~np.isnan(stack)).sum(axis=0)
    return np.asarray(np.where(n > 0, np.nansum(stack, axis=0) / np.maximum(n, 1), np.nan))


def _mean(values: Sequence[Posteriors]) -> Posteriors:
    known = [posteriors for posteriors in values if posteriors is not None]
    return np.asarray(np.mean(known, axis=0)) if known else None
