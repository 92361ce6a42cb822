"""Files fetched by address, from a server of this process that can misbehave."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from emotiw.core import download
from emotiw.core.errors import WeightsError

CONTENT = bytes(range(256)) * 40


class Handler(BaseHTTPRequestHandler):
    """Answers each path in another way."""

    def do_GET(self):
        if self.path == "/absent":
            self.send_error(404, "Not Found")
        elif self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/moved/"))
            self.end_headers()
        else:
            self.send_response(200)
            if self.path != "/unannounced":
                self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[:100] if self.path in ("/cut", "/silent", "/slow") else CONTENT)
            self.misbehave()

    def misbehave(self):
        if self.path == "/silent":
            self.server.released.wait(20)
        for byte in CONTENT if self.path == "/slow" else b"":
            if self.server.released.wait(0.05):
                break
            self.wfile.write(bytes([byte]))

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.released = threading.Event()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("path", ["/whole", "/unannounced", "/moved//whole"])
def test_a_file_is_fetched(server, path):
    assert download.fetch(f"{server}{path}") == CONTENT


def test_a_file_of_this_machine_is_fetched(tmp_path):
    (tmp_path / "a file").write_bytes(CONTENT)
    assert download.fetch((tmp_path / "a file").as_uri()) == CONTENT


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/absent", r"/absent: the server answers 404 Not Found; check the address, or name a local file"),
        ("/cut", rf"/cut: ends after 100 of {len(CONTENT)} bytes; run the workflow again"),
        ("/moved/file:///etc/hostname", r"the server answers 302 .*not allowed"),
        ("/moved/ftp://127.0.0.1/a", r"cannot be fetched \(.*unknown url type: ftp"),
    ],
)
def test_a_file_that_cannot_be_had_whole_is_an_error(server, path, message):
    with pytest.raises(WeightsError, match=message):
        download.fetch(f"{server}{path}")


def test_a_file_beyond_the_limit_is_refused(server):
    assert download.fetch(f"{server}/whole", max_bytes=len(CONTENT)) == CONTENT
    with pytest.raises(WeightsError, match=r"/unannounced: larger than 10239 bytes"):
        download.fetch(f"{server}/unannounced", max_bytes=len(CONTENT) - 1)


@pytest.mark.parametrize(
    ("path", "limits", "message"),
    [
        ("/silent", {"read_timeout_s": 0.2}, r"/silent: cannot be fetched \(timed out\)"),
        ("/slow", {"total_timeout_s": 0.2}, r"/slow: timed out after \d+ bytes"),
    ],
)
def test_a_server_that_does_not_deliver_in_time_is_given_up(server, path, limits, message):
    start = time.monotonic()
    with pytest.raises(WeightsError, match=message):
        download.fetch(f"{server}{path}", **limits)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/a", "data:,hello", "http://127.0.0.1:1/a", "file:///absent", "mine"])
def test_an_address_that_is_of_no_use_is_an_error(url, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(WeightsError, match=r"cannot be fetched \(.*; check the address"):
        download.fetch(url)
