"""Write EfficientNet-Lite0, trained on ImageNet, as an ONNX model."""

from collections.abc import Sequence

from emotiw.jobs import runtime
from emotiw.weights import acquisition, efficientnet


def main(argv: Sequence[str] | None = None) -> None:
    """Read the published weights, check their SHA-256 and write them as ONNX with their record."""
    args = runtime.arguments(__doc__, argv, one=["record"])
    settings, expected = args.settings["weights"]["efficientnet_lite0"], args.stage["sha256"]
    subject, arrays = acquisition.read_arrays(settings, expected)
    record = acquisition.describe(efficientnet.NAME, efficientnet.LICENCE, settings, expected)
    acquisition.write_recorded(args.output, args.record, efficientnet.onnx_model(subject, arrays), record)


if __name__ == "__main__":
    runtime.start(main)
