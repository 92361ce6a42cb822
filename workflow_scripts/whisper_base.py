"""Write the encoder of Whisper-base."""

from collections.abc import Sequence

from emotiw.jobs import runtime
from emotiw.weights import acquisition, whisper_weights


def main(argv: Sequence[str] | None = None) -> None:
    """Read the published weights, check their SHA-256 and write those of the encoder with their record."""
    args = runtime.arguments(__doc__, argv, one=["record"])
    settings, expected = args.settings["weights"]["whisper_base"], args.stage["sha256"]
    subject, data = acquisition.original(settings, expected)
    record = acquisition.describe(whisper_weights.NAME, whisper_weights.LICENCE, settings, expected)
    acquisition.write_arrays(args.output, args.record, whisper_weights.from_file(subject, data), record)


if __name__ == "__main__":
    runtime.start(main)
