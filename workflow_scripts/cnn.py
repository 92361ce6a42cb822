"""Write the features that AlexNet gives the faces of the clips of one job."""

from functools import cache

from emotiw import accelerator, cnn, faces, per_clip, runtime, store, weights


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["faces", "weights"])
    settings = args.settings["cnn"]
    layout, device = settings["layout"], accelerator.device()

    @cache
    def model():
        arrays = weights.load_alexnet(args.weights, layout=layout)
        return cnn.on_device(cnn.alexnet(arrays, layout=layout, layer=settings["layer"]), device)

    def describe(chips):
        return cnn.features(chips, model(), batch_size=settings["batch_size"], crop=settings["crop"])

    def make(clips):
        return store.narrowed(faces.frame_entries(clips, describe), settings["storage"])

    facts = {"device": accelerator.describe(device), "storage": settings["storage"]}
    per_clip.from_entries(args, "faces", "frame_features", make, facts)


if __name__ == "__main__":
    runtime.start(main)
