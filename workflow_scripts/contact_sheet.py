"""Write the contact sheet of the clips of one job as a PNG file."""

from collections.abc import Sequence

from emotiw.core import files
from emotiw.jobs import runtime, store
from emotiw.report import contact_sheet


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the sheet from the face artefact `--faces`."""
    args = runtime.arguments(__doc__, argv, one=["faces"])
    clips = store.read(args.faces, "faces").entries.values()
    files.write_atomic(args.output, contact_sheet.sheet(list(clips)))


if __name__ == "__main__":
    runtime.start(main)
