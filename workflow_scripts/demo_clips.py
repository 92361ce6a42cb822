"""Render some clips of the synthetic demo corpus, those of a subject or those with planted defects."""

from collections.abc import Sequence

from emotiw.demo import render
from emotiw.jobs import runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Render the clips that the settings name into the folder `--output`."""
    args = runtime.arguments(__doc__, argv)
    render.write_clips(args.output, args.settings)


if __name__ == "__main__":
    runtime.start(main)
