"""Convolutions with fewer multiplications equal torch's, in any shape that AlexNet has and some that it has not."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from emotiw.video import winograd

TOLERANCE = 1e-5  # of the largest value; half precision, in which features are stored, rounds by 5e-4


@pytest.mark.parametrize("r", sorted(winograd.OUTPUTS))
def test_a_tile_in_one_dimension_is_the_correlation(r):
    rng = np.random.default_rng(r)
    m = winograd.OUTPUTS[r]
    a, g, b = winograd.transforms(m, r)
    values, taps = rng.normal(size=m + r - 1), rng.normal(size=r)
    np.testing.assert_allclose(a @ ((g @ taps) * (b @ values)), np.correlate(values, taps), rtol=1e-11, atol=1e-12)


def difference(convolution, maps):
    """Largest difference from double precision, as a share of the largest value."""
    expected = deepcopy(convolution).double()(maps.double())
    computed = winograd.WinogradConv2d(convolution)(maps)
    assert computed.shape == expected.shape
    return float((computed - expected).abs().max() / expected.abs().max())


@torch.inference_mode()
@pytest.mark.parametrize(
    ("maps_in", "maps_out", "side", "padding", "groups", "height", "width"),
    [
        (64, 192, 5, 2, 1, 27, 27),  # conv2 to conv5 of torchvision's AlexNet
        (192, 384, 3, 1, 1, 13, 13),
        (384, 256, 3, 1, 1, 13, 13),
        (256, 256, 3, 1, 1, 13, 13),
        (96, 256, 5, 2, 2, 27, 27),  # Caffe's two groups
        (384, 256, 3, 1, 2, 13, 13),
        (6, 8, 3, 0, 1, 11, 4),  # no padding, one tile and more than one
        (6, 9, 5, 1, 3, 5, 23),
    ],
)
def test_it_equals_a_direct_convolution(maps_in, maps_out, side, padding, groups, height, width):
    torch.manual_seed(maps_out)
    convolution = nn.Conv2d(maps_in, maps_out, side, padding=padding, groups=groups)
    assert difference(convolution, 300 * torch.rand(3, maps_in, height, width)) < TOLERANCE


@torch.inference_mode()
def test_maps_are_transformed_in_parts_of_the_batch(monkeypatch):
    torch.manual_seed(0)
    layer = winograd.WinogradConv2d(nn.Conv2d(4, 6, 3, padding=1))
    maps = torch.rand(7, 4, 10, 10)
    whole = layer(maps)
    monkeypatch.setattr(winograd, "AT_ONCE", 1)
    torch.testing.assert_close(layer(maps), whole, rtol=0, atol=1e-6)


@torch.inference_mode()
def test_a_convolution_without_bias_adds_nothing():
    torch.manual_seed(0)
    assert difference(nn.Conv2d(4, 6, 3, padding=1, bias=False), torch.rand(2, 4, 10, 10)) < TOLERANCE


def test_only_convolutions_that_it_can_compute_are_replaced():
    kept = [
        nn.Conv2d(3, 4, 11, padding=2),
        nn.Conv2d(4, 4, 3, stride=2),
        nn.Conv2d(4, 4, 3, dilation=2),
        nn.Conv2d(4, 4, (3, 5)),
        nn.Conv2d(4, 4, 3, padding=(0, 1)),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
    ]
    network = nn.Sequential(nn.Sequential(*kept), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1))
    changed = winograd.with_fewer_multiplications(network)
    assert changed is network
    assert list(changed[0]) == kept
    assert isinstance(changed[2], winograd.WinogradConv2d)
