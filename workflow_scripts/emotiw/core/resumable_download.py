"""Download large files: an interrupted download resumes, and the file gets its name only if size and hash are right."""

import hashlib
import logging
import time
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from emotiw.core.download import CHUNK_BYTES, READ_TIMEOUT_S, opener
from emotiw.core.errors import DownloadError

ATTEMPTS, PAUSE_S = 8, 1.0  # failures in a row without a new byte; s to wait after the first one, then doubled
TRANSIENT = (408, 429, 500, 502, 503, 504)  # HTTP statuses after which it is worth trying again
REMEDY = "check the publisher's page in a browser"
PARTIAL = 206  # HTTP status of an answer that starts at the requested byte


@dataclass(frozen=True)
class Published:
    """A file as its publisher describes it.

    Attributes
    ----------
    url : str
        Address.
    size : int
        Size in bytes.
    digest : str
        Name of the hash function, ":", hash in hexadecimal: `md5:...` or `sha256:...`.
    """

    url: str
    size: int
    digest: str


def to_file(published: Published, path: Path, *, attempts: int = ATTEMPTS, pause_s: float = PAUSE_S) -> None:
    """Download a large file; a partial file that an earlier attempt left at `path` + ".part" is completed.

    Parameters
    ----------
    published : Published
        The file's address, size and hash; both are checked before the file gets its name.
    path : Path
        Where to write it. An existing file with the right size and hash is kept.
    attempts : int
        Number of failures in a row without a new byte after which to give up.
    pause_s : float
        Seconds to wait after a failure, doubled after each further one.

    Raises
    ------
    DownloadError
        If the server refuses, stops sending, or sends another file than the published one.
    """
    if path.is_file() and path.stat().st_size == published.size and _digest(path, published) == published.digest:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    failures = 0
    while (n_before := _size(part)) != published.size:
        reason = _append_rest(published, part, n_before)
        failures = 0 if _size(part) > n_before else failures + 1
        if reason and failures >= attempts:
            raise DownloadError(
                f"{published.url}: {reason}, {_size(part)} of {published.size} bytes arrived; run again to resume"
            )
        if reason:
            logging.warning("%s: %s at byte %d of %d", published.url, reason, _size(part), published.size)
            time.sleep(pause_s * 2**failures)
    if (actual := _digest(part, published)) != published.digest:
        part.unlink()
        raise DownloadError(
            f"{published.url}: is {actual}, expected {published.digest} as published; it was deleted: run again"
        )
    part.replace(path)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _digest(path: Path, published: Published) -> str:
    name = published.digest.partition(":")[0]
    with path.open("rb") as stream:
        return f"{name}:{hashlib.file_digest(stream, name).hexdigest()}"


def _append_rest(published: Published, part: Path, n_before: int) -> str:
    """Append what the server sends from byte `n_before` on; return the reason of a failure, or ""."""
    if n_before > published.size:
        part.unlink()
        n_before = 0
    request = urllib.request.Request(published.url, headers={"Range": f"bytes={n_before}-"} if n_before else {})  # noqa: S310  the opener allows three schemes
    try:
        with opener().open(request, timeout=READ_TIMEOUT_S) as response:
            # a server that ignores ranges sends the whole file
            from_start = getattr(response, "status", None) != PARTIAL
            with part.open("wb" if from_start else "ab") as stream:
                while (chunk := response.read1(CHUNK_BYTES)) and stream.tell() <= published.size:
                    stream.write(chunk)
    except HTTPError as error:
        if error.code not in TRANSIENT:
            raise DownloadError(f"{published.url}: the server answers {error.code} {error.reason}; {REMEDY}") from error
        return f"the server answers {error.code} {error.reason}"
    except (OSError, HTTPException) as error:
        return f"the connection failed ({error})"
    if _size(part) > published.size:
        part.unlink()
        raise DownloadError(f"{published.url}: larger than the published {published.size} bytes; {REMEDY}")
    return "" if _size(part) == published.size else "the connection ended"
