"""Write a film of every clip's faces."""

from emotiw import film, manifest, runtime


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "faces"])
    film.write(args.output, manifest.read(args.manifest), args.faces)


if __name__ == "__main__":
    runtime.start(main)
