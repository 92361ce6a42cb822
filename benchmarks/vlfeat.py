"""VLFeat's dense SIFT through ctypes: the second implementation, from Debian's package libvlfeat1."""

import ctypes
from contextlib import contextmanager

import numpy as np

LIBRARY = "libvl.so.1"
_INTEGERS = (
    *("width", "height", "step_x", "step_y", "min_x", "min_y", "max_x", "max_y"),
    *("orientations", "cells_x", "cells_y", "cell_width", "cell_height", "flat_window"),
)


class _Keypoint(ctypes.Structure):
    _fields_ = [(name, ctypes.c_double) for name in ("x", "y", "scale", "norm")]


class _Filter(ctypes.Structure):
    """`VlDsiftFilter` of dsift.h up to the descriptors; its setters and getters are inline, not in the library."""

    _fields_ = [
        *((name, ctypes.c_int) for name in _INTEGERS),
        ("window_size", ctypes.c_double),
        ("n_frames", ctypes.c_int),
        ("n_values", ctypes.c_int),
        ("frames", ctypes.POINTER(_Keypoint)),
        ("descriptors", ctypes.POINTER(ctypes.c_float)),
    ]


def library():
    """Load VLFeat; OSError where it is not installed."""
    vl = ctypes.CDLL(LIBRARY)
    vl.vl_dsift_new_basic.argtypes = [ctypes.c_int] * 4
    vl.vl_dsift_new_basic.restype = ctypes.POINTER(_Filter)
    vl.vl_dsift_process.argtypes = [ctypes.POINTER(_Filter), ctypes.c_void_p]
    vl.vl_dsift_delete.argtypes = [ctypes.POINTER(_Filter)]
    return vl


@contextmanager
def _filter(vl, size, step, cell, flat_window):
    sift = vl.vl_dsift_new_basic(size, size, step, cell)
    sift.contents.flat_window = flat_window
    try:
        yield sift
    finally:
        vl.vl_dsift_delete(sift)


def dense_sift(images, *, step, cell, flat_window=False):
    """Dense SIFT of square images (n, size, size).

    Returns
    -------
    descriptors : ndarray, shape (n, n_blocks, 128)
        Blocks row by row; in a block cells row by row; in a cell orientations from the right towards below, which are
        the conventions of `emotiw.video.dense_sift.dense_sift` too.
    centres : ndarray, shape (n_blocks, 2)
        x and y of the blocks in px.
    """
    vl = library()
    descriptors = []
    with _filter(vl, images.shape[1], step, cell, flat_window) as sift:
        for image in np.ascontiguousarray(images, np.float32):
            vl.vl_dsift_process(sift, image.ctypes.data)
            n = sift.contents.n_frames
            descriptors.append(np.ctypeslib.as_array(sift.contents.descriptors, (n, sift.contents.n_values)).copy())
        centres = np.array([(point.x, point.y) for point in sift.contents.frames[:n]])
    return np.array(descriptors), centres
