"""AlexNet's convolution part against NumPy, and its independence of the composition of batches and of the device."""

import numpy as np
import pytest
import torch

from emotiw.core import agreement
from emotiw.core.errors import FeatureError
from emotiw.video import alexnet
from emotiw.weights.loading import ALEXNET_SHAPES

BATCHES = {"batch_size": 4, "crop": 227}
CAFFE_MEAN = [104.00698793, 116.66876762, 122.67891434]


@pytest.fixture(scope="module")
def arrays():
    """Random weights of each layout, small enough that values stay in range."""
    rng = np.random.default_rng(0)
    computed = {
        layout: {name: rng.normal(0, 0.03, shape).astype(np.float32) for name, shape in shapes.items()}
        for layout, shapes in ALEXNET_SHAPES.items()
    }
    for layout in ("caffe", "caffenet"):
        computed[layout]["mean"] = np.array(CAFFE_MEAN, np.float32)
    return computed


@pytest.fixture(scope="module")
def model(arrays):
    return alexnet.alexnet(arrays["torchvision"], layout="torchvision")


@pytest.fixture(scope="module")
def chips():
    return np.random.default_rng(1).integers(0, 256, (6, 128, 128, 3), dtype=np.uint8)


def windows(maps, size, stride):
    view = np.lib.stride_tricks.sliding_window_view(maps, (size, size), axis=(1, 2))
    return view[:, ::stride, ::stride]  # (channel, row, column, size, size)


def convolve(maps, weight, bias, *, stride=1, pad=0):
    """Convolve by filters in as many groups as their depth tells, and cut negative values off."""
    maps = np.pad(maps, ((0, 0), (pad, pad), (pad, pad)))
    n_groups = len(maps) // weight.shape[1]
    sums = [
        np.tensordot(w, windows(part, w.shape[2], stride), axes=([1, 2, 3], [0, 3, 4]))
        for part, w in zip(np.split(maps, n_groups), np.split(weight, n_groups), strict=True)
    ]
    return np.maximum(np.concatenate(sums) + bias[:, None, None], 0)


def pooled(maps):
    """Largest values of 3 x 3 windows at every second place."""
    return windows(maps, 3, 2).max(axis=(3, 4))


def pooled_beyond(maps):
    """As `pooled`, but the last windows may reach beyond the border, as in Caffe."""
    rest = -(maps.shape[1] - 3) % 2
    return pooled(np.pad(maps, ((0, 0), (0, rest), (0, rest)), constant_values=-np.inf))


def normalised(maps):
    """Local response normalisation as Caffe documents it, channel by channel."""
    sums = [(maps[max(0, c - 2) : c + 3] ** 2).sum(axis=0) for c in range(len(maps))]
    return maps / (1 + 1e-4 / 5 * np.array(sums)) ** 0.75


def torchvision_in_numpy(image, arrays):
    """Maps of every layer by name."""
    maps = ((image / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).transpose(2, 0, 1)
    computed = {}
    for number, (layer, stride, pad) in enumerate([(0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)], 1):
        weight, bias = arrays[f"features.{layer}.weight"], arrays[f"features.{layer}.bias"]
        maps = computed[f"conv{number}"] = convolve(maps, weight, bias, stride=stride, pad=pad)
        if number in (1, 2, 5):
            maps = computed[f"pool{number}"] = pooled(maps)
    return computed


def caffe_in_numpy(image, arrays, order=("norm", "pool")):
    """Maps of every layer by name: blue, green, red; two groups in the second, fourth and fifth convolution."""
    maps = (image[:, :, ::-1] - CAFFE_MEAN).transpose(2, 0, 1)
    computed = {}
    for number, (stride, pad) in enumerate([(4, 0), (1, 2), (1, 1), (1, 1), (1, 1)], 1):
        weight, bias = arrays[f"conv{number}.weight"], arrays[f"conv{number}.bias"]
        maps = computed[f"conv{number}"] = convolve(maps, weight, bias, stride=stride, pad=pad)
        for step in {1: order, 2: order, 5: ("pool",)}.get(number, ()):
            maps = computed[f"{step}{number}"] = (pooled_beyond if step == "pool" else normalised)(maps)
    return computed


def caffenet_in_numpy(image, arrays):
    return caffe_in_numpy(image, arrays, order=("pool", "norm"))


IN_NUMPY = {"torchvision": torchvision_in_numpy, "caffe": caffe_in_numpy, "caffenet": caffenet_in_numpy}


@pytest.mark.parametrize("crop", [224, 227])
@pytest.mark.parametrize("layout", alexnet.LAYOUTS)
def test_every_layer_equals_a_numpy_implementation(arrays, layout, crop):
    # a face of 256 px is not scaled, so that only the crop and the network are compared
    face = np.random.default_rng(2).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    start = (256 - crop) // 2
    expected = IN_NUMPY[layout](face[start : start + crop, start : start + crop], arrays[layout])
    for layer in alexnet.LAYOUTS[layout].ENDS:
        model = alexnet.alexnet(arrays[layout], layout=layout, layer=layer)
        computed = alexnet.features(face[None], model, batch_size=1, crop=crop)[0]
        values = expected[layer].ravel()
        np.testing.assert_allclose(computed, values, rtol=1e-3, atol=1e-5 * values.max(), err_msg=layer)
    assert expected["pool5"].shape == (256, 6, 6)


def test_maps_have_the_sizes_of_caffes_network(arrays):
    images = torch.zeros(1, 3, 227, 227)
    sizes = {
        layer: tuple(alexnet.alexnet(arrays["caffe"], layout="caffe", layer=layer)(images).shape[1:])
        for layer in alexnet.CaffeAlexNet.ENDS
    }
    assert sizes == {
        "pool1": (96, 27, 27),
        "pool2": (256, 13, 13),
        "conv3": (384, 13, 13),
        "conv4": (384, 13, 13),
        "conv5": (256, 13, 13),
        "pool5": (256, 6, 6),
    }


@pytest.mark.parametrize("n_channels", [2, 4, 96])
def test_normalisation_equals_torchs(n_channels):
    maps = torch.rand(2, n_channels, 5, 4, generator=torch.Generator().manual_seed(0)) * 300
    expected = torch.nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)(maps)
    torch.testing.assert_close(alexnet.LocalResponseNorm()(maps), expected, rtol=1e-6, atol=0)


def test_normalisation_can_be_trained():
    maps = torch.rand(1, 6, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 100
    assert torch.autograd.gradcheck(alexnet.LocalResponseNorm(), maps.requires_grad_())


@pytest.mark.parametrize("side", [64, 128, 192, 512])
def test_a_face_is_scaled_as_with_a_low_pass(side):
    faces = torch.randint(0, 256, (2, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images = faces.permute(0, 3, 1, 2).to(torch.float32)
    expected = torch.nn.functional.interpolate(images, size=(256, 256), mode="bilinear", antialias=True)
    torch.testing.assert_close(alexnet._centres(faces, 227), expected[:, :, 14:241, 14:241], rtol=1e-5, atol=1e-4)


def test_a_face_has_the_same_features_in_any_batch(model, chips):
    together = alexnet.features(chips, model, **BATCHES)
    alone = np.concatenate([alexnet.features(chip[None], model, **BATCHES) for chip in chips])
    assert together.shape == (6, 9216)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together, alone, atol=1e-5 * np.abs(alone).max())


def test_a_repeat_gives_the_same_bits(model, chips):
    np.testing.assert_array_equal(alexnet.features(chips, model, **BATCHES), alexnet.features(chips, model, **BATCHES))


def test_no_face_gives_no_rows(model, chips):
    assert alexnet.features(chips[:0], model, **BATCHES).shape == (0, 9216)


@pytest.mark.parametrize(
    "bad", [np.zeros((1, 64, 64, 3)), np.zeros((1, 64, 64), np.uint8), np.zeros((1, 64, 64, 4), np.uint8)]
)
def test_other_pictures_than_8_bit_rgb_are_refused(model, bad):
    with pytest.raises(FeatureError, match=r"expected uint8 of shape"):
        alexnet.features(bad, model, **BATCHES)


def test_an_unknown_layout_is_refused(arrays):
    with pytest.raises(FeatureError, match=r"cnn.layout is 'vgg'; expected one of torchvision, caffe, caffenet"):
        alexnet.alexnet(arrays["torchvision"], layout="vgg")


def test_an_unknown_layer_is_refused(arrays):
    with pytest.raises(FeatureError, match=r"cnn.layer is 'conv1'; expected one of pool1, pool2, conv3"):
        alexnet.alexnet(arrays["caffe"], layout="caffe", layer="conv1")


@pytest.mark.parametrize("layout", alexnet.LAYOUTS)
def test_the_layers_are_those_that_weights_are_checked_for(layout):
    state = alexnet.LAYOUTS[layout]().state_dict()
    assert {name: tuple(values.shape) for name, values in state.items()} == ALEXNET_SHAPES[layout]


@pytest.mark.parametrize("layout", alexnet.LAYOUTS)
def test_fewer_multiplications_give_the_same_features_up_to_rounding(arrays, chips, layout):
    model = alexnet.alexnet(arrays[layout], layout=layout)
    ready = alexnet.on_device(model, torch.device("cpu"))
    expected, computed = (alexnet.features(chips, network, **BATCHES) for network in (model, ready))
    assert not np.array_equal(computed, expected)  # another way to compute
    np.testing.assert_allclose(computed, expected, rtol=0, atol=1e-5 * expected.max())
    np.testing.assert_array_equal(computed, alexnet.features(chips, ready, **BATCHES))


def test_features_in_bfloat16_are_near_those_in_float32(model, chips):
    narrow = alexnet.on_device(model, torch.device("cpu"), "bfloat16")
    expected, computed = (alexnet.features(chips[:1], network, **BATCHES) for network in (model, narrow))
    assert computed.dtype == np.float32
    assert 1e-4 < np.abs(computed - expected).max() / expected.max() < 2e-2
    assert np.sum(computed * expected) > 0.999 * np.linalg.norm(computed) * np.linalg.norm(expected)


def test_the_last_batch_is_filled_up_to_a_multiple_of_four_faces(chips):
    sizes = []

    class Network(torch.nn.Linear):
        def forward(self, images):
            sizes.append(len(images))
            return images[:, 0, :2, :2]

    features = alexnet.features(np.concatenate([chips, chips[:3]]), Network(1, 1), batch_size=6, crop=227)
    assert features.shape == (9, 4)
    assert sizes == [6, 4]


@pytest.mark.parametrize("layout", alexnet.LAYOUTS)
def test_a_gpu_gives_the_features_of_the_cpu(arrays, chips, layout):
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU that torch sees")
    model = alexnet.alexnet(arrays[layout], layout=layout)
    moved = alexnet.on_device(model, torch.device("cuda"))
    expected, computed = (alexnet.features(chips, network, **BATCHES) for network in (model, moved))
    np.testing.assert_allclose(computed, expected, rtol=0, atol=agreement.AGREEMENT * expected.max())
    np.testing.assert_array_equal(computed, alexnet.features(chips, moved, **BATCHES))
