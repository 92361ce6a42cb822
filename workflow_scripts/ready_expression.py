"""Write an expression network that was trained elsewhere."""

from collections.abc import Sequence

from emotiw.jobs import runtime
from emotiw.weights import ready_expression


def main(argv: Sequence[str] | None = None) -> None:
    """Read the given file, check its SHA-256 and its arrays, and write it with its record."""
    args = runtime.arguments(__doc__, argv, one=["record"])
    settings, expected = args.settings["weights"]["expression"], args.stage["sha256"]
    ready_expression.write(args.output, args.record, settings, expected)


if __name__ == "__main__":
    runtime.start(main)
