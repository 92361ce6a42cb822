"""FER2013 in the three forms in which it is found, and its division without a picture in two parts."""

import csv

import numpy as np
import pytest
from PIL import Image

from emotiw.core.emotions import EMOTIONS
from emotiw.core.errors import WeightsError
from emotiw.core.files import content_sha256
from emotiw.weights import fer2013


def read(path):
    return fer2013.read(path, content_sha256(path) if path.exists() else "")


def pictures(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 48, 48), dtype=np.uint8)


def write_csv(path, pixels, label, usage, header=("emotion", "pixels", "Usage")):
    values = {"emotion": label, "pixels": [" ".join(map(str, p.ravel())) for p in pixels], "usage": usage}
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(zip(*(values[name.strip().lower()] for name in header), strict=True))
    return path


@pytest.fixture
def few():
    return pictures(4), np.array([0, 3, 4, 6]), np.array(["Training", "Training", "PublicTest", "PrivateTest"])


@pytest.mark.parametrize("header", [("emotion", "pixels", "Usage"), ("emotion", " Usage", " pixels")])
def test_the_official_table_is_read_in_either_order_of_its_columns(tmp_path, few, header):
    found = read(write_csv(tmp_path / "fer2013.csv", *few, header=header))
    np.testing.assert_array_equal(found.pixels, few[0])
    assert [EMOTIONS[i] for i in found.label] == ["anger", "happiness", "sadness", "neutral"]
    assert found.usage.tolist() == few[2].tolist()


def test_an_archive_is_read_as_the_table_is(tmp_path, few):
    np.savez(tmp_path / "faces.npz", pixels=few[0], label=few[1].astype(np.uint8), usage=few[2])
    found = read(tmp_path / "faces.npz")
    expected = read(write_csv(tmp_path / "fer2013.csv", *few))
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    np.testing.assert_array_equal(found.label, expected.label)


def test_a_folder_of_pictures_is_read(tmp_path, few):
    for pixels, folder in zip(few[0], ["train/angry", "train/happy", "test/sad", "PrivateTest/neutral"], strict=True):
        (tmp_path / folder).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / folder / "1.png")
    (tmp_path / "train/angry/Thumbs.db").write_bytes(b"")
    found = read(tmp_path)
    assert sorted(zip(found.usage.tolist(), [EMOTIONS[i] for i in found.label], strict=True)) == [
        ("PrivateTest", "neutral"), ("Test", "sadness"), ("Training", "anger"), ("Training", "happiness"),
    ]  # fmt: skip
    by_name = {EMOTIONS[label]: pixels for label, pixels in zip(found.label, found.pixels, strict=True)}
    np.testing.assert_array_equal(by_name["anger"], few[0][0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("emotion,pixels\n", "line 1: columns emotion, pixels; expected emotion, pixels, Usage"),
        ("emotion,pixels,Usage\n0,1 2 3,Training\n", "line 2: cannot reshape array of size 3"),
        ("emotion,pixels,Usage\nx," + "0 " * 2304 + ",Training\n", "line 2: invalid literal for int"),
        ("emotion,pixels,Usage\n0," + "300 " * 2304 + ",Training\n", "line 2: .*expected a class, 2304 grey levels"),
        ("emotion,pixels,Usage\n7," + "0 " * 2304 + ",Training\n", "picture 0 has label 7; expected 0 to 6"),
        ("emotion,pixels,Usage\n0," + "0 " * 2304 + ",PublicTest\n", "no picture has the usage 'Training'"),
        ("emotion,pixels,Usage\n0\n", "line 2: list index out of range"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, text, message):
    (tmp_path / "fer2013.csv").write_text(text)
    with pytest.raises(WeightsError, match=message):
        read(tmp_path / "fer2013.csv")


def test_wrong_archives_are_refused(tmp_path, few):
    path = tmp_path / "faces.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="unreadable"):
        read(path)
    np.savez(path, pixels=few[0][:, :40], label=few[1], usage=few[2])
    with pytest.raises(WeightsError, match=r"pixels are uint8 of \(4, 40, 48\) with 4 labels"):
        read(path)


def test_wrong_folders_are_refused(tmp_path, few):
    (tmp_path / "train/joy").mkdir(parents=True)
    file = tmp_path / "train/joy/1.png"
    Image.fromarray(few[0][0]).save(file)
    with pytest.raises(WeightsError, match=r"1\.png: lies in train/joy; expected a usage"):
        read(tmp_path)
    file = file.rename(tmp_path / "train/happy.png")
    (tmp_path / "train/happy").mkdir()
    file = file.rename(tmp_path / "train/happy/1.png")
    Image.fromarray(few[0][0][:40]).save(file)
    with pytest.raises(WeightsError, match=r"1\.png: 48 x 40 px; expected 48 x 48"):
        read(tmp_path)
    file.write_bytes(b"not a picture")
    with pytest.raises(WeightsError, match=r"1\.png: not a picture"):
        read(tmp_path)


def test_what_is_missing_or_something_else_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"missing; correct fine_tuning\.faces\.path"):
        read(tmp_path / "fer2013.csv")
    (tmp_path / "faces.txt").write_text("")
    with pytest.raises(WeightsError, match=r"expected fer2013\.csv, an \.npz archive or a folder"):
        read(tmp_path / "faces.txt")


def test_what_was_altered_is_refused(tmp_path, few):
    path = write_csv(tmp_path / "fer2013.csv", *few)
    with pytest.raises(WeightsError, match=r"fer2013\.csv: sha256 [0-9a-f]{64}, expected 00; the data were altered"):
        fer2013.read(path, "00")


@pytest.fixture(scope="module")
def repeated():
    """Thirty pictures of each class for training; of every class one is repeated, and one equals a scored picture."""
    pixels, label = pictures(7 * 30), np.repeat(np.arange(7), 30)
    extra = np.arange(7) * 30
    all_pixels = np.concatenate([pixels, pixels[extra], pixels[extra + 1]])
    usage = np.array(["Training"] * (len(label) + 7) + ["PublicTest"] * 7)
    return fer2013.Faces(all_pixels, np.concatenate([label, label[extra], label[extra + 1]]), usage)


def keys(faces):
    return {pixels.tobytes() for pixels in faces.pixels}


def test_no_picture_is_in_two_parts(repeated):
    for seed in range(5):
        parts = fer2013.divide(repeated, 0.1, seed=seed)
        assert not keys(parts.train) & keys(parts.validation)
        assert not (keys(parts.train) | keys(parts.validation)) & keys(parts.scored["PublicTest"])
        assert parts.n_dropped == 7
        assert len(parts.train) + len(parts.validation) == 7 * 30
        assert set(np.bincount(parts.validation.label)) <= {2, 3, 4}


def test_the_division_is_drawn_by_the_seed(repeated):
    first, again, other = (fer2013.divide(repeated, 0.1, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.validation.pixels, again.validation.pixels)
    assert keys(first.validation) != keys(other.validation)


def test_a_class_with_too_few_pictures_is_named(repeated):
    few = repeated[repeated.label != EMOTIONS.index("disgust")]
    with pytest.raises(WeightsError, match="0 usable training pictures of disgust; expected at least 10"):
        fer2013.divide(few, 0.1, seed=0)
