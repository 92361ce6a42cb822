"""Checks of the machine, the environment and the configuration, made before a run starts."""

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

from emotiw.core import extras
from emotiw.core.errors import EmotiwError
from emotiw.jobs import settings
from emotiw.prediction import bundle

FREE_BYTES = 3 << 30
MEMORY_BYTES = 2 << 30
MEMORY = Path("/proc/meminfo")
DECODERS = ("h264", "mpeg4", "mpeg1video", "aac", "mp3", "flv", "pcm_s16le")
IMPORTS = ("av", "dlib", "h5py", "onnxruntime", "opensmile", "sklearn", "torch")
BUNDLE = Path("results/demo/bundle")
LOCKS = Path(".snakemake/locks")


class State(StrEnum):
    """Outcome of a check; a run would fail if one is `BAD`."""

    GOOD = "ok"
    ODD = "note"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """Result of a check.

    Attributes
    ----------
    what : str
        What was checked.
    state : State
    found : str
        What was found.
    remedy : str
        What to do; empty if nothing.
    """

    what: str
    state: State
    found: str
    remedy: str = ""


def examine(configfiles: Sequence[Path], *, root: Path = settings.ROOT) -> Iterator[Finding]:
    """Check everything, one finding after the other; nothing is changed and nothing is downloaded.

    Without Snakemake and without a configuration, only what `emotiw predict` needs is checked.

    Parameters
    ----------
    configfiles : sequence of Path
        They override config.yaml.
    root : Path
        Folder of the lock file.
    """
    yield python()
    yield from versions(root / "requirements.lock")
    yield decoders()
    yield commands()
    yield from space(Path())
    yield workflow()
    if not (configfiles or extras.installed("snakemake")):
        yield trained(BUNDLE)
        return
    yield lock()
    try:
        config = settings.load(configfiles)
    except EmotiwError as error:
        yield Finding("configuration", State.BAD, str(error), "correct the file that it names")
        return
    yield Finding("configuration", State.GOOD, ", ".join(map(str, configfiles)) or "config.yaml alone")
    entries = config["corpora"] or {}
    yield from (corpus(entries[name], f"corpora.{name}") for name in entries)
    if not entries:
        yield corpus(config["corpus"], "corpus")
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
        found = f"no {lock_file.name} here, so versions were not compared"
        yield Finding("packages", State.ODD, found, "results may differ from those of the versions that were tested")
        return
    locked = dict(line.split("==") for line in lock_file.read_text().split() if "==" in line)
    other, missing = [], []
    for name, version in locked.items():
        try:
            installed_version = installed(name).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
            continue
        if installed_version != version:
            other.append(f"{name} {installed_version} (lock: {version})")
    if missing:
        yield Finding("packages", State.BAD, f"missing: {', '.join(missing)}", "run `make setup`")
    if other:
        remedy = "run `make setup`; results may differ from those of the lock"
        yield Finding("packages", State.ODD, f"other versions: {', '.join(other)}", remedy)
    if not missing and not other:
        yield Finding("packages", State.GOOD, f"{len(locked)} as the lock says")


def decoders() -> Finding:
    """Whether the FFmpeg in PyAV has the decoders that the corpora need."""
    import av  # noqa: PLC0415  if the import fails, the other checks still run

    lacking = [name for name in DECODERS if name not in av.codecs_available]
    if lacking:
        return Finding("decoders", State.BAD, f"PyAV lacks {', '.join(lacking)}", "install av from its own wheels")
    return Finding("decoders", State.GOOD, f"PyAV {av.__version__}: {', '.join(DECODERS)}")


def commands() -> Finding:
    """Whether the modules that `emotiw predict` needs can be imported, and whether git is there."""
    failing = []
    for name in IMPORTS:
        try:
            __import__(name)
        except ImportError as error:
            failing.append(f"{name} ({error})")
    if failing:
        return Finding(
            "modules",
            State.BAD,
            f"not importable: {'; '.join(failing)}",
            "install emotiw again, or run `make setup` in a checkout",
        )
    git = "git" if shutil.which("git") else "no git (results will not name a commit)"
    return Finding("modules", State.GOOD, f"{', '.join(IMPORTS)}; {git}")


def workflow() -> Finding:
    """Whether the packages that only the workflow and its report need are installed."""
    absent = [name for name in extras.OPTIONAL if not extras.installed(name)]
    if not absent:
        return Finding("workflow", State.GOOD, "all packages of the workflow and the report are installed")
    names = ",".join(sorted({extras.OPTIONAL[name] for name in absent}))
    remedy = f"emotiw predict works; for the whole workflow: pip install 'emotiw[{names}]'"
    return Finding("workflow", State.ODD, f"not installed: {', '.join(absent)}", remedy)


def space(folder: Path, meminfo: Path = MEMORY) -> Iterator[Finding]:
    """Free disk space, free memory, and whether results can be written."""
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
    """Whether Snakemake has locked this folder."""
    if LOCKS.is_dir() and any(LOCKS.iterdir()):
        remedy = "wait for the run in this folder to end; if there is none, one was killed: snakemake --unlock"
        return Finding("lock", State.ODD, f"{LOCKS} is held", remedy)
    return Finding("lock", State.GOOD, "no other run in this folder")


def corpus(section: Mapping[str, Any], where: str) -> Finding:
    """Whether the folder of a corpus is readable; `where` is the section of the configuration."""
    root = Path(section["root"]).expanduser()
    if root.is_dir() and os.access(root, os.R_OK | os.X_OK):
        return Finding(where, State.GOOD, f"{section['kind']} at {root}; `emotiw manifest` checks its clips")
    remedy = "make demo renders it" if section["kind"] == "demo" else f"set {where}.root to the folder that holds it"
    return Finding(where, State.BAD, f"{section['kind']}: no readable folder {root}", remedy)


def weights(section: Mapping[str, Mapping[str, Any]], folder: Path = Path("results/weights")) -> Iterator[Finding]:
    """Whether the weights are present, or the source that a run takes them from."""
    for name in ("landmarks", "alexnet"):
        given = section[name]
        records = sorted(folder.glob(f"{name}-*.json"))
        if given["path"] and not Path(given["path"]).is_file():
            remedy = f"correct weights.{name}.path"
            yield Finding(f"weights {name}", State.BAD, f"{given['path']} is missing", remedy)
        elif records:
            yield Finding(f"weights {name}", State.GOOD, str(records[-1].with_suffix("")))
        else:
            source = given["path"] or given["url"] or f"the package index ({given['source']['distribution']})"
            yield Finding(f"weights {name}", State.ODD, f"not there yet; the first run takes them from {source}")


def trained(folder: Path) -> Finding:
    """Whether there is a valid bundle to predict with."""
    if not folder.is_dir():
        remedy = "a whole run makes it; `emotiw predict --bundle` takes any other"
        return Finding("bundle", State.ODD, f"no {folder} yet", remedy)
    try:
        index = bundle.read(folder).about
    except EmotiwError as error:
        return Finding("bundle", State.BAD, str(error), "delete it and run the workflow")
    return Finding("bundle", State.GOOD, f"{folder}: {len(index['files'])} files, {index['run']}")
