"""Files that are written whole or not at all, and their hashes."""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """Context with an empty temporary file that becomes `path`, whole, at the end; after an error nothing is left.

    A reader of `path` sees the old file or the whole new one, even if a process is killed. The permissions are `mode`
    without the bits of the umask. The temporary file has a random name and is opened only if it does not exist, so that
    a link that another user placed in the folder is never followed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.randbits(64)}.tmp")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomic(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Write `data` to `path` whole or not at all, as `atomic` does."""
    with atomic(path, mode) as temporary, temporary.open("r+b") as stream:
        stream.write(data)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as sorted, indented JSON; NaN and infinity are refused."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_atomic(path, f"{text}\n".encode())


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def content_sha256(path: Path, known: Path | None = None) -> str:
    """SHA-256 of a file's bytes, or of the names and contents of all files of a folder, in hexadecimal.

    Parameters
    ----------
    path : Path
        File or folder. A copy has the same hash as the original.
    known : Path or None
        JSON file that remembers the hash of each file of a folder with its size and modification time, so that only
        new and changed files are read again. Without it, all are read.
    """
    if not path.is_dir():
        return sha256(path)
    before = _remembered(known)
    now = {}
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        name, state = file.relative_to(path).as_posix(), file.stat()
        size, time_ns, digest = before.get(name, (None, None, ""))
        unchanged = (size, time_ns) == (state.st_size, state.st_mtime_ns)
        now[name] = [state.st_size, state.st_mtime_ns, digest if unchanged else sha256(file)]
    if known and now != before:
        write_json(known, now)
    return hashlib.sha256("".join(f"{name}\0{digest}\n" for name, (*_, digest) in now.items()).encode()).hexdigest()


def _remembered(known: Path | None) -> dict[str, Any]:
    """Size, modification time and hash of each file, as `content_sha256` has written them; nothing if damaged."""
    try:
        remembered = json.loads(known.read_bytes()) if known else {}
    except (OSError, ValueError):
        return {}
    usable = isinstance(remembered, dict) and all(
        isinstance(fields, list) and len(fields) == 3 for fields in remembered.values()
    )
    return remembered if usable else {}


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
