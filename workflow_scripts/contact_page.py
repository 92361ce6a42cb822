"""Write the HTML page of all contact sheets."""

from collections.abc import Sequence

from emotiw.core import files
from emotiw.corpora import manifest
from emotiw.jobs import runtime
from emotiw.report import contact_page


def main(argv: Sequence[str] | None = None) -> None:
    """Render the page for the clips of `--manifest`."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "faces"])
    page = contact_page.render(manifest.read(args.manifest), args.faces)
    files.write_atomic(args.output, page.encode())


if __name__ == "__main__":
    runtime.start(main)
