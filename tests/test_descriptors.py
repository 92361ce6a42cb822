"""Dense SIFT, HOG and LBP-TOP: second implementations, identities, numbers that can be checked by hand."""

import numpy as np
import pytest
import skimage.data
from skimage.feature import hog as skimage_hog
from skimage.feature import local_binary_pattern

from emotiw.core.errors import FeatureError
from emotiw.video import dense_sift, grey, hog, lbp_top

SIFT = {"block": 16, "step": 8}
HOG = {"block": 16, "step": 8, "cell": 8, "bins": 9}


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (3, 64, 64)).astype(np.float32)


def test_grey_is_the_mean_luma_of_each_square():
    chips = np.zeros((1, 4, 4, 3), np.uint8)
    chips[0, :2, :2] = [[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]]
    np.testing.assert_allclose(grey.grey(chips, size=2)[0], [[255 / 2, 0], [0, 0]], atol=1e-4)


def test_grey_refuses_a_size_that_does_not_divide():
    with pytest.raises(FeatureError, match=r"100 x 100 px cannot be averaged to 64 px; make faces"):
        grey.grey(np.zeros((1, 100, 100, 3), np.uint8), size=64)


def sift_block(image, top, left):
    """One block, sample by sample; cells reach 2 px beyond the block, and the edge's gradients beyond the picture."""
    dy, dx = np.gradient(image.astype(float))
    histogram = np.zeros((4, 4, 8))
    for y in range(-3, 19):
        for x in range(-3, 19):
            inside = tuple(np.clip((top + y, left + x), 0, 63))
            gx, gy = dx[inside], dy[inside]
            weight = np.hypot(gx, gy) * np.exp(-((y - 7.5) ** 2 + (x - 7.5) ** 2) / (2 * 8**2))
            position = (np.arctan2(gy, gx) / (np.pi / 4)) % 8
            for row in range(4):
                for column in range(4):
                    near = max(0, 1 - abs(y - 4 * row - 1.5) / 4) * max(0, 1 - abs(x - 4 * column - 1.5) / 4)
                    low = int(position) % 8
                    histogram[row, column, low] += weight * near * (1 - position % 1)
                    histogram[row, column, (low + 1) % 8] += weight * near * (position % 1)
    unit = histogram / np.linalg.norm(histogram)
    clipped = np.minimum(unit, 0.2)
    return (clipped / np.linalg.norm(clipped)).ravel()


@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 5), (6, 6)])
def test_dense_sift_equals_a_loop_over_samples(images, row, column):
    computed = dense_sift.dense_sift(images, **SIFT).reshape(3, 7, 7, 128)[1, row, column]
    np.testing.assert_allclose(computed, sift_block(images[1], 8 * row, 8 * column), atol=1e-5)


def test_dense_sift_ignores_brightness_and_contrast(images):
    computed = dense_sift.dense_sift(images, **SIFT)
    np.testing.assert_allclose(dense_sift.dense_sift(2 * images + 30, **SIFT), computed, atol=1e-5)
    assert computed.shape == (3, 6272)


def test_dense_sift_blocks_have_norm_one(images):
    blocks = dense_sift.dense_sift(images, **SIFT).reshape(-1, 128)
    np.testing.assert_allclose(np.linalg.norm(blocks, axis=1), 1, atol=1e-5)


def test_a_ramp_to_the_right_has_orientation_zero_only():
    ramp = np.tile(np.arange(64, dtype=np.float32), (1, 64, 1))
    computed = dense_sift.dense_sift(ramp, **SIFT).reshape(-1, 8)
    assert (computed[:, 0] > 0).all()
    assert not computed[:, 1:].any()


def test_flat_blocks_are_zero():
    assert not dense_sift.dense_sift(np.full((1, 64, 64), 7.0), **SIFT).any()


def hog_by_hand(image):
    """HOG from its definition: hard bins, cells of 8 px, L2-Hys over 2 x 2 cells."""
    dy, dx = np.zeros((2, 64, 64))
    dy[1:-1], dx[:, 1:-1] = image[2:] - image[:-2], image[:, 2:] - image[:, :-2]
    bins = (np.rad2deg(np.arctan2(dy, dx)) % 180 // 20).astype(int) % 9
    magnitude = np.hypot(dy, dx)[..., None] * (bins[..., None] == np.arange(9))
    cells = magnitude.reshape(8, 8, 8, 8, 9).mean(axis=(1, 3))
    blocks = (
        np.lib.stride_tricks.sliding_window_view(cells, (2, 2), axis=(0, 1)).transpose(0, 1, 3, 4, 2).reshape(49, 36)
    )
    blocks = np.minimum(blocks / np.sqrt((blocks**2).sum(1, keepdims=True) + 1e-10), 0.2)
    return (blocks / np.sqrt((blocks**2).sum(1, keepdims=True) + 1e-10)).ravel()


def test_hog_equals_its_definition():
    images = np.random.default_rng(1).uniform(0, 255, (2, 64, 64))
    computed = hog.hog(images, **HOG)
    assert computed.shape == (2, 1764)
    np.testing.assert_allclose(computed, [hog_by_hand(image) for image in images], atol=1e-6)


@pytest.mark.parametrize("bins", [8, 9])
@pytest.mark.parametrize(("size", "block", "cell"), [(64, 16, 8), (64, 24, 8), (60, 16, 8), (20, 4, 4)])
@pytest.mark.parametrize("pictures", ["noise", "grey levels", "photograph"])
def test_hog_equals_that_of_scikit_image(pictures, size, block, cell, bins):
    images = {
        "noise": np.random.default_rng(4).uniform(0, 255, (3, size, size)).astype(np.float32),
        "grey levels": np.random.default_rng(5).integers(0, 4, (3, size, size)).astype(np.float32),
        "photograph": skimage.data.camera()[None, 100 : 100 + size, 200 : 200 + size].astype(np.float32),
    }[pictures]
    cells = (block // cell, block // cell)
    options = {"orientations": bins, "pixels_per_cell": (cell, cell), "cells_per_block": cells}
    expected = [skimage_hog(image, block_norm="L2-Hys", **options) for image in images]
    computed = hog.hog(images, block=block, step=cell, cell=cell, bins=bins)
    np.testing.assert_allclose(computed, expected, atol=1e-6)


def test_hog_of_a_flat_face_is_zero():
    assert not hog.hog(np.full((1, 64, 64), 7.0), **HOG).any()


def test_hog_refuses_a_grid_that_cells_do_not_tile(images):
    with pytest.raises(FeatureError, match=r"hog: step 4, cell 8, block 16 px; step must equal cell"):
        hog.hog(images, **HOG | {"step": 4})


@pytest.mark.parametrize(("axes", "other"), [((1, 2), 0), ((0, 2), 1), ((0, 1), 2)], ids=["XY", "XT", "YT"])
def test_codes_equal_those_of_scikit_image_on_each_plane(axes, other):
    volume = np.random.default_rng(2).permutation(9 * 10 * 11).reshape(9, 10, 11)
    planes = [local_binary_pattern(plane, 8, 1, "nri_uniform")[1:-1, 1:-1] for plane in np.moveaxis(volume, other, 0)]
    expected = np.moveaxis(np.array(planes[1:-1]), 0, other)
    np.testing.assert_array_equal(lbp_top.lbp_codes(volume, axes), expected)


def test_a_flat_volume_has_the_code_of_ones():
    assert (lbp_top.lbp_codes(np.full((3, 5, 5), 0.1, np.float32), (1, 2)) == 57).all()


def test_lbp_top_is_a_histogram_of_codes_on_each_block_and_plane():
    sequence = np.random.default_rng(3).uniform(0, 255, (6, 64, 64)).astype(np.float32)
    computed = lbp_top.lbp_top(sequence, grid=4).reshape(4, 4, 3, 59)
    np.testing.assert_allclose(computed.sum(axis=-1), 1, rtol=1e-5)
    codes = lbp_top.lbp_codes(sequence, (0, 2))[:, 15:31, 47:]  # rows 16 to 31, columns 48 to 62 of the picture
    expected = np.bincount(codes.ravel(), minlength=59) / codes.size
    np.testing.assert_allclose(computed[1, 3, 1], expected, rtol=1e-5)


def test_lbp_top_needs_three_frames(images):
    assert lbp_top.lbp_top(images, grid=4).shape == (4 * 4 * 3 * 59,)
    with pytest.raises(FeatureError, match=r"LBP-TOP of 2 frames; it needs at least 3"):
        lbp_top.lbp_top(images[:2], grid=4)
