"""A folder of results that the runs and users of one machine share; an entry that cannot be trusted is never used.

An entry is one file, `<folder>/<stage>/<two digits>/<key>`: a line with its key and the SHA-256 of what follows, then
the artefact of one clip. The key is a hash of everything that decides the artefact's bytes, so an entry never
has to be replaced. An entry is written whole or not at all. It is read into memory before its hash is compared, so the
bytes that were compared are the bytes that are used. A fault of the cache never stops a job: the fault is logged, and
the job computes the result.
"""

import hashlib
import json
import logging
import os
import pwd
import stat
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from emotiw.core.files import write_atomic

LOG = logging.getLogger(__name__)
FOLDER = "EMOTIW_CACHE"  # environment: the folder; empty or unset: no cache
USERS = "EMOTIW_CACHE_USERS"  # environment: names of the users whose entries are used beside one's own and root's
FORMAT = "emotiw-cache-1"
ENTRY_MODE = 0o444  # an entry is never changed, and never writable by others whatever the umask
OTHERS = stat.S_IWGRP | stat.S_IWOTH


class DoubtError(Exception):
    """Reason why an entry is not used; the message continues a sentence whose subject is the entry."""


class Cache:
    """The entries in a folder.

    Parameters
    ----------
    folder : Path
        Created, for this user alone, if it is missing. A folder that a group may write to is shared with that group.
    users : collection of int
        Ids of the users whose entries are trusted, in addition to this user and root.
    """

    def __init__(self, folder: Path, users: Collection[int] = ()) -> None:
        self.folder = folder
        self.trusted = frozenset({os.geteuid(), 0, *users})
        self.writable = True

    def path(self, stage: str, key: str) -> Path:
        """Path of the entry of this key; the file need not exist."""
        return self.folder / stage / key[:2] / key

    def get(self, stage: str, key: str) -> bytes | None:
        """Content of the entry of this key, or None if there is no entry or it cannot be trusted.

        An entry that cannot be trusted is logged, and removed if it belongs to this user.
        """
        path = self.path(stage, key)
        try:
            return self.read(path)
        except FileNotFoundError:
            return None
        except (OSError, DoubtError) as error:
            LOG.warning("%s: not used, because it %s; it is computed again", path, reason(error))
            self._remove(path)
            return None

    def read(self, path: Path, *, mark: bool = True) -> bytes:
        """Content of an entry; with `mark`, its modification time is set to now if it belongs to this user.

        Raises
        ------
        DoubtError
            If the entry is no regular file, belongs to a user who is not trusted, can be written by others, or differs
            from its first line.
        OSError
            If it cannot be read.
        """
        if linked(path):
            raise DoubtError("lies behind a link")
        # a link is an error, and opening a FIFO does not wait
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            self._check_owner(status)
            with open(descriptor, "rb", closefd=False) as stream:
                content = _checked(path.name, stream.read())
            if mark and status.st_uid == os.geteuid():
                with suppress(OSError):  # fails in a read-only folder
                    os.utime(descriptor)
        finally:
            os.close(descriptor)
        return content

    def put(self, stage: str, key: str, content: bytes) -> None:
        """Write `content` as the entry of this key; after a first failure, which is logged, nothing more is written."""
        path = self.path(stage, key)
        if not self.writable:
            return
        try:
            self._make_folders(path.parent)
            write_atomic(path, first_line(key, content) + content, ENTRY_MODE)
        except (OSError, DoubtError) as error:
            self.writable = False
            LOG.warning(
                "%s: nothing more is put into the cache, because it %s; the results are as good", path, reason(error)
            )

    def _check_owner(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise DoubtError("is no plain file")
        if status.st_uid not in self.trusted:
            raise DoubtError(f"belongs to user {status.st_uid}, who is not among cache.users")
        if status.st_mode & OTHERS:
            raise DoubtError(f"may be written by others (mode {stat.S_IMODE(status.st_mode):o})")

    def _make_folders(self, inner: Path) -> None:
        """Create the folders of an entry with the permissions of the cache's folder, but never writable by everyone."""
        if not self.folder.is_dir():
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir(0o700, exist_ok=True)
        mode = stat.S_IMODE(self.folder.stat().st_mode) & ~(stat.S_IWOTH | stat.S_ISVTX)
        for folder in (inner.parent, inner):
            if not folder.is_dir():
                folder.mkdir(0o700, exist_ok=True)
                folder.chmod(mode)
        if linked(inner / "entry"):
            raise DoubtError("lies behind a link")

    @staticmethod
    def _remove(path: Path) -> None:
        with suppress(OSError):
            if not linked(path) and path.lstat().st_uid == os.geteuid():
                path.unlink()


def environment(settings: Mapping[str, Any]) -> dict[str, str]:
    """Environment variables that tell jobs where the cache is; `settings` is the section `cache`."""
    folder = settings["folder"]
    where = str(Path(folder).expanduser().absolute()) if folder else ""
    return {FOLDER: where, USERS: " ".join(settings["users"])}


def configured() -> Cache | None:
    """Return the cache that the environment names, if any."""
    folder = os.environ.get(FOLDER, "")
    return Cache(Path(folder), user_ids(os.environ.get(USERS, "").split())) if folder else None


def user_ids(names: Iterable[str]) -> frozenset[int]:
    """Ids of the users with these names; a name that this machine does not know is logged and left out."""
    ids = set()
    for name in names:
        try:
            ids.add(pwd.getpwnam(name).pw_uid)
        except KeyError:
            LOG.warning("cache.users: this machine has no user %s, so no entry of that user is used", name)
    return frozenset(ids)


def key(**facts: Any) -> str:
    """SHA-256 of everything that decides the content of an entry, in hexadecimal."""
    text = json.dumps({"format": FORMAT, **facts}, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def first_line(key: str, content: bytes) -> bytes:
    """First line of an entry: format, key, and SHA-256 of the content."""
    return f"{FORMAT} {key} {hashlib.sha256(content).hexdigest()}\n".encode()


def linked(path: Path) -> bool:
    """Whether one of an entry's two folders is a symbolic link."""
    return path.parent.is_symlink() or path.parent.parent.is_symlink()


def reason(error: Exception) -> str:
    """Reason why an entry is not used or not written, as the end of a sentence."""
    return f"cannot be accessed ({error.strerror})" if isinstance(error, OSError) else str(error)


def _checked(key: str, data: bytes) -> bytes:
    """Content of an entry's bytes; DoubtError if key or hash differ from the first line."""
    line, _, content = data.partition(b"\n")
    if line + b"\n" != first_line(key, content):
        raise DoubtError("is not what was written (another key or SHA-256)")
    return content
