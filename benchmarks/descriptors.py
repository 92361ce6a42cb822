"""Faces per second of dense SIFT, HOG and LBP-TOP, beside VLFeat (where it is installed) and scikit-image.

Run: PYTHONPATH=workflow_scripts python benchmarks/descriptors.py. One thread; 60 faces of 64 px, a clip's worth; the
faces are scikit-image's. The implementations of a descriptor run in turn; the fastest of seven runs counts.
"""

import time
import warnings

import numpy as np
import skimage.data
import vlfeat
from skimage.feature import hog as skimage_hog
from skimage.feature import local_binary_pattern
from skimage.transform import resize
from threadpoolctl import threadpool_limits

from emotiw.video import dense_sift, hog, lbp_top

N_FACES, SIZE, REPEATS, GRID = 60, 64, 7, 4
SIFT = {"block": 16, "step": 8}
HOG = {"block": 16, "step": 8, "cell": 8, "bins": 9}


def scikit_image_hog(faces):
    """HOG of each face by scikit-image."""
    options = {"orientations": 9, "pixels_per_cell": (8, 8), "cells_per_block": (2, 2), "block_norm": "L2-Hys"}
    return np.array([skimage_hog(face, **options) for face in faces], np.float32).reshape(len(faces), -1)


def scikit_image_lbp_top(faces):
    """LBP codes of every plane by scikit-image, counted in the blocks of `lbp_top.lbp_top`."""
    size = faces.shape[1]
    lines = np.arange(1, size - 1) * GRID // size
    blocks = lines[:, None] * GRID + lines
    histograms = []
    for other in (0, 1, 2):
        planes = np.moveaxis(faces, other, 0)[1:-1]
        codes = np.array([local_binary_pattern(plane, 8, 1, "nri_uniform")[1:-1, 1:-1] for plane in planes], int)
        codes = np.moveaxis(codes, 0, other)
        counts = np.bincount((blocks * 59 + codes).ravel(), minlength=GRID**2 * 59).reshape(GRID**2, 59)
        histograms.append(counts / counts.sum(axis=1, keepdims=True))
    return np.stack(histograms, axis=1).astype(np.float32).ravel()


def routes():
    """Functions by descriptor and implementation; ours is the first of each descriptor."""
    functions = {
        "dense SIFT": {"emotiw": lambda faces: dense_sift.dense_sift(faces, margin=-1.5, **SIFT)},
        "HOG": {"emotiw": lambda faces: hog.hog(faces, **HOG), "scikit-image": scikit_image_hog},
        "LBP-TOP": {
            "emotiw": lambda faces: lbp_top.lbp_top(faces, grid=GRID),
            "scikit-image's codes": scikit_image_lbp_top,
        },
    }
    try:
        vlfeat.library()
    except OSError as error:
        print(f"VLFeat is not installed: {error}")
    else:
        functions["dense SIFT"] |= {
            "VLFeat, Gaussian window": lambda faces: vlfeat.dense_sift(faces, step=8, cell=4)[0],
            "VLFeat, flat window": lambda faces: vlfeat.dense_sift(faces, step=8, cell=4, flat_window=True)[0],
        }
    return functions


def seconds(functions, faces):
    """Shortest time of each function."""
    times = {name: [] for name in functions}
    for _ in range(REPEATS):
        for name, function in functions.items():
            start = time.perf_counter()
            function(faces)
            times[name].append(time.perf_counter() - start)
    return {name: min(values) for name, values in times.items()}


def agreement(other, expected):
    """Mean and smallest cosine of the blocks of two dense SIFTs, or the largest difference of two other descriptors."""
    if other.shape == expected.shape:
        return f"largest difference {np.abs(other - expected).max():.1e}"
    cosines = (other.reshape(expected.shape) * expected).sum(axis=-1)
    return f"cosine of blocks {cosines.mean():.5f}, at least {cosines.min():.5f}"


def main():
    """Print a line for each descriptor and implementation."""
    warnings.filterwarnings("ignore", message="Applying `local_binary_pattern` to floating-point images")
    faces = resize(skimage.data.lfw_subset()[:N_FACES] * 255.0, (N_FACES, SIZE, SIZE)).astype(np.float32)
    with threadpool_limits(1):
        for descriptor, functions in routes().items():
            times = seconds(functions, faces)
            ours, *others = functions
            print(f"{descriptor:11s} {ours:24s} {N_FACES / times[ours]:7.0f} faces/s")
            for name in others:
                rate, ratio = N_FACES / times[name], times[name] / times[ours]
                same = agreement(functions[ours](faces), functions[name](faces))
                print(f"{'':11s} {name:24s} {rate:7.0f} faces/s, ours is {ratio:.1f} times as fast; {same}")


if __name__ == "__main__":
    main()
