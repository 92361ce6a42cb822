"""The emotion of any clip, predicted by the trained system in a bundle.

from emotiw.prediction.predictor import Predictor

predictor = Predictor.load("results/demo/bundle")
for prediction in predictor.predict(["clip.mp4"]):
    print(prediction.path, prediction.emotion, prediction.posteriors)
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from emotiw.audio import sound_entries
from emotiw.core.errors import EmotiwError
from emotiw.core.status import Status
from emotiw.faces.everyone import Everyone
from emotiw.faces.tracking import evenly_spaced
from emotiw.jobs import runtime
from emotiw.jobs.features import MODALITIES
from emotiw.jobs.store import Entry
from emotiw.prediction import bundle as bundles
from emotiw.prediction import bundle_load, card, describers, novelty, people, probes, segments
from emotiw.prediction.bundle import Bundle
from emotiw.prediction.describers import DescribeFaces, DescribeSound
from emotiw.prediction.people import Heard, Piece
from emotiw.prediction.prediction import (
    INTERNAL_ERROR,
    NAMES,
    NOT_JUDGED,
    STEP_S,
    WINDOW_S,
    Chip,
    Floats,
    Prediction,
    SegmentPrediction,
    Timeline,
    mean_of_parts,
)
from emotiw.prediction.recogniser import Encoded, Recogniser, Window
from emotiw.prediction.segments import Segment
from emotiw.weights.package_index import Tell, quietly

LOG = logging.getLogger(__name__)

SEGMENT_S = 30.0  # [ours]: longer clips are predicted in segments of this length
LONGEST_S = 6 * 3600.0  # longest clip that is predicted; the memory does not grow with it
STRIP = 12  # faces that a segment keeps for pictures
HELD = 16 * STRIP  # number of faces of a clip above which the kept ones are thinned out
# errors of the machine; a clip can cause an EmotiwError, and any other exception is a bug of emotiw
OF_THE_MOMENT = (OSError, MemoryError)
NOT_TRAINED = "not_trained"  # status of a modality that the bundle has no system of
WITHOUT_WEIGHTS = "without_weights"  # of one whose weights the bundle names, and which this machine lacks
SECTIONS = {"video": "faces", "audio": "audio"}  # sections of the configuration that say how a modality is read

Progress = Callable[[int], None]  # called with the number of frames that were searched since the last call


@dataclass(frozen=True)
class Predictor:
    """A bundle, loaded once for any number of clips.

    Loading and predicting need one thread and deterministic kernels, so that the same clip gives the same bits. These
    settings of the process are changed only while `load` or `predict` computes; they are restored before `predict`
    yields a result. Predictions in several threads wait for each other.

    Attributes
    ----------
    bundle : Bundle
    recogniser : Recogniser
    face_features, sound_features : mapping of str to callable
        For each feature, the function that computes it from aligned faces, or from a waveform.
    landmarks : dlib.shape_predictor
    segment_s : float
        Longer clips are predicted in segments of this length, each as a clip of its own.
    longest_s : float
        Longer clips are not predicted.
    min_confidence : float
        Probability of the most probable class below which `Prediction.emotion` is "uncertain".
    missing : mapping of str to str
        Modalities without the weights that the bundle names, and why; the other modality judges alone.
    everyone : bool
        Whether each person of a clip is judged, instead of one face (`people`).
    tracks : mapping of str to int or None
        `audio_track` and `video_track`, if other tracks than those of the bundle's section `media` are to be read.
    """

    bundle: Bundle
    recogniser: Recogniser
    face_features: Mapping[str, DescribeFaces]
    sound_features: Mapping[str, DescribeSound]
    landmarks: Any
    segment_s: float = SEGMENT_S
    longest_s: float = LONGEST_S
    min_confidence: float = 0.0
    missing: Mapping[str, str] = field(default_factory=dict)
    everyone: bool = False
    tracks: Mapping[str, int | None] = field(default_factory=dict)

    @property
    def untrained(self) -> list[str]:
        """Modalities that the bundle has no system of."""
        return [modality for modality in MODALITIES if not self.bundle.about["features"][modality]]

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        segment_s: float = SEGMENT_S,
        longest_s: float = LONGEST_S,
        min_confidence: float | None = None,
        tell: Tell = quietly,
    ) -> Self:
        """Load a bundle, and check the functions of its features on a black face and on a tone.

        Without `min_confidence`, the threshold of the bundle holds; without one in the bundle, no class is uncertain.
        Weights that the bundle names and this machine lacks are fetched; `tell` is called during the download. Without
        them, the bundle's other modality judges alone (`missing`).

        Raises
        ------
        BundleError, WeightsError
            If the bundle is missing, altered, of another version, or its parts do not fit each other.
        """
        with runtime.computing_alike():
            bundle = bundles.read(Path(folder))
            sound, missing = describers.of_sound_if_found(bundle, tell)
            predictor = cls(
                bundle,
                bundle_load.recogniser(bundle),
                describers.of_faces(bundle),
                sound,
                bundle_load.landmarks(bundle),
                segment_s=segment_s,
                longest_s=longest_s,
                min_confidence=card.min_confidence(bundle.about) if min_confidence is None else min_confidence,
                missing=missing,
            )
            probes.check(bundle, predictor.recogniser, predictor.face_features, predictor.sound_features)
        return predictor

    def predict(self, paths: Iterable[str | Path], progress: Progress | None = None) -> Iterator[Prediction]:
        """Predict clips one after the other.

        A clip that cannot be read or is beyond the limits gets a prediction without a class and with a reason. So does
        one for which memory is missing or a disk fails; its status is `not_judged`. So does a clip at which the program
        itself fails; its traceback is logged as an error, and its status is `internal_error`. The clips after it are
        predicted. With `everyone`, a clip has a prediction for each person, the one with most faces first.

        Parameters
        ----------
        paths : iterable of str or Path
            Clips of any length.
        progress : callable or None
            Called with the number of frames that were searched since the last call.
        """
        for path in map(Path, paths):
            with runtime.computing_alike():
                predictions = self._predictions(path, progress or _ignore)
            yield from predictions

    def _predictions(self, path: Path, progress: Progress) -> list[Prediction]:
        start = time.perf_counter()
        try:
            predictions = self._predicted(path, progress)
        except EmotiwError as error:
            predictions = [self.without(path, Status.UNDECODABLE.value, str(error))]
        except OF_THE_MOMENT as error:
            reason = f"not judged this time: {type(error).__name__}: {error}"
            predictions = [self.without(path, NOT_JUDGED, reason)]
        except Exception as error:  # after a bug of emotiw, the other clips are still predicted
            LOG.exception("%s: internal error", path)
            reason = f"not judged: internal error, see the log ({type(error).__name__})"
            predictions = [self.without(path, INTERNAL_ERROR, reason)]
        took_s = time.perf_counter() - start
        return [replace(one, seconds=took_s) for one in predictions]

    def _predicted(self, path: Path, progress: Progress) -> list[Prediction]:
        settings = self.bundle.about["settings"]
        settings = settings | {"limits": settings["limits"] | {"max_duration_s": self.longest_s}}
        settings |= {"media": {**settings.get("media", {}), **self.tracks}}  # earlier bundles have no such section
        without = (*self.untrained, *self.missing)
        settings |= {section: None for modality, section in SECTIONS.items() if modality in without}
        finder = segments.Finder(self.landmarks, Everyone() if self.everyone else None)
        found = _reported(segments.segments(path, settings, finder, self.segment_s, progress), progress)
        if not self.everyone:
            return [self._whole(path, (self._pieces(it, it.faces, [self._sound(it.sound)])[0] for it in found))]
        results = people.judged(found, self._sound, self._pieces)
        return [
            self._whole(path, pieces, note, person=i, n_people=len(results))
            for i, (pieces, note) in enumerate(results, start=1)
        ]

    def _whole(self, path: Path, pieces: Iterable[Piece], note: str = "", **person: int) -> Prediction:
        """Prediction of a clip by those of its parts."""
        parts, timelines = [], []
        strip: list[tuple[float, Chip]] = []
        for piece in pieces:
            parts.append(piece.part)
            timelines.append(piece.timeline)
            strip = joined(strip, piece.strip)
        posteriors = {name: mean_of_parts(parts, name) for name in NAMES}
        return Prediction(
            path=path,
            classes=self.bundle.classes,
            posteriors=posteriors,
            status={name: _overall([part.status[name] for part in parts]) for name in MODALITIES},
            reason=_reason(parts) if posteriors["fusion"] is None else "",
            notes=() if posteriors["fusion"] is None else (*_reasons(parts), *([note] if note else [])),
            min_confidence=self.min_confidence,
            parts=tuple(parts),
            timeline=_joined(timelines),
            strip=tuple(spread(strip, STRIP)),
            **person,
        )

    def _pieces(self, segment: Segment, faces: Entry, sounds: Sequence[Heard]) -> list[Piece]:
        """Judge faces in a segment, together with each of the sounds."""
        features: dict[str, npt.NDArray[Any]] = {}
        if faces.status == Status.OK:
            features = {name: describe(faces.arrays["chips"]) for name, describe in self.face_features.items()}
        return [self._piece(segment, faces, features, sound) for sound in sounds]

    def _piece(
        self, segment: Segment, faces: Entry, features: Mapping[str, npt.NDArray[Any]], heard_sound: Heard
    ) -> Piece:
        heard, sound = heard_sound
        encoded = self.recogniser.encode(features, {name: arrays["features"] for name, arrays in sound.items()})
        face_times = faces.arrays["time"] - segment.start_s if features else np.empty(0)
        unlike = self._unlike(encoded)
        part = SegmentPrediction(
            segment.start_s,
            segment.duration_s,
            {"video": faces.status, "audio": heard}
            | dict.fromkeys(self.untrained, NOT_TRAINED)
            | dict.fromkeys(self.missing, WITHOUT_WEIGHTS),
            self.recogniser.predict(encoded),
            faces.facts.get("n_searched", 0),
            faces.facts.get("n_kept", 0),
            (*(entry.facts["reason"] for entry in (segment.faces, segment.sound) if "reason" in entry.facts), *unlike),
        )
        chosen = np.unique(np.linspace(0, len(face_times) - 1, min(STRIP, len(face_times))).astype(int))
        strip = [(segment.start_s + float(face_times[i]), faces.arrays["chips"][i].copy()) for i in chosen]
        times = dict.fromkeys(features, face_times), {name: arrays["time"] for name, arrays in sound.items()}
        return Piece(part, self._timeline(part, encoded, *times), strip)

    def _unlike(self, encoded: Encoded) -> list[str]:
        """Note on each modality that is unlike the training clips (`novelty`)."""
        limits = {modality: of["threshold"] for modality, of in self.bundle.about.get("novelty", {}).items()}
        found = {modality: self.recogniser.distance(modality, encoded) for modality in limits}
        return [novelty.note(name) for name, distance in found.items() if distance and distance > limits[name]]

    def _sound(self, sound: Entry) -> Heard:
        """Status of the sound, and the frames of each of its features; none unless the status is `ok`."""
        if sound.status != Status.OK:
            return sound.status, {}
        heard = {name: sound_entries.entry(sound, describe) for name, describe in self.sound_features.items()}
        fewest = self.recogniser.min_frames("audio")
        if any(entry.status != Status.OK or len(entry.arrays["time"]) < fewest for entry in heard.values()):
            return Status.SHORT_AUDIO, {}
        return Status.OK, {name: dict(entry.arrays) for name, entry in heard.items()}

    def _timeline(
        self, part: SegmentPrediction, encoded: Encoded, faces: Mapping[str, Floats], sound: Mapping[str, Floats]
    ) -> Timeline:
        """Timeline of a part of a clip; `faces` and `sound` are the times of each feature's frames."""
        centres = np.arange(STEP_S / 2, max(part.duration_s, STEP_S), STEP_S)
        fewest = self.bundle.about["settings"]["faces"]["min_frames"]
        windows = windows_of(faces, centres, fewest), windows_of(sound, centres)
        return Timeline(centres + part.start_s, self.recogniser.timeline(encoded, *windows))

    def without(self, path: Path, status: str, reason: str) -> Prediction:
        """Prediction without a class."""
        return Prediction(path, self.bundle.classes, dict.fromkeys(NAMES), dict.fromkeys(MODALITIES, status), reason)


def joined(strip: list[tuple[float, Chip]], more: list[tuple[float, Chip]]) -> list[tuple[float, Chip]]:
    """Append the faces of the next segment; more than `HELD` earlier faces are thinned out, which bounds the memory."""
    return (strip if len(strip) <= HELD else spread(strip, HELD // 2)) + more


def spread(strip: list[tuple[float, Chip]], n: int) -> list[tuple[float, Chip]]:
    """At most `n` of the faces, those nearest to `n` evenly spaced times."""
    if len(strip) <= n:
        return strip
    return [strip[i] for i in evenly_spaced(np.array([time_s for time_s, _ in strip]), n)]


def _reported(found: Iterable[Segment], progress: Progress) -> Iterator[Segment]:
    """Report each segment as progress, so that sound alone is seen to go on."""
    for segment in found:
        progress(0)
        yield segment


def _ignore(_: int) -> None:
    """Report no progress."""


def windows_of(times: Mapping[str, Floats], centres: Floats, fewest: int = 1) -> list[Window]:
    """Windows around the centres: the rows of each feature's frames that begin within half a window.

    Parameters
    ----------
    times : mapping of str to ndarray, shape (n_frames,)
        Times of each feature's frames in s; features may differ in their number of frames.
    centres : ndarray, shape (n_windows,)
    fewest : int
        A feature with fewer frames in a window gets none there.
    """
    rows = {
        name: [np.flatnonzero(np.abs(of - centre) <= WINDOW_S / 2) for centre in centres] for name, of in times.items()
    }
    return [
        {name: chosen[i] if len(chosen[i]) >= fewest else chosen[i][:0] for name, chosen in rows.items()}
        for i in range(len(centres))
    ]


def _overall(statuses: list[str]) -> str:
    return str(next((status for status in statuses if status == Status.OK), statuses[0]))


def _reason(parts: list[SegmentPrediction]) -> str:
    counts = f"{sum(part.n_faces for part in parts)} faces in {sum(part.n_frames for part in parts)} frames"
    video, audio = (_overall([part.status[name] for part in parts]).replace("_", " ") for name in MODALITIES)
    details = "".join(f"; {reason}" for reason in _reasons(parts))
    return f"neither face nor voice: video {video} ({counts}), audio {audio}{details}"


def _reasons(parts: list[SegmentPrediction]) -> tuple[str, ...]:
    """Reasons of all parts, each once."""
    return tuple(dict.fromkeys(reason for part in parts for reason in part.reasons))


def _joined(timelines: list[Timeline]) -> Timeline:
    """Concatenate the timelines of consecutive segments."""
    posteriors = {name: np.concatenate([part.posteriors[name] for part in timelines]) for name in NAMES}
    return Timeline(np.concatenate([timeline.time_s for timeline in timelines]), posteriors)
