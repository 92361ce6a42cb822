"""FER+'s votes in both of their forms, and what they say of a picture."""

import csv

import numpy as np
import pytest

from emotiw.core.emotions import EMOTIONS
from emotiw.core.errors import WeightsError
from emotiw.core.files import content_sha256
from emotiw.weights import fer2013, ferplus

# neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, NF
VOTES = np.array(
    [
        [0, 10, 0, 0, 0, 0, 0, 0, 0, 0],
        [4, 0, 0, 4, 0, 0, 0, 2, 0, 0],  # a tie
        [1, 0, 0, 0, 3, 0, 0, 6, 0, 0],  # contempt
        [0, 0, 0, 0, 5, 0, 0, 0, 4, 1],
    ]
)
USAGE = np.array(["Training", "Training", "PublicTest", "PrivateTest"])


@pytest.fixture
def faces():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 48, 48), dtype=np.uint8)
    return fer2013.Faces(pixels, np.arange(4), USAGE)


def join(faces, path):
    return ferplus.join(faces, path, content_sha256(path))


def write_csv(path, votes=VOTES, usage=USAGE, names=ferplus.NAMES):
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Usage", "Image name", *names])
        writer.writerows(
            [part, f"fer{i:07d}.png", *row] for i, (part, row) in enumerate(zip(usage, votes, strict=True))
        )
    return path


def write_npz(path, votes=VOTES, names=ferplus.NAMES, **more):
    np.savez(path, votes=votes.astype(np.uint8), vote_names=np.array(names), **more)
    return path


def test_both_forms_give_the_same_votes(faces, tmp_path):
    table, archive = write_csv(tmp_path / "fer2013new.csv"), write_npz(tmp_path / "votes.npz")
    np.testing.assert_array_equal(join(faces, table).votes, VOTES)
    np.testing.assert_array_equal(join(faces, archive).votes, VOTES)
    np.testing.assert_array_equal(join(faces, archive).pixels, faces.pixels)


def test_the_columns_may_come_in_another_order(faces, tmp_path):
    order = np.random.default_rng(1).permutation(10)
    names = [ferplus.NAMES[i] for i in order]
    np.testing.assert_array_equal(join(faces, write_csv(tmp_path / "a.csv", VOTES[:, order], names=names)).votes, VOTES)
    np.testing.assert_array_equal(join(faces, write_npz(tmp_path / "a.npz", VOTES[:, order], names)).votes, VOTES)


def test_a_picture_that_was_not_matched_has_no_votes(faces, tmp_path):
    found = join(faces, write_npz(tmp_path / "a.npz", matched=np.array([True, False, True, True])))
    assert found.votes[1].sum() == 0
    assert found.shares[1].sum() == 0
    assert found.majority[1] == -1


def test_shares_and_majority(faces, tmp_path):
    found = join(faces, write_npz(tmp_path / "a.npz"))
    columns = {name: i for i, name in enumerate(EMOTIONS)}
    assert found.shares[0, columns["happiness"]] == 1
    assert found.shares[2].sum() == pytest.approx(0.4)
    assert found.shares[3, columns["anger"]] == pytest.approx(0.5)
    assert found.majority.tolist() == [columns["happiness"], -1, -1, columns["anger"]]


def test_rows_keep_their_votes_when_faces_are_divided(faces, tmp_path):
    found = join(faces, write_npz(tmp_path / "a.npz"))[np.array([3, 0])]
    np.testing.assert_array_equal(found.votes, VOTES[[3, 0]])
    assert found.usage.tolist() == ["PrivateTest", "Training"]


def test_without_a_file_no_picture_has_votes(faces):
    found = ferplus.without_votes(faces)
    assert not found.shares.any()
    assert (found.majority == -1).all()


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda p: write_csv(p / "a.csv", VOTES[:3], USAGE[:3]), "has votes for 3 pictures, but FER2013 has 4"),
        (
            lambda p: write_csv(p / "a.csv", usage=USAGE[::-1]),
            "row 1 has the usage PrivateTest, but the picture has Tr",
        ),
        (lambda p: write_csv(p / "a.csv", names=[*ferplus.NAMES[:9], "none"]), "line 1: columns Usage.*expected Usage"),
        (lambda p: write_csv(p / "a.csv", VOTES.astype(str).astype(object) + "x"), "line 2: invalid literal"),
        (lambda p: write_csv(p / "a.csv", -VOTES), "row 1 has the votes .*expected none below zero"),
        (lambda p: write_npz(p / "a.npz", names=[*ferplus.NAMES[:9], "none"]), "expected a column for neutral"),
        (lambda p: write_npz(p / "a.npz", matched=np.ones(3, bool)), "votes of shape"),
        (lambda p: (p / "a.npz").write_bytes(b"PK") and p / "a.npz", "unreadable"),
        (lambda p: (p / "a.txt").write_bytes(b"PK") and p / "a.txt", "expected FER\\+'s fer2013new.csv"),
    ],
)
def test_other_files_are_refused(faces, tmp_path, write, message):
    with pytest.raises(WeightsError, match=message):
        join(faces, write(tmp_path))


def test_a_missing_or_altered_file_is_named(faces, tmp_path):
    with pytest.raises(WeightsError, match=r"none\.csv: missing; correct expression\.votes\.path"):
        ferplus.join(faces, tmp_path / "none.csv", "")
    with pytest.raises(WeightsError, match=r"sha256 .* expected 0; the data were altered"):
        ferplus.join(faces, write_csv(tmp_path / "a.csv"), "0")


def test_pickled_votes_are_refused(faces, tmp_path):
    np.savez(tmp_path / "a.npz", votes=np.array([[object()] * 10] * 4), vote_names=np.array(ferplus.NAMES))
    with pytest.raises(WeightsError, match="unreadable"):
        join(faces, tmp_path / "a.npz")
