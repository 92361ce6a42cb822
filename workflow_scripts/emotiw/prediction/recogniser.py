"""The trained system as a function of a clip's features: decision values, frame posteriors, fusion, mean of members.

A recogniser has one member for each training fold. A member is the whole system of its fold, with its own calibration
and fusion weights. The posteriors of the recogniser are the mean of the posteriors of its members.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.audio import blstm
from emotiw.audio.blstm import BLSTM
from emotiw.fusion import schemes
from emotiw.fusion.schemes import Fusion
from emotiw.statistics import standardisation
from emotiw.statistics.standardisation import Scaler
from emotiw.video.classifiers import Linear
from emotiw.video.image_sets import Frames
from emotiw.video.kernels import Reference, kernels_with
from emotiw.video.pca import PCA, project

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Posteriors = Floats | None  # None: the clip lacks the modality


@dataclass(frozen=True)
class FeatureModel:
    """Models fitted to one feature of the training clips.

    Attributes
    ----------
    pca : PCA
    references : mapping of str to Reference
        Training clips as each image-set model represents them.
    gammas : mapping of str to float
        Widths of the RBF kernels.
    classifiers : mapping of str to Linear
        One for each kernel.
    """

    pca: PCA
    references: Mapping[str, Reference]
    gammas: Mapping[str, float]
    classifiers: Mapping[str, Linear]

    def decision_values(self, sets: Sequence[Floats], settings: Mapping[str, Any]) -> Floats:
        """Decision values (n_sets, n_classes) of image sets (n_frames, d) after PCA, averaged over the kernels."""
        kernels = kernels_with(sets, self.references, self.gammas, settings)
        return np.asarray(np.mean([self.classifiers[name].decision_values(K) for name, K in kernels.items()], axis=0))


@dataclass(frozen=True)
class Network:
    """A trained network and the standardisation of its inputs.

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
class Member:
    """The system of one fold; `video` is empty if it has no video system, `networks` if it has no audio system."""

    name: str
    video: Mapping[str, FeatureModel]
    networks: Sequence[Network]
    fusion: Fusion
    scheme: str

    def project(self, features: Mapping[str, Frames]) -> dict[str, Floats]:
        """Frames of every feature after this member's PCA."""
        return {name: project(features[name], model.pca) for name, model in self.video.items()}

    def frame_posteriors(self, features: Frames) -> Posteriors:
        """Frame posteriors (n_frames, n_classes) of the audio features (n_frames, n), averaged over the networks."""
        if not self.networks:
            return None
        posteriors = [network.posteriors(features) for network in self.networks]
        return np.asarray(np.mean(posteriors, axis=0, dtype=np.float64))

    def video_posteriors(
        self, projected: Mapping[str, Floats], rows: Sequence[Ints], settings: Mapping[str, Any]
    ) -> Posteriors:
        """Calibrated posteriors (n_sets, n_classes) of image sets, each given by its rows of the frames."""
        if not self.video or not rows:
            return None
        values = [
            model.decision_values([projected[name][chosen] for chosen in rows], settings)
            for name, model in self.video.items()
        ]
        return schemes.calibrated(np.asarray(np.mean(values, axis=0)), self.fusion.video_scale)

    def audio_posteriors(self, frames: Posteriors, rows: Sequence[Ints]) -> Posteriors:
        """Calibrated posteriors (n_sets, n_classes) of parts of the sound, each given by its rows of the frames."""
        if frames is None or not rows:
            return None
        scores = blstm.clip_scores([frames[chosen] for chosen in rows])
        return schemes.calibrated(schemes.log_posteriors(scores), self.fusion.audio_scale)

    def fused(self, video: Posteriors, audio: Posteriors) -> Posteriors:
        """Fused posteriors; those of the only modality if the other one is None."""
        if video is None or audio is None:
            return audio if video is None else video
        return schemes.weighted_sum(audio, video, self.fusion.weights[self.scheme])


@dataclass(frozen=True)
class Encoded:
    """A clip's frames as each member represents them, in the order of the members; None for a missing modality.

    Attributes
    ----------
    video : list of dict of str to ndarray, or None
        For each feature, the frames after PCA (n_frames, d).
    audio : list of ndarray or None, or None
        Frame posteriors (n_frames, n_classes).
    """

    video: Sequence[Mapping[str, Floats]] | None
    audio: Sequence[Posteriors] | None


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
        present = [name for name in ("video", "audio") if self.mean[name] is not None]
        return "fusion" if len(present) == 2 else (present or ["none"])[0]


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

    def encode(self, faces: Mapping[str, Frames] | None, sound: Frames | None) -> Encoded:
        """Project a clip's face features, (n_faces, n_features) each, and compute the frame posteriors of its sound.

        Parameters
        ----------
        faces : mapping of str to ndarray, or None
            By feature, (n_faces, n_features).
        sound : ndarray or None
            Audio features (n_frames, n).
        """
        return Encoded(
            None if faces is None else [member.project(faces) for member in self.members],
            None if sound is None else [member.frame_posteriors(sound) for member in self.members],
        )

    def predict(self, encoded: Encoded) -> ClipPosteriors:
        """Posteriors of a whole clip."""
        members = {}
        for i, member in enumerate(self.members):
            video, audio = self._video(i, encoded, None), self._audio(i, encoded, None)
            values = {"video": video, "audio": audio, "fusion": member.fused(video, audio)}
            members[member.name] = {name: None if rows is None else rows[0] for name, rows in values.items()}
        names = ("video", "audio", "fusion")
        return ClipPosteriors({name: _mean([values[name] for values in members.values()]) for name in names}, members)

    def timeline(self, encoded: Encoded, faces: Sequence[Ints], frames: Sequence[Ints]) -> dict[str, Floats]:
        """Posteriors of `video`, `audio` and `fusion` for windows of a clip, each (n_windows, n_classes).

        Parameters
        ----------
        encoded : Encoded
        faces, frames : sequence of ndarray of int
            Rows of the faces and of the audio frames in each window. A window without rows gets a row of NaN.
        """
        members = []
        for i, member in enumerate(self.members):
            video = _scattered(partial(self._video, i, encoded), faces)
            audio = _scattered(partial(self._audio, i, encoded), frames)
            both = schemes.weighted_sum(audio, video, member.fusion.weights[member.scheme])
            single = np.where(np.isnan(video), audio, video)
            members.append({"video": video, "audio": audio, "fusion": np.where(np.isnan(both), single, both)})
        return {name: _mean_known([values[name] for values in members]) for name in ("video", "audio", "fusion")}

    def _video(self, i: int, encoded: Encoded, rows: Sequence[Ints] | None) -> Posteriors:
        if encoded.video is None or not encoded.video[i]:
            return None
        projected = encoded.video[i]
        chosen = [np.arange(len(next(iter(projected.values()))))] if rows is None else rows
        return self.members[i].video_posteriors(projected, chosen, self.kernel_settings)

    def _audio(self, i: int, encoded: Encoded, rows: Sequence[Ints] | None) -> Posteriors:
        frames = None if encoded.audio is None else encoded.audio[i]
        chosen = [np.arange(0 if frames is None else len(frames))] if rows is None else rows
        return self.members[i].audio_posteriors(frames, chosen)


def _scattered(posteriors: Callable[[Sequence[Ints]], Posteriors], rows: Sequence[Ints]) -> Floats:
    """Posteriors of all windows; a row of NaN for a window without rows."""
    filled = [i for i, chosen in enumerate(rows) if len(chosen)]
    values = posteriors([rows[i] for i in filled])
    if values is None:
        return np.full((len(rows), 1), np.nan)
    scattered = np.full((len(rows), values.shape[1]), np.nan)
    scattered[filled] = values
    return scattered


def _mean_known(values: Sequence[Floats]) -> Floats:
    """Mean of the values (n, n_classes) that are not NaN; an array of one column is broadcast."""
    stack = np.stack(np.broadcast_arrays(*values))
    n = (~np.isnan(stack)).sum(axis=0)
    return np.asarray(np.where(n > 0, np.nansum(stack, axis=0) / np.maximum(n, 1), np.nan))


def _mean(values: Sequence[Posteriors]) -> Posteriors:
    known = [posteriors for posteriors in values if posteriors is not None]
    return np.asarray(np.mean(known, axis=0)) if known else None
