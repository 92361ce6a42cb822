"""Write AlexNet's pool5 of the faces of the clips of one job."""

from emotiw import cnn, faces, runtime, store, weights


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["faces", "weights"])
    settings = args.settings["cnn"]
    model = cnn.alexnet(weights.load_alexnet(args.weights, layout=settings["layout"]), layout=settings["layout"])

    def describe(chips):
        return cnn.pool5(chips, model, batch_size=settings["batch_size"], crop=settings["crop"])

    clips = store.read(args.faces, "faces").entries.values()
    store.write(args.output, "frame_features", faces.frame_entries(clips, describe), stage=args.stage)


if __name__ == "__main__":
    runtime.start(main)
