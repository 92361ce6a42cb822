"""Large files fetched piece by piece: what was cut off goes on, and only what was published gets its name."""

import hashlib
import logging
import time
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from emotiw.core.download import PIECE_BYTES, SILENCE_S, opener
from emotiw.core.errors import DownloadError

ATTEMPTS, PAUSE_S = 8, 1.0  # failures in a row without a byte; seconds to wait after the first, then doubled
PASSING = (408, 429, 500, 502, 503, 504)  # statuses of failures that may pass
REMEDY = "look at the publisher's page in a browser"
PARTIAL = 206  # status of an answer that begins where it was asked to


@dataclass(frozen=True)
class Published:
    """A file as its publisher describes it.

    Attributes
    ----------
    url : str
        Where it lies.
    size : int
        Bytes.
    digest : str
        Name of a hash, ":", the hash in hexadecimal: `md5:...` or `sha256:...`.
    """

    url: str
    size: int
    digest: str


def to_file(published: Published, path: Path, *, attempts: int = ATTEMPTS, pause_s: float = PAUSE_S) -> None:
    """Fetch a large file; what an earlier attempt left at `path` + ".part" is gone on with, whatever cut it off.

    Parameters
    ----------
    published : Published
        The file; its size and hash are checked before it gets its name.
    path : Path
        Where it goes. A file that is there and has the size and the hash is left as it is.
    attempts : int
        Failures in a row, none of which brings a byte, after which it is given up.
    pause_s : float
        Seconds to wait after a failure, doubled with each in a row.

    Raises
    ------
    DownloadError
        If the server refuses, stops delivering, or delivers something else than what was published.
    """
    if path.is_file() and path.stat().st_size == published.size and _digest(path, published) == published.digest:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    failures = 0
    while (had := _size(part)) != published.size:
        reason = _more(published, part, had)
        failures = 0 if _size(part) > had else failures + 1
        if reason and failures >= attempts:
            raise DownloadError(
                f"{published.url}: {reason}, {_size(part)} of {published.size} bytes came; run it again to go on"
            )
        if reason:
            logging.warning("%s: %s at byte %d of %d", published.url, reason, _size(part), published.size)
            time.sleep(pause_s * 2**failures)
    if (found := _digest(part, published)) != published.digest:
        part.unlink()
        raise DownloadError(
            f"{published.url}: is {found}, expected {published.digest} as published; it was removed, run it again"
        )
    part.replace(path)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _digest(path: Path, published: Published) -> str:
    name = published.digest.partition(":")[0]
    with path.open("rb") as stream:
        return f"{name}:{hashlib.file_digest(stream, name).hexdigest()}"


def _more(published: Published, part: Path, had: int) -> str:
    """Append what the server sends from byte `had` on; say what went wrong, if anything did."""
    if had > published.size:
        part.unlink()
        had = 0
    request = urllib.request.Request(published.url, headers={"Range": f"bytes={had}-"} if had else {})  # noqa: S310  the opener knows three schemes
    try:
        with opener().open(request, timeout=SILENCE_S) as response:
            whole = getattr(response, "status", None) != PARTIAL  # else it knows no ranges and begins anew
            with part.open("wb" if whole else "ab") as stream:
                while (piece := response.read1(PIECE_BYTES)) and stream.tell() <= published.size:
                    stream.write(piece)
    except HTTPError as error:
        if error.code not in PASSING:
            raise DownloadError(f"{published.url}: the server answers {error.code} {error.reason}; {REMEDY}") from error
        return f"the server answers {error.code} {error.reason}"
    except (OSError, HTTPException) as error:
        return f"the connection failed ({error})"
    if _size(part) > published.size:
        part.unlink()
        raise DownloadError(f"{published.url}: is larger than the {published.size} bytes that were published; {REMEDY}")
    return "" if _size(part) == published.size else "the connection ended"
