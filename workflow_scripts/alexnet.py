"""Write AlexNet's convolution layers, trained on ImageNet."""

from emotiw import acquisition, runtime


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["record"])
    acquisition.write_alexnet(
        args.output,
        args.record,
        args.settings["weights"]["alexnet"],
        expected=args.stage["sha256"],
        layout=args.settings["cnn"]["layout"],
    )


if __name__ == "__main__":
    runtime.start(main)
