"""Write the embedding, by a network in an ONNX file, of the faces of the clips of one job."""

from collections.abc import Sequence
from functools import cache, partial

import numpy as np
import numpy.typing as npt

from emotiw.core import device_choice
from emotiw.faces import search
from emotiw.jobs import containment, per_clip, runtime
from emotiw.video import onnx_embedding
from emotiw.weights import onnx_network


def main(argv: Sequence[str] | None = None) -> None:
    """Write the features of each clip, a vector per face; the network is read only if a clip is not in the cache."""
    args = runtime.arguments(__doc__, argv, one=["faces", "network"])
    name, gpu = args.stage["embedding"], device_choice.may_use_gpu()
    network = cache(partial(onnx_embedding.read, args.network, name, args.settings["embeddings"][name], gpu=gpu))

    def describe(chips: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return onnx_embedding.embed(chips, network())

    facts = {"device": onnx_network.device(gpu=gpu)}
    per_clip.from_entries(args, "faces", "frame_features", partial(search.frame_entries, describe=describe), facts)


if __name__ == "__main__":
    containment.start(main)
