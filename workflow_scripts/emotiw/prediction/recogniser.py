"""The trained system as a function of a clip's features: decision values, posteriors of frames, fusion, members' mean.

A recogniser has one member a fold that it was trained in. Each member is that fold's whole system, with its own
calibration and fusion weights; the recogniser's posteriors are the mean of theirs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.audio import blstm, standardisation
from emotiw.audio.blstm import BLSTM
from emotiw.audio.standardisation import Scaler
from emotiw.fusion import schemes
from emotiw.fusion.schemes import Fusion
from emotiw.video.classifiers import Linear
from emotiw.video.image_sets import Frames
from emotiw.video.kernels import Reference, kernels_with
from emotiw.video.pca import PCA, project

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Posteriors = Floats | None  # None: the modality has nothing to say


@dataclass(frozen=True)
class FeatureModel:
    """What was fitted to one feature of the training clips.

    Attributes
    ----------
    pca : PCA
    references : mapping of str to Reference
        The training clips by model.
    gammas : mapping of str to float
        Of the RBF kernels.
    classifiers : mapping of str to Linear
        By kernel.
    """

    pca: PCA
    references: Mapping[str, Reference]
    gammas: Mapping[str, float]
    classifiers: Mapping[str, Linear]

    def decision_values(self, sets: Sequence[Floats], settings: Mapping[str, Any]) -> Floats:
        """Mean over the kernels of image sets (n_frames, d) after PCA; (n_sets, n_classes)."""
        rows = kernels_with(sets, self.references, self.gammas, settings)
        return np.asarray(np.mean([self.classifiers[name].decision_values(K) for name, K in rows.items()], axis=0))


@dataclass(frozen=True)
class Network:
    """A trained network and how its inputs are standardised.

    Attributes
    ----------
    model : BLSTM
    scaler : Scaler
    clip : float
        Limit of the inputs in standard deviations.
    population : Scaler, optional
        Average training subject, of a network that learnt frames standardised by subject; here each clip has its own.
    """

    model: BLSTM
    scaler: Scaler
    clip: float
    population: Scaler | None = None

    def posteriors(self, features: Frames) -> npt.NDArray[np.float32]:
        """Posteriors (n_frames, n_classes) of the frames (n_frames, n_features) of a clip."""
        own = standardisation.by_new_subject(features, self.population) if self.population else features
        scaled = standardisation.standardise([own], self.scaler, clip=self.clip)
        return np.asarray(blstm.frame_posteriors(self.model, scaled)[0])


@dataclass(frozen=True)
class Member:
    """The system of one fold; without a video system `video` is empty, without an audio system `networks`."""

    name: str
    video: Mapping[str, FeatureModel]
    networks: Sequence[Network]
    fusion: Fusion
    scheme: str

    def project(self, features: Mapping[str, Frames]) -> dict[str, Floats]:
        """Frames of every feature after this member's PCA."""
        return {name: project(features[name], model.pca) for name, model in self.video.items()}

    def listen(self, features: Frames) -> Posteriors:
        """Mean of the networks' frame posteriors, (n_frames, n_classes)."""
        if not self.networks:
            return None
        return np.asarray(np.mean([it.posteriors(features) for it in self.networks], axis=0, dtype=np.float64))

    def video_posteriors(
        self, projected: Mapping[str, Floats], rows: Sequence[Ints], settings: Mapping[str, Any]
    ) -> Posteriors:
        """Calibrated posteriors of the image sets that hold these rows of the frames, (n_sets, n_classes)."""
        if not self.video or not rows:
            return None
        found = [
            model.decision_values([projected[name][chosen] for chosen in rows], settings)
            for name, model in self.video.items()
        ]
        return schemes.calibrated(np.asarray(np.mean(found, axis=0)), self.fusion.video_scale)

    def audio_posteriors(self, frames: Posteriors, rows: Sequence[Ints]) -> Posteriors:
        """Calibrated posteriors of the pieces of sound that hold these frames, (n_sets, n_classes)."""
        if frames is None or not rows:
            return None
        scores = blstm.clip_scores([frames[chosen] for chosen in rows])
        return schemes.calibrated(schemes.log_posteriors(scores), self.fusion.audio_scale)

    def fused(self, video: Posteriors, audio: Posteriors) -> Posteriors:
        """Posteriors of both modalities, or of the one that there is."""
        if video is None or audio is None:
            return audio if video is None else video
        return schemes.weighted_sum(audio, video, self.fusion.weights[self.scheme])


@dataclass(frozen=True)
class Perceived:
    """What the members make of a clip's frames, in their order; None where the clip has none of the modality.

    Attributes
    ----------
    video : list of dict of str to ndarray, or None
        By feature, the frames after PCA (n_frames, d).
    audio : list of ndarray or None, or None
        Frame posteriors (n_frames, n_classes).
    """

    video: Sequence[Mapping[str, Floats]] | None
    audio: Sequence[Posteriors] | None


@dataclass(frozen=True)
class Judgement:
    """Posteriors of one clip.

    Attributes
    ----------
    posteriors : dict of str to ndarray or None
        Of `video`, `audio` and `fusion`, shape (n_classes,): the mean of the members that have one.
    members : dict of str to dict
        The same of each member.
    """

    posteriors: dict[str, Posteriors]
    members: dict[str, dict[str, Posteriors]]

    @property
    def source(self) -> str:
        """Where the fused posteriors come from: `fusion`, `video` or `audio` alone, or `none`."""
        has = [name for name in ("video", "audio") if self.posteriors[name] is not None]
        return "fusion" if len(has) == 2 else (has or ["none"])[0]


@dataclass(frozen=True)
class Recogniser:
    """Members whose posteriors are averaged.

    Attributes
    ----------
    members : sequence of Member
    kernel_settings : mapping
        `rank`, `regularisation` and `degree` of the image sets and kernels.
    """

    members: Sequence[Member]
    kernel_settings: Mapping[str, Any]

    def perceive(self, faces: Mapping[str, Frames] | None, sound: Frames | None) -> Perceived:
        """Take in the features of a clip's faces, (n_faces, n_features) each, and of its sound, (n_frames, n)."""
        return Perceived(
            None if faces is None else [member.project(faces) for member in self.members],
            None if sound is None else [member.listen(sound) for member in self.members],
        )

    def judge(self, perceived: Perceived) -> Judgement:
        """Posteriors of the whole of what was perceived."""
        members = {}
        for i, member in enumerate(self.members):
            video = self._video(i, perceived, None)
            audio = self._audio(i, perceived, None)
            found = {"video": video, "audio": audio, "fusion": member.fused(video, audio)}
            members[member.name] = {name: None if values is None else values[0] for name, values in found.items()}
        names = ("video", "audio", "fusion")
        return Judgement({name: _mean([found[name] for found in members.values()]) for name in names}, members)

    def track(self, perceived: Perceived, faces: Sequence[Ints], frames: Sequence[Ints]) -> dict[str, Floats]:
        """Posteriors of `video`, `audio` and `fusion` of consecutive pieces, each (n_pieces, n_classes).

        Parameters
        ----------
        perceived : Perceived
        faces, frames : sequence of ndarray of int
            Rows of the faces and of the frames of sound in each piece; rows of NaN stand for pieces that have none.
        """
        members = []
        for i, member in enumerate(self.members):
            video = _scattered(partial(self._video, i, perceived), faces)
            audio = _scattered(partial(self._audio, i, perceived), frames)
            both = schemes.weighted_sum(audio, video, member.fusion.weights[member.scheme])
            alone = np.where(np.isnan(video), audio, video)
            members.append({"video": video, "audio": audio, "fusion": np.where(np.isnan(both), alone, both)})
        return {name: _mean_known([found[name] for found in members]) for name in ("video", "audio", "fusion")}

    def _video(self, i: int, perceived: Perceived, rows: Sequence[Ints] | None) -> Posteriors:
        if perceived.video is None or not perceived.video[i]:
            return None
        projected = perceived.video[i]
        chosen = [np.arange(len(next(iter(projected.values()))))] if rows is None else rows
        return self.members[i].video_posteriors(projected, chosen, self.kernel_settings)

    def _audio(self, i: int, perceived: Perceived, rows: Sequence[Ints] | None) -> Posteriors:
        frames = None if perceived.audio is None else perceived.audio[i]
        chosen = [np.arange(0 if frames is None else len(frames))] if rows is None else rows
        return self.members[i].audio_posteriors(frames, chosen)


def _scattered(judge: Callable[[Sequence[Ints]], Posteriors], rows: Sequence[Ints]) -> Floats:
    """Posteriors of the pieces that hold anything, in their places among all."""
    has = [i for i, chosen in enumerate(rows) if len(chosen)]
    found = judge([rows[i] for i in has])
    if found is None:
        return np.full((len(rows), 1), np.nan)
    whole = np.full((len(rows), found.shape[1]), np.nan)
    whole[has] = found
    return whole


def _mean_known(values: Sequence[Floats]) -> Floats:
    """Mean of the values (n, n_classes) that are no NaN; an array of one column stands for all."""
    stack = np.stack(np.broadcast_arrays(*values))
    n = (~np.isnan(stack)).sum(axis=0)
    return np.asarray(np.where(n > 0, np.nansum(stack, axis=0) / np.maximum(n, 1), np.nan))


def _mean(values: Sequence[Posteriors]) -> Posteriors:
    has = [it for it in values if it is not None]
    return np.asarray(np.mean(has, axis=0)) if has else None
