"""Write the features that AlexNet gives the faces of the clips of one job."""

from functools import cache

from emotiw.faces import search
from emotiw.jobs import accelerator, per_clip, runtime, store
from emotiw.video import alexnet
from emotiw.weights import loading


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["faces", "weights"])
    settings = args.settings["cnn"]
    layout, device = settings["layout"], accelerator.device()

    @cache
    def model():
        arrays = loading.load_alexnet(args.weights, layout=layout)
        return alexnet.on_device(alexnet.alexnet(arrays, layout=layout, layer=settings["layer"]), device)

    def describe(chips):
        return alexnet.features(chips, model(), batch_size=settings["batch_size"], crop=settings["crop"])

    def make(clips):
        return store.narrowed(search.frame_entries(clips, describe), settings["storage"])

    facts = {"device": accelerator.describe(device), "storage": settings["storage"]}
    per_clip.from_entries(args, "faces", "frame_features", make, facts)


if __name__ == "__main__":
    runtime.start(main)
