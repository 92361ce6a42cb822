"""Write LBP-TOP of the faces of the clips of one job."""

from functools import partial

from emotiw import descriptors, faces, per_clip, runtime


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["faces"])
    geometry = dict(args.settings["lbp_top"])
    size = geometry.pop("size")

    def describe(chips):
        return descriptors.lbp_top(descriptors.grey(chips, size=size), **geometry)

    per_clip.from_entries(args, "faces", "clip_features", partial(faces.clip_entries, describe=describe))


if __name__ == "__main__":
    runtime.start(main)
