"""Write the page of all contact sheets."""

from emotiw.core import files
from emotiw.corpora import manifest
from emotiw.jobs import runtime
from emotiw.report import contact_page


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "faces"])
    page = contact_page.render(manifest.read(args.manifest), args.faces)
    files.write_atomic(args.output, page.encode())


if __name__ == "__main__":
    runtime.start(main)
