"""Write the embedding, by a network in an ONNX file, of the faces of the clips of one job."""

from emotiw import embedding, faces, runtime, store


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["faces", "network"])
    name = args.stage["embedding"]
    network = embedding.read(args.network, name, args.settings["embeddings"][name])

    def describe(chips):
        return embedding.embed(chips, network)

    clips = store.read(args.faces, "faces").entries.values()
    store.write(args.output, "frame_features", faces.frame_entries(clips, describe), stage=args.stage)


if __name__ == "__main__":
    runtime.start(main)
