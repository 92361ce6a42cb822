"""Write the table of the synthetic demo corpus."""

from emotiw.demo import render
from emotiw.jobs import runtime


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, many=["clips"])
    render.write_manifest(args.output, args.settings, args.clips)


if __name__ == "__main__":
    runtime.start(main)
