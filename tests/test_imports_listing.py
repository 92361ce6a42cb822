"""The files of an imported feature before any job runs: found, checked, hashed once, and described in a table."""

import json
import os

import numpy as np
import pytest

from emotiw.core.errors import ConfigError, FeatureError
from emotiw.core.files import content_sha256
from emotiw.corpora.manifest import Row
from emotiw.imports import contents, listing
from imports_fixtures import CLIPS, FORMATS, table, values, write_all, write_one

ROWS = tuple(Row(clip, f"{clip}.mp4", "x", "s", "train", job=f"job-{clip}") for clip in (*CLIPS, "nobody"))


class Found:
    """An import in a folder of its own."""

    def __init__(self, folder):
        self.folder, self.files = folder, folder / "files"
        self.table, self.memory = folder / "results/run/imports/mine.csv", folder / "results/run/logs/mine.json"
        self.files.mkdir()

    def refresh(self, path=None, **over):
        section = {"modality": "audio", "level": "frame", "path": str(path or self.files), "licence": "MIT", **over}
        return listing.refresh(listing.Import("mine", section, "code"), ROWS, self.table, self.memory)

    def write(self, *forms):
        for clip, form in zip(CLIPS, forms, strict=True):
            write_one(self.files, clip, form)
        return self


@pytest.fixture
def found(tmp_path):
    return Found(tmp_path)


def hashes(clips):
    return {clip: sha256 for clip, (_, sha256) in clips.items()}


def test_each_clip_has_a_file_of_any_format_or_none(found):
    clips = found.write("npz", "h5", "csv").refresh()
    assert [path for path, _ in clips.values()] == [
        *(str(found.files / name) for name in ("a.npz", "b-1.h5", "c.d.csv")),
        "",
    ]
    assert clips["nobody"] == ("", "")
    assert listing.read(found.table) == clips
    lines = found.table.read_text().splitlines()
    assert lines[0] == "clip,path,sha256,job"
    assert lines[-1] == "nobody,,,job-nobody"


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_all_clips_has_a_hash_for_each(found, form):
    path = write_all(found.folder, form)
    clips = found.refresh(path)
    assert {clips[clip][0] for clip in CLIPS} == {str(path)}
    assert len(set(hashes(clips).values())) == 4


def test_files_may_lie_in_folders_and_others_beside_them(found):
    (found.files / "actor1").mkdir()
    write_one(found.files / "actor1", "a", "npz")
    (found.files / "README.txt").write_text("hello")
    (found.files / ".a.csv").write_text("hello")
    assert found.refresh()["a"][0] == str(found.files / "actor1/a.npz")


def test_batches_of_another_run_are_taken_as_they_are(found):
    path = write_all(found.files, "artefact")
    path.rename(found.files / "batch-7.h5")
    assert {path for path, _ in found.refresh().values()} == {str(found.files / "batch-7.h5"), ""}


def test_only_new_and_changed_files_are_read(found, monkeypatch):
    before = found.write("npz", "h5", "csv").refresh()
    read = []
    opened = contents.opened
    monkeypatch.setattr(contents, "opened", lambda path, *more: (read.append(path.name), opened(path, *more))[1])
    assert found.refresh() == before
    assert read == []
    np.savez(found.files / "a.npz", features=values("a")[0] + 1, time=values("a")[1])
    after = found.refresh()
    assert read == ["a.npz"]
    assert [clip for clip in CLIPS if after[clip] != before[clip]] == ["a"]


def test_a_changed_file_with_an_old_date_is_noticed(found):
    before = found.write("npz", "h5", "csv").refresh()
    path = found.files / "a.npz"
    times = path.stat()
    np.savez(path, features=values("a")[0] + 1, time=values("a")[1])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert found.refresh()["a"] != before["a"]


def test_a_touched_file_is_the_same(found):
    before = found.write("npz", "h5", "csv").refresh()
    written = found.table.stat().st_mtime_ns
    os.utime(found.files / "a.npz", (1e9, 1e9))
    assert found.refresh() == before
    assert found.table.stat().st_mtime_ns == written


@pytest.mark.parametrize("damage", [b"", b"{", b'{"code": "code"}', b"[]", b'{"code": "other", "reading": 1}'])
def test_a_damaged_memory_is_forgotten(found, damage):
    before = found.write("npz", "h5", "csv").refresh()
    found.memory.write_bytes(damage)
    assert found.refresh() == before
    assert json.loads(found.memory.read_bytes())["code"] == "code"


def test_another_way_to_read_the_files_reads_them_again(found):
    found.write("npz", "npz", "npz").refresh()
    with pytest.raises(FeatureError, match="has no array 'x'"):
        found.refresh(array="x")


# --- faults ------------------------------------------------------------------------------------------------------


def test_all_faults_come_at_once_each_once(found):
    write_one(found.files, "a", "npz")
    write_one(found.files, "a", "csv")
    np.savez(found.files / "b-1.npz", features=np.full((2, 3), np.nan), time=np.arange(2.0))
    for name in ("c-d.npz", "e.npz", "f.npz"):
        (found.files / name).write_bytes((found.files / "a.npz").read_bytes())
    (found.files / "g.pkl").write_bytes(b"")
    with pytest.raises(FeatureError) as error:
        found.refresh()
    assert str(error.value).replace(f"{found.files}", "F").splitlines() == [
        "imports.mine:",
        "  F/g.pkl: pickles are never opened, because they can run code; save .npz",
        "  F/b-1.npz: holds nan at [0, 0], expected finite numbers; correct it",
        "  F: 3 names are of no clip of the corpus: c-d (similar: c.d), e, f; name files as the clips in"
        " results/<run>/manifest.csv, or set unknown_clips: ignore",
        "  a: is in 2 files, F/a.csv, F/a.npz; keep one",
    ]
    assert not found.table.exists()


def test_a_width_that_differs_between_clips_is_refused(found):
    found.write("npz", "h5", "csv")
    np.savez(found.files / "a.npz", features=np.ones((2, 5)), time=np.arange(2.0))
    with pytest.raises(FeatureError, match=r"2 clips have 3 values, others differ: a with 5; all need the same values"):
        found.refresh()


def test_a_clip_without_frames_has_any_width(found):
    found.write("npz", "h5", "csv")
    np.savez(found.files / "a.npz", features=np.ones((0, 5)), time=np.zeros(0))
    assert found.refresh()["a"][1]


def test_files_of_other_clips_can_be_ignored(found):
    found.write("npz", "h5", "csv")
    (found.files / "other.npz").write_bytes((found.files / "a.npz").read_bytes())
    with pytest.raises(FeatureError, match="1 names are of no clip of the corpus: other;"):
        found.refresh()
    assert set(found.refresh(unknown_clips="ignore")) == {row.clip for row in ROWS}


def test_files_of_no_clip_at_all_are_refused(found):
    np.savez(found.files / "other.npz", features=np.ones((2, 5)), time=np.arange(2.0))
    with pytest.raises(FeatureError, match=r"files: holds no clip of the corpus \(such as a\); correct path"):
        found.refresh(unknown_clips="ignore")


def test_an_empty_folder_and_a_missing_path_are_refused(found):
    with pytest.raises(FeatureError, match=r"files: holds no file that ends in \.csv, \.h5, \.hdf5, \.npy, \.npz"):
        found.refresh()
    with pytest.raises(ConfigError, match=r"imports\.mine\.path: .*nowhere does not exist; expected a folder"):
        found.refresh(found.folder / "nowhere")
    (found.folder / "a.txt").write_text("hello")
    with pytest.raises(FeatureError, match=r"a\.txt: holds no file that ends in"):
        found.refresh(found.folder / "a.txt")


def test_a_link_out_of_the_folder_is_refused(found):
    found.write("npz", "npz", "npz")
    (found.files / "nobody.npz").symlink_to(write_one(found.folder, "a", "npz"))
    with pytest.raises(FeatureError, match=r"nobody\.npz: is a link to .*a\.npz, outside .*files; copy the file"):
        found.refresh()
    (found.files / "nobody.npz").unlink()
    (found.files / "nobody.npz").symlink_to(found.files / "a.npz")
    assert found.refresh()["nobody"][1] == found.refresh()["a"][1]


def test_a_pipe_is_never_opened(found):
    found.write("npz", "npz", "npz")
    os.mkfifo(found.files / "nobody.csv")
    with pytest.raises(FeatureError, match=r"nobody\.csv: is no regular file; remove it or restore it"):
        found.refresh()


@pytest.mark.parametrize("name", ["{a}.npz", "a\nb.npz"])
def test_a_name_that_snakemake_cannot_take_is_refused(found, name):
    np.savez(found.files / name, features=np.ones((2, 3)), time=np.arange(2.0))
    with pytest.raises(FeatureError, match="which Snakemake cannot take; rename it"):
        found.refresh()


def test_the_run_s_own_results_are_refused(found):
    own = found.folder / "results/run/features/cnn"
    own.mkdir(parents=True)
    write_one(own, "a", "artefact")
    with pytest.raises(ConfigError, match=r"imports\.mine\.path: .* is a result of this run itself; name the run"):
        found.refresh(own)


def test_other_files_than_the_configuration_names_are_refused(found):
    found.write("npz", "npz", "npz")
    digest = content_sha256(found.files)
    assert found.refresh(sha256=digest)
    (found.files / "notes.txt").write_text("one more file")
    with pytest.raises(ConfigError, match=rf"imports\.mine\.sha256: is {digest}, but .* get the files again"):
        found.refresh(sha256=digest)


def test_a_large_table_of_all_clips_is_read_once(found):
    rows = [[clip, i / 100, i, clip == "a"] for clip in CLIPS for i in range(200)]
    path = table(found.folder / "all.csv", [[*row[:3], int(row[3])] for row in rows], ["clip", "time", "x", "y"])
    assert len(set(hashes(found.refresh(path)).values())) == 4


def test_a_table_that_is_missing_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.csv: cannot be read .*run the workflow to make it"):
        listing.read(tmp_path / "none.csv")
