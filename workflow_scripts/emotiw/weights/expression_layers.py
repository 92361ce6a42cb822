"""Layers of dlib's network for face recognition, and of the expression network, which begins as its first layers.

Half the filters of the residual networks of He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.
"""

from collections.abc import Iterator

from emotiw.core.emotions import EMOTIONS

STEM, STEM_KERNEL = 32, 7  # filters, px
KERNEL = 3  # px
# residual blocks of each level, filters of each convolution, whether the first block halves the picture
LEVELS = ((3, 32, False), (4, 64, True), (3, 128, True), (3, 256, True))
WIDTH = LEVELS[-1][1]  # values of the feature
HEADS = ("labels", "votes")
PICTURE = 48  # px, side of a picture of FER2013
SMALLEST = 55  # px; the maps of a smaller picture are smaller than a filter of the last level
LARGEST = 512  # px, as in the schema of the configuration


def layers() -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Name of each convolution, and its shape: (filters, inputs, height, width)."""
    yield "stem", (STEM, 3, STEM_KERNEL, STEM_KERNEL)
    for block, (inputs, filters, _) in enumerate(blocks()):
        yield f"blocks.{block}.0", (filters, inputs, KERNEL, KERNEL)
        yield f"blocks.{block}.1", (filters, filters, KERNEL, KERNEL)


def blocks() -> Iterator[tuple[int, int, bool]]:
    """Yield the inputs and filters of each residual block, and whether it halves the picture."""
    inputs = STEM
    for n_blocks, filters, halves in LEVELS:
        for number in range(n_blocks):
            yield inputs, filters, halves and number == 0
            inputs = filters


def pretrained_shapes() -> dict[str, tuple[int, ...]]:
    """Shape of each array of dlib's layers, by name: filters and biases, factors and offsets."""
    shape_of: dict[str, tuple[int, ...]] = {}
    for name, shape in layers():
        shape_of |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
        shape_of |= {f"{name}.scale": shape[:1], f"{name}.shift": shape[:1]}
    return shape_of


def trained_shapes() -> dict[str, tuple[int, ...]]:
    """Shape of each array of the expression network, by name."""
    shape_of: dict[str, tuple[int, ...]] = {}
    for name, shape in layers():
        grey = (shape[0], 1, *shape[2:]) if name == "stem" else shape
        shape_of |= {f"{name}.weight": grey, f"{name}.bias": shape[:1]}
    for name in HEADS:
        shape_of |= {f"{name}.weight": (len(EMOTIONS), WIDTH), f"{name}.bias": (len(EMOTIONS),)}
    return shape_of
