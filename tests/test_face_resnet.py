"""dlib's network for face recognition: its file read, and its layers against definitions in NumPy."""

import os
from pathlib import Path

import dlib
import numpy as np
import pytest
import torch

from emotiw.core.errors import WeightsError
from emotiw.video import expression_network
from emotiw.weights import expression_layers, face_resnet
from expression_fixtures import base_arrays, dlib_file, small  # noqa: F401

pytestmark = pytest.mark.usefixtures("small")


def test_a_file_of_dlib_is_read_layer_by_layer():
    arrays = base_arrays()
    found = face_resnet.from_dlib("mine.dat", dlib_file(arrays))
    assert list(found) == list(expression_layers.pretrained_shapes())
    for name, values in arrays.items():
        np.testing.assert_array_equal(found[name], values)


def test_the_published_network_has_27_convolutions_and_13_blocks(monkeypatch):
    monkeypatch.undo()
    assert (len(list(expression_layers.layers())), len(list(expression_layers.blocks()))) == (27, 13)
    learnt = sum(int(np.prod(shape)) for shape in expression_layers.pretrained_shapes().values())
    assert learnt == 4_400_640  # the numbers of values that the published file holds for these layers


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[: len(data) // 2], r"mine\.dat: (cut short or damaged at byte|has no layer)"),
        (lambda data: b"", r"has no layer 'con_4' after byte 0; expected dlib_face_recognition_resnet_model_v1\.dat"),
        (lambda data: data.replace(b"con_4", b"con_3"), r"has no layer 'con_4' after byte 0"),
        (lambda data: data[:60], r"cut short or damaged at byte \d+; delete it"),
    ],
)
def test_a_damaged_file_is_refused(change, message):
    with pytest.raises(WeightsError, match=message):
        face_resnet.from_dlib("mine.dat", change(dlib_file(base_arrays())))


def test_every_cut_is_an_error_of_weights_and_no_other():
    data = dlib_file(base_arrays())
    for length in [*range(0, 120), *range(1000, len(data), len(data) // 40)]:
        with pytest.raises(WeightsError):
            face_resnet.from_dlib("mine.dat", data[:length])


def test_another_network_is_named(monkeypatch):
    data = dlib_file(base_arrays())
    monkeypatch.setattr(expression_layers, "LEVELS", ((1, 32, False), (1, 48, True), (1, 40, True), (1, 256, True)))
    with pytest.raises(WeightsError, match=r"blocks\.1\.0 has \d+ and 64 values, expected \d+ and 96: another network"):
        face_resnet.from_dlib("mine.dat", data)


def test_nan_is_refused():
    arrays = base_arrays()
    arrays["blocks.2.1.shift"][3] = np.nan
    with pytest.raises(WeightsError, match=r"blocks\.2\.1\.shift holds NaN or infinity"):
        face_resnet.from_dlib("mine.dat", dlib_file(arrays))


# --- the layers, written out after dlib's documentation --------------------------------------------------------------


def convolved(maps, weight, bias, stride, padding):
    """Correlate maps (channels, height, width) with filters (out, in, k, k)."""
    maps = np.pad(maps, ((0, 0), (padding, padding), (padding, padding)))
    kernel = weight.shape[2]
    windows = np.lib.stride_tricks.sliding_window_view(maps, (kernel, kernel), axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("ihwkl,oikl->ohw", windows, weight) + bias[:, None, None]


def layer(arrays, name, maps, stride, padding):
    output = convolved(maps, arrays[f"{name}.weight"].astype(float), arrays[f"{name}.bias"], stride, padding)
    return output * arrays[f"{name}.scale"][:, None, None] + arrays[f"{name}.shift"][:, None, None]


def features(arrays, picture):
    """Feature of a colour picture (height, width, 3) by dlib's layers."""
    maps = (picture.transpose(2, 0, 1) - np.array([122.782, 117.001, 104.298])[:, None, None]) / 256
    maps = np.maximum(layer(arrays, "stem", maps, 2, 0), 0)
    windows = np.lib.stride_tricks.sliding_window_view(maps, (3, 3), axis=(1, 2))[:, ::2, ::2]
    maps = windows.max(axis=(3, 4))
    for number, (_, filters, halves) in enumerate(expression_layers.blocks()):
        output = np.maximum(layer(arrays, f"blocks.{number}.0", maps, 2 if halves else 1, 0 if halves else 1), 0)
        output = layer(arrays, f"blocks.{number}.1", output, 1, 1)
        if halves:
            height, width = maps.shape[1] // 2, maps.shape[2] // 2
            even = maps[:, : 2 * height, : 2 * width]
            maps = even.reshape(len(maps), height, 2, width, 2).mean(axis=(2, 4))
        joined = np.zeros((filters, *(max(maps.shape[i], output.shape[i]) for i in (1, 2))))
        joined[: len(maps), : maps.shape[1], : maps.shape[2]] += maps
        joined[:, : output.shape[1], : output.shape[2]] += output
        maps = np.maximum(joined, 0)
    return maps.mean(axis=(1, 2))


DLIB = "EMOTIW_DLIB_RESNET"  # environment: path of dlib_face_recognition_resnet_model_v1.dat


@pytest.mark.skipif(DLIB not in os.environ, reason=f"{DLIB} names no file of dlib's network")
def test_the_published_network_gives_dlibs_own_descriptors(monkeypatch):
    """With the last block and the last layer, which training does not use."""
    monkeypatch.undo()
    monkeypatch.setattr(expression_layers, "LEVELS", (*expression_layers.LEVELS, (1, 256, True)))
    data = Path(os.environ[DLIB]).read_bytes()
    arrays = face_resnet.from_dlib(DLIB, data)
    place = data.rindex(b"fc_2") + 4
    for _ in range(7):  # outputs, inputs, version and sizes of the tensor
        _, place = face_resnet._integer(DLIB, data, place)
    last = np.frombuffer(data, "<f4", 256 * 128, place).reshape(256, 128)
    rng = np.random.default_rng(0)
    pictures = np.repeat(rng.integers(0, 256, (2, 15, 15, 1), dtype=np.uint8), 3, axis=3).repeat(10, 1).repeat(10, 2)
    images = torch.from_numpy(pictures[..., 0].astype(np.float32))[:, None]
    model = expression_network.pretrained(arrays, dropout=0.0, seed=0)
    expression_network.calibrate(model, images)
    found = model.eval().features(images).detach().numpy() @ last
    own = dlib.face_recognition_model_v1(os.environ[DLIB])
    expected = np.array([own.compute_face_descriptor(picture) for picture in pictures])
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("size", [67, 100, 113])
def test_the_trunk_on_a_grey_picture_is_dlibs_on_the_same_picture_in_colour(size):
    arrays, picture = base_arrays(), np.random.default_rng(1).integers(0, 256, (size, size), dtype=np.uint8)
    model = expression_network.pretrained(arrays, dropout=0.0, seed=0)
    images = torch.from_numpy(picture.astype(np.float32))[None, None]
    expression_network.calibrate(model, images.repeat(2, 1, 1, 1))
    with torch.no_grad():
        found = model.eval().features(images)[0].numpy()
    expected = features(arrays, np.stack([picture] * 3, axis=2).astype(float))
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())
