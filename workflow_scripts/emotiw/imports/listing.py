"""Find and check the files of an imported feature before any job runs; only new and changed files are read.

The result is a table with the columns of a manifest that per-clip jobs read (clip, path, sha256, job), so the content
of each clip's file is part of the identity of its job.
"""

import difflib
import json
import os
import stat
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emotiw.core.errors import ConfigError, FeatureError
from emotiw.core.files import content_sha256, write_json
from emotiw.corpora.interface import printable
from emotiw.corpora.manifest import Row, table_bytes, table_rows, write_if_new
from emotiw.imports.reading import Reading

COLUMNS = ("clip", "path", "sha256", "job")
SUFFIXES = frozenset({".npy", ".npz", ".h5", ".hdf5", ".csv"})
PICKLED = frozenset({".pkl", ".pickle", ".joblib", ".pt", ".pth"})
SHOWN = 5  # names in a message
FAIL, IGNORE = "fail", "ignore"  # values of unknown_clips


@dataclass(frozen=True)
class Import:
    """An entry of the section `imports`: its name, its settings, and the identity of the code that reads its files."""

    name: str
    settings: Mapping[str, Any]
    code: str = ""

    @property
    def path(self) -> Path:
        """Folder of the files, or the file of all clips."""
        return Path(self.settings["path"])

    @property
    def reading(self) -> Reading:
        """How the files are read."""
        return Reading.of(self.settings, of_all=not self.path.is_dir())


@dataclass(frozen=True)
class _Found:
    """What a file holds of a clip: the hash of its content, the numbers of frames and of values."""

    sha256: str
    n_frames: int
    width: int


Files = dict[str, dict[str, _Found]]  # by path and clip


def refresh(wanted: Import, rows: Sequence[Row], table: Path, memory: Path) -> dict[str, tuple[str, str]]:
    """Path and hash of each clip's content, empty for a clip without a file; the table is written if it has changed.

    Parameters
    ----------
    wanted : Import
    rows : sequence of Row
        Clips of the corpus, each with its job.
    table, memory : Path
        Table to write, and the JSON file that remembers what was read of each file.

    Raises
    ------
    ConfigError
        If the path does not exist, is inside the run's own results, or has another hash than the configuration says.
    FeatureError
        With every fault of the files.
    """
    _check_path(wanted, table)
    paths, problems = _paths(wanted.path)
    found, faults = _read(wanted, paths, memory)
    files_of_clip: dict[str, list[str]] = defaultdict(list)
    for path, clips in found.items():
        for clip in clips:
            files_of_clip[clip].append(path)
    known = [row.clip for row in rows]
    problems += faults + _unknown(wanted, files_of_clip, known) + _duplicates(files_of_clip)
    chosen = {clip: files_of_clip[clip][0] for clip in known if clip in files_of_clip}
    if not chosen and not problems:
        problems = [f"{wanted.path}: holds no clip of the corpus (such as {known[0]}); correct path"]
    problems += _widths({clip: found[path][clip] for clip, path in chosen.items()})
    if problems:
        raise FeatureError(f"imports.{wanted.name}:\n  " + "\n  ".join(problems))
    result = {clip: (path, found[path][clip].sha256) for clip, path in chosen.items()}
    lines = [[row.clip, *result.get(row.clip, ("", "")), row.job] for row in rows]
    write_if_new(table, table_bytes([COLUMNS, *lines]))
    return {clip: (path, sha256) for clip, path, sha256, _ in lines}


def read(table: Path) -> dict[str, tuple[str, str]]:
    """Path and hash of each clip's content, from a table that `refresh` has written."""
    try:
        _, *lines = table_rows(table.read_bytes())
    except OSError as error:
        raise ConfigError(f"{table}: cannot be read ({error.strerror}); run the workflow to make it") from error
    return {clip: (path, sha256) for clip, path, sha256, _ in lines}


def _check_path(wanted: Import, table: Path) -> None:
    key, path, expected = f"imports.{wanted.name}", wanted.path, wanted.settings.get("sha256")
    if not path.exists():
        raise ConfigError(f"{key}.path: {path} does not exist; expected a folder or a file of features")
    if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(table.parents[1])):
        raise ConfigError(f"{key}.path: {path} is a result of this run itself; name the run it is from, or a copy")
    if expected and (found := content_sha256(path)) != expected:
        raise ConfigError(f"{key}.sha256: is {expected}, but {path} has {found}; get the files again or correct it")


def _paths(path: Path) -> tuple[list[Path], list[str]]:
    """Files of features below a folder, or the file itself; and the problems of their names and places."""
    if not path.is_dir():
        listed = [path]
    else:
        listed = sorted(Path(folder, name) for folder, _, names in os.walk(path, onerror=_refuse) for name in names)
    pickles = [file for file in listed if file.suffix.lower() in PICKLED]
    files = [file for file in listed if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")]
    problems = [f"{_few(pickles)}: pickles are never opened, because they can run code; save .npz"] if pickles else []
    if not files and not problems:
        problems = [f"{path}: holds no file that ends in {', '.join(sorted(SUFFIXES))}"]
    root = os.path.realpath(path if path.is_dir() else path.parent)
    usable = []
    for file in files:
        if fault := _fault(file, root):
            problems.append(f"{printable(str(file))}: {fault}")
        else:
            usable.append(file)
    return usable, problems


def _fault(file: Path, root: str) -> str:
    """Say what is wrong with a file's name or place; empty if nothing is."""
    if set(str(file)) & set("{}\n\r") or not str(file).isprintable():
        return "has a brace or an unprintable character in its name, which Snakemake cannot take; rename it"
    if not file.exists() or not stat.S_ISREG(file.stat().st_mode):
        return "is no regular file; remove it or restore it"
    if not Path(os.path.realpath(file)).is_relative_to(root):
        return f"is a link to {os.path.realpath(file)}, outside {root}; copy the file"
    return ""


def _read(wanted: Import, paths: Iterable[Path], memory: Path) -> tuple[Files, list[str]]:
    """Find what each file holds of each clip, and the faults of the files."""
    context = {"code": wanted.code, "reading": json.loads(json.dumps(asdict(wanted.reading)))}
    before = _remembered(memory, context)
    found: Files = {}
    states: dict[str, Any] = {}
    problems = []
    for path in paths:
        status = path.stat()
        state = [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
        known = before.get(str(path), [None, {}])
        try:
            clips = {clip: _Found(*facts) for clip, facts in known[1].items()} if known[0] == state else {}
            found[str(path)] = clips or _contents(path, wanted.reading)
        except (FeatureError, OSError) as error:
            problems.append(str(error))
        else:
            facts = {clip: list(asdict(one).values()) for clip, one in found[str(path)].items()}
            states[str(path)] = [state, facts]
    if states != before:
        write_json(memory, context | {"files": states})
    return found, problems


def _contents(path: Path, reading: Reading) -> dict[str, _Found]:
    """Read and check a whole file."""
    from emotiw.imports import contents  # noqa: PLC0415  it needs h5py, which planning without a new file does not

    found = {}
    with contents.opened(path, reading) as file:
        for clip in file.clips:
            content = file.content(clip)
            entry = contents.entry(clip, content, reading, f"{path}: {clip}" if len(file.clips) > 1 else str(path))
            shape = entry.arrays["features"].shape if entry.arrays else (0, 0)
            found[clip] = _Found(content.sha256, shape[0] if len(shape) > 1 else 1, shape[-1])
    return found


def _remembered(memory: Path, context: Mapping[str, Any]) -> dict[str, Any]:
    """Recall what was read of each file; nothing if it was read in another way, or the record is damaged."""
    try:
        record = json.loads(memory.read_bytes())
        usable = all(record[key] == value for key, value in context.items())
        return dict(record["files"]) if usable else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _unknown(wanted: Import, found: Iterable[str], known: Sequence[str]) -> list[str]:
    unknown = sorted(set(found).difference(known))
    if not unknown or wanted.settings.get("unknown_clips", FAIL) == IGNORE:
        return []
    near = {name: difflib.get_close_matches(name, known, n=1) for name in unknown[:SHOWN]}
    listed = ", ".join(f"{name} (similar: {hits[0]})" if hits else name for name, hits in near.items())
    more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
    return [
        f"{wanted.path}: {len(unknown)} names are of no clip of the corpus: {listed}{more}; name files as the clips in"
        " results/<run>/manifest.csv, or set unknown_clips: ignore"
    ]


def _duplicates(files_of_clip: Mapping[str, Sequence[str]]) -> list[str]:
    return [
        f"{clip}: is in {len(paths)} files, {_few(paths)}; keep one"
        for clip, paths in sorted(files_of_clip.items())
        if len(paths) > 1
    ]


def _widths(found: Mapping[str, _Found]) -> list[str]:
    """Problem of clips whose number of values differs from that of most clips."""
    counts = Counter(one.width for one in found.values() if one.width)
    if len(counts) < 2:
        return []
    (usual, n_usual), *_ = counts.most_common(1)
    others = [f"{clip} with {one.width}" for clip, one in found.items() if one.width not in (0, usual)]
    return [f"{n_usual} clips have {usual} values, others differ: {_few(others)}; all need the same values"]


def _few(names: Sequence[Any]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(str, names[:SHOWN])) + more


def _refuse(error: OSError) -> None:
    raise FeatureError(f"{error.filename}: {error.strerror}; make the folder readable") from error
