"""Write the page of all contact sheets."""

from emotiw import contact_page, files, manifest, runtime


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "faces"])
    page = contact_page.render(manifest.read(args.manifest), args.faces)
    files.write_atomic(args.output, page.encode())


if __name__ == "__main__":
    runtime.start(main)
