"""Download a small file into memory, with bounds on size and time, from http, https and file addresses only."""

import time
import urllib.request
from http.client import HTTPException
from io import BufferedIOBase
from urllib.error import HTTPError

from emotiw.core.errors import WeightsError

MAX_BYTES = 1 << 30
READ_TIMEOUT_S, TOTAL_TIMEOUT_S = 30.0, 1800.0  # timeouts for the next bytes and for the whole file, s
CHUNK_BYTES = 1 << 20
REMEDY = "check the address, or name a local file under `weights` in the configuration"


def fetch(
    url: str,
    *,
    max_bytes: int = MAX_BYTES,
    read_timeout_s: float = READ_TIMEOUT_S,
    total_timeout_s: float = TOTAL_TIMEOUT_S,
) -> bytes:
    """Bytes of the file at `url`. Proxies are taken from the environment.

    Parameters
    ----------
    url : str
        An http, https or file address.
    max_bytes : int
        Largest size of the file.
    read_timeout_s, total_timeout_s : float
        Longest wait for the next bytes, and for the whole file, in s.

    Raises
    ------
    WeightsError
        If the address has another scheme, or the file cannot be fetched, is larger than `max_bytes`, is cut short, or
        does not arrive in time.
    """
    try:
        with opener().open(url, timeout=read_timeout_s) as response:
            announced = response.headers.get("Content-Length")
            data = _read(response, url, max_bytes, time.monotonic() + total_timeout_s)
    except HTTPError as error:
        raise WeightsError(f"{url}: the server answers {error.code} {error.reason}; {REMEDY}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise WeightsError(f"{url}: cannot be fetched ({error}); {REMEDY}") from error
    if announced is not None and int(announced) != len(data):
        raise WeightsError(f"{url}: ends after {len(data)} of {announced} bytes; run the workflow again")
    return data


def opener() -> urllib.request.OpenerDirector:
    """Build an opener for the allowed schemes, also after redirections (urllib's default opens ftp and data too)."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.FileHandler,
    ):
        opener.add_handler(handler())
    return opener


def _read(response: BufferedIOBase, url: str, max_bytes: int, deadline: float) -> bytes:
    data = bytearray()
    while chunk := response.read1(CHUNK_BYTES):
        data += chunk
        if len(data) > max_bytes:
            raise WeightsError(f"{url}: larger than {max_bytes} bytes; {REMEDY}")
        if time.monotonic() > deadline:
            raise WeightsError(f"{url}: timed out after {len(data)} bytes; {REMEDY}")
    return bytes(data)
