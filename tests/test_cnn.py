"""AlexNet's convolution part against NumPy, and its independence of the composition of batches."""

import numpy as np
import pytest

from emotiw import cnn
from emotiw.errors import FeatureError
from emotiw.weights import ALEXNET_SHAPES

POOL5 = {"batch_size": 4, "crop": 227}


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    shapes = ALEXNET_SHAPES["torchvision"].items()
    return {name: rng.normal(0, 0.03, shape).astype(np.float32) for name, shape in shapes}


@pytest.fixture(scope="module")
def model(arrays):
    return cnn.alexnet(arrays, layout="torchvision")


@pytest.fixture(scope="module")
def chips():
    return np.random.default_rng(1).integers(0, 256, (6, 128, 128, 3), dtype=np.uint8)


def windows(maps, size, stride):
    view = np.lib.stride_tricks.sliding_window_view(maps, (size, size), axis=(1, 2))
    return view[:, ::stride, ::stride]  # (channel, row, column, size, size)


def convolve(maps, weight, bias, stride, pad):
    maps = np.pad(maps, ((0, 0), (pad, pad), (pad, pad)))
    sums = np.tensordot(weight, windows(maps, weight.shape[2], stride), axes=([1, 2, 3], [0, 3, 4]))
    return np.maximum(sums + bias[:, None, None], 0)


def alexnet_in_numpy(image, arrays):
    maps = (image / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    maps = maps.transpose(2, 0, 1).astype(np.float32)
    for layer, stride, pad in [(0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)]:
        maps = convolve(maps, arrays[f"features.{layer}.weight"], arrays[f"features.{layer}.bias"], stride, pad)
        if layer in (0, 3, 10):
            maps = windows(maps, 3, 2).max(axis=(3, 4))
    return maps.ravel()


def test_pool5_equals_a_numpy_implementation(arrays, model):
    # a face of 256 px is not scaled, so that only the crop and the network are compared
    face = np.random.default_rng(2).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    found = cnn.pool5(face[None], model, **POOL5)[0]
    expected = alexnet_in_numpy(face[14:241, 14:241], arrays)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_a_face_has_the_same_features_in_any_batch(model, chips):
    together = cnn.pool5(chips, model, **POOL5)
    alone = np.concatenate([cnn.pool5(chip[None], model, **POOL5) for chip in chips])
    assert together.shape == (6, 9216)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together, alone, atol=1e-5 * np.abs(alone).max())


def test_a_repeat_gives_the_same_bits(model, chips):
    np.testing.assert_array_equal(cnn.pool5(chips, model, **POOL5), cnn.pool5(chips, model, **POOL5))


def test_no_face_gives_no_rows(model, chips):
    assert cnn.pool5(chips[:0], model, **POOL5).shape == (0, 9216)


@pytest.mark.parametrize(
    "bad", [np.zeros((1, 64, 64, 3)), np.zeros((1, 64, 64), np.uint8), np.zeros((1, 64, 64, 4), np.uint8)]
)
def test_other_pictures_than_8_bit_rgb_are_refused(model, bad):
    with pytest.raises(FeatureError, match=r"expected uint8 of shape"):
        cnn.pool5(bad, model, **POOL5)


def test_an_unknown_layout_is_refused(arrays):
    with pytest.raises(FeatureError, match=r"cnn.layout is 'caffe'; known are torchvision"):
        cnn.alexnet(arrays, layout="caffe")


@pytest.mark.parametrize("layout", cnn.LAYOUTS)
def test_the_layers_are_those_that_weights_are_checked_for(layout):
    state = cnn.LAYOUTS[layout]().state_dict()
    assert {name: tuple(values.shape) for name, values in state.items()} == ALEXNET_SHAPES[layout]
