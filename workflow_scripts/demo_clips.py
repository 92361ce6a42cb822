"""Render the clips of one subject of the synthetic demo corpus into the folder --output."""

from collections.abc import Sequence

from emotiw.demo import render
from emotiw.jobs import runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Render the clips that the settings name."""
    args = runtime.arguments(__doc__, argv)
    render.write_clips(args.output, args.settings)


if __name__ == "__main__":
    runtime.start(main)
