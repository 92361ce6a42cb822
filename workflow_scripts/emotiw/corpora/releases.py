"""Published files of free corpora: their addresses, sizes and hashes, and a safe way to unpack their archives."""

import csv
import io
import json
import re
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

from emotiw.core.errors import DownloadError
from emotiw.core.files import write_atomic
from emotiw.core.resumable_download import Published

MEMBER_BYTES = 1 << 30  # size from which a member of an archive is refused
RAVDESS_MEMBER = re.compile(r"Actor_\d\d/\d\d(-\d\d){6}\.(mp4|wav)")
POINTER = re.compile(r"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n?")


def published_in_record(record: bytes, name: str, source: str) -> Published:
    """Address, size and hash of a file of a Zenodo record.

    Parameters
    ----------
    record : bytes
        JSON that Zenodo's interface for records returns.
    name : str
        Name of the file.
    source : str
        Address of the record, for messages.

    Raises
    ------
    DownloadError
        If the record cannot be read or has no such file.
    """
    try:
        files = {entry["key"]: entry for entry in json.loads(record)["files"]}
        entry_of_file: dict[str, Any] = files[name]
        return Published(entry_of_file["links"]["self"], int(entry_of_file["size"]), entry_of_file["checksum"])
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadError(f"{source}: does not describe {name} ({error!r}); check the record in a browser") from error


def published_by_pointer(pointer: bytes, url: str, source: str) -> Published:
    """Address, size and hash of a file at `url`, from its pointer in a repository with Git LFS.

    Raises
    ------
    DownloadError
        If `pointer` is not a pointer of Git LFS.
    """
    match = POINTER.fullmatch(pointer.decode(errors="replace"))
    if not match:
        raise DownloadError(f"{source}: not a Git LFS pointer; check the repository in a browser")
    return Published(url, int(match[2]), f"sha256:{match[1]}")


def crema_d_names(table: bytes, actor: str, source: str) -> list[str]:
    """Names of an actor's clips, from column FileName of CREMA-D's summary table.

    Raises
    ------
    DownloadError
        If the table lacks the column or the actor.
    """
    rows = csv.DictReader(io.StringIO(table.decode(errors="replace"), newline=""))
    names = sorted({row.get("FileName") or "" for row in rows})
    chosen = [name for name in names if re.fullmatch(rf"{actor}_[A-Z]{{3}}_[A-Z]{{3}}_[A-Z]{{2}}", name)]
    if not chosen:
        raise DownloadError(f"{source}: has no clip of actor {actor} in column FileName; check it in a browser")
    return chosen


def unpack(archive: Path, folder: Path, wanted: re.Pattern[str]) -> list[str]:
    """Unpack the members of a zip archive whose name matches `wanted`; each is written atomically.

    A file that exists and has the size of the member is kept.

    Parameters
    ----------
    archive : Path
        The archive; its hash has been checked.
    folder : Path
        Folder for the members.
    wanted : re.Pattern
        Pattern of the whole name below the folder; it must not match a name outside of it.

    Returns
    -------
    list of str
        Names of the members.

    Raises
    ------
    DownloadError
        If no member matches, or one is larger than `MEMBER_BYTES` or damaged.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = {name: member for member in opened.infolist() if (name := _name(member.filename, wanted))}
            for name, member in members.items():
                if member.file_size > MEMBER_BYTES:
                    raise DownloadError(
                        f"{archive}: {name} has {member.file_size} bytes, expected at most {MEMBER_BYTES}"
                    )
                path = folder / name
                if not (path.is_file() and path.stat().st_size == member.file_size):
                    write_atomic(path, opened.read(member))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise DownloadError(f"{archive}: cannot be unpacked ({error}); delete it and run again") from error
    if not members:
        raise DownloadError(f"{archive}: holds no member that matches {wanted.pattern}; check its content")
    return sorted(members)


def _name(member: str, wanted: re.Pattern[str]) -> str:
    """Longest end of a member's path that matches `wanted`, or an empty string."""
    parts = PurePosixPath(member).parts
    names = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((name for name in names if wanted.fullmatch(name)), "")
