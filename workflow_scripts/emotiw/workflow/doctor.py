"""What a run needs of the machine, the environment and the configuration, looked at before it starts."""

import importlib.metadata
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from emotiw.core.errors import EmotiwError
from emotiw.jobs import settings
from emotiw.prediction import bundle

FREE_BYTES = 3 << 30
MEMORY_BYTES = 2 << 30
MEMORY = Path("/proc/meminfo")
DECODERS = ("h264", "mpeg4", "mpeg1video", "aac", "mp3", "flv", "pcm_s16le")
IMPORTS = ("av", "dlib", "h5py", "opensmile", "sklearn", "torch", "snakemake")
LOCKS = Path(".snakemake/locks")


class State(StrEnum):
    """How a check ended; only `BAD` keeps a run from succeeding."""

    GOOD = "ok"
    ODD = "note"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, what was found, and what to do."""

    what: str
    state: State
    found: str
    remedy: str = ""


def examine(configfiles: Sequence[Path], *, root: Path = settings.ROOT) -> Iterator[Finding]:
    """Look at everything, one finding after the other; nothing is changed and nothing is fetched.

    Parameters
    ----------
    configfiles : sequence of Path
        Laid over config.yaml.
    root : Path
        Of the repository, with its lock file.
    """
    yield python()
    yield from versions(root / "requirements.lock")
    yield decoders()
    yield commands()
    yield from space(Path())
    yield lock()
    try:
        config = settings.load(configfiles)
    except EmotiwError as error:
        yield Finding("configuration", State.BAD, str(error), "correct the file that it names")
        return
    yield Finding("configuration", State.GOOD, ", ".join(map(str, configfiles)) or "config.yaml alone")
    yield corpus(config["corpus"])
    yield from weights(config["weights"])
    yield trained(Path("results") / config["run"] / "bundle")


def python() -> Finding:
    """Version of the interpreter."""
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    return Finding("python", State.GOOD if good else State.BAD, version, "" if good else "install Python 3.11 or newer")


def versions(lock_file: Path, installed: Callable[[str], str] = importlib.metadata.version) -> Iterator[Finding]:
    """Compare installed distributions with the lock file."""
    if not lock_file.is_file():
        yield Finding("packages", State.ODD, f"{lock_file} is missing", "run emotiw from a clone of its repository")
        return
    wanted = dict(line.split("==") for line in lock_file.read_text().split() if "==" in line)
    other, missing = [], []
    for name, version in wanted.items():
        try:
            found = installed(name).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
            continue
        if found != version:
            other.append(f"{name} {found} (lock: {version})")
    if missing:
        yield Finding("packages", State.BAD, f"missing: {', '.join(missing)}", "run `make setup`")
    if other:
        remedy = "run `make setup`; results may differ from those of the lock"
        yield Finding("packages", State.ODD, f"other versions: {', '.join(other)}", remedy)
    if not missing and not other:
        yield Finding("packages", State.GOOD, f"{len(wanted)} as the lock says")


def decoders() -> Finding:
    """Whether FFmpeg, as PyAV brings it, can decode what corpora hold."""
    import av  # noqa: PLC0415  a broken installation is a finding, not a crash of the others

    lacking = [name for name in DECODERS if name not in av.codecs_available]
    if lacking:
        return Finding("decoders", State.BAD, f"PyAV lacks {', '.join(lacking)}", "install av from its own wheels")
    return Finding("decoders", State.GOOD, f"PyAV {av.__version__}: {', '.join(DECODERS)}")


def commands() -> Finding:
    """Whether the modules that do the work can be imported, and which optional programs there are."""
    failing = []
    for name in IMPORTS:
        try:
            __import__(name)
        except ImportError as error:
            failing.append(f"{name} ({error})")
    if failing:
        return Finding("modules", State.BAD, f"not importable: {'; '.join(failing)}", "run `make setup`")
    git = "git" if shutil.which("git") else "no git (results will not name a commit)"
    return Finding("modules", State.GOOD, f"{', '.join(IMPORTS)}; {git}")


def space(folder: Path, meminfo: Path = MEMORY) -> Iterator[Finding]:
    """Free disk, free memory, and whether results can be written."""
    free = shutil.disk_usage(folder).free
    remedy = f"free some; the demo takes {FREE_BYTES >> 30} GB with its environment, EmotiW's features 4 GB"
    short = free < FREE_BYTES
    yield Finding("disk", State.ODD if short else State.GOOD, f"{free / 1e9:.1f} GB free", remedy if short else "")
    place = next(path for path in (folder / "results", folder) if path.is_dir())
    writable = os.access(place, os.W_OK)
    state = State.GOOD if writable else State.BAD
    remedy = "" if writable else "run elsewhere, or make it writable"
    yield Finding("results", state, f"{place.resolve()} is{'' if writable else ' not'} writable", remedy)
    known = re.search(r"MemAvailable: +(\d+) kB", meminfo.read_text() if meminfo.is_file() else "")
    if known:
        short = int(known[1]) << 10 < MEMORY_BYTES
        remedy = "run fewer jobs at once: snakemake -c1" if short else ""
        yield Finding("memory", State.ODD if short else State.GOOD, f"{int(known[1]) / 1e6:.1f} GB available", remedy)


def lock() -> Finding:
    """Whether Snakemake's lock lies here."""
    if LOCKS.is_dir() and any(LOCKS.iterdir()):
        remedy = "wait for the run that goes on here; if none does, it was killed: snakemake --unlock"
        return Finding("lock", State.ODD, f"{LOCKS} is held", remedy)
    return Finding("lock", State.GOOD, "no other run here")


def corpus(about: Mapping[str, Any]) -> Finding:
    """Whether the corpus is where the configuration says."""
    root = Path(about["root"])
    if root.is_dir() and os.access(root, os.R_OK | os.X_OK):
        return Finding("corpus", State.GOOD, f"{about['kind']} at {root}; `emotiw manifest` checks its clips")
    remedy = "make demo renders it" if about["kind"] == "demo" else "set corpus.root to the folder that holds it"
    return Finding("corpus", State.BAD, f"{about['kind']}: no readable folder {root}", remedy)


def weights(about: Mapping[str, Mapping[str, Any]], folder: Path = Path("results/weights")) -> Iterator[Finding]:
    """Whether the weights are here, or where they will come from."""
    for name in ("landmarks", "alexnet"):
        given = about[name]
        have = sorted(folder.glob(f"{name}-*.json"))
        if given["path"] and not Path(given["path"]).is_file():
            remedy = f"correct weights.{name}.path"
            yield Finding(f"weights {name}", State.BAD, f"{given['path']} is missing", remedy)
        elif have:
            yield Finding(f"weights {name}", State.GOOD, str(have[-1].with_suffix("")))
        else:
            source = given["path"] or given["url"] or f"the package index ({given['source']['distribution']})"
            yield Finding(f"weights {name}", State.ODD, f"not here yet; the first run takes them from {source}")


def trained(folder: Path) -> Finding:
    """Whether there is a bundle to predict with."""
    if not folder.is_dir():
        remedy = "a whole run makes it; predict takes any other with --bundle"
        return Finding("bundle", State.ODD, f"no {folder} yet", remedy)
    try:
        found = bundle.read(folder)
    except EmotiwError as error:
        return Finding("bundle", State.BAD, str(error), "delete it and run the workflow")
    return Finding("bundle", State.GOOD, f"{folder}: {len(found.about['files'])} files, {found.about['run']}")
