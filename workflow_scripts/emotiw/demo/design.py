"""Design of the demo corpus: its clips, and the random values of each clip.

All properties but expression and voice (the nuisances) are balanced against the label: each nuisance has seven levels,
and over seven subjects each emotion has each level once (Latin squares). Only expression and voice predict the label.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.core.emotions import EMOTIONS

# lowest and highest value of each nuisance
NUISANCES = {
    "duration_s": (2.0, 2.4),
    "level_db": (-32.0, -22.0),  # level of the speech, re full scale
    "noise_db": (24.0, 40.0),  # level of the speech above that of the room's noise
    "brightness": (0.65, 1.15),
    "light_angle": (0.0, 6.283),  # rad
    "contrast": (0.0, 0.5),  # of the light from side to side
    "warmth": (-0.12, 0.12),
    "backdrop": (0.0, 7.0),  # the whole part is the kind
    "scale": (1.20, 1.38),  # picture px a face px
    "roll": (-0.10, 0.10),  # rad
    "x": (-12.0, 12.0),  # px from the middle
    "y": (-5.0, 9.0),
}
# neighbouring label with which the face, and the voice, of each label is mixed; the two differ
FACE_NEIGHBOURS = {
    "anger": "disgust", "disgust": "anger", "fear": "surprise", "surprise": "fear",
    "happiness": "surprise", "sadness": "fear", "neutral": "sadness",
}  # fmt: skip
VOICE_NEIGHBOURS = {
    "anger": "happiness", "happiness": "anger", "fear": "happiness", "surprise": "happiness",
    "disgust": "sadness", "sadness": "neutral", "neutral": "disgust",
}  # fmt: skip
# planted defects and their split; each is one additional clip
DEFECTS = (
    ("no_face", "train"),
    ("no_audio", "val"),
    ("silent_audio", "test"),
    ("truncated", "test"),
    ("two_faces", "test"),
    ("variable_frame_rate", "test"),
    ("few_faces", "test"),
    ("short_audio", "test"),
)


@dataclass(frozen=True)
class Design:
    """Size and difficulty of the corpus.

    Attributes
    ----------
    seed : int
    n_subjects, n_train, n_val : int
        Number of subjects: the first are for training, the next for validation, the others for testing. Multiples of
        seven are balanced exactly.
    face, voice : tuple of float
        Smallest and largest intensity of the expression and of the manner of speaking, drawn independently.
    muted : float
        Intensity of the face in one clip of seven, and of the voice in another one.
    mixture : float
        Largest share of the neighbouring emotion.
    face_variation, voice_variation : float
        Standard deviation of an action unit's weight, and of a manner, relative to `voice.VARIATION`.
    """

    seed: int = 2016
    n_subjects: int = 14
    n_train: int = 8
    n_val: int = 3
    face: tuple[float, float] = (0.45, 1.0)
    voice: tuple[float, float] = (0.85, 1.45)
    muted: float = 0.2
    mixture: float = 0.33
    face_variation: float = 0.1
    voice_variation: float = 0.55


@dataclass(frozen=True)
class Clip:
    """A clip of the design: subject, label, and the random values drawn for it.

    Attributes
    ----------
    name, subject, label, split : str
    defect : str
        One of `DEFECTS`, or empty.
    number : int
        Number of the subject.
    face, voice : tuple of float
        Intensity, and share of the neighbouring emotion.
    nuisance : dict
        A value for each of `NUISANCES`.
    seed : tuple of int
        Seed of all other random values of the clip.
    """

    name: str
    subject: str
    label: str
    split: str
    defect: str
    number: int
    face: tuple[float, float]
    voice: tuple[float, float]
    nuisance: dict[str, float]
    seed: tuple[int, ...]


def from_settings(settings: Mapping[str, Any]) -> Design:
    """Design with the values of the JSON object `settings`."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()
    }
    return Design(**values)


def subjects(design: Design) -> tuple[str, ...]:
    """Names of the subjects."""
    return tuple(f"s{number + 1:02d}" for number in range(design.n_subjects))


def splits(design: Design) -> tuple[str, ...]:
    """Split of each subject."""
    n_test = design.n_subjects - design.n_train - design.n_val
    return ("train",) * design.n_train + ("val",) * design.n_val + ("test",) * n_test


def clips(design: Design) -> tuple[Clip, ...]:
    """All clips: one for each subject and emotion, and one for each planted defect."""
    return (*_intact(design), *_defective(design))


def _intact(design: Design) -> Iterator[Clip]:
    levels = _levels(design)
    for number in range(design.n_subjects):
        for label in range(len(EMOTIONS)):
            yield _clip(design, levels, number, label)


def _defective(design: Design) -> Iterator[Clip]:
    levels = _levels(design)
    for index, (defect, split) in enumerate(DEFECTS):
        members = [number for number, name in enumerate(splits(design)) if name == split]
        yield _clip(design, levels, members[index % len(members)], (3 * index) % len(EMOTIONS), defect=defect)


def _clip(design: Design, levels: npt.NDArray[np.floating], number: int, label: int, *, defect: str = "") -> Clip:
    place = levels[number, label]
    nuisance = {name: low + (high - low) * float(place[k]) for k, (name, (low, high)) in enumerate(NUISANCES.items())}
    seed = (design.seed, number, label, 1 + [name for name, _ in DEFECTS].index(defect) if defect else 0)
    rng = np.random.default_rng(seed)
    muted = int(7 * place[-1])
    face, voice = (
        (design.muted if muted == at else float(low + (high - low) * place[k]), float(rng.uniform(0, design.mixture)))
        for at, k, (low, high) in ((0, -3, design.face), (1, -2, design.voice))
    )
    name = "_".join(filter(None, (subjects(design)[number], EMOTIONS[label], defect)))
    return Clip(
        name,
        subjects(design)[number],
        EMOTIONS[label],
        splits(design)[number],
        defect,
        number,
        face,
        voice,
        nuisance,
        seed,
    )


def _levels(design: Design) -> npt.NDArray[np.floating]:
    """Relative values (n_subjects, 7, n_nuisances + 3) in [0, 1), a Latin square for every seven subjects and value."""
    rng = np.random.default_rng((design.seed, 7))
    n, count = len(EMOTIONS), len(NUISANCES) + 3  # and the intensities of face and voice, and which is muted
    rounds = -(-design.n_subjects // n)
    shift = np.stack([np.concatenate([rng.permutation(n) for _ in range(rounds)]) for _ in range(count)], -1)
    order = np.stack([rng.permutation(n) for _ in range(count)], -1)
    level = (shift[: design.n_subjects, None, :] + order[None]) % n
    return (level + rng.uniform(0, 1, level.shape)) / n
