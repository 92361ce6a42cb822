"""Write a video of the faces of all clips."""

from collections.abc import Sequence

from emotiw.corpora import manifest
from emotiw.jobs import runtime
from emotiw.report import face_video


def main(argv: Sequence[str] | None = None) -> None:
    """Write the video of the clips of `--manifest`, in their order."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "faces"])
    face_video.write(args.output, manifest.read(args.manifest), args.faces)


if __name__ == "__main__":
    runtime.start(main)
