"""Write the features that AlexNet gives the faces of the clips of one job."""

from emotiw import accelerator, cnn, faces, runtime, store, weights


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["faces", "weights"])
    settings = args.settings["cnn"]
    layout, device = settings["layout"], accelerator.device()
    arrays = weights.load_alexnet(args.weights, layout=layout)
    model = cnn.on_device(cnn.alexnet(arrays, layout=layout, layer=settings["layer"]), device)

    def describe(chips):
        return cnn.features(chips, model, batch_size=settings["batch_size"], crop=settings["crop"])

    clips = store.read(args.faces, "faces").entries.values()
    entries = store.narrowed(faces.frame_entries(clips, describe), settings["storage"])
    facts = {"device": accelerator.describe(device), "storage": settings["storage"]}
    store.write(args.output, "frame_features", entries, stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
