"""What the publishers of free corpora say of their files, and archives unpacked with suspicion."""

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

MEMBER_BYTES = 1 << 30  # the largest clip that is believed
RAVDESS_MEMBER = re.compile(r"Actor_\d\d/\d\d(-\d\d){6}\.(mp4|wav)")
POINTER = re.compile(r"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n?")


def of_record(record: bytes, name: str, source: str) -> Published:
    """Describe a file of a Zenodo record.

    Parameters
    ----------
    record : bytes
        JSON as the interface for records answers.
    name : str
        Name of the file.
    source : str
        Where the record is from, for messages.

    Raises
    ------
    DownloadError
        If the record cannot be read or has no such file.
    """
    try:
        files = {entry["key"]: entry for entry in json.loads(record)["files"]}
        about: dict[str, Any] = files[name]
        return Published(about["links"]["self"], int(about["size"]), about["checksum"])
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadError(
            f"{source}: does not describe {name} ({error!r}); look at the record in a browser"
        ) from error


def of_pointer(pointer: bytes, url: str, source: str) -> Published:
    """Describe a file at `url` by the pointer that stands for it in a repository with large-file storage.

    Raises
    ------
    DownloadError
        If it is no such pointer.
    """
    found = POINTER.fullmatch(pointer.decode(errors="replace"))
    if not found:
        raise DownloadError(f"{source}: is no pointer to a large file; look at the repository in a browser")
    return Published(url, int(found[2]), f"sha256:{found[1]}")


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
        raise DownloadError(f"{source}: has no clip of actor {actor} in column FileName; look at it in a browser")
    return chosen


def unpack(archive: Path, folder: Path, wanted: re.Pattern[str]) -> list[str]:
    """Unpack the members of a zip archive whose whole name is wanted; each appears whole or not at all.

    A member that is there with its size is left as it is.

    Parameters
    ----------
    archive : Path
        The archive, checked by its hash.
    folder : Path
        Where the members go.
    wanted : re.Pattern
        Of their names below the folder, which cannot leave it.

    Returns
    -------
    list of str
        Names of the members.

    Raises
    ------
    DownloadError
        If nothing is wanted, or a member is larger than any clip or damaged.
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
        raise DownloadError(f"{archive}: cannot be unpacked ({error}); remove it and run it again") from error
    if not members:
        raise DownloadError(f"{archive}: holds nothing like {wanted.pattern}; look into it")
    return sorted(members)


def _name(member: str, wanted: re.Pattern[str]) -> str:
    """Return the wanted end of a member's name, or nothing."""
    parts = PurePosixPath(member).parts
    names = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((name for name in names if wanted.fullmatch(name)), "")
