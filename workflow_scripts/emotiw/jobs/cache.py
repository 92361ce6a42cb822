"""A folder of results that runs and users of one machine share, of which nothing doubtful is ever used.

An entry is one file, `<folder>/<stage>/<two digits>/<key>`: a line with its key and the SHA-256 of what follows, then
the artefact of one clip. The key is a hash of all that decides the bytes, so an entry never has to be replaced; it is
written whole or not at all, and is read into memory before its hash is compared, so what is compared is what is used.
The cache is a convenience: whatever is wrong with it is logged, and the job computes.
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
    """Why an entry is not used."""


class Cache:
    """The entries in a folder.

    Parameters
    ----------
    folder : Path
        Made where it is missing, for this user alone; one that a group may write to is shared with it.
    users : collection of int
        Ids of the users whose entries are trusted, beside this one and root.
    """

    def __init__(self, folder: Path, users: Collection[int] = ()) -> None:
        self.folder = folder
        self.trusted = frozenset({os.geteuid(), 0, *users})
        self.writable = True

    def path(self, stage: str, key: str) -> Path:
        """Where the entry of this key is, if there is one."""
        return self.folder / stage / key[:2] / key

    def get(self, stage: str, key: str) -> bytes | None:
        """Return what was put under this key, or None if there is no entry or none that can be trusted.

        A doubtful one is logged, and removed if it is this user's.
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
        """Content of an entry, which is marked as used if it is this user's.

        Raises
        ------
        DoubtError
            If it is not a plain file of a trusted user's alone, or is not what its first line says.
        OSError
            If it cannot be read.
        """
        if linked(path):
            raise DoubtError("lies behind a link")
        # a link is an error, and opening a FIFO does not wait
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            about = os.fstat(descriptor)
            self._check_owner(about)
            with open(descriptor, "rb", closefd=False) as stream:
                content = _checked(path.name, stream.read())
            if mark and about.st_uid == os.geteuid():
                with suppress(OSError):  # in a folder that may only be read
                    os.utime(descriptor)
        finally:
            os.close(descriptor)
        return content

    def put(self, stage: str, key: str, content: bytes) -> None:
        """Keep `content` under this key; if that fails it is said once, and no more is kept by this process."""
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

    def _check_owner(self, about: os.stat_result) -> None:
        if not stat.S_ISREG(about.st_mode):
            raise DoubtError("is no plain file")
        if about.st_uid not in self.trusted:
            raise DoubtError(f"belongs to user {about.st_uid}, who is not among cache.users")
        if about.st_mode & OTHERS:
            raise DoubtError(f"may be written by others (mode {stat.S_IMODE(about.st_mode):o})")

    def _make_folders(self, inner: Path) -> None:
        """Make the folders of an entry; those within the cache have its permissions, but not for all the world."""
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
    """Variables that jobs find the cache by; `settings` is the section `cache`."""
    folder = settings["folder"]
    where = str(Path(folder).expanduser().absolute()) if folder else ""
    return {FOLDER: where, USERS: " ".join(settings["users"])}


def configured() -> Cache | None:
    """Return the cache that the environment names, if any."""
    folder = os.environ.get(FOLDER, "")
    return Cache(Path(folder), user_ids(os.environ.get(USERS, "").split())) if folder else None


def user_ids(names: Iterable[str]) -> frozenset[int]:
    """Ids of users by their names; of a name that is unknown here no entry is used."""
    found = set()
    for name in names:
        try:
            found.add(pwd.getpwnam(name).pw_uid)
        except KeyError:
            LOG.warning("cache.users: there is no user %s here", name)
    return frozenset(found)


def key(**facts: Any) -> str:
    """SHA-256 of everything that decides the content of an entry, in hexadecimal."""
    text = json.dumps({"format": FORMAT, **facts}, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def first_line(key: str, content: bytes) -> bytes:
    """Return the line that an entry begins with."""
    return f"{FORMAT} {key} {hashlib.sha256(content).hexdigest()}\n".encode()


def linked(path: Path) -> bool:
    """Whether one of an entry's two folders is a symbolic link."""
    return path.parent.is_symlink() or path.parent.parent.is_symlink()


def reason(error: Exception) -> str:
    """Why an entry is not used or made, in words."""
    return f"cannot be accessed ({error.strerror})" if isinstance(error, OSError) else str(error)


def _checked(key: str, data: bytes) -> bytes:
    """Content of an entry whose first line is right."""
    line, _, content = data.partition(b"\n")
    if line + b"\n" != first_line(key, content):
        raise DoubtError("is not what was written (another key or SHA-256)")
    return content
