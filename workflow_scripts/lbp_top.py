"""Write LBP-TOP of the faces of the clips of one job."""

from collections.abc import Sequence
from functools import partial

from emotiw.faces import search
from emotiw.jobs import containment, per_clip, runtime
from emotiw.video import lbp_top


def main(argv: Sequence[str] | None = None) -> None:
    """Write the features of each clip, one vector for all its faces."""
    args = runtime.arguments(__doc__, argv, one=["faces"])
    describe = partial(lbp_top.face_lbp_top, **args.settings["lbp_top"])
    per_clip.from_entries(args, "faces", "clip_features", partial(search.clip_entries, describe=describe))


if __name__ == "__main__":
    containment.start(main)
