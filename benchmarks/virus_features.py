"""Features of small grey pictures whose contents have no orientation: the frames of an image set, beyond intensities.

A frame is a whole picture or one place of one (a pixel, a block, a position of a convolution map); the latter have
few values and are many, so that their covariance has full rank without PCA. Each feature is a function of the pictures
of one set, (n, side, side) from 0 to 255, and returns frames (n_frames, d).
"""

from functools import partial

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from skimage.feature import local_binary_pattern
from skimage.transform import resize
from torch.nn.functional import interpolate

from emotiw.video import alexnet, dense_sift
from emotiw.video.hog import hog as hog_of

SMALL = 20  # px, the published protocol
LBP_RADII = {1: 8, 2: 16, 3: 16, 5: 16}  # px: neighbours
LAYERS = {"conv1": 2, "conv2": 5, "pool5": 13}  # how many of AlexNet's modules


def reduced(images, side=SMALL):
    """Reduce pictures to `side` px."""
    return resize(images.astype(float), (*images.shape[:-2], side, side), anti_aliasing=True)


def symmetries(images):
    """Put every picture into the eight positions of the square, (8 n, side, side)."""
    return np.concatenate([np.rot90(x, k, axes=(1, 2)) for x in (images, images[:, :, ::-1]) for k in range(4)])


def intensities(images):
    """Take a picture as a frame: its pixels."""
    return images.reshape(len(images), -1).astype(float)


def derivatives(images, *, scales):
    """Take a pixel as a frame: its grey level, and smoothed at each scale (px) what does not turn with the picture.

    Level, length of the gradient, Laplacian, and difference of the principal curvatures; 3 px of the edge are left out.
    """
    x = images.astype(float) / 255
    channels = [x]
    for scale in scales:
        g, dx, dy, dxx, dyy, dxy = (
            gaussian_filter(x, (0, scale, scale), order=(0, *order))
            for order in ((0, 0), (0, 1), (1, 0), (0, 2), (2, 0), (1, 1))
        )
        channels += [g, np.hypot(dx, dy), dxx + dyy, np.hypot(dxx - dyy, 2 * dxy)]
    return np.stack(channels, axis=-1)[:, 3:-3, 3:-3].reshape(-1, len(channels))


def sift(images, *, block, step):
    """Take a block as a frame: its SIFT descriptor."""
    return dense_sift.dense_sift(images, block=block, step=step).reshape(-1, 128)


def hog(images, *, cell):
    """Take a block of 2 x 2 cells as a frame: its HOG."""
    return hog_of(images, block=2 * cell, step=cell, cell=cell, bins=9).reshape(-1, 36)


def lbp(images):
    """Take a picture as a frame: square roots of the shares of its uniform patterns, which do not turn with it."""
    return np.sqrt([np.concatenate([_patterns(x, radius) for radius in LBP_RADII]) for x in images.astype(np.uint8)])


def _patterns(image, radius):
    n = LBP_RADII[radius]
    codes = local_binary_pattern(image, n, radius, "uniform").astype(int)
    return np.bincount(codes.ravel(), minlength=n + 2) / codes.size


def convolution(images, *, model, layer, side):
    """Take a position of a layer of AlexNet as a frame, of pictures enlarged to `side` px."""
    x = torch.from_numpy(np.ascontiguousarray(images, np.float32))[:, None].expand(-1, 3, -1, -1)
    x = interpolate(x, size=(side, side), mode="bilinear", align_corners=False)
    with torch.inference_mode():
        maps = model.features[: LAYERS[layer]]((x - model.mean) / model.std)  # (n, channels, rows, columns)
    return maps.permute(0, 2, 3, 1).flatten(0, 2).double().numpy()


def _turned(feature):
    return lambda images: feature(symmetries(images))


def _small(feature):
    return lambda images: feature(reduced(images))


def features(weights=None):
    """Name every feature, those of AlexNet where its weights (npz) are given; 41 px is the published size."""
    named = {
        "20 px, intensities, symmetries": _small(_turned(intensities)),
        "20 px, derivatives": _small(partial(derivatives, scales=(0.7, 1, 2))),
        "20 px, SIFT 8, symmetries": _small(_turned(partial(sift, block=8, step=2))),
        "20 px, SIFT 12, symmetries": _small(_turned(partial(sift, block=12, step=2))),
        "41 px, LBP": lbp,
        "41 px, HOG, symmetries": _turned(partial(hog, cell=8)),
        "41 px, derivatives, 3 scales": partial(derivatives, scales=(1, 2, 4)),
        "41 px, derivatives, 6 scales": partial(derivatives, scales=(1, 1.5, 2, 3, 4, 6)),
        "41 px, SIFT 8, symmetries": _turned(partial(sift, block=8, step=4)),
        "41 px, SIFT 12, symmetries": _turned(partial(sift, block=12, step=4)),
        "41 px, SIFT 16": partial(sift, block=16, step=5),
        "41 px, SIFT 16, symmetries": _turned(partial(sift, block=16, step=5)),
        "41 px, SIFT 24, symmetries": _turned(partial(sift, block=24, step=4)),
    }
    if weights is not None:
        with np.load(weights) as arrays:
            model = alexnet.alexnet(arrays, layout="torchvision")
        for layer, side in (("conv1", 123), ("conv2", 123), ("pool5", 227)):
            named[f"41 px, AlexNet {layer}"] = partial(convolution, model=model, layer=layer, side=side)
    return named
