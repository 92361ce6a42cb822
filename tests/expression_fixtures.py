"""A small network with the layers of the expression network, and its file in dlib's format."""

import numpy as np
import pytest

from emotiw.weights import expression_layers

LEVELS = ((1, 32, False), (1, 32, True), (1, 40, True), (1, 256, True))  # the last decides the width of the feature


@pytest.fixture
def small(monkeypatch):
    """Few blocks and filters, for speed: nothing else depends on their number."""
    monkeypatch.setattr(expression_layers, "LEVELS", LEVELS)


def base_arrays(seed=0):
    """Random arrays of dlib's layers, of a size that keeps the maps near one."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, shape in expression_layers.pretrained_shapes().items():
        if name.endswith(".weight"):
            values = rng.normal(0, np.prod(shape[1:]) ** -0.5, shape)
        else:
            values = rng.normal(1.0 if name.endswith(".scale") else 0.0, 0.1, shape)
        arrays[name] = values.astype(np.float32)
    return arrays


def integer(value):
    """Write an integer as dlib does: the number of bytes, and these bytes, the lowest first."""
    data = value.to_bytes((max(value.bit_length(), 1) + 7) // 8, "little")
    return bytes([len(data)]) + data


def dlib_file(arrays):
    """Content of a file of dlib's with these layers, and bytes between them that are neither."""
    data = [b"\x01\x01 settings of other layers "]
    for name, _ in expression_layers.layers():
        filters, affine = ([arrays[f"{name}.{kind}"].ravel() for kind in kinds] for kinds in KINDS)
        for kind, values in ((b"con_4", filters), (b"affine_", affine)):
            joined = np.concatenate(values).astype("<f4")
            sizes = b"".join(map(integer, (2, len(joined), 1, 1, 1)))
            data += [integer(len(kind)), kind, sizes, joined.tobytes(), b"\x01\x07 more"]
    return b"".join(data)


KINDS = (("weight", "bias"), ("scale", "shift"))
