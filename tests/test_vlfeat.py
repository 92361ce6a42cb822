"""Dense SIFT against VLFeat on the same blocks of real faces."""

import numpy as np
import pytest
import skimage.data
import vlfeat
from skimage.transform import resize

from emotiw.video import dense_sift

CELL, STEP = 4, 8
MARGIN = (1 - CELL) / 2  # VLFeat's first cell is centred on the first pixel


@pytest.fixture(scope="module", autouse=True)
def _installed():
    try:
        vlfeat.library()
    except OSError as error:
        pytest.skip(f"needs VLFeat, in Debian the package libvlfeat1: {error}")


@pytest.fixture(scope="module")
def faces(root):
    """Faces of 64 px: fifty of FER2013, or where they are absent fifty of scikit-image's."""
    path = root.parent / "shared" / "data" / "faces" / "fer2013_train_public.npz"
    if path.exists():
        with np.load(path) as data:
            small = data["pixels"][::640][:50].astype(float)
    else:
        small = skimage.data.lfw_subset()[:50] * 255.0
    return resize(small, (50, 64, 64)).astype(np.float32)


def cosines(found, expected):
    return (found.reshape(expected.shape) * expected).sum(axis=-1)


def test_every_block_has_vlfeats_descriptor(faces):
    expected, _ = vlfeat.dense_sift(faces, step=STEP, cell=CELL)
    found = cosines(dense_sift.dense_sift(faces, block=4 * CELL, step=STEP, margin=MARGIN), expected)
    assert found.shape == (50, 49)
    assert found.mean() > 0.9999
    assert found.min() > 0.9995


def test_the_grid_is_vlfeats(faces):
    _, centres = vlfeat.dense_sift(faces[:1], step=STEP, cell=CELL)
    first = MARGIN + (4 * CELL - 1) / 2
    np.testing.assert_array_equal(
        centres, [(first + 8 * column, first + 8 * row) for row in range(7) for column in range(7)]
    )


@pytest.mark.parametrize(("block", "step"), [(12, 4), (24, 8)])
def test_other_sizes_agree_too(faces, block, step):
    expected, _ = vlfeat.dense_sift(faces[:10], step=step, cell=block // 4)
    found = dense_sift.dense_sift(faces[:10], block=block, step=step, margin=(1 - block / 4) / 2)
    assert cosines(found, expected).min() > 0.9995


@pytest.mark.parametrize("turn", [lambda x: x.transpose(0, 2, 1), lambda x: x[:, :, ::-1], lambda x: x[:, ::-1]])
def test_a_picture_that_is_turned_has_another_descriptor(faces, turn):
    expected, _ = vlfeat.dense_sift(faces, step=STEP, cell=CELL)
    found = dense_sift.dense_sift(turn(faces), block=4 * CELL, step=STEP, margin=MARGIN)
    assert cosines(found, expected).mean() < 0.9


def test_a_flat_window_is_another_descriptor(faces):
    flat, _ = vlfeat.dense_sift(faces, step=STEP, cell=CELL, flat_window=True)
    found = cosines(dense_sift.dense_sift(faces, block=4 * CELL, step=STEP, margin=MARGIN), flat)
    assert 0.97 < found.mean() < 0.9999
