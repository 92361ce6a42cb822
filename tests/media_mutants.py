"""Damaged clips of eleven containers, and what the library makes of them in processes that may die."""

import json
import os
import resource
import select
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import media_fixtures as make
from emotiw.core import signals
from emotiw.core.errors import MediaError
from emotiw.media import container, soundtrack, video_frames

H264 = {"codec": "libx264"}
VIDEO = {
    "mp4": H264,
    "mkv": H264 | {"sound_codec": "flac"},
    "avi": {"sound_codec": "mp3"},
    "flv": {"codec": "flv", "sound_codec": "mp3", "rate_hz": 44100},
    "mpg": {"codec": "mpeg1video", "sound_codec": "mp2", "rate_hz": 44100},
    "ts": {"codec": "mpeg2video", "sound_codec": "mp2", "rate_hz": 44100},
    "webm": {"codec": "libvpx", "sound_codec": "libopus", "rate_hz": 48000},
}
SOUND = {"wav": "pcm_s16le", "mp3": "mp3", "flac": "flac", "ogg": "libopus"}
CONTAINERS = (*VIDEO, *SOUND)
LIMITS = {"max_pixels": 16777216, "max_duration_s": 60.0, "min_decoded_fraction": 0.0}
MEMORY = 6 << 30  # bytes of address space that a process may take
HANG_S = 60.0  # time after which a clip hangs
OUTCOMES = ("decoded", "refused", "crashed", "killed", "hung", "escaped")
CODECS = (b"avc1", b"mp4a", b"mp4v", b"XVID", b"FMP4", b"hvc1", b"ac-3", b"Opus", b"fLaC", b"vide", b"soun", b"moov")


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: its container, whether its header was read, one of `OUTCOMES`, and details."""

    container: str
    probed: bool
    outcome: str
    detail: str = ""


def originals(folder: Path) -> dict[str, bytes]:
    """Whole clips of 0.6 s, one a container."""
    found = {}
    for name, options in VIDEO.items():
        rate_hz = options.get("rate_hz", 16000)
        about = {"n": 15, "paint": make.noise, "sound": make.tone(0.6, rate_hz)} | options
        found[name] = make.clip(folder / f"a.{name}", **about).read_bytes()
    for name, codec in SOUND.items():
        rate_hz = {"mp3": 44100, "ogg": 48000}.get(name, 16000)
        # a page of Ogg is lost with each bit, so there are more of them
        duration_s = 6.0 if name == "ogg" else 0.6
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, (1, int(duration_s * rate_hz))).astype(np.float32)
        path = make.sound_file(folder / f"a.{name}", noise, rate_hz, codec)
        found[name] = path.read_bytes()
    return found


def _flipped(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    for place in rng.integers(0, len(data), rng.integers(1, 12)):
        data[place] ^= 1 << int(rng.integers(8))
    return data


def _payload(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    """Noise in the second half, which leaves the header alone."""
    start = int(rng.integers(len(data) // 2, len(data) - 2))
    end = min(len(data), start + int(rng.integers(1, 400)))
    data[start:end] = rng.bytes(end - start)
    return data


def _shortened(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    return data[: int(rng.integers(len(data) // 4, len(data)))]


def _without(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    start = int(rng.integers(len(data) - 1))
    del data[start : start + int(rng.integers(1, 600))]
    return data


def _again(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    start = int(rng.integers(len(data) - 1))
    end = start + int(rng.integers(1, 600))
    return data[:end] + data[start:]


def _lying(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    """Another number at a place of four bytes, as sizes, counts and times have."""
    lies = (0, 1, 8, 0x7FFFFFFF, 0xFFFFFFFF, len(data), len(data) * 2, int(rng.integers(1 << 32)))
    for _i in range(int(rng.integers(1, 4))):
        place = int(rng.integers(len(data) - 4))
        order = ("big", "little")[int(rng.integers(2))]
        data[place : place + 4] = lies[int(rng.integers(len(lies)))].to_bytes(4, order)
    return data


def _renamed(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    """Another codec or kind of stream where one is named."""
    named = [name for name in CODECS if name in data]
    if not named:
        return _flipped(data, rng, _)
    old, new = named[int(rng.integers(len(named)))], CODECS[int(rng.integers(len(CODECS)))]
    place = data.index(old)
    data[place : place + 4] = new
    return data


def _swapped(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    """Two pieces change places, as packets of two streams."""
    n = int(rng.integers(4, 300))
    if len(data) < 3 * n:
        return _flipped(data, rng, _)
    a, b = sorted(int(place) for place in rng.integers(0, len(data) - n, 2))
    b = max(b, min(a + n, len(data) - n))
    data[a : a + n], data[b : b + n] = data[b : b + n], data[a : a + n]
    return data


def _spliced(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    """The end of a clip of another container."""
    cut = int(rng.integers(len(data) // 4, len(data)))
    return data[:cut] + other[int(rng.integers(len(other))) :]


def _zeroed(data: bytearray, rng: np.random.Generator, _: bytes) -> bytearray:
    start = int(rng.integers(len(data) - 1))
    end = min(len(data), start + int(rng.integers(1, 2000)))
    data[start:end] = bytes(end - start)
    return data


MUTATIONS: tuple[Callable[[bytearray, np.random.Generator, bytes], bytearray], ...] = (
    *(_flipped, _payload, _shortened, _without, _again, _lying, _renamed, _swapped, _spliced, _zeroed),
)


def mutant(seed: int, whole: dict[str, bytes]) -> tuple[str, bytes]:
    """Container and bytes of the mutant of a seed; the same for the same seed."""
    rng = np.random.default_rng(seed)
    name = CONTAINERS[seed % len(CONTAINERS)]
    other = whole[CONTAINERS[int(rng.integers(len(CONTAINERS)))]]
    data = bytearray(whole[name])
    for _ in range(int(rng.integers(1, 4))):
        data = MUTATIONS[int(rng.integers(len(MUTATIONS)))](data, rng, other)
    return name, bytes(data)


def read(path: Path) -> tuple[bool, str, str]:
    """Whether the header of a clip was read, what became of it, and how."""
    probed, outcome, detail = False, "refused", ""
    try:
        probed = bool(container.probe(path))
        for decode in (_pictures, _sound):
            try:
                decode(path)
                outcome = "decoded"
            except MediaError as error:
                detail = str(error)
    except BaseException as error:  # noqa: BLE001  whatever it is, it has escaped
        return probed, "escaped", f"{type(error).__name__}: {error}"
    return probed, outcome, detail


def _pictures(path: Path) -> None:
    for _ in video_frames.read(path, LIMITS) or ():
        pass


def _sound(path: Path) -> None:
    soundtrack.waveform(path, 16000, LIMITS)


def outcomes(seeds: Iterator[int], whole: dict[str, bytes], folder: Path) -> Iterator[tuple[int, Outcome]]:
    """Outcome of the mutant of each seed; they are read in a process that is begun again when it dies."""
    child = _Child(folder)
    for seed in seeds:
        name, data = mutant(seed, whole)
        path = folder / f"mutant.{name}"
        path.write_bytes(data)
        answer = child.ask(path)
        if isinstance(answer, str):
            yield seed, Outcome(name, False, *answer.split(":", 1))
            child = _Child(folder)
        else:
            yield seed, Outcome(name, *answer)
    child.end()


class _Child:
    """A fork that reads clips."""

    def __init__(self, folder: Path) -> None:
        asked, self._ask = os.pipe()
        self._answers, answered = os.pipe()
        self._process = os.fork()
        if not self._process:
            os.close(self._ask)
            os.close(self._answers)
            _serve(asked, answered, folder)
        os.close(asked)
        os.close(answered)

    def ask(self, path: Path) -> list | str:
        """Answer of `read`, or `outcome:detail` if the process has died or hangs."""
        os.write(self._ask, f"{path}\n".encode())
        ready, _, _ = select.select([self._answers], [], [], HANG_S)
        if not ready:
            self.end()
            return f"hung:{HANG_S:g} s"
        line = b""
        while not line.endswith(b"\n"):
            more = os.read(self._answers, 1 << 16)
            if not more:
                break
            line += more
        if line.endswith(b"\n"):
            return json.loads(line)
        died = -os.waitstatus_to_exitcode(self._wait())
        return f"{'crashed' if died in signals.CRASHES else 'killed'}:{signals.name(died)}"

    def end(self) -> None:
        """Kill the process."""
        os.kill(self._process, signal.SIGKILL)
        self._wait()

    def _wait(self) -> int:
        os.close(self._ask)
        os.close(self._answers)
        return os.waitpid(self._process, 0)[1]


def _serve(asked: int, answered: int, folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(folder / "said.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    try:
        with os.fdopen(asked, "rb") as questions:
            for line in questions:
                answer = read(Path(os.fsdecode(line[:-1])))
                os.write(answered, json.dumps(answer).encode() + b"\n")
    finally:
        os._exit(0)


def table(found: list[Outcome]) -> str:
    """Counts of outcomes by container."""
    counts = Counter((one.container, one.outcome) for one in found)
    probed = Counter(one.container for one in found if one.probed)
    lines = [f"{'container':<10}{'mutants':>9}{'probed':>9}" + "".join(f"{name:>9}" for name in OUTCOMES)]
    for name in CONTAINERS:
        numbers = [counts[name, outcome] for outcome in OUTCOMES]
        lines.append(f"{name:<10}{sum(numbers):>9}{probed[name]:>9}" + "".join(f"{n:>9}" for n in numbers))
    totals = [sum(one.outcome == outcome for one in found) for outcome in OUTCOMES]
    lines.append(f"{'all':<10}{len(found):>9}{probed.total():>9}" + "".join(f"{n:>9}" for n in totals))
    return "\n".join(lines)


def main(folder: Path, limit_s: float, first: int) -> int:
    """Read mutants until the time is over, keep those that are neither decoded nor refused, and print the counts."""
    folder.mkdir(parents=True, exist_ok=True)
    whole, found, last = originals(folder), [], time.monotonic() + limit_s

    def seeds() -> Iterator[int]:
        seed = first
        while time.monotonic() < last:
            yield seed
            seed += 1

    for seed, outcome in outcomes(seeds(), whole, folder):
        found.append(outcome)
        if outcome.outcome not in ("decoded", "refused"):
            name, data = mutant(seed, whole)
            (folder / f"{outcome.outcome}-{seed}.{name}").write_bytes(data)
            print(f"seed {seed}, {name}: {outcome.outcome}, {outcome.detail}", flush=True)
    print(table(found))
    return int(any(one.outcome in ("escaped", "hung", "killed") for one in found))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0))
