"""Write the features that AlexNet gives the faces of the clips of one job."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
from torch import nn

from emotiw.faces import search
from emotiw.jobs import accelerator, containment, per_clip, runtime, store
from emotiw.video import alexnet
from emotiw.weights import loading


def main(argv: Sequence[str] | None = None) -> None:
    """Write the features of each clip, a vector per face; the network is read only if a clip is not in the cache."""
    args = runtime.arguments(__doc__, argv, one=["faces", "weights"])
    settings, device = args.settings["cnn"], accelerator.device()

    @cache
    def network() -> nn.Module:
        arrays = loading.load_alexnet(args.weights, layout=settings["layout"])
        model = alexnet.alexnet(arrays, layout=settings["layout"], layer=settings["layer"])
        return alexnet.on_device(model, device, settings["precision"])

    def describe(chips: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return alexnet.features(chips, network(), batch_size=settings["batch_size"], crop=settings["crop"])

    def make(clips: Iterable[store.Entry]) -> Iterator[store.Entry]:
        return store.narrowed(search.frame_entries(clips, describe), settings["storage"])

    facts = {"device": accelerator.describe(device), "storage": settings["storage"]}
    per_clip.from_entries(args, "faces", "frame_features", make, facts)


if __name__ == "__main__":
    containment.start(main)
