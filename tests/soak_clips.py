"""The soak's corpus of tiny clips, a fifth of them defective in one of many ways, and the status that each must get.

Faces are the demo's, drawn once and then varied: other light, noise and order for each clip. Sound is made of tones.
"""

import csv
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import media_fixtures as make
from emotiw.core.emotions import EMOTIONS
from emotiw.demo import design, render

N_LOOKS, N_FRAMES, FPS = 4, 8, 10
RATE_HZ = 16000
FOLDS = ("fold1", "fold2", "fold3")
CROP = slice(28, 228)  # of the demo's pictures
COLUMNS = ("clip", "path", "label", "subject", "fold")
GOOD = ("mp4", "avi", "mkv", "flv")  # containers of clips without a defect, in turns


@dataclass(frozen=True)
class Made:
    """One clip: its row of the table, its kind, and the status of its video and of its audio that is expected."""

    row: tuple[str, ...]
    kind: str
    status: tuple[str, str]


@dataclass
class Material:
    """What a clip is made of: pictures (n, height, width, 3), sound (1, n_samples), a random generator."""

    pictures: np.ndarray
    sound: np.ndarray
    rng: np.random.Generator

    def write(self, path: Path, **options) -> Path:
        """Write a clip of them, or of what `options` of `media_fixtures.clip` say instead."""
        height, width = self.pictures.shape[1:3]
        plain = {"n": len(self.pictures), "size": (width, height), "fps": FPS, "sound": self.sound, "codec": "libx264"}
        plain |= {"paint": lambda i, *_: self.pictures[i % len(self.pictures)]}
        if path.suffix in (".avi", ".flv"):
            plain |= {"codec": "mpeg4" if path.suffix == ".avi" else "flv", "sound_codec": "mp3", "rate_hz": 44100}
            plain["sound"] = np.repeat(self.sound, 3, axis=1)[:, : round(44100 * self.sound.shape[1] / RATE_HZ)]
        return make.clip(path, **(plain | options))


OK, UNDECODABLE = ("ok", "ok"), ("undecodable", "undecodable")


def _noise(made: Material, path: Path) -> None:
    made.pictures = made.rng.integers(0, 256, made.pictures.shape, dtype=np.uint8)
    made.write(path)


def _few_faces(made: Material, path: Path) -> None:
    made.pictures[3:] = made.rng.integers(0, 256, made.pictures[3:].shape, dtype=np.uint8)
    made.write(path)


def _silent(made: Material, path: Path) -> None:
    made.sound = np.zeros_like(made.sound)
    made.write(path)


def _cut(made: Material, path: Path) -> None:
    make.cut(made.write(path), made.rng.uniform(0.3, 0.7))


def _text(made: Material, path: Path) -> None:
    path.write_text(f"no clip, {path.name}\n")


def _playlist(made: Material, path: Path) -> None:
    path.write_text(f"ffconcat version 1.0\n# {path.name}\nfile /etc/hostname\n")


def _huge(made: Material, path: Path) -> None:
    made.write(path, codec="ffv1", pixels="bgr0")
    height, width = made.pictures.shape[1:3]
    path.write_bytes(path.read_bytes().replace(struct.pack("<ii", width, height), struct.pack("<ii", 16000, 16000)))


def _not_finite(made: Material, path: Path) -> None:
    made.sound[0, int(made.rng.integers(made.sound.size))] = np.nan
    made.write(path, sound_codec="pcm_f32le")


def _corrupt(made: Material, path: Path) -> None:
    make.corrupt(made.write(path), step=1, start=40)


def _resized(made: Material, path: Path) -> None:
    options = {"codec": "mpeg1video", "container": "mpeg1video", "sound": None, "fps": 25}
    options["paint"] = lambda _, w, h: made.rng.integers(0, 256, (h, w, 3), dtype=np.uint8)
    parts = [made.write(path.with_suffix(f".{w}"), size=(w, w), **options) for w in (64, 96)]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    for part in parts:
        part.unlink()


# kind: (suffix of the file's name, how it is made, expected status of video and audio)
DEFECTS: dict[str, tuple[str, Callable[[Material, Path], object], tuple[str, str]]] = {
    "no face": (".mp4", _noise, ("no_face", "ok")),
    "few faces": (".mp4", _few_faces, ("few_faces", "ok")),
    "no sound": (".mp4", lambda m, p: m.write(p, sound=None), ("ok", "no_audio")),
    "silence": (".mp4", _silent, ("ok", "silent_audio")),
    "short sound": (".mp4", lambda m, p: m.write(p, sound=m.sound[:, :700]), ("ok", "short_audio")),
    "sound alone": (".wav", lambda m, p: make.sound_file(p, m.sound), ("no_video", "ok")),
    "cut mp4": (".mp4", _cut, UNDECODABLE),
    "cut avi": (".avi", _cut, UNDECODABLE),
    "cut flv": (".flv", _cut, UNDECODABLE),
    "cut mkv": (".mkv", _cut, UNDECODABLE),
    "empty": (".mp4", lambda m, p: p.touch(), UNDECODABLE),
    "text": (".mp4", _text, UNDECODABLE),
    "playlist": (".mp4", _playlist, UNDECODABLE),
    "huge picture": (".avi", _huge, ("undecodable", "ok")),
    "NaN in the sound": (".mkv", _not_finite, ("ok", "undecodable")),
    "corrupt": (".mp4", _corrupt, UNDECODABLE),
    "size changes": (".mpg", _resized, ("undecodable", "no_audio")),
    "too long": (".mp4", lambda m, p: m.write(p, n=2, times=[0, 700]), UNDECODABLE),
    "full scale": (".mp4", lambda m, p: m.write(p, sound=10 * m.sound), OK),
    "stereo, 48 kHz": (".mkv", lambda m, p: m.write(p, sound=np.repeat(m.sound, 2, 0).repeat(3, 1), rate_hz=48000), OK),
    "rotated": (".mp4", lambda m, p: make.rotate(m.write(p)), ("no_face", "ok")),
    "other extension": (".mp4", lambda m, p: m.write(p.with_suffix(".avi")).rename(p), OK),
    "quotes and spaces": (" 'a' \"b\" é.mp4", lambda m, p: m.write(p), OK),
    "command in the name": (" $(touch owned);`touch owned`.mp4", lambda m, p: m.write(p), OK),
    "protocol in the name": ("http:a|b.mp4", lambda m, p: m.write(p), OK),
}


def write(folder: Path, n_clips: int, seed: int) -> list[Made]:
    """Write `n_clips` clips and their table, and a table whose further rows must be refused, into a folder."""
    (folder / "clips").mkdir(parents=True)
    faces = _faces(seed)
    made = [_clip(folder, i, seed, faces) for i in range(n_clips)]
    _write_table(folder / "manifest.csv", [it.row for it in made])
    _write_table(folder / "refused.csv", [*(it.row for it in made), *_refused(folder)])
    return made


def _clip(folder: Path, i: int, seed: int, faces: dict[str, list[np.ndarray]]) -> Made:
    rng = np.random.default_rng((seed, i))
    label, fold = EMOTIONS[i % len(EMOTIONS)], FOLDS[i // len(EMOTIONS) % len(FOLDS)]
    defective = i % 5 == 4
    kind = list(DEFECTS)[i // 5 % len(DEFECTS)] if defective else "good"
    suffix, fill, status = DEFECTS[kind] if defective else (f".{GOOD[i % 4]}", lambda m, p: m.write(p), OK)
    fold = FOLDS[0] if kind == "empty" else fold  # the same content may not be in two folds
    path = folder / "clips" / f"{i:05d}{suffix}"
    fill(_material(rng, faces[label]), path)
    name = path.relative_to(folder).as_posix()
    return Made((f"clip{i:05d}", name, label, f"{fold}_{i // 42}", fold), kind, status)


def _material(rng: np.random.Generator, looks: list[np.ndarray]) -> Material:
    pictures = looks[rng.integers(len(looks))].astype(np.float32) * rng.uniform(0.85, 1.1)
    pictures = pictures[rng.permutation(len(pictures))] + rng.normal(0, 2, pictures.shape)
    time = np.arange(round(N_FRAMES / FPS * RATE_HZ)) / RATE_HZ
    pitch = rng.uniform(90, 250)
    tones = sum(np.sin(2 * np.pi * k * pitch * time + rng.uniform(0, 6)) / k for k in range(1, 8))
    sound = 0.1 * tones * (1 + np.sin(2 * np.pi * 4 * time)) + rng.normal(0, 0.003, len(time))
    return Material(np.clip(pictures, 0, 255).astype(np.uint8), sound[None].astype(np.float32), rng)


def _faces(seed: int) -> dict[str, list[np.ndarray]]:
    """Pictures (N_FRAMES, height, width, 3) of each emotion by some of the demo's subjects."""
    drawn = design.Design(seed=seed, n_subjects=7, n_train=3, n_val=2)
    opening = np.linspace(0, 1, N_FRAMES)
    found: dict[str, list[np.ndarray]] = {label: [] for label in EMOTIONS}
    for clip in design.clips(drawn):
        if not clip.defect and clip.number < N_LOOKS:
            found[clip.label].append(np.stack(render.pictures(clip, drawn, opening))[:, CROP, CROP])
    return found


def _refused(folder: Path) -> Iterator[tuple[str, ...]]:
    """Rows that the workflow refuses before any job, with what they point to."""
    os.mkfifo(folder / "clips/pipe.mp4")
    (folder / "clips/folder.mp4").mkdir()
    (folder / "clips/link.mp4").symlink_to("/etc/hostname")
    for name in ("pipe", "folder", "link", "missing"):
        yield f"refused_{name}", f"clips/{name}.mp4", EMOTIONS[0], "r", FOLDS[0]
    yield "../escape", "clips/00000.mp4", EMOTIONS[0], "r", FOLDS[0]
    yield "refused_label", "clips/00000.mp4", "Angre", "r", FOLDS[0]


def _write_table(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])
