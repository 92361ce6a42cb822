"""Render the clips of one subject of the synthetic demo corpus into the folder --output."""

from emotiw.demo import render
from emotiw.jobs import runtime


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv)
    render.write_clips(args.output, args.settings)


if __name__ == "__main__":
    runtime.start(main)
