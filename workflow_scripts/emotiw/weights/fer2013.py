"""Read FER2013's pictures of faces in any of their published forms, and divide them for fine-tuning."""

import csv
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from sklearn.model_selection import StratifiedGroupKFold

from emotiw.core.emotions import EMOTIONS
from emotiw.core.errors import WeightsError
from emotiw.core.files import content_sha256
from emotiw.statistics import selection_record

SIDE = 48  # px
# FER2013's order of classes, which differs from EMOTIONS
CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
FOLDER_CLASSES = {
    **{name: name for name in CLASSES},
    **{"angry": "anger", "happy": "happiness", "sad": "sadness", "surprised": "surprise"},
}
TRAINING = "Training"
FOLDER_USAGES = {"train": TRAINING, "training": TRAINING, "test": "Test", "publictest": "PublicTest"} | {
    "privatetest": "PrivateTest"
}
PICTURES = {".png", ".jpg", ".jpeg"}

Pixels = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Faces:
    """Grey faces with their labels.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (n, 48, 48)
    label : ndarray of int, shape (n,)
        Index into `EMOTIONS`.
    usage : ndarray of str, shape (n,)
        `Training`, or the name of a part that is used for scoring.
    """

    pixels: Pixels
    label: Ints
    usage: npt.NDArray[np.str_]

    @property
    def pictures(self) -> tuple[Pixels, Ints]:
        """Pixels and labels."""
        return self.pixels, self.label

    def __getitem__(self, rows: Any) -> "Faces":
        return Faces(self.pixels[rows], self.label[rows], self.usage[rows])

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True)
class Parts:
    """Division of FER2013 for fine-tuning.

    Attributes
    ----------
    train, validation : Faces
        Parts of the usage Training; no picture is in both.
    scored : dict of str to Faces
        All pictures of each other usage, by its name.
    n_dropped : int
        Number of pictures of Training that were dropped because they equal a scored picture.
    """

    train: Faces
    validation: Faces
    scored: dict[str, Faces]
    n_dropped: int

    @property
    def counts(self) -> dict[str, int]:
        """Number of pictures in each part, and number of dropped ones."""
        parts = {"train": self.train, "validation": self.validation, **self.scored}
        return {name: len(part) for name, part in parts.items()} | {"dropped": self.n_dropped}


def read(path: Path, expected: str) -> Faces:
    """Read FER2013.

    Parameters
    ----------
    path : Path
        The official `fer2013.csv` (columns emotion, pixels, Usage, in any order), an .npz archive with `pixels`
        (n, 48, 48), `label` (n,) in FER2013's order and `usage` (n,), or a folder `<usage>/<class>/<picture>`.
    expected : str
        Its hash, as `files.content_sha256` computes it.

    Raises
    ------
    WeightsError
        If it is missing, has another SHA-256, or holds a wrong line or picture, which the message names.
    """
    if not path.exists():
        raise WeightsError(f"{path}: missing; correct fine_tuning.faces.path in the configuration")
    if (actual := content_sha256(path)) != expected:
        raise WeightsError(f"{path}: sha256 {actual}, expected {expected}; the data were altered: get them again")
    if path.is_dir():
        return _checked(path, *_from_folder(path))
    readers: dict[str, Callable[[Path], tuple[Any, Any, Any]]] = {".csv": _from_csv, ".npz": _from_npz}
    if path.suffix not in readers:
        raise WeightsError(f"{path}: expected fer2013.csv, an .npz archive or a folder of pictures")
    return _checked(path, *readers[path.suffix](path))


def divide(faces: Faces, validation_fraction: float, *, seed: int) -> Parts:
    """Divide the faces so that no picture is in two parts.

    Training holds pictures that occur several times, and pictures that equal one of a scored part pixel by pixel. The
    latter are dropped. Equal pictures stay together, in the training part or in the part for early stopping.

    Parameters
    ----------
    faces : Faces
    validation_fraction : float
        Share of Training that is set aside for early stopping; rounded to one over a whole number.
    seed : int
        Seed of the random division.

    Raises
    ------
    WeightsError
        If Training has fewer pictures of a class than 1 / `validation_fraction`.
    """
    picture = np.array(selection_record.content_ids(faces.pixels))
    training = faces.usage == TRAINING
    equal = training & np.isin(picture, picture[~training])
    kept = np.flatnonzero(training & ~equal)
    counts = np.bincount(faces.label[kept], minlength=len(EMOTIONS))
    n_parts = round(1 / validation_fraction)
    if counts.min() < n_parts:
        name = EMOTIONS[int(counts.argmin())]
        raise WeightsError(
            f"FER2013: {counts.min()} usable training pictures of {name}; expected at least {n_parts} of each class"
        )
    _, groups = np.unique(picture[kept], return_inverse=True)
    folds = StratifiedGroupKFold(n_parts, shuffle=True, random_state=seed % (1 << 32))
    train, validation = next(folds.split(groups, faces.label[kept], groups))
    scored = {str(name): faces[faces.usage == name] for name in np.unique(faces.usage[~training])}
    return Parts(faces[kept[train]], faces[kept[validation]], scored, int(equal.sum()))


def _checked(path: Path, pixels: Any, label: Any, usage: Any) -> Faces:
    """Faces from checked arrays, with labels in the order of `EMOTIONS`."""
    if pixels.dtype != np.uint8 or pixels.shape != (len(label), SIDE, SIDE) or len(usage) != len(label):
        raise WeightsError(
            f"{path}: pixels are {pixels.dtype} of {pixels.shape} with {len(label)} labels and {len(usage)} usages;"
            f" expected uint8 of (n, {SIDE}, {SIDE}), n labels and n usages"
        )
    wrong = np.flatnonzero((label < 0) | (label >= len(CLASSES)))
    if wrong.size:
        raise WeightsError(f"{path}: picture {wrong[0]} has label {label[wrong[0]]}; expected 0 to {len(CLASSES) - 1}")
    if not (usage == TRAINING).any():
        raise WeightsError(f"{path}: no picture has the usage {TRAINING!r}; expected FER2013's training part")
    order = np.array([EMOTIONS.index(name) for name in CLASSES])
    return Faces(pixels, order[label], usage)


def _from_npz(path: Path) -> tuple[Any, Any, Any]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays["pixels"], arrays["label"].astype(np.int64), arrays["usage"].astype(np.str_)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path}: unreadable ({error}); expected arrays `pixels`, `label` and `usage`") from error


def _from_csv(path: Path) -> tuple[Any, Any, Any]:
    pixels, label, usage = [], [], []
    with path.open(newline="", encoding="utf-8") as stream:
        rows = csv.reader(stream)
        header = [name.strip().lower() for name in next(rows, [])]
        if not {"emotion", "pixels", "usage"} <= set(header):
            raise WeightsError(f"{path}: line 1: columns {', '.join(header)}; expected emotion, pixels, Usage")
        places = [header.index(name) for name in ("emotion", "pixels", "usage")]
        for row in rows:
            try:
                emotion, values, part = (row[place].strip() for place in places)
                label.append(int(emotion))
                pixels.append(np.array(values.split(), np.uint8).reshape(SIDE, SIDE))
                usage.append(part)
            except (ValueError, IndexError, OverflowError) as error:
                raise WeightsError(
                    f"{path}: line {rows.line_num}: {error}; expected a class, {SIDE * SIDE} grey levels and a usage"
                ) from error
    return np.array(pixels, np.uint8).reshape(-1, SIDE, SIDE), np.array(label, np.int64), np.array(usage, np.str_)


def _from_folder(path: Path) -> tuple[Any, Any, Any]:
    pixels, label, usage = [], [], []
    for file in _pictures(path):
        part, name = (file.relative_to(path).parts[i].lower() for i in (0, 1))
        if part not in FOLDER_USAGES or name not in FOLDER_CLASSES:
            raise WeightsError(
                f"{file}: lies in {part}/{name}; expected a usage ({', '.join(FOLDER_USAGES)}) and a class"
                f" ({', '.join(FOLDER_CLASSES)})"
            )
        pixels.append(_picture(file))
        label.append(CLASSES.index(FOLDER_CLASSES[name]))
        usage.append(FOLDER_USAGES[part])
    return np.array(pixels, np.uint8).reshape(-1, SIDE, SIDE), np.array(label, np.int64), np.array(usage, np.str_)


def _picture(file: Path) -> Pixels:
    try:
        with Image.open(file, formats=("PNG", "JPEG")) as image:
            if image.size != (SIDE, SIDE):
                raise WeightsError(f"{file}: {image.size[0]} x {image.size[1]} px; expected {SIDE} x {SIDE}")
            return np.asarray(image.convert("L"), np.uint8)
    except (OSError, UnidentifiedImageError) as error:
        raise WeightsError(f"{file}: not a picture ({error}); delete it or get it again") from error


def _pictures(folder: Path) -> Iterator[Path]:
    """Pictures two levels below a folder, in the order of their names."""
    yield from sorted(file for file in folder.glob("*/*/*") if file.suffix.lower() in PICTURES)
