"""Write the features that the expression network gives the faces of the clips of one job."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from emotiw.faces import search
from emotiw.jobs import accelerator, containment, per_clip, runtime, store
from emotiw.video import expression_features
from emotiw.weights import expression_weights


def main(argv: Sequence[str] | None = None) -> None:
    """Write the features of each clip, a vector per face; the network is read only if a clip is not in the cache."""
    args = runtime.arguments(__doc__, argv, one=["faces", "weights"])
    settings, device = args.settings["expression"], accelerator.device()

    @cache
    def describer() -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
        arrays, size = expression_weights.load(args.weights)
        return expression_features.describer(arrays, size, settings, device)

    def describe(chips: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return describer()(chips)

    def make(clips: Iterable[store.Entry]) -> Iterator[store.Entry]:
        return store.narrowed(search.frame_entries(clips, describe), settings["storage"])

    facts = {"device": accelerator.describe(device), "storage": settings["storage"]}
    per_clip.from_entries(args, "faces", "frame_features", make, facts)


if __name__ == "__main__":
    containment.start(main)
