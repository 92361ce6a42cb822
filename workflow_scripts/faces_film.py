"""Write a film of every clip's faces."""

from emotiw.corpora import manifest
from emotiw.jobs import runtime
from emotiw.report import face_video


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "faces"])
    face_video.write(args.output, manifest.read(args.manifest), args.faces)


if __name__ == "__main__":
    runtime.start(main)
