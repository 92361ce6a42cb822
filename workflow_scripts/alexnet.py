"""Write AlexNet's layers, trained on ImageNet or fine-tuned elsewhere."""

from emotiw.jobs import runtime
from emotiw.weights import acquisition


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["record"])
    (about,) = args.settings["weights"].values()
    layout = args.settings["cnn"]["layout"]
    acquisition.write_alexnet(args.output, args.record, about, expected=args.stage["sha256"], layout=layout)


if __name__ == "__main__":
    runtime.start(main)
