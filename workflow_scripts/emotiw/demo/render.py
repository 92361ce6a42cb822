"""Render the demo corpus: draw, speak and encode the clips (H.264 and AAC), and write their table."""

import csv
import io
import tempfile
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import skimage.data
from moviepy import ImageSequenceClip
from moviepy.audio.AudioClip import AudioArrayClip
from scipy.signal import resample_poly

from emotiw.core.errors import ManifestError
from emotiw.core.files import write_atomic
from emotiw.demo import action_units, face, portrait, scene, voice
from emotiw.demo.design import FACE_NEIGHBOURS, VOICE_NEIGHBOURS, Clip, Design, clips, from_settings

Floats = portrait.Floats
Frames = list[npt.NDArray[np.uint8]]

SIZE = (256, 256)  # px, height and width
FPS = 25
UPSAMPLING = 3  # factor of the sampling rate: the sound of a file has 48 kHz
TALKING_PX = 3.5  # opening of the lips in a loud syllable, px
NOISE = 2.0  # standard deviation of the camera's noise, grey levels
HORIZON = 0.43  # height of the eyes in the picture
COLUMNS = ("clip", "path", "label", "subject", "split", "defect")
ENCODING: dict[str, Any] = {
    "codec": "libx264",
    "audio_codec": "aac",
    "audio_bitrate": "96k",
    "preset": "veryfast",
    "threads": 1,
    # one thread and no version strings: the same frames give the same bytes
    "ffmpeg_params": [
        "-crf",
        "20",
        "-bf",
        "0",
        "-fflags",
        "+bitexact",
        "-flags:v",
        "+bitexact",
        "-flags:a",
        "+bitexact",
    ],
    "logger": None,
}


def write_clips(folder: Path, settings: Mapping[str, Any]) -> None:
    """Render the clips whose names are `settings["clips"]` of the design `settings["design"]` into `folder`."""
    design = from_settings(settings["design"])
    for clip in clips(design):
        if clip.name in settings["clips"]:
            write_atomic(folder / f"{clip.name}.mp4", encoded(clip, design))


def write_manifest(path: Path, settings: Mapping[str, Any], written: Iterable[Path]) -> None:
    """Write the corpus's table beside the folder of its clips.

    Parameters
    ----------
    path : Path
        Path of the table.
    settings : mapping
        `design`, the values of a `Design`.
    written : iterable of Path
        Files of all clips.

    Raises
    ------
    ManifestError
        If the files `written` are not those of the design.
    """
    table = clips(from_settings(settings["design"]))
    path_of_clip = {file.stem: file.relative_to(path.parent).as_posix() for file in written}
    if path_of_clip.keys() != {clip.name for clip in table}:
        wrong = sorted(path_of_clip.keys() ^ {clip.name for clip in table})
        raise ManifestError(f"{path}: clips differ from the design: {', '.join(wrong)}; run rules/demo.smk again")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((c.name, path_of_clip[c.name], c.label, c.subject, c.split, c.defect) for c in table)
    write_atomic(path, text.getvalue().encode())


def encoded(clip: Clip, design: Design) -> bytes:
    """Render the clip as an mp4 file, the same bytes for the same design."""
    sound, opening = speech(clip, design)
    frames = pictures(clip, design, opening)
    if clip.defect == "variable_frame_rate":
        return _variable_rate(frames, sound, np.random.default_rng((*clip.seed, 4)))
    if clip.defect == "silent_audio":
        sound = np.zeros_like(sound)
    if clip.defect == "short_audio":
        sound = sound[: round(0.03 * voice.RATE_HZ)]
    data = _constant_rate(frames, None if clip.defect == "no_audio" else sound)
    return data[: len(data) // 2] if clip.defect == "truncated" else data


def speech(clip: Clip, design: Design) -> tuple[voice.Floats, voice.Floats]:
    """Sound (n_samples,) at `voice.RATE_HZ`, and the mouth's opening (n_frames,), 0 to 1."""
    rng = np.random.default_rng((*clip.seed, 2))
    intensity, share = clip.voice
    manner = voice.blend(voice.MANNERS[clip.label], voice.MANNERS[VOICE_NEIGHBOURS[clip.label]], share, intensity)
    manner = voice.varied(manner, rng, design.voice_variation)
    n_frames = round(clip.nuisance["duration_s"] * FPS)
    utterance = voice.utterance(rng, _speaker(design, clip.number), manner, duration_s=n_frames / FPS)
    sound = voice.with_noise(
        utterance.samples, rng, level_db=clip.nuisance["level_db"], noise_db=clip.nuisance["noise_db"]
    )
    return sound, utterance.opening[:: voice.RATE_HZ // FPS][:n_frames]


def pictures(clip: Clip, design: Design, opening: voice.Floats) -> Frames:
    """Draw the clip's frames, each (height, width, 3), one for each value of the mouth's `opening`."""
    rng = np.random.default_rng((*clip.seed, 3))
    expression = _expression(clip, design, rng)
    draw = _actor(clip, design, expression, rng)
    extra = _bystander(clip, design) if clip.defect == "two_faces" else None
    size = (SIZE[0], SIZE[1] + (128 if extra else 0))
    backdrop, light = scene.scene(rng, clip.nuisance, size)
    noise = NOISE * rng.standard_normal((2 * size[0], 2 * size[1], 1), dtype=np.float32)
    frames = []
    for t, open_now in enumerate(opening):
        shown = backdrop
        if _is_face_shown(clip, t, len(opening)):
            for one in filter(None, (extra, draw)):
                drawn = one(t / len(opening), float(open_now), size)
                shown = _over(drawn[..., :3] * light, drawn[..., 3:], shown)
        row, column = rng.integers(0, size[0]), rng.integers(0, size[1])
        noisy = shown + noise[row : row + size[0], column : column + size[1]]
        frames.append(np.clip(noisy, 0, 255, out=noisy).astype(np.uint8))
    return frames


def _over(colour: Floats, opacity: Floats, behind: Floats) -> Floats:
    """Blend `colour` with the picture `behind` it by `opacity`; the result overwrites `colour`."""
    colour -= behind
    colour *= opacity
    colour += behind
    return colour


def _is_face_shown(clip: Clip, frame: int, n_frames: int) -> bool:
    few = clip.defect == "few_faces" and abs(frame - n_frames // 2) > 1
    return clip.defect != "no_face" and not few


Draw = Callable[[float, float, tuple[int, int]], Floats]


def _actor(clip: Clip, design: Design, expression: action_units.Expression, rng: np.random.Generator) -> Draw:
    """Return a function: relative time, opening of the mouth, size of the picture -> picture of the clip's subject."""
    source, identity = _subject(design, clip.number)
    motion, blink = face.warp(expression), face.warp(action_units.Expression({"blink": 1.0})).field
    onset, offset, blinking = rng.uniform(0.05, 0.25), rng.uniform(0.78, 0.92), rng.uniform(0.1, 0.9)
    sway, phase = rng.uniform(-1, 1, 3), rng.uniform(0, 2 * np.pi, 3)
    nuisance = clip.nuisance

    def draw(t: float, opening: float, size: tuple[int, int]) -> Floats:
        apex = np.float32(0.1 + 0.9 * _rise((t - onset) / 0.22) * (1 - 0.8 * _rise((t - offset) / 0.2)))
        closed = np.float32(max(0.0, 1 - abs(t - blinking) / 0.05))
        dx, dy, turn = sway * np.sin(2 * np.pi * t * 0.8 + phase)
        pose = face.Pose(
            nuisance["scale"] * (1 + 0.01 * dy),
            nuisance["roll"] + 0.03 * turn,
            SIZE[1] / 2 + nuisance["x"] + 3 * dx,
            HORIZON * size[0] + nuisance["y"] + 2 * dy,
        )
        field = identity + apex * motion.field + closed * blink
        parted = float(apex) * motion.parted + TALKING_PX * opening
        return face.draw(
            source, pose, face.Warp(field, motion.shade, parted, float(apex) * motion.teeth, float(apex)), size
        )

    return draw


def _bystander(clip: Clip, design: Design) -> Draw:
    """Return a function as `_actor` for another subject, smaller, neutral and still, to the right of the clip's own."""
    source, identity = _subject(design, (clip.number + 1) % design.n_subjects)
    shade = np.zeros(portrait.SHAPE, np.float32)

    def draw(t: float, opening: float, size: tuple[int, int]) -> Floats:
        pose = face.Pose(0.98, 0.05 - 0.02 * t, size[1] - 82.0, 0.40 * size[0])
        return face.draw(source, pose, face.Warp(identity, shade), size)

    return draw


def _expression(clip: Clip, design: Design, rng: np.random.Generator) -> action_units.Expression:
    intensity, share = clip.face
    drawn = action_units.blend(
        action_units.EXPRESSIONS[clip.label], action_units.EXPRESSIONS[FACE_NEIGHBOURS[clip.label]], share, intensity
    )
    units = dict(drawn.units)
    for name in action_units.ACTION_UNITS:
        if name != "blink":
            units[name] = max(0.0, units.get(name, 0.0) + design.face_variation * rng.standard_normal())
    return action_units.Expression(units, drawn.parted, drawn.teeth)


@cache
def _neutral() -> portrait.Neutral:
    return portrait.neutral(skimage.data.astronaut())


@cache
def _subject(design: Design, number: int) -> tuple[npt.NDArray[np.uint8], Floats]:
    rng = np.random.default_rng((design.seed, number, 11))
    proportions = {name: float(np.clip(rng.normal(0, 0.55), -1.2, 1.2)) for name in action_units.PROPORTIONS}
    dark = rng.uniform(0, 1)
    look = portrait.Look(
        skin_gamma=0.85 + 1.6 * dark,
        hair_gamma=rng.uniform(0.8, 1.6) + 0.8 * dark,
        hair_tint=tuple(rng.uniform(0.6, 1.25) * rng.uniform(0.85, 1.15, 3)),
        clothes=tuple(rng.uniform(25, 210, 3)),
        brow=rng.uniform(0.3, 0.65),
        stubble=max(0.0, rng.uniform(-0.25, 0.25)),
        age=rng.uniform(0.0, 0.15),
        mirrored=bool(number % 2),
        seed=int(rng.integers(2**31)),
    )
    return portrait.subject(_neutral(), look), face.identity_field(proportions)


@cache
def _speaker(design: Design, number: int) -> voice.Speaker:
    rng = np.random.default_rng((design.seed, number, 12))
    smallness = rng.uniform(0, 1)  # 0 is tall (low voice and formants), 1 is small (high ones)
    pitch = 105 * 2 ** (smallness + rng.normal(0, 0.08))
    return voice.Speaker(
        pitch, 0.98 + 0.17 * smallness + rng.normal(0, 0.02), rng.uniform(0, 0.04), rng.normal(0, 0.25)
    )


def _rise(x: float) -> float:
    return float(portrait.ramp(np.array(x)))


def _constant_rate(frames: Frames, sound: voice.Floats | None) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        movie = ImageSequenceClip(frames, fps=FPS)
        if sound is not None:
            rate = UPSAMPLING * voice.RATE_HZ
            stereo = np.repeat(resample_poly(sound, UPSAMPLING, 1)[:, None], 2, axis=1)
            movie = movie.with_audio(AudioArrayClip(np.clip(stereo, -1, 1), fps=rate))
            movie.write_videofile(str(path), audio_fps=rate, temp_audiofile_path=folder, **ENCODING)
        else:
            movie.write_videofile(str(path), audio=False, **ENCODING)
        return path.read_bytes()


def _variable_rate(frames: Frames, sound: voice.Floats, rng: np.random.Generator) -> bytes:
    """Encode frames that last between 20 and 60 ms each; moviepy writes constant rates only."""
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        pictures_out = container.add_stream("libx264", rate=FPS, options={"crf": "20", "bf": "0", "flags": "+bitexact"})
        pictures_out.height, pictures_out.width = frames[0].shape[:2]
        pictures_out.pix_fmt = "yuv420p"
        pictures_out.codec_context.time_base = Fraction(1, 1000)
        pictures_out.codec_context.thread_count = 1
        sound_out = container.add_stream("aac", rate=voice.RATE_HZ, layout="mono", options={"flags": "+bitexact"})
        times = np.round(1000 / FPS * (np.arange(len(frames)) + rng.uniform(-0.25, 0.25, len(frames)))).astype(int)
        for time, picture in zip(times - times[0], frames, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = int(time), Fraction(1, 1000)
            container.mux(pictures_out.encode(frame))
        samples = av.AudioFrame.from_ndarray(sound[None].astype(np.float32), format="fltp", layout="mono")
        samples.sample_rate, samples.pts = voice.RATE_HZ, 0
        container.mux(sound_out.encode(samples))
        container.mux(pictures_out.encode())
        container.mux(sound_out.encode())
    return stream.getvalue()
