"""Write AlexNet's layers, trained on ImageNet or fine-tuned elsewhere."""

from collections.abc import Sequence

from emotiw.jobs import runtime
from emotiw.weights import acquisition


def main(argv: Sequence[str] | None = None) -> None:
    """Read the given or published weights, check their SHA-256 and write them with their record."""
    args = runtime.arguments(__doc__, argv, one=["record"])
    (source,) = args.settings["weights"].values()
    layout = args.settings["cnn"]["layout"]
    acquisition.write_alexnet(args.output, args.record, source, expected=args.stage["sha256"], layout=layout)


if __name__ == "__main__":
    runtime.start(main)
