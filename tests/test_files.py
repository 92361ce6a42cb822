import errno
import os

import pytest

from emotiw.core import files


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    files.write_json(path, {"n": 1})

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_json(path, {"n": 2})
    assert path.read_text() == '{\n  "n": 1\n}\n'
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_json_refuses_nan(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "a.json", float("nan"))


def test_the_hash_is_of_the_bytes(tmp_path):
    files.write_atomic(tmp_path / "deep" / "a", b"abc")
    assert files.sha256(tmp_path / "deep" / "a").startswith("ba7816bf")


def test_the_hash_of_a_folder_tells_names_sizes_and_times(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    file = tmp_path / "a/b/1.png"
    file.write_bytes(b"abc")
    assert files.content_sha256(file).startswith("ba7816bf8f01")
    before = files.content_sha256(tmp_path)
    assert files.content_sha256(tmp_path) == before
    os.utime(file, (1, 1))
    assert files.content_sha256(tmp_path) != before
    renamed = file.rename(tmp_path / "a/b/2.png")
    os.utime(renamed, (1, 1))
    assert files.content_sha256(tmp_path) != before
