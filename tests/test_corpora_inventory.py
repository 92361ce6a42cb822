"""From a corpus to its manifest: every problem at once, and only new content read."""

import csv
import os
import re
from collections import Counter

import pytest

from emotiw.core.errors import ConfigError, ManifestError
from emotiw.corpora import inventory
from emotiw.corpora import manifest as manifests

COLUMNS = ("clip", "path", "label", "subject", "split", "fold")
CLASSES = ("anger", "fear")
GOOD = [
    ("a1", "a1.mp4", "anger", "s1", "train", "f1"),
    ("a2", "a2.mp4", "fear", "s1", "train", "f1"),
    ("b1", "b1.mp4", "anger", "s2", "val", "f2"),
    ("b2", "b2.mp4", "fear", "s2", "val", "f2"),
    ("c1", "c1.mp4", "anger", "s3", "test", "f3"),
    ("c2", "c2.mp4", "fear", "s3", "test", "f3"),
]


class Corpus:
    """A table of clips and the files it names, with counted reads."""

    def __init__(self, folder, monkeypatch):
        self.root, self.table, self.read = folder / "corpus", folder / "out" / "manifest.csv", []
        self.root.mkdir()
        self.config = {
            "corpus": {
                "kind": "csv",
                "root": str(self.root),
                "table": "t.csv",
                "classes": list(CLASSES),
                "options": {},
                "allow_outside": False,
                "shared_films": "fail",
                "protocol": {"scheme": "official", "n_folds": 3, "everything": False},
            },
            "corpora": None,
            "clips_per_job": 1,
        }
        self.write(GOOD)
        hashed = inventory.sha256
        monkeypatch.setattr(inventory, "sha256", lambda path: self.read.append(path.name) or hashed(path))

    def write(self, rows, columns=COLUMNS, files=True):
        with (self.root / "t.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([columns, *rows])
        for row in rows if files else ():
            (self.root / row[1]).write_bytes(f"content of {row[1]}".encode())

    def protocol(self, scheme, n_folds=3):
        self.config["corpus"]["protocol"] = {"scheme": scheme, "n_folds": n_folds, "everything": False}

    def refresh(self):
        self.read.clear()
        return inventory.refresh(
            self.config, self.table, lambda path: {"duration_s": 2.50001, "width": 64, "fps": None}
        )

    def problems(self):
        with pytest.raises(ManifestError) as caught:
            self.refresh()
        first, *lines = str(caught.value).split("\n  ")
        assert first.startswith(f"{len(lines)} problem")
        return [line.replace(f"{self.root}/", "") for line in lines]


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    return Corpus(tmp_path, monkeypatch)


def changed(row, **values):
    return tuple(values.get(name, value) for name, value in zip(COLUMNS, row, strict=True))


# --- a good corpus -------------------------------------------------------------------------------------------------


def test_the_table_holds_what_the_corpus_and_the_files_say(corpus):
    made = corpus.refresh()
    row = made.rows[0]
    assert (row.clip, row.label, row.subject, row.split, row.fold, row.job) == ("a1", "anger", "s1", "train", "", "a1")
    assert row.path == str(corpus.root / "a1.mp4")
    assert row.sha256 == inventory.sha256(corpus.root / "a1.mp4")
    assert (row.size, row.duration_s, row.width, row.fps, row.format) == ("17", "2.50001", "64", "", "")
    assert made.classes == CLASSES
    assert manifests.read(corpus.table) == made


def test_clips_are_put_into_batches(corpus):
    corpus.config["clips_per_job"] = 3
    assert {row.job for row in corpus.refresh().rows} <= {"batch-0", "batch-1"}


def test_folds_of_the_fold_column(corpus):
    corpus.protocol("folds")
    fold = manifests.folds(corpus.refresh())["f3"]
    assert (fold.train, fold.val, fold.test) == (("b1", "b2"), ("a1", "a2"), ("c1", "c2"))


def test_folds_of_consecutive_subjects(corpus):
    corpus.protocol("subjects")
    made = corpus.refresh()
    assert [row.fold for row in made.rows] == ["fold1", "fold1", "fold2", "fold2", "fold3", "fold3"]
    assert made.scheme == "subjects"


def test_a_clip_of_unknown_subject_is_a_subject_of_its_own(corpus):
    corpus.write([changed(row, subject="") for row in GOOD])
    made = corpus.refresh()
    assert all(row.subject == row.clip for row in made.rows)
    assert made.notes == ("subject unknown for 6 clips; each counts as a subject of its own",)


def test_hidden_labels_are_allowed_in_test(corpus):
    corpus.write([*GOOD[:4], changed(GOOD[4], label="?")])
    assert corpus.refresh().rows[-1].label == "?"


def test_paths_may_be_odd(corpus):
    odd = "a b'c\"d é;$(touch X).mp4"
    corpus.write([changed(GOOD[0], path=odd), *GOOD[1:]])
    assert manifests.read(corpus.table if corpus.refresh() else None).rows[0].path == str(corpus.root / odd)


@pytest.mark.parametrize("name", ["a{b}.mp4", "a\nb.mp4"])
def test_a_path_that_snakemake_cannot_take_is_a_problem(corpus, name):
    corpus.write([changed(GOOD[0], path=name), *GOOD[1:]])
    (problem,) = corpus.problems()
    assert "has a brace or a line break in its name" in problem


def test_the_same_content_within_a_split_is_noted(corpus):
    corpus.write([*GOOD, changed(GOOD[0], clip="a3", path="a3.mp4")])
    (corpus.root / "a3.mp4").write_bytes((corpus.root / "a1.mp4").read_bytes())
    assert corpus.refresh().notes == ("same content: clips a1, a3",)


def test_the_same_content_under_two_labels_is_told(corpus):
    (corpus.root / "a2.mp4").write_bytes((corpus.root / "a1.mp4").read_bytes())
    (note,) = corpus.refresh().notes
    assert note == "same content under different labels, of which at most one is right: clips a1 (anger), a2 (fear)"


def test_empty_files_share_no_content(corpus):
    for name in ("a1.mp4", "b1.mp4"):
        (corpus.root / name).write_bytes(b"")
    assert not corpus.refresh().notes


def test_classes_default_to_the_corpus_s_own(corpus):
    corpus.config["corpus"]["classes"] = None
    assert sum("has no training clip" in line for line in corpus.problems()) == 5


# --- only new content is read --------------------------------------------------------------------------------------


def test_unchanged_files_are_not_read_again(corpus):
    first = corpus.refresh()
    assert sorted(corpus.read) == sorted(row[1] for row in GOOD)
    dates = {path: path.stat().st_mtime_ns for path in corpus.table.parent.iterdir()}
    assert corpus.refresh() == first
    assert corpus.read == []
    assert dates == {path: path.stat().st_mtime_ns for path in corpus.table.parent.iterdir()}


def test_only_the_changed_file_is_read_again(corpus):
    before = corpus.refresh().rows
    (corpus.root / "b1.mp4").write_bytes(b"other")
    after = corpus.refresh().rows
    assert corpus.read == ["b1.mp4"]
    assert [row.clip for row, old in zip(after, before, strict=True) if row != old] == ["b1"]


def test_a_clip_replaced_by_one_of_the_same_size_and_date_is_noticed(corpus):
    before = corpus.refresh().rows[2].sha256
    path = corpus.root / "b1.mp4"
    date = path.stat().st_mtime_ns
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(date, date))
    assert corpus.refresh().rows[2].sha256 != before
    assert corpus.read == ["b1.mp4"]


def test_a_clip_replaced_by_an_older_one_is_noticed(corpus):
    before = corpus.refresh().rows[2].sha256
    (corpus.root / "older").write_bytes(b"older content")
    os.utime(corpus.root / "older", (1e9, 1e9))
    (corpus.root / "older").replace(corpus.root / "b1.mp4")
    assert corpus.refresh().rows[2].sha256 != before


def test_a_touched_clip_is_read_again_but_leaves_the_table_alone(corpus):
    corpus.refresh()
    date = corpus.table.stat().st_mtime_ns
    os.utime(corpus.root / "c1.mp4", (2e9, 2e9))
    corpus.refresh()
    assert corpus.read == ["c1.mp4"]
    assert corpus.table.stat().st_mtime_ns == date


@pytest.mark.parametrize(
    "damage", [b"", b"\xff", b"a,b\n1,2\n", b'path,size\n"', b"p,1,2,3,x,{\n", b"x,x,x,x,x,x\np,1,2,3,4,{}\n"]
)
def test_a_damaged_memory_is_as_good_as_none(corpus, damage):
    first = corpus.refresh()
    corpus.table.with_suffix(".files.csv").write_bytes(damage)
    assert corpus.refresh() == first
    assert len(corpus.read) == len(GOOD)


def test_what_was_read_is_remembered_even_if_the_corpus_is_refused(corpus):
    corpus.write([*GOOD, changed(GOOD[0], clip="a3", path="a3.mp4", label="Angre")])
    corpus.problems()
    corpus.write(GOOD, files=False)
    corpus.refresh()
    assert corpus.read == []


def test_a_refused_corpus_leaves_the_table_alone(corpus):
    corpus.refresh()
    data = corpus.table.read_bytes()
    corpus.write([changed(GOOD[0], label="x"), *GOOD[1:]])
    corpus.problems()
    assert corpus.table.read_bytes() == data


# --- problems ------------------------------------------------------------------------------------------------------

ONE_ROW = {
    "unknown label": (
        {"label": "Angre"},
        r"t\.csv:8: label 'Angre' is unknown; allowed: anger, fear; did you mean 'anger'\?",
    ),
    "label of another case": ({"label": " ANGER"}, r"t\.csv:8: label ' ANGER' is unknown; .*; did you mean 'anger'\?"),
    "label unlike any": ({"label": "calm"}, r"t\.csv:8: label 'calm' is unknown; allowed: anger, fear$"),
    "empty label": ({"label": ""}, r"t\.csv:8: label '' is unknown"),
    "hidden label in training": (
        {"label": "?"},
        r"t\.csv:8: label '\?' \(hidden\) of clip 'x' is allowed only in split test",
    ),
    "unknown split": (
        {"split": "Dev", "subject": ""},
        r"t\.csv:8: split 'Dev' is unknown; allowed: train, val, test; did you mean 'val'\?",
    ),
    "no split": ({"split": ""}, r"t\.csv:8: clip 'x' has no split; fill in the column"),
    "duplicate id": ({"clip": "a1"}, r"t\.csv:8: clip id 'a1' is taken at t\.csv:2; ids must differ"),
    "id of another case": (
        {"clip": "A1"},
        r"t\.csv:8: clip id 'A1' is taken at t\.csv:2 as 'a1'; ids must differ in more",
    ),
    "escaping id": ({"clip": "../../escape"}, r"t\.csv:8: clip id '\.\./\.\./escape' is unsafe; use at most 128"),
    "id with a wildcard": ({"clip": "{b}"}, r"t\.csv:8: clip id '\{b\}' is unsafe"),
    "id with a newline": ({"clip": "a\nb"}, r"t\.csv:8: clip id 'a\\nb' is unsafe"),
    "id with a dash first": ({"clip": "-rf"}, r"t\.csv:8: clip id '-rf' is unsafe"),
    "id too long": ({"clip": "x" * 129}, r"t\.csv:8: clip id 'x{129}' is unsafe"),
    "missing file": (
        {"path": "none.mp4"},
        r"t\.csv:8: file none\.mp4 is missing; correct the path or restore the file",
    ),
    "directory": ({"path": "folder"}, r"t\.csv:8: file folder is a directory, expected a regular file"),
    "empty path": ({"path": ""}, r"t\.csv:8: file .* is a directory, expected a regular file"),
    "fifo": ({"path": "fifo"}, r"t\.csv:8: file fifo is a FIFO, expected a regular file"),
    "device": ({"path": "/dev/null"}, r"t\.csv:8: file /dev/null is a device, expected a regular file"),
    "path that leaves": (
        {"path": "../secret"},
        r"t\.csv:8: file \.\./secret is /.*secret, outside the corpus root .*; move it there",
    ),
    "link that leaves": ({"path": "link"}, r"t\.csv:8: file link is /.*secret, outside the corpus root"),
    "nul in the path": ({"path": "a\0b"}, r"t\.csv:8: file .* cannot be read \(embedded null byte\)"),
    "subject of another split": (
        {"subject": "s2"},
        r": subject 's2' is in train \(clip 'x', t\.csv:8\) and val \(clip 'b1', t\.csv:4\); splits and folds must not"
        r" share subjects: move all clips of the subject to one",
    ),
    "content of another split": (
        {"path": "copy"},
        r": content \(SHA-256\) '[0-9a-f]{12}' is in train \(clip 'x', t\.csv:8\) and val \(clip 'b1', .*remove one of",
    ),
}


@pytest.mark.parametrize(("values", "message"), ONE_ROW.values(), ids=ONE_ROW)
def test_one_bad_row_is_one_problem(corpus, values, message):
    root = corpus.root
    (root / "x.mp4").write_bytes(b"x")
    (root / "folder").mkdir()
    os.mkfifo(root / "fifo")
    (root.parent / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(root.parent / "secret")
    (root / "copy").write_bytes((root / "b1.mp4").read_bytes())
    bad = changed(("x", "x.mp4", "anger", "s1", "train", "f1"), **values)
    corpus.write([*GOOD, bad], files=False)
    (problem,) = corpus.problems()
    assert re.search(message, problem)


def test_many_missing_files_are_one_problem(corpus):
    bad = [changed(("x", "x.mp4", "anger", "s1", "train", ""), clip=f"x{i}", path=f"none{i}.mp4") for i in range(9)]
    corpus.write([*GOOD, *bad], files=False)
    (problem,) = corpus.problems()
    assert "9 files are missing; if these are all, corpus.root or a column of the table is wrong: " in problem
    assert "t.csv:8: file none0.mp4 is missing" in problem


def test_an_unknown_label_of_many_clips_is_one_problem(corpus):
    bad = [("x", "x.mp4", "angst", "s1", "train", ""), ("y", "y.mp4", "angst", "s1", "train", "")]
    corpus.write([*GOOD, *bad])
    (problem,) = corpus.problems()
    expected = (
        "t.csv:8: label 'angst' is unknown, as those of 1 more clips; allowed: anger, fear; did you mean 'anger'?"
    )
    assert problem == expected


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (
            ("0", "1"),
            "no label is known: they are '0', '1'; allowed: anger, fear; or set corpus.classes to your labels",
        ),
        (("angry", "scared"), "they are 'angry', 'scared'; allowed: anger, fear; did you mean 'anger'?; or set corpus"),
    ],
)
def test_labels_of_which_none_is_known_are_one_problem(corpus, labels, said):
    corpus.write([changed(row, label=labels[row[2] == "fear"]) for row in GOOD])
    assert any(said in problem for problem in corpus.problems())
    assert sum("label" in problem for problem in corpus.problems()) == 1


@pytest.mark.parametrize("label", ["Angry", "ANGER", " anger", "ánger", "ang"])
def test_the_class_that_a_label_is_a_variant_of_is_suggested(corpus, label):
    corpus.write([*GOOD, ("x", "x.mp4", label, "s1", "train", "")])
    (problem,) = corpus.problems()
    assert problem.endswith("did you mean 'anger'?")


def test_all_problems_come_at_once(corpus):
    bad = [
        ("A1", "a1.mp4", "Angre", "s2", "train", ""),
        ("b c", "none.mp4", "fear", "s9", "dev", ""),
        ("d", "../out", "?", "s1", "train", ""),
    ]
    corpus.write([*GOOD, *bad], files=False)
    corpus.config["corpus"]["classes"] = ["anger", "fear", "sadness"]
    text = "\n".join(corpus.problems())
    expected = ["'Angre'", "'A1' is taken", "subject 's2'", "'b c' is unsafe", "none.mp4 is missing", "split 'dev'"]
    expected += ["'?' (hidden)", "out is missing", "class 'sadness' has no training clip in fold official"]
    assert [part for part in expected if part not in text] == []
    assert len(corpus.problems()) == len(expected)


def test_ids_that_differ_in_unicode_form_only_are_duplicates(corpus):
    corpus.write([*GOOD, ("\u00e9", "x1", "anger", "s1", "train", ""), ("e\u0301", "x2", "anger", "s1", "train", "")])
    assert sum("is taken at t.csv:8 as" in line for line in corpus.problems()) == 1


def test_outside_files_are_accepted_if_allowed(corpus):
    (corpus.root.parent / "secret").write_bytes(b"secret")
    corpus.write([*GOOD, ("x", "../secret", "anger", "s1", "train", "")], files=False)
    corpus.config["corpus"]["allow_outside"] = True
    assert len(corpus.refresh().rows) == 7


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"train"}, r"split val is empty; early stopping"),
        ({"train", "test"}, r"split val is empty; early stopping"),
        ({"val", "test"}, r"split train is empty; a model needs clips"),
    ],
)
def test_empty_splits_are_problems(corpus, splits, message):
    corpus.write([row for row in GOOD if row[4] in splits])
    (problem,) = corpus.problems()
    assert re.search(rf"t\.csv: {message}", problem)


def test_no_test_clips_are_needed(corpus):
    corpus.write([row for row in GOOD if row[4] != "test"])
    assert len(corpus.refresh().rows) == 4


def test_an_empty_corpus_is_a_problem(corpus):
    corpus.write([])
    assert corpus.problems() == ["t.csv: holds no clip, expected at least one; check corpus.kind and corpus.root"]


def test_absent_columns_are_the_only_problem_of_a_table_without_them(corpus):
    corpus.write([("a", "b")], columns=("clip", "path"), files=False)
    assert corpus.problems() == ["t.csv:1: absent columns label, split; found clip, path"]


def test_a_class_can_be_missing_from_the_training_part_of_one_fold(corpus):
    corpus.protocol("folds")
    corpus.write([*GOOD[:5], changed(GOOD[5], label="anger")])
    fold = "t.csv: class 'fear' has no training clip in fold f1; add clips or set corpus.classes"
    assert corpus.problems() == [fold]


def test_hidden_labels_are_refused_under_folds(corpus):
    corpus.protocol("folds")
    corpus.write([*GOOD, ("x", "x", "?", "s3", "test", "f3")])
    assert corpus.problems() == ["t.csv:8: label '?' (hidden) of clip 'x' is allowed only in split test"]


def test_a_subject_in_two_folds_is_a_problem(corpus):
    corpus.protocol("folds")
    corpus.write([*GOOD, ("x", "x", "fear", "s1", "", "f2")])
    (problem,) = corpus.problems()
    assert "subject 's1' is in f1 (clip 'a1', t.csv:2) and f2 (clip 'x', t.csv:8); splits and folds must not" in problem


FILMS = (*COLUMNS, "film")


def with_films(*films):
    return [(*row, film) for row, film in zip(GOOD, films, strict=True)]


def test_a_film_in_two_splits_is_a_problem(corpus):
    corpus.write(with_films("Alien", "Alien", "Brazil", "Alien", "", ""), FILMS)
    (problem,) = corpus.problems()
    assert (
        "film 'Alien' is in train (clip 'a1', t.csv:2) and val (clip 'b2', t.csv:5); splits and folds must" in problem
    )
    assert (
        "move all clips of the film to one of them; if published splits share films, set corpus.shared_films" in problem
    )


def test_a_film_in_two_folds_is_a_problem(corpus):
    corpus.protocol("folds")
    corpus.write(with_films("Alien", "Alien", "Brazil", "Brazil", "Brazil", "Casablanca"), FILMS)
    (problem,) = corpus.problems()
    assert "film 'Brazil' is in f2 (clip 'b1', t.csv:4) and f3 (clip 'c1', t.csv:6)" in problem


def test_films_in_two_splits_are_noted_where_that_is_allowed(corpus):
    corpus.config["corpus"]["shared_films"] = "note"
    corpus.write(with_films("Alien", "Alien", "Brazil", "Alien", "", ""), FILMS)
    (note,) = corpus.refresh().notes
    assert note.startswith("1 source film is in two splits, as published (the first: ")
    assert [row.film for row in corpus.refresh().rows] == ["Alien", "Alien", "Brazil", "Alien", "", ""]


def test_films_within_splits_are_neither_problem_nor_note(corpus):
    corpus.write(with_films("Alien", "Alien", "Brazil", "Brazil", "", ""), FILMS)
    assert not corpus.refresh().notes


def test_two_folds_are_too_few(corpus):
    corpus.protocol("folds")
    corpus.write(GOOD[:4])
    assert corpus.problems() == ["t.csv: only 2 of at least 3 folds hold clips (f1, f2)"]


def test_fold_names_are_safe_as_file_names(corpus):
    corpus.protocol("folds")
    corpus.write([changed(row, fold="../x" if row[5] == "f1" else row[5]) for row in GOOD])
    assert corpus.problems()[0] == "t.csv:2: fold '../x' is unsafe; use ASCII letters, digits, '_' and '-'"


def test_more_folds_than_subjects_are_refused(corpus):
    corpus.protocol("subjects", 4)
    assert corpus.problems() == [
        "corpus.protocol.n_folds: 4 folds of 3 subjects; expected at least 3 folds and at most one a subject;"
        " set corpus.protocol to {scheme: subjects, n_folds: 3}, which works"
    ]


def test_a_protocol_that_works_is_named_where_a_class_has_no_training_clip(corpus):
    labels = {"a": "anger", "b": "anger", "c": "fear", "d": "fear", "e": "fear", "f": "fear"}
    corpus.write([[f"{subject}1", f"{subject}1.mp4", label, subject, "", ""] for subject, label in labels.items()])
    corpus.config["corpus"]["classes"] = ["anger", "fear"]
    corpus.protocol("subjects", 6)
    assert corpus.problems() == [
        "t.csv: class 'anger' has no training clip in fold fold1; add clips or set corpus.classes;"
        " set corpus.protocol to {scheme: stratified_subjects, n_folds: 6}, which works"
    ]
    corpus.protocol("stratified_subjects", 6)
    made = corpus.refresh()
    for fold in manifests.folds(made).values():
        assert {made.row_of_clip[clip].label for clip in fold.train} == {"anger", "fear"}


def test_a_subject_outside_every_fold_is_named_once(corpus):
    corpus.protocol("subjects")
    corpus.write([*GOOD, ("x", "x", "fear", "", "", ""), ("y", "y", "fear", "", "", "")])
    problems = corpus.problems()
    assert problems == ["t.csv:8: subject '' is in no fold of subjects; correct the subject or use another scheme"]


def test_an_unknown_scheme_is_refused(corpus):
    corpus.protocol("luna_jimenez")
    with pytest.raises(
        ConfigError, match=r"'luna_jimenez' is unknown to this corpus; allowed: official, folds, subjects"
    ):
        corpus.refresh()


# --- adapters and the protocol -------------------------------------------------------------------------------------


def ravdess(corpus, actors):
    for actor in actors:
        for emotion in range(1, 9):
            path = corpus.root / f"Actor_{actor:02d}" / f"03-01-{emotion:02d}-01-01-01-{actor:02d}.wav"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(path.name.encode())
    corpus.config["corpus"] |= {
        "kind": "ravdess",
        "table": None,
        "classes": None,
        "options": {"modality": "audio-only"},
    }


def test_named_schemes_of_a_corpus_make_its_folds(corpus):
    ravdess(corpus, range(1, 25))
    corpus.protocol("luna_jimenez")
    folds = manifests.folds(corpus.refresh())
    assert Counter(len(fold.test) // 8 for fold in folds.values()) == {5: 4, 4: 1}


def test_a_corpus_without_official_splits_says_what_it_has(corpus):
    ravdess(corpus, range(1, 3))
    with pytest.raises(
        ConfigError, match=r"names no splits; allowed: subjects, stratified_subjects, six_consecutive, luna_jimenez"
    ):
        corpus.refresh()


def test_problems_of_adapters_name_the_path(corpus):
    ravdess(corpus, range(1, 26))
    (corpus.root / "Actor_01" / "03-01-09-01-01-01-01.wav").write_bytes(b"?")
    corpus.protocol("six_consecutive")
    text = "\n".join(corpus.problems())
    assert "Actor_01/03-01-09-01-01-01-01.wav: label '09' is unknown; allowed: anger, disgust, fear" in text
    assert "Actor_25/03-01-01-01-01-01-25.wav: subject 'actor25' is in no fold of six_consecutive" in text


def test_a_name_that_is_not_utf_8_is_written_as_bytes(corpus):
    ravdess(corpus, range(1, 4))
    os.rename(corpus.root / "Actor_01", os.fsencode(corpus.root) + b"/bad\xff")
    corpus.protocol("subjects")
    problems = corpus.problems()
    assert len(problems) == 8
    assert "bad\\xff/03-01-01-01-01-01-01.wav'" in problems[0]
    assert "is not UTF-8" in problems[0]


def test_a_file_that_cannot_be_opened_is_a_problem(corpus, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(inventory, "sha256", refuse)
    assert corpus.problems()[0] == "t.csv:2: file a1.mp4 cannot be read (Permission denied); check its permissions"


def test_files_behind_linked_folders_are_one_problem(tmp_path):
    from emotiw.corpora import checks
    from emotiw.corpora.interface import Candidate

    elsewhere, root = tmp_path / "elsewhere", tmp_path / "root"
    for folder in (elsewhere, root):
        folder.mkdir()
    (root / "linked").symlink_to(elsewhere)
    problems = []
    for i in range(40):
        (elsewhere / f"{i}.mp4").touch()
        candidate = Candidate(f"c{i}", root / f"linked/{i}.mp4", "x", f"line {i}")
        problems += checks.check_file(candidate, root, allow_outside=False)
    missing = Candidate("none", root / "none.mp4", "x", "line 41")
    problems += checks.check_file(missing, root, allow_outside=False)
    found = checks.joined(problems)
    assert len(problems) == 41
    assert len(found) == 2
    assert "none.mp4 is missing" in found[0]
    assert found[1].startswith("40 files lie outside the corpus root, as through linked folders: line 0:")
    assert found[1].endswith("set corpus.allow_outside: true")


def test_a_root_in_the_home_folder_may_begin_with_a_tilde(corpus, monkeypatch):
    expected = corpus.refresh()
    monkeypatch.setenv("HOME", str(corpus.root.parent))
    corpus.config["corpus"]["root"] = f"~/{corpus.root.name}"
    assert corpus.refresh() == expected
