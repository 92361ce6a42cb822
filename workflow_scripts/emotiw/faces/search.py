"""Detect and align the faces of a clip, and keep at most one face of each frame."""

from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import dlib
import numpy as np
import numpy.typing as npt

from emotiw.core.errors import MediaError
from emotiw.core.status import Status
from emotiw.faces.detector import Detector, Manner, detector, search_near, search_whole
from emotiw.faces.scene_cuts import CutDetector
from emotiw.faces.tracking import SELECTORS, Face, FaceSelector, Image, Sighting
from emotiw.jobs.store import Arrays, Entry
from emotiw.media import clip_checks, video_frames
from emotiw.media.container import decoding

# [ours]: the whole frame is searched at least this often, in s, so that a face that appears elsewhere is found
WHOLE_EVERY_S = 1.0
MAX_UPSAMPLED_PIXELS = 1 << 26

Align = Callable[[Image, Face], tuple[Image, Sequence[tuple[int, int]]]]


class Search:
    """Search for the face of a clip frame by frame; no frame is kept in memory.

    The whole frame is searched at the start, after a cut, and `WHOLE_EVERY_S` after the last whole search. Otherwise
    only the surroundings of the known faces are searched, and the whole frame if that is not enough (see
    `detector.search_near`).

    Parameters
    ----------
    settings : mapping
        Section `faces`.
    detect : callable
        From `detector`.
    align : callable
        (picture, face) -> chip and landmarks of the face.
    selector : FaceSelector, optional
        Rule that chooses the faces that are kept, instead of that of the settings.
    """

    def __init__(
        self, settings: Mapping[str, Any], detect: Detector, align: Align, selector: FaceSelector | None = None
    ) -> None:
        self._settings, self._detect, self._align = settings, detect, align
        self._manner = Manner.of(settings)
        self._selector = SELECTORS[settings["select"]]() if selector is None else selector
        self._is_cut = CutDetector()
        self._whole_s = -np.inf
        self._cuts: list[int] = []
        counts = ("n_searched", "n_searched_whole", "n_detected", "n_faces_max", "n_black")
        self._counts = dict.fromkeys(counts, 0)

    def see(self, frame: video_frames.Frame) -> None:
        """Search the next frame, unless `frame_step` skips it."""
        if self._is_cut(frame.image):
            self._cuts.append(frame.index)
            self._selector.cut()
        if frame.index % self._settings["frame_step"]:
            return
        faces = self._search(frame)
        self._counts["n_searched"] += 1
        self._counts["n_black"] += self._is_cut.is_black
        if self._is_cut.in_gap and not faces:
            return  # no track ends because of it
        self._counts["n_detected"] += bool(faces)
        self._counts["n_faces_max"] = max(self._counts["n_faces_max"], len(faces))
        self._selector.see(
            faces, lambda face: Sighting(face, frame.index, frame.time_s, *self._align(frame.image, face))
        )

    @property
    def kept(self) -> Sequence[Sighting]:
        """Face kept of each frame that has one, in the order of the frames."""
        return self._selector.kept

    @property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Datasets of kind `faces`."""
        return arrays_of(self.kept)

    @property
    def facts(self) -> dict[str, Any]:
        """Number of frames (searched, searched whole, with a face, kept, black), of cuts, scenes; most faces in one."""
        n_searched, kept = self._counts["n_searched"], self.kept
        scenes = {bisect(self._cuts, sighting.index) for sighting in kept}
        return {
            **self._counts,
            "n_kept": len(kept),
            "detected_fraction": self._counts["n_detected"] / n_searched if n_searched else 0.0,
            "kept_fraction": len(kept) / n_searched if n_searched else 0.0,
            "n_cuts": len(self._cuts),
            "n_scenes": len(scenes),
        }

    def _search(self, frame: video_frames.Frame) -> list[Face]:
        selector = self._selector
        if self._settings["track"] and frame.time_s - self._whole_s < WHOLE_EVERY_S:
            near = search_near(frame.image, self._detect, selector.near, selector.sure, self._manner)
            if near is not None:
                return near
        self._whole_s = frame.time_s
        self._counts["n_searched_whole"] += 1
        return search_whole(frame.image, self._detect, self._manner)


def arrays_of(sightings: Sequence[Sighting]) -> dict[str, npt.NDArray[Any]]:
    """Datasets of kind `faces` of the sightings of one face."""
    return {
        "chips": np.array([sighting.chip for sighting in sightings], np.uint8),
        "time": np.array([sighting.time_s for sighting in sightings], np.float64),
        "frame": np.array([sighting.index for sighting in sightings], np.int32),
        "box": np.array([sighting.face.box for sighting in sightings], np.int32),
        "score": np.array([sighting.face.score for sighting in sightings], np.float32),
        "landmarks": np.array([sighting.landmarks for sighting in sightings], np.float32),
    }


def entries(
    paths: Sequence[Path], clips: Sequence[Sequence[str]], settings: Mapping[str, Any], predictor: Any
) -> Iterator[Entry]:
    """Entries of kind `faces` of the clips [id, sha256] at `paths`.

    Parameters
    ----------
    paths, clips : sequence
        Media files, and the id and SHA-256 of each clip.
    settings : mapping
        Sections `faces` and `limits`, and `on_defect`.
    predictor : dlib.shape_predictor
        Model of five landmarks.

    Raises
    ------
    MediaError
        If a clip differs from its hash, or is defective and `on_defect` is "fail".
    """
    detect = detector(settings["faces"].get("threshold", 0.0))
    for path, (clip, sha256) in zip(paths, clips, strict=True):
        clip_checks.check_hash(path, sha256, clip)
        make = partial(_entry, clip, path, settings, partial(search, detect=detect, predictor=predictor))
        yield clip_checks.guarded(clip, path, settings["on_defect"], make)


def search(
    frames: Iterable[video_frames.Frame], detect: Detector, predictor: Any, settings: Mapping[str, Any]
) -> Search:
    """Search all frames of a clip.

    Parameters
    ----------
    frames : iterable of Frame
    detect : callable
        From `detector`.
    predictor : callable
        (picture, dlib.rectangle) -> dlib.full_object_detection of five landmarks.
    settings : mapping
        Section `faces`.
    """
    finished = Search(settings, detect, partial(align, predictor=predictor, settings=settings))
    for frame in frames:
        finished.see(frame)
    return finished


def frame_entries(faces: Iterable[Entry], describe: Callable[[Image], npt.NDArray[np.float32]]) -> Iterator[Entry]:
    """Entries of kind `frame_features` of entries of kind `faces`, (n, height, width, 3) -> (n, n_features).

    A clip without faces keeps its status and has no features.
    """
    for entry in faces:
        arrays: Arrays = {}
        if entry.status == Status.OK:
            arrays = {"features": describe(entry.arrays["chips"]), "time": entry.arrays["time"]}
        yield Entry(entry.name, arrays, entry.status, entry.facts)


def clip_entries(faces: Iterable[Entry], describe: Callable[[Image], npt.NDArray[np.float32]]) -> Iterator[Entry]:
    """Entries of kind `clip_features` of entries of kind `faces`, (n, height, width, 3) -> (n_features,)."""
    for entry in frame_entries(faces, describe):
        yield replace(entry, arrays={name: values for name, values in entry.arrays.items() if name == "features"})


def align(image: Image, face: Face, predictor: Any, settings: Mapping[str, Any]) -> tuple[Image, list[tuple[int, int]]]:
    """Chip of the face, upright and cropped, (chip_size, chip_size, 3), and its landmarks (x, y) in px of the frame.

    Parameters
    ----------
    image : ndarray, shape (height, width, 3)
        Frame in RGB.
    face : Face
        Detected face.
    predictor : callable
        Landmark model, as in `search`.
    settings : mapping
        Section `faces`.
    """
    shape = predictor(image, dlib.rectangle(*face.box))
    chip = dlib.get_face_chip(image, shape, size=settings["chip_size"], padding=settings["chip_padding"])
    return chip, [(point.x, point.y) for point in shape.parts()]


def _entry(clip: str, path: Path, settings: Mapping[str, Any], follow: Callable[..., Search]) -> Entry:
    frames = video_frames.read(path, decoding(settings))
    if frames is None:
        return Entry(clip, status=Status.NO_VIDEO)
    check_size(path, frames.facts, settings["faces"]["upsample"])
    return entry(clip, follow(frames, settings=settings["faces"]), frames.facts, settings["faces"])


def entry(clip: str, finished: Search, video: video_frames.VideoFacts, settings: Mapping[str, Any]) -> Entry:
    """Entry of a finished search; `settings` is the section `faces`.

    Parameters
    ----------
    clip : str
        Id of the clip.
    finished : Search
        Search that has got all frames.
    video : VideoFacts
        Facts of the clip's video stream.
    settings : mapping
        Section `faces`.
    """
    facts = asdict(video) | finished.facts
    if not finished.kept:
        return Entry(clip, status=Status.NO_FACE, facts=facts)
    if len(finished.kept) < settings["min_frames"]:
        return Entry(clip, status=Status.FEW_FACES, facts=facts)
    return Entry(clip, finished.arrays, facts=facts)


def check_size(path: Path, facts: video_frames.VideoFacts, upsample: int) -> None:
    """Raise MediaError if the enlarged frames would exhaust the memory."""
    pixels = facts.width * facts.height << 2 * upsample
    if pixels > MAX_UPSAMPLED_PIXELS:
        raise MediaError(
            f"{path}: frames of {facts.width} x {facts.height} px have {pixels} px after {upsample} doublings,"
            f" expected at most {MAX_UPSAMPLED_PIXELS}; lower faces.upsample or scale the clip down"
        )
