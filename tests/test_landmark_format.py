"""dlib's shape predictors: what is refused before dlib reads it."""

from hashlib import sha256

import pytest

from emotiw.core.errors import WeightsError
from emotiw.weights import landmark_format
from test_loading import train_predictor


def packed(*numbers):
    """Integers as dlib writes them."""
    return b"".join(
        bytes([(0x80 if n < 0 else 0) | (size := (abs(n).bit_length() + 7) // 8 or 1)])
        + abs(n).to_bytes(size, "little")
        for n in numbers
    )


REAL = (1, 0)
COLUMN = (-4, -1, *REAL * 4)
SPLIT = (0, 1, *REAL)
TREE = (1, *SPLIT, 2, *COLUMN, *COLUMN)


def model(*, version=1, shape=COLUMN, tree=TREE, anchors=(2, 0, 1), offsets=2, more=()):
    """A model of one cascade of one tree."""
    return packed(version, *shape, 1, 1, *tree, 1, *anchors, 1, offsets, *REAL * 2 * offsets, *more)


def test_what_dlib_wrote_and_the_smallest_model_are_accepted(tmp_path):
    train_predictor(tmp_path / "a.dat", 5)
    landmark_format.check("a", (tmp_path / "a.dat").read_bytes())
    landmark_format.check("a", model())


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "list index out of range"),
        (b"\x04\x01", "the file ends within a number"),
        (model()[:-2], "the file ends early"),
        (model(version=2), "version 2, expected 1"),
        (model(shape=(-3, -1, *REAL * 3)), "3 coordinates"),
        (model(shape=(-4, -2, *REAL * 8)), "a matrix of 4 x 2, expected a column"),
        (model(shape=(-(1 << 40), -1)), "the file ends early"),
        (model(tree=(1 << 40,)), "1099511627776 elements announced"),
        (model(tree=(1, 0, 2, *REAL, *TREE[5:])), "compares a pixel that does not exist"),
        (model(tree=(1, 0, -1, *REAL, *TREE[5:])), r"pixels \(0, -1\)"),
        (model(tree=(1, *SPLIT, 1, *COLUMN)), "a tree of 1 splits and 1 leaves"),
        (model(tree=(2, *SPLIT * 2, 3, *COLUMN * 3)), "a tree of 2 splits and 3 leaves"),
        (model(tree=(0, 1, -2, -1, *REAL * 2)), "a leaf of 2 values, expected 4"),
        (model(anchors=(2, 0, 2)), "landmark 2 of 2"),
        (model(anchors=(1, 0)), r"1 cascades with \[1\] anchors and \[2\] offsets"),
        (model(more=(0,)), "1 integers follow the end of the model"),
    ],
)
def test_numbers_that_do_not_fit_each_other_are_refused(data, found):
    with pytest.raises(WeightsError, match=rf"^a: not a shape predictor that is safe to read \(.*{found}"):
        landmark_format.check("a", data)


def test_a_known_file_is_accepted_by_its_hash_and_no_other_file_is(monkeypatch):
    data = b"published"
    with pytest.raises(WeightsError):
        landmark_format.check("a", data)
    monkeypatch.setattr(landmark_format, "KNOWN", {sha256(data).hexdigest()})
    landmark_format.check("a", data)
    with pytest.raises(WeightsError):
        landmark_format.check("a", data + b"\x00")


def test_dlibs_published_model_passes_the_whole_check(root, monkeypatch):
    models = list((root / "results/weights").glob("landmarks-*.dat"))
    if not models:
        pytest.skip("needs dlib's landmark model: run `make demo`")
    data = models[0].read_bytes()
    assert sha256(data).hexdigest() in landmark_format.KNOWN
    monkeypatch.setattr(landmark_format, "KNOWN", frozenset())
    landmark_format.check("a", data)
