"""Free corpora fetched from a server of this process that drops connections, and unpacked."""

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
import zlib
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from emotiw.core import resumable_download
from emotiw.core.errors import DownloadError
from emotiw.core.resumable_download import Published
from emotiw.corpora import releases, repositories
from emotiw.corpora.repositories import Repository

CONTENT = bytes(range(256)) * 2000
DROP = 200_000  # bytes after which the server cuts a connection


def archive(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for name, data in members.items():
            opened.writestr(name, data)
    return stream.getvalue()


CLIP = "Actor_01/01-01-03-01-01-01-01.mp4"
FILES = {
    "/whole": CONTENT,
    "/dropping": CONTENT,
    "/no_ranges": CONTENT,
    "/longer": CONTENT + b"more",
    "/other": b"\0" * len(CONTENT),
    "/Video_Speech_Actor_01.zip": archive({CLIP: CONTENT, "../../outside.mp4": b"x", "notes.txt": b"x"}),
    "/processedResults/summaryTable.csv": b"FileName,VoiceVote\n1001_DFA_ANG_XX,A\n1002_DFA_ANG_XX,A\n",
    "/media/VideoFlash/1001_DFA_ANG_XX.flv": CONTENT[:500],
}


def digest(data, name="sha256"):
    return f"{name}:{hashlib.new(name, data).hexdigest()}"


FILES["/VideoFlash/1001_DFA_ANG_XX.flv"] = (
    f"version https://git-lfs.github.com/spec/v1\noid {digest(CONTENT[:500])}\nsize 500\n".encode()
)


class Handler(BaseHTTPRequestHandler):
    """Delivers files from where it is asked to; all of some paths, and of others a piece at a time."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        data = FILES.get(self.path, self.server.more.get(self.path))
        if data is None:
            self.send_error(503 if self.path == "/busy" else 404)
            return
        start = int(re.search(r"\d+", self.headers.get("Range") or "0")[0])
        if self.path == "/no_ranges":
            start = 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        drops = self.path in ("/dropping", "/Video_Speech_Actor_01.zip")
        self.wfile.write(data[start : start + DROP] if drops else data[start:])

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.more = [], {}
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def described(server, path, data=CONTENT):
    return Published(server.url + path, len(data), digest(data, "md5"))


def fetch(about, path, attempts=3):
    resumable_download.to_file(about, path, attempts=attempts, pause_s=0)


@pytest.mark.parametrize("path", ["/whole", "/dropping", "/no_ranges"])
def test_a_large_file_is_fetched_whatever_the_server_does(server, tmp_path, path):
    fetch(described(server, path), tmp_path / "new/file")
    assert (tmp_path / "new/file").read_bytes() == CONTENT
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["file"]


def test_it_goes_on_where_an_earlier_run_was_cut_off(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT[:300_000])
    fetch(described(server, "/dropping"), tmp_path / "file")
    assert server.asked == [("/dropping", "bytes=300000-"), ("/dropping", "bytes=500000-")]


def test_a_server_without_ranges_begins_anew(server, tmp_path):
    (tmp_path / "file.part").write_bytes(b"\0" * 1000)
    fetch(described(server, "/no_ranges"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_too_much_is_thrown_away(server, tmp_path):
    (tmp_path / "file.part").write_bytes(b"\0" * (len(CONTENT) + 1))
    fetch(described(server, "/whole"), tmp_path / "file")
    assert server.asked == [("/whole", None)]


def test_a_file_that_is_there_is_not_fetched(server, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    fetch(described(server, "/whole"), tmp_path / "file")
    assert server.asked == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/other", r"is md5:\w+, expected md5:\w+ as published; it was deleted: run again"),
        ("/absent", "the server answers 404 Not Found; check the publisher's page"),
        ("/busy", "the server answers 503 Service Unavailable, 0 of 512000 bytes arrived; run again to resume"),
        ("/longer", "larger than the published 512000 bytes"),
    ],
)
def test_what_was_not_published_gets_no_name(server, tmp_path, path, message):
    with pytest.raises(DownloadError, match=message):
        fetch(described(server, path), tmp_path / "file", attempts=1)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_gone_is_given_up_and_what_came_is_kept(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT[:1000])
    about = Published("http://127.0.0.1:9/file", len(CONTENT), digest(CONTENT))
    with pytest.raises(DownloadError, match=r"the connection failed \(.*refused.*\), 1000 of 512000 bytes arrived"):
        fetch(about, tmp_path / "file", attempts=2)
    assert (tmp_path / "file.part").stat().st_size == 1000


def test_a_record_describes_its_files():
    entry = {"key": "a.zip", "size": 3, "checksum": "md5:abc", "links": {"self": "https://host/a.zip"}}
    record = json.dumps({"files": [entry]}).encode()
    assert releases.published_in_record(record, "a.zip", "here") == Published("https://host/a.zip", 3, "md5:abc")
    for broken in (b"<html>", b"[]", b'{"files": [{}]}', json.dumps({"files": []}).encode()):
        with pytest.raises(DownloadError, match=r"here: does not describe a\.zip"):
            releases.published_in_record(broken, "a.zip", "here")


def test_what_is_no_pointer_is_refused():
    with pytest.raises(DownloadError, match="here: not a Git LFS pointer; check the repository"):
        releases.published_by_pointer(b"FLV\x01", "https://host/file", "here")


def test_an_actor_that_is_not_in_the_table_is_refused():
    table = FILES["/processedResults/summaryTable.csv"]
    assert releases.crema_d_names(table, "1001", "here") == ["1001_DFA_ANG_XX"]
    with pytest.raises(DownloadError, match="here: has no clip of actor 1050"):
        releases.crema_d_names(table, "1050", "here")


def test_only_clips_are_unpacked_and_only_below_the_folder(tmp_path):
    packed = tmp_path / "a.zip"
    deep = {f"RAVDESS/{CLIP}": b"clip", f"../{CLIP.replace('01.mp4', '02.mp4')}": b"clip", "../evil.mp4": b"x"}
    packed.write_bytes(archive(deep))
    names = releases.unpack(packed, tmp_path / "to", releases.RAVDESS_MEMBER)
    assert names == [CLIP, CLIP.replace("01.mp4", "02.mp4")]
    assert sorted(path.name for path in tmp_path.rglob("*.mp4")) == [name.partition("/")[2] for name in names]
    assert not (tmp_path / "evil.mp4").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"no zip", "cannot be unpacked"), (archive({"a.txt": b"x"}), "holds no member that matches")],
)
def test_an_archive_of_something_else_is_refused(tmp_path, data, message):
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(DownloadError, match=message):
        releases.unpack(tmp_path / "a.zip", tmp_path, releases.RAVDESS_MEMBER)


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(releases, "MEMBER_BYTES", 10)
    (tmp_path / "a.zip").write_bytes(archive({CLIP: CONTENT}))
    with pytest.raises(DownloadError, match="has 512000 bytes, expected at most 10"):
        releases.unpack(tmp_path / "a.zip", tmp_path, releases.RAVDESS_MEMBER)


@pytest.mark.workflow
@pytest.mark.slow
def test_both_corpora_come_by_rules_and_go_on_after_a_failure(server, root, tmp_path):
    name = "Video_Speech_Actor_01.zip"
    data = FILES[f"/{name}"]
    link = {"self": f"{server.url}/{name}"}
    about = {"key": name, "size": len(data), "checksum": digest(data, "md5"), "links": link}
    server.more["/record"] = json.dumps({"files": [about]}).encode()
    config = {
        "folder": str(tmp_path / "corpus"),
        "ravdess": f"{server.url}/record",
        "pointers": server.url,
        "media": f"{server.url}/media",
        "archives": [name],
        "actors": [1001],
    }
    (tmp_path / "config.yaml").write_text(json.dumps(config))

    def run():
        command = [sys.executable, "-m", "snakemake", "-s", str(root / "rules/fetch.smk"), "-c1", "ravdess", "crema_d"]
        command += ["--directory", str(tmp_path), "--configfile", str(tmp_path / "config.yaml"), "--keep-going"]
        command += ["--workflow-profile", "none"]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    missing = FILES.pop("/media/VideoFlash/1001_DFA_ANG_XX.flv")
    server.more["/media/VideoFlash/1001_DFA_ANG_XX.flv"] = missing[::-1]
    assert run().returncode == 1
    assert (tmp_path / "corpus" / CLIP).read_bytes() == CONTENT
    log = (tmp_path / "corpus/.fetched/logs/1001.log").read_text()
    assert "DownloadError" in log
    assert "is sha256:" in log
    server.more["/media/VideoFlash/1001_DFA_ANG_XX.flv"] = missing
    server.asked.clear()
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "corpus/VideoFlash/1001_DFA_ANG_XX.flv").read_bytes() == missing
    assert not [path for path, _ in server.asked if path.endswith(".zip")]
    FILES["/media/VideoFlash/1001_DFA_ANG_XX.flv"] = missing


AUTHOR = {f"GIT_{who}_{what}": "emotiw@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(folder, *arguments):
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **AUTHOR}).stdout


@pytest.fixture
def published(tmp_path):
    """Make a repository with two commits; the newer one has other files."""
    origin = tmp_path / "origin"
    (origin / "samples").mkdir(parents=True)
    git(origin, "init", "--quiet")
    git(origin, "config", "uploadpack.allowFilter", "true")
    git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
    for version in (b"old", b"new"):
        (origin / "samples/EB0_anger_1.wav").write_bytes(version)
        (origin / "notes.txt").write_bytes(version)
        git(origin, "add", ".")
        git(origin, "commit", "--quiet", "-m", "clips")
    return Repository(origin.as_uri(), git(origin, "rev-parse", "HEAD~1").strip(), ["samples"])


def test_a_folder_of_a_repository_is_fetched_at_its_commit(published, tmp_path):
    assert repositories.fetch(published, tmp_path / "corpus") == ["samples/EB0_anger_1.wav"]
    assert (tmp_path / "corpus/samples/EB0_anger_1.wav").read_bytes() == b"old"
    assert sorted(path.name for path in (tmp_path / "corpus").iterdir()) == [".fetched", "samples"]
    assert list((tmp_path / "corpus/.fetched").iterdir()) == []


def test_a_clone_that_was_cut_off_begins_anew_and_one_that_is_complete_is_used(published, tmp_path):
    kept = tmp_path / "corpus/.fetched" / f"{published.commit}.part"
    kept.mkdir(parents=True)
    (kept / "rest").touch()
    wrong = replace(published, paths=["samples", "absent"])
    with pytest.raises(DownloadError, match=rf"commit {published.commit} lacks absent; check it in a browser"):
        repositories.fetch(wrong, tmp_path / "corpus")
    assert not (tmp_path / "corpus/samples").exists()
    shutil.rmtree(tmp_path / "origin/samples")  # the work tree of the origin does not matter
    assert repositories.fetch(published, tmp_path / "corpus") == ["samples/EB0_anger_1.wav"]


def test_an_altered_object_of_a_repository_is_refused(published, tmp_path):
    blob = git(tmp_path / "origin", "rev-parse", f"{published.commit}:samples/EB0_anger_1.wav").strip()
    stored = tmp_path / "origin/.git/objects" / blob[:2] / blob[2:]
    stored.chmod(0o600)
    stored.write_bytes(zlib.compress(b"blob 3\0odd"))
    with pytest.raises(DownloadError, match=r"origin: git failed \(.*\); check the address, then run again"):
        repositories.fetch(published, tmp_path / "corpus")
    assert not (tmp_path / "corpus/samples").exists()


def test_a_repository_that_is_gone_and_git_that_is_absent_are_told(published, tmp_path, monkeypatch):
    gone = replace(published, url=(tmp_path / "gone").as_uri())
    with pytest.raises(DownloadError, match=r"gone: git failed \(.*\); check the address"):
        repositories.fetch(gone, tmp_path / "corpus")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DownloadError, match="cannot be fetched without git; install git, then run again"):
        repositories.fetch(published, tmp_path / "corpus")


@pytest.mark.workflow
def test_corpora_of_repositories_come_by_rules(published, root, tmp_path):
    about = {"url": published.url, "commit": published.commit, "paths": ["samples"]}
    config = {"folder": str(tmp_path / "corpus"), "nemo": about, "javanese": about}
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-s",
        str(root / "rules/fetch.smk"),
        "-c1",
        "nemo",
        "--workflow-profile",
    ]
    command += ["none", "--directory", str(tmp_path), "--configfile", str(tmp_path / "config.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    made = json.loads((tmp_path / "corpus/.fetched/nemo.json").read_text())
    about.pop("paths")
    assert made == {**about, "files": ["samples/EB0_anger_1.wav"]}
