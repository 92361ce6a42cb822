"""Write the embedding, by a network in an ONNX file, of the faces of the clips of one job."""

from functools import cache, partial

from emotiw.faces import search
from emotiw.jobs import per_clip, runtime
from emotiw.video import onnx_embedding


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["faces", "network"])
    name = args.stage["embedding"]
    network = cache(lambda: onnx_embedding.read(args.network, name, args.settings["embeddings"][name]))

    def describe(chips):
        return onnx_embedding.embed(chips, network())

    per_clip.from_entries(args, "faces", "frame_features", partial(search.frame_entries, describe=describe))


if __name__ == "__main__":
    runtime.start(main)
