"""Files that are written whole or not at all, and their hashes."""

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any


def write_atomic(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Write `data` to `path` so that a reader sees the old file or the whole new one, whatever is killed.

    The permissions are `mode` without what the umask forbids. Nobody can foretell the temporary file's name, and it is
    opened only if it is new: in a folder that others can write to, no link of theirs is followed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.randbits(64)}.tmp")
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write `value` as sorted, indented JSON; NaN and infinity are refused."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_atomic(path, f"{text}\n".encode())


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def content_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, or of the names, sizes and times of the files of a folder, in hexadecimal."""
    if not path.is_dir():
        return sha256(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    facts = [(file.relative_to(path).as_posix(), file.stat()) for file in files]
    lines = [f"{name}\0{about.st_size}\0{about.st_mtime_ns}\n" for name, about in facts]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
