"""Download a small file, such as the list of the files of a corpus."""

from collections.abc import Sequence

from emotiw.core import download, files
from emotiw.jobs import runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Download the file at the address in the settings to `--output`."""
    args = runtime.arguments(__doc__, argv)
    files.write_atomic(args.output, download.fetch(args.settings["url"], max_bytes=1 << 25))


if __name__ == "__main__":
    runtime.start(main)
