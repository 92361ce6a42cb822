"""Write dlib's 5-point landmark model."""

from collections.abc import Sequence

from emotiw.jobs import runtime
from emotiw.weights import acquisition


def main(argv: Sequence[str] | None = None) -> None:
    """Read the given or published model, check its SHA-256 and write it with its record."""
    args = runtime.arguments(__doc__, argv, one=["record"])
    settings = args.settings["weights"]["landmarks"]
    acquisition.write_landmarks(args.output, args.record, settings, expected=args.stage["sha256"])


if __name__ == "__main__":
    runtime.start(main)
