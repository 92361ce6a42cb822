"""The table of clips: written, read, refused."""

import json

import pytest

from emotiw.core.errors import ManifestError
from emotiw.corpora import manifest as manifests
from emotiw.corpora.manifest import Manifest, Row
from emotiw.jobs.identity import closure

ROWS = (Row("001", "a b'c\"d é/x.mp4", "anger", "NA", "train"), Row("null", "two\nlines.mp4", "?", "null", "test"))


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "manifest.csv"
    manifests.write(path, Manifest(ROWS, ("anger", "fear"), "csv", True, "official", ("a note",)))
    return path


def test_what_is_written_is_read_back(table):
    made = manifests.read(table)
    assert made.rows == ROWS
    assert (made.classes, made.corpus, made.synthetic, made.notes) == (("anger", "fear"), "csv", True, ("a note",))


@pytest.mark.parametrize("text", ["001", "NA", "null", "1e5", "", "a,b", 'say "x"', "a\nb", "a\r\nb", "a\rb", "é"])
def test_every_value_stays_the_text_it_was(text):
    data = manifests.table_bytes([["x", "y"], [text, text]])
    assert manifests.table_rows(data)[1] == [text, text]


def test_a_byte_order_mark_and_windows_line_ends_are_read():
    assert manifests.table_rows(b"\xef\xbb\xbfclip,path\r\na,b\r\n") == [["clip", "path"], ["a", "b"]]


def test_rows_are_sorted_by_clip(tmp_path):
    manifests.write(tmp_path / "m.csv", Manifest(ROWS[::-1], ("anger",), "csv"))
    assert [row.clip for row in manifests.read(tmp_path / "m.csv").rows] == ["001", "null"]


def test_an_unchanged_table_keeps_its_date(table):
    before = [(path.stat().st_mtime_ns, path.stat().st_ino) for path in sorted(table.parent.iterdir())]
    manifests.write(table, manifests.read(table))
    assert before == [(path.stat().st_mtime_ns, path.stat().st_ino) for path in sorted(table.parent.iterdir())]


def test_folds_of_official_splits(table):
    fold = manifests.folds(manifests.read(table))["official"]
    assert (fold.train, fold.val, fold.test) == (("001",), (), ("null",))


def test_folds_of_a_fold_column():
    made = Manifest(tuple(Row(c, c, "anger", c, fold=c) for c in "abc"), ("anger",), "csv", scheme="folds")
    assert manifests.folds(made)["b"].train == ("a",)


@pytest.mark.parametrize("name", ["manifest.csv", "manifest.json"])
def test_a_missing_file_is_named(table, name):
    (table.parent / name).unlink()
    with pytest.raises(ManifestError, match=rf"{name}: missing; run the workflow"):
        manifests.read(table)


def test_an_altered_table_is_refused(table):
    table.write_bytes(table.read_bytes().replace(b"anger", b"angst"))
    with pytest.raises(ManifestError, match=r"manifest\.csv: altered since manifest\.json was written"):
        manifests.read(table)


@pytest.mark.parametrize("text", ["{", "[]", '{"corpus": "csv"}'])
def test_a_damaged_json_file_is_refused(table, text):
    manifests.sidecar(table).write_text(text)
    with pytest.raises(ManifestError, match=r"manifest\.json: unreadable"):
        manifests.read(table)


def test_a_table_of_other_columns_is_refused(table):
    about = json.loads(manifests.sidecar(table).read_text())
    table.write_bytes(b"clip,path\na,b\n")
    about["sha256"] = manifests.hashlib.sha256(table.read_bytes()).hexdigest()
    manifests.sidecar(table).write_text(json.dumps(about))
    with pytest.raises(ManifestError, match="columns clip, path, expected clip, path, label"):
        manifests.read(table)


def test_programs_that_read_the_table_do_not_depend_on_the_adapters():
    from pathlib import Path

    reached = {path.stem for path in closure(Path(manifests.__file__)) if "corpora" in path.parts}
    assert reached == {"__init__", "manifest", "splits", "leakage"}
