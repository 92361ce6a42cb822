"""Write LBP-TOP of the faces of the clips of one job."""

from functools import partial

from emotiw.faces import search
from emotiw.jobs import per_clip, runtime
from emotiw.video import grey, lbp_top


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["faces"])
    geometry = dict(args.settings["lbp_top"])
    size = geometry.pop("size")

    def describe(chips):
        return lbp_top.lbp_top(grey.grey(chips, size=size), **geometry)

    per_clip.from_entries(args, "faces", "clip_features", partial(search.clip_entries, describe=describe))


if __name__ == "__main__":
    runtime.start(main)
