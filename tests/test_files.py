import errno
import os
import shutil

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


@pytest.fixture
def folder(tmp_path):
    """A folder of two files, as FER2013 is published in by some."""
    (tmp_path / "faces/b").mkdir(parents=True)
    for i, content in enumerate((b"abc", b"def")):
        (tmp_path / f"faces/b/{i}.png").write_bytes(content)
    return tmp_path / "faces"


def test_a_copy_of_a_folder_has_its_hash_whatever_the_dates(folder, tmp_path):
    before = files.content_sha256(folder)
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)
    os.utime(tmp_path / "copy/b/0.png", (1, 1))
    assert files.content_sha256(tmp_path / "copy") == before
    assert files.content_sha256(folder / "b/0.png").startswith("ba7816bf8f01")


@pytest.mark.parametrize("remember", [False, True])
def test_other_names_or_contents_are_another_folder(folder, tmp_path, remember):
    known = tmp_path / "known.json" if remember else None
    seen = {files.content_sha256(folder, known)}
    (folder / "b/0.png").write_bytes(b"xyz")
    seen.add(files.content_sha256(folder, known))
    (folder / "b/0.png").rename(folder / "b/2.png")
    seen.add(files.content_sha256(folder, known))
    (folder / "b/2.png").unlink()
    seen.add(files.content_sha256(folder, known))
    assert len(seen) == 4


def test_only_new_and_changed_files_of_a_folder_are_read_again(folder, tmp_path, monkeypatch):
    known, read = tmp_path / "known.json", []
    monkeypatch.setattr(files, "sha256", lambda path, hashed=files.sha256: read.append(path.name) or hashed(path))
    first = files.content_sha256(folder, known)
    assert files.content_sha256(folder, known) == first
    (folder / "b/1.png").write_bytes(b"other")
    assert files.content_sha256(folder, known) == files.content_sha256(folder)
    assert read == ["0.png", "1.png", "1.png", "0.png", "1.png"]


@pytest.mark.parametrize("text", ["{", "[]", '{"b/0.png": 3}'])
def test_a_damaged_memory_of_hashes_is_ignored(folder, tmp_path, text):
    known = tmp_path / "known.json"
    known.write_text(text)
    assert files.content_sha256(folder, known) == files.content_sha256(folder)
