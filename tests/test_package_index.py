"""Archives of the package index: what pip is configured for holds, and a change of pip's private interface is told."""

import base64
import inspect
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pip._internal.commands
import pytest
from pip._internal.commands.download import DownloadCommand
from pip._internal.index.package_finder import BestCandidateResult, PackageFinder
from pip._internal.models.link import Link

from emotiw.core.errors import WeightsError
from emotiw.weights import package_index

ARCHIVE = b"not opened here"
NAME = "toy_models-0.1.0.tar.gz"
PAGE = f'<!DOCTYPE html><a href="/files/{NAME}#sha256={sha256(ARCHIVE).hexdigest()}">{NAME}</a>'.encode()


class Index(BaseHTTPRequestHandler):
    """A simple index that answers the user `reader` only."""

    def do_GET(self):
        credentials = base64.b64encode(b"reader:secret").decode()
        pages = {"/simple/toy-models/": (PAGE, "text/html"), f"/files/{NAME}": (ARCHIVE, "application/gzip")}
        known = self.headers.get("Authorization") == f"Basic {credentials}"
        self.server.asked.append(self.path)
        content, kind = pages.get(self.path, (b"", "text/plain")) if known else (b"", "text/plain")
        self.send_response(200 if content else 404 if known else 401)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def address(tmp_path, monkeypatch):
    """Host and port of a running index; pip reads no configuration but the file that `configure` writes."""
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("NO_PROXY", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}", server.asked
        server.shutdown()
        thread.join()


def configure(tmp_path, index_url):
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index_url}\nextra-index-url =\nfind-links =\n")


def test_the_address_and_the_credentials_are_those_of_pips_configuration(address, tmp_path):
    host, asked = address
    configure(tmp_path, f"http://reader:secret@{host}/simple")
    assert package_index.download("toy-models", "0.1.0") == ARCHIVE
    assert asked == ["/simple/toy-models/", f"/files/{NAME}"]


def test_an_index_that_refuses_the_credentials_is_an_error(address, tmp_path):
    host, _ = address
    configure(tmp_path, f"http://reader:wrong@{host}/simple")
    with pytest.raises(WeightsError, match=r"toy-models 0\.1\.0: .*; check the index that pip is configured for"):
        package_index.download("toy-models", "0.1.0")


def test_pip_has_the_private_interface_that_is_used():
    assert {"options", "session"} <= set(inspect.signature(DownloadCommand._build_package_finder).parameters)
    assert "options" in inspect.signature(DownloadCommand._build_session).parameters
    assert list(inspect.signature(PackageFinder.find_best_candidate).parameters)[1:3] == ["project_name", "specifier"]
    assert "best_candidate" in BestCandidateResult.__dataclass_fields__
    assert isinstance(Link.url_without_fragment, property)
    assert callable(DownloadCommand.main_context)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (DownloadCommand.__mro__[1], "_build_package_finder"),
        (PackageFinder, "find_best_candidate"),
        (pip._internal.commands, "create_command"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_change_of_pips_private_interface_is_told_with_what_to_do(monkeypatch, place, name):
    monkeypatch.delattr(place, name)
    with pytest.raises(WeightsError, match=rf"pip [\d.]+ cannot be asked.*{name}.*; expected .*: install that version"):
        package_index.download("toy-models", "0.1.0")


def test_no_other_module_uses_pips_private_interface(root):
    users = {path.name for path in (root / "workflow_scripts").rglob("*.py") if "import pip" in path.read_text()}
    users |= {path.name for path in (root / "workflow_scripts").rglob("*.py") if "from pip._" in path.read_text()}
    assert users == {"package_index.py"}
