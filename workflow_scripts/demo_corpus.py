"""Write the table of the synthetic demo corpus."""

from collections.abc import Sequence

from emotiw.demo import render
from emotiw.jobs import runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Check that all clips are rendered, and write the table `--output` beside them."""
    args = runtime.arguments(__doc__, argv, many=["clips"])
    render.write_manifest(args.output, args.settings, args.clips)


if __name__ == "__main__":
    runtime.start(main)
