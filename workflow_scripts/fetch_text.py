"""Fetch a small file: the list of what a corpus consists of."""

from emotiw.core import download, files
from emotiw.jobs import runtime


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv)
    files.write_atomic(args.output, download.fetch(args.settings["url"], max_bytes=1 << 25))


if __name__ == "__main__":
    runtime.start(main)
