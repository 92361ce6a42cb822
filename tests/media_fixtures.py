"""Small clips, made with PyAV where a test needs them."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from emotiw.demo import design, render


def picture(index: int, width: int, height: int) -> np.ndarray:
    """RGB picture whose left half is red and whose right half brightens with `index`."""
    image = np.full((height, width, 3), 20 + 10 * index % 200, np.uint8)
    image[:, : width // 2] = (255, 0, 0)
    return image


def noise(index: int, width: int, height: int) -> np.ndarray:
    """RGB picture that does not compress."""
    return np.random.default_rng(index).integers(0, 256, (height, width, 3), dtype=np.uint8)


def tone(duration_s: float, rate_hz: int = 16000, *, channels: int = 1, peak: float = 0.5) -> np.ndarray:
    """440 Hz, float32 (channels, n_samples)."""
    time = np.arange(round(duration_s * rate_hz)) / rate_hz
    return np.tile(peak * np.sin(2 * np.pi * 440 * time), (channels, 1)).astype(np.float32)


def clip(
    path: Path,
    *,
    n: int = 20,
    size: tuple[int, int] = (64, 48),
    fps: int = 25,
    codec: str = "mpeg4",
    pixels: str = "yuv420p",
    times: Iterable[float] | None = None,
    sound: np.ndarray | None = None,
    rate_hz: int = 16000,
    sound_codec: str = "aac",
    paint=picture,
    container: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a clip of `n` pictures and of `sound` (channels, n_samples); return `path`.

    `times` in s, rounded to 1 / `fps`, replace the constant frame rate; `paint` draws a picture.
    """
    with av.open(str(path), "w", format=container, options=options) as output:
        video = _video(output, codec, fps, size, pixels) if n else None
        audio = None if sound is None else _audio(output, sound_codec, rate_hz, len(sound))
        for index, time in enumerate(times or np.arange(n) / fps):
            frame = av.VideoFrame.from_ndarray(paint(index, *size), "rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = round(time * fps), Fraction(1, fps)
            output.mux(video.encode(frame))
        if video:
            output.mux(video.encode(None))
        if audio:
            _mux_sound(output, audio, sound, rate_hz)
    return path


def sound_file(path: Path, sound: np.ndarray, rate_hz: int = 16000, codec: str = "pcm_s16le") -> Path:
    """Write a clip that has no pictures."""
    return clip(path, n=0, sound=sound, rate_hz=rate_hz, sound_codec=codec)


def halve(path: Path) -> Path:
    """Cut the second half off a file."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def cut(path: Path, share: float) -> Path:
    """Keep the first part of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    return path


def close_box(path: Path) -> Path:
    """Make the last box of an MP4 that was cut short say that it ends where the file does."""
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") - 4
    content[start : start + 4] = (len(content) - start).to_bytes(4, "big")
    path.write_bytes(content)
    return path


def corrupt(path: Path, *, step: int = 50, start: int = 0) -> Path:
    """Invert every `step`-th byte of a file from `start`."""
    content = np.fromfile(path, np.uint8)
    content[start::step] ^= 0xFF
    path.write_bytes(content.tobytes())
    return path


def replace(path: Path, old: bytes, new: bytes) -> Path:
    """Replace bytes of a file by as many others."""
    content = path.read_bytes()
    assert old in content
    assert len(old) == len(new)
    path.write_bytes(content.replace(old, new))
    return path


def delay(source: Path, path: Path, n: int) -> Path:
    """Copy a clip without decoding, `n` frames later; what then comes before zero is hidden by an edit list."""
    with av.open(str(source)) as clip, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(clip.streams.video[0])
        for packet in clip.demux(video=0):
            if packet.dts is not None:
                packet.pts, packet.dts = (ticks + n * packet.duration for ticks in (packet.pts, packet.dts))
                packet.stream = stream
                output.mux(packet)
    return path


def announce(path: Path, n: int) -> Path:
    """Write another number of frames into the first stream's header of an AVI."""
    content = bytearray(path.read_bytes())
    length = content.index(b"strh") + 40
    content[length : length + 4] = n.to_bytes(4, "little")
    path.write_bytes(content)
    return path


def rotate(path: Path, degrees: float = 90) -> Path:
    """Write into an MP4's track header that its pictures are shown turned clockwise."""
    c, s = (float(f(np.deg2rad(degrees))) for f in (np.cos, np.sin))
    return show(path, c, s, -s, c)


def show(path: Path, a: float, b: float, c: float, d: float) -> Path:
    """Write the display matrix (a, b; c, d) into the header of an MP4's first track."""
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44
    ones = [round(value * (1 << 16)) for value in (a, b, c, d)]
    values = [*ones[:2], 0, *ones[2:], 0, 0, 0, 1 << 30]
    content[matrix : matrix + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in values)
    path.write_bytes(content)
    return path


def ffmpeg(*arguments: object) -> bytes:
    """Run the ffmpeg that comes with moviepy, and return its standard output."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-nostdin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=True).stdout


def remux(source: Path, path: Path, edit: Callable[[av.Packet], bool | None]) -> Path:
    """Copy the packets of a clip without decoding; `edit` changes their times, or returns False to drop them."""
    with av.open(str(source)) as clip, av.open(str(path), "w") as output:
        copies = {stream.index: output.add_stream_from_template(stream) for stream in clip.streams}
        for packet in clip.demux():
            if packet.dts is not None and edit(packet) is not False:
                packet.stream = copies[packet.stream.index]
                output.mux(packet)
    return path


def run_script(root: Path, name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program of the workflow in a process of its own."""
    command = [sys.executable, str(root / "workflow_scripts" / f"{name}.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _video(output, codec, fps, size, pixels):
    stream = output.add_stream(codec, rate=fps)
    stream.width, stream.height, stream.pix_fmt = *size, pixels
    stream.codec_context.time_base = Fraction(1, fps)
    return stream


def _audio(output, codec, rate_hz, channels):
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    return output.add_stream(codec, rate=rate_hz, layout=layout)


def _mux_sound(output, stream, sound, rate_hz):
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound, np.float32), "fltp", stream.layout.name)
    frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
    if not sound.size:
        output.start_encoding()  # writes a header without samples
        return
    fit = av.AudioResampler(stream.format, stream.layout, rate_hz, frame_size=stream.frame_size or 1024)
    for part in [*fit.resample(frame), *fit.resample(None)]:
        if part:
            output.mux(stream.encode(part))
    output.mux(stream.encode(None))


def talking(drawn: design.Design, duration_s: float) -> bytes:
    """A rendered clip of a happy face that talks, by the design of a demo corpus."""
    clip = next(it for it in design.clips(drawn) if it.label == "happiness" and not it.defect)
    return render.encoded(dataclasses.replace(clip, nuisance={**clip.nuisance, "duration_s": duration_s}), drawn)
