"""The challenge's files: one for each clip whose label is hidden, called as its film."""

import csv

import pytest

from emotiw.core.errors import ManifestError
from emotiw.corpora import manifest
from emotiw.corpora.manifest import Manifest, Row
from emotiw.evaluation import submission
from evaluation_fixtures import start

CORPUS = Manifest(
    (
        Row("test-1", "afew/Test/00012.v2.avi", "?", "t1", "test"),
        Row("test-2", "afew/Test/000123.avi", "?", "t2", "test"),
        Row("train-1", "afew/Train/Angry/000124.avi", "anger", "t3", "train"),
    ),
    ("anger", "fear"),
    "afew",
)


@pytest.mark.parametrize(
    ("label", "text"),
    [("anger", "Angry"), ("disgust", "Disgust"), ("fear", "Fear"), ("happiness", "Happy"), ("neutral", "Neutral"),
     ("sadness", "Sad"), ("surprise", "Surprise")],
)  # fmt: skip
def test_classes_are_spelt_as_the_challenge_does(label, text):
    rows = [{"clip": clip, "part": "test", "predicted_fusion": label} for clip in ("test-1", "test-2")]
    assert submission.texts(CORPUS, rows) == {"00012.v2.txt": f"{text}\n", "000123.txt": f"{text}\n"}


def test_two_films_of_one_name_are_refused():
    twice = Manifest((*CORPUS.rows, Row("test-3", "other/000123.mp4", "?", "t4", "test")), CORPUS.classes, "afew")
    with pytest.raises(ManifestError, match=r"other/000123.mp4: .* as 000123.txt, like afew/Test/000123"):
        submission.hidden(twice)


def test_the_program_writes_a_flat_folder_of_the_hidden_clips(tmp_path):
    manifest.write(tmp_path / "m.csv", CORPUS)
    with (tmp_path / "p.csv").open("w", newline="") as stream:
        rows = [("test-1", "test", "fear"), ("test-2", "test", "anger"), ("train-1", "train", "fear")]
        csv.writer(stream).writerows([("clip", "part", "predicted_fusion"), *rows])
    paths = {"manifest": tmp_path / "m.csv", "predictions": tmp_path / "p.csv", "output": tmp_path / "out"}
    start("submission", {"settings": {}}, **paths)
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {
        "00012.v2.txt": "Fear\n",
        "000123.txt": "Angry\n",
    }
