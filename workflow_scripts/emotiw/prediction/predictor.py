"""The emotion of any clip, by the system of a bundle.

from emotiw.prediction.predictor import Predictor

predictor = Predictor.load("results/demo/bundle")
for prediction in predictor.predict(["clip.mp4"]):
    print(prediction.path, prediction.emotion, prediction.posteriors)
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from emotiw.audio import egemaps
from emotiw.core.errors import BundleError, EmotiwError
from emotiw.core.status import Status
from emotiw.faces.tracking import evenly_spaced
from emotiw.jobs import runtime
from emotiw.jobs.store import Entry
from emotiw.prediction import bundle as bundles
from emotiw.prediction import bundle_load, segments
from emotiw.prediction.bundle import Bundle
from emotiw.prediction.recogniser import Judgement, Perceived, Recogniser
from emotiw.prediction.segments import Segment

SEGMENT_S = 30.0  # [ours]: longer clips are judged in parts of this length
LONGEST_S = 6 * 3600.0  # of a clip; memory does not depend on it
WINDOW_S, STEP_S = 1.0, 0.25  # of the timeline [ours]
STRIP = 12  # faces that a segment keeps for pictures
HELD = 16 * STRIP  # most faces that are held of a clip of any length
# what a clip may make fail without ending the program: our own errors, and those of the libraries that read it
FAILURES = (EmotiwError, OSError, MemoryError, ValueError, ArithmeticError, RuntimeError, LookupError)
MODALITIES = ("video", "audio")
NAMES = ("fusion", *MODALITIES)

Floats = npt.NDArray[np.float64]
Chip = npt.NDArray[np.uint8]
Watch = Callable[[int], None]


@dataclass(frozen=True)
class Part:
    """A segment's judgement.

    Attributes
    ----------
    start_s, duration_s : float
    status : dict of str to Status
        Of `video` and `audio`.
    judgement : Judgement
    n_frames, n_faces : int
        Searched frames, and those that have a face.
    reasons : tuple of str
        Why a modality could not be decoded.
    """

    start_s: float
    duration_s: float
    status: dict[str, Status]
    judgement: Judgement
    n_frames: int
    n_faces: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Track:
    """Posteriors over time: of windows of `WINDOW_S` seconds round `time_s`, (n_windows, n_classes), NaN where none."""

    time_s: Floats
    posteriors: dict[str, Floats]


@dataclass(frozen=True)
class Prediction:
    """What the system says of one clip.

    Attributes
    ----------
    path : Path
    classes : tuple of str
    posteriors : dict of str to ndarray or None
        Of `fusion`, `video` and `audio`, shape (n_classes,); of a clip of several segments the mean of those that have
        them, weighted by their lengths. All None where the system abstains.
    status : dict of str to str
        Of `video` and `audio`: `ok` if any segment is.
    reason : str
        Why it abstains; empty where it does not.
    parts : tuple of Part
    track : Track
    strip : tuple of (float, ndarray)
        Times in s and aligned faces, some of them.
    seconds : float
        Time that it took.
    """

    path: Path
    classes: tuple[str, ...]
    posteriors: dict[str, Floats | None]
    status: dict[str, str]
    reason: str = ""
    parts: tuple[Part, ...] = ()
    track: Track = field(default_factory=lambda: Track(np.empty(0), {}))
    strip: tuple[tuple[float, Chip], ...] = ()
    seconds: float = 0.0

    @property
    def emotion(self) -> str | None:
        """The likeliest class, or None where the system abstains."""
        return self.best("fusion")

    @property
    def source(self) -> str:
        """Where the decision comes from: `fusion`, `video` or `audio` alone, or `none`."""
        sources = [part.judgement.source for part in self.parts]
        return next((name for name in NAMES if name in sources), "none")

    @property
    def duration_s(self) -> float:
        """Length of what could be read."""
        return self.parts[-1].start_s + self.parts[-1].duration_s if self.parts else 0.0

    def best(self, name: str) -> str | None:
        """Return the likeliest class by `fusion`, `video` or `audio`; None where it has no posteriors."""
        values = self.posteriors.get(name)
        return None if values is None else self.classes[int(values.argmax())]


@dataclass(frozen=True)
class Predictor:
    """A bundle, loaded once for any number of clips.

    Attributes
    ----------
    bundle : Bundle
    recogniser : Recogniser
    describers : mapping of str to callable
        Features of faces.
    landmarks : dlib.shape_predictor
    segment_s : float
        Clips that last longer are judged in segments of this length, each as a clip of its own.
    longest_s : float
        Longer clips are not judged.
    """

    bundle: Bundle
    recogniser: Recogniser
    describers: Mapping[str, bundle_load.Describe]
    landmarks: Any
    segment_s: float = SEGMENT_S
    longest_s: float = LONGEST_S

    @classmethod
    def load(cls, folder: str | Path, *, segment_s: float = SEGMENT_S, longest_s: float = LONGEST_S) -> Self:
        """Load a bundle and try its networks on a black face; the process computes with one thread from then on.

        Raises
        ------
        BundleError, WeightsError
            If the bundle is missing, altered, of another version, or its parts do not fit each other.
        """
        runtime.compute_alike()
        bundle = bundles.read(Path(folder))
        found = cls(
            bundle,
            bundle_load.recogniser(bundle),
            bundle_load.describers(bundle),
            bundle_load.landmarks(bundle),
            segment_s=segment_s,
            longest_s=longest_s,
        )
        found._check_features()
        return found

    def predict(self, paths: Iterable[str | Path], watch: Watch | None = None) -> Iterator[Prediction]:
        """Judge clips one after the other; a clip that cannot be judged gets a reason and stops nothing.

        Parameters
        ----------
        paths : iterable of str or Path
            Clips of any length.
        watch : callable or None
            Told the number of frames that were searched since it was told last.
        """
        for path in map(Path, paths):
            start = time.perf_counter()
            try:
                yield self._prediction(path, watch or _ignore, start)
            except FAILURES as error:
                yield self._failed(path, error, start)

    def _prediction(self, path: Path, watch: Watch, start: float) -> Prediction:
        settings = self.bundle.about["settings"]
        settings = settings | {"limits": settings["limits"] | {"max_duration_s": self.longest_s}}
        parts, tracks = [], []
        strip: list[tuple[float, Chip]] = []
        for segment in segments.segments(path, settings, self.landmarks, self.segment_s, watch):
            part, track, faces = self._part(segment)
            parts.append(part)
            tracks.append(track)
            strip = joined(strip, faces)
        posteriors = {name: _weighted_mean(parts, name) for name in NAMES}
        return Prediction(
            path=path,
            classes=self.bundle.classes,
            posteriors=posteriors,
            status={name: _overall([part.status[name] for part in parts]) for name in MODALITIES},
            reason=_reason(parts) if posteriors["fusion"] is None else "",
            parts=tuple(parts),
            track=_joined(tracks),
            strip=tuple(spread(strip, STRIP)),
            seconds=time.perf_counter() - start,
        )

    def _part(self, segment: Segment) -> tuple[Part, Track, list[tuple[float, Chip]]]:
        faces, sound = segment.faces, self._egemaps(segment.sound)
        features = None
        if faces.status == Status.OK:
            features = {name: describe(faces.arrays["chips"]) for name, describe in self.describers.items()}
        heard = sound.arrays["features"] if sound.status == Status.OK else None
        perceived = self.recogniser.perceive(features, heard)
        times = faces.arrays["time"] - segment.video_start_s if features else np.empty(0)
        spoken = sound.arrays["time"] if heard is not None else np.empty(0)
        part = Part(
            segment.start_s,
            max(times.max(initial=0.0), float(segment.sound.facts.get("duration_s", 0.0))),
            {"video": faces.status, "audio": sound.status},
            self.recogniser.judge(perceived),
            faces.facts.get("n_searched", 0),
            faces.facts.get("n_kept", 0),
            tuple(entry.facts["reason"] for entry in (faces, segment.sound) if "reason" in entry.facts),
        )
        chosen = np.unique(np.linspace(0, len(times) - 1, min(STRIP, len(times))).astype(int))
        strip = [(segment.start_s + float(times[i]), faces.arrays["chips"][i].copy()) for i in chosen]
        return part, self._track(part, perceived, times, spoken), strip

    def _egemaps(self, sound: Entry) -> Entry:
        return next(egemaps.frame_entries([sound], self.bundle.about["settings"]["egemaps"]))

    def _track(self, part: Part, perceived: Perceived, times: Floats, spoken: Floats) -> Track:
        centres = np.arange(STEP_S / 2, max(part.duration_s, STEP_S), STEP_S)
        fewest = self.bundle.about["settings"]["faces"]["min_frames"]
        rows = {"faces": _windows(times, centres, fewest), "frames": _windows(spoken, centres, 1)}
        return Track(centres + part.start_s, self.recogniser.track(perceived, **rows))

    def _failed(self, path: Path, error: Exception, start: float) -> Prediction:
        known = isinstance(error, (EmotiwError, OSError))
        reason = str(error) if known else f"{type(error).__name__}: {error}"
        none = dict.fromkeys(NAMES)
        status = dict.fromkeys(MODALITIES, Status.UNDECODABLE.value)
        return Prediction(path, self.bundle.classes, none, status, reason, seconds=time.perf_counter() - start)

    def _check_features(self) -> None:
        size = self.bundle.about["settings"]["faces"]["chip_size"]
        black = np.zeros((1, size, size, 3), np.uint8)
        for name, describe in self.describers.items():
            try:
                n = describe(black).shape[1]
            except (MemoryError, RuntimeError, ValueError) as error:
                raise BundleError(f"{self.bundle.folder}: {name} fails on a face ({error}); {bundles.AGAIN}") from error
            for member in self.recogniser.members:
                if member.video and (expected := member.video[name].pca.mean.size) != n:
                    raise BundleError(
                        f"{self.bundle.folder}: {name} has {n} values, its PCA of {member.name} takes {expected}; "
                        f"{bundles.AGAIN}"
                    )


def joined(strip: list[tuple[float, Chip]], more: list[tuple[float, Chip]]) -> list[tuple[float, Chip]]:
    """Faces and those of the next segment, the former thinned where they are many: memory stays bounded."""
    return (strip if len(strip) <= HELD else spread(strip, HELD // 2)) + more


def spread(strip: list[tuple[float, Chip]], n: int) -> list[tuple[float, Chip]]:
    """At most `n` of the faces, those nearest to as many times that are evenly spaced."""
    if len(strip) <= n:
        return strip
    return [strip[i] for i in evenly_spaced(np.array([time_s for time_s, _ in strip]), n)]


def _ignore(_: int) -> None:
    """Watch nothing."""


def _windows(times: Floats, centres: Floats, fewest: int) -> list[npt.NDArray[np.int64]]:
    """Rows of the times within half a window of each centre; none where they are fewer than `fewest`."""
    rows = [np.flatnonzero(np.abs(times - centre) <= WINDOW_S / 2) for centre in centres]
    return [chosen if len(chosen) >= fewest else chosen[:0] for chosen in rows]


def _weighted_mean(parts: Iterable[Part], name: str) -> Floats | None:
    found = [(part.duration_s, part.judgement.posteriors[name]) for part in parts]
    known = [(weight, values) for weight, values in found if values is not None]
    if not known:
        return None
    weights = np.array([weight for weight, _ in known])
    return np.asarray(np.average([values for _, values in known], axis=0, weights=weights if weights.any() else None))


def _overall(statuses: list[Status]) -> str:
    return next((it for it in statuses if it == Status.OK), statuses[0]).value


def _reason(parts: list[Part]) -> str:
    reasons = dict.fromkeys(reason for part in parts for reason in part.reasons)
    counts = f"{sum(part.n_faces for part in parts)} faces in {sum(part.n_frames for part in parts)} frames"
    video, audio = (_overall([part.status[name] for part in parts]).replace("_", " ") for name in MODALITIES)
    return f"neither face nor voice: video {video} ({counts}), audio {audio}" + "".join(f"; {it}" for it in reasons)


def _joined(tracks: list[Track]) -> Track:
    """One track of those of consecutive segments; of a modality that one lacks, one column of NaN stands for all."""
    n_classes = max(values.shape[1] for track in tracks for values in track.posteriors.values())
    joined = {
        name: np.concatenate([np.broadcast_to(it.posteriors[name], (len(it.time_s), n_classes)) for it in tracks])
        for name in NAMES
    }
    return Track(np.concatenate([track.time_s for track in tracks]), joined)
