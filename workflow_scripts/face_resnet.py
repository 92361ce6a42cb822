"""Write the convolution layers of dlib's network for face recognition."""

from collections.abc import Sequence

from emotiw.jobs import runtime
from emotiw.weights import acquisition, face_resnet


def main(argv: Sequence[str] | None = None) -> None:
    """Read the published weights, check their SHA-256 and write the layers with their record."""
    args = runtime.arguments(__doc__, argv, one=["record"])
    settings, expected = args.settings["weights"]["face_resnet"], args.stage["sha256"]
    subject, data = acquisition.original(settings, expected)
    record = acquisition.describe(face_resnet.NAME, face_resnet.LICENCE, settings, expected)
    acquisition.write_arrays(args.output, args.record, face_resnet.from_dlib(subject, data), record)


if __name__ == "__main__":
    runtime.start(main)
