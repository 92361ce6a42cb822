"""Write the contact sheet of the clips of one job."""

from emotiw.core import files
from emotiw.jobs import runtime, store
from emotiw.report import contact_sheet


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["faces"])
    clips = store.read(args.faces, "faces").entries.values()
    files.write_atomic(args.output, contact_sheet.sheet(list(clips)))


if __name__ == "__main__":
    runtime.start(main)
