"""Write dense SIFT of the faces of the clips of one job."""

from collections.abc import Sequence
from functools import partial

from emotiw.faces import search
from emotiw.jobs import containment, per_clip, runtime
from emotiw.video import dense_sift


def main(argv: Sequence[str] | None = None) -> None:
    """Write the features of each clip, a vector per face."""
    args = runtime.arguments(__doc__, argv, one=["faces"])
    describe = partial(dense_sift.face_sift, **args.settings["dense_sift"])
    per_clip.from_entries(args, "faces", "frame_features", partial(search.frame_entries, describe=describe))


if __name__ == "__main__":
    containment.start(main)
