"""Write LBP-TOP of the faces of the clips of one job."""

from emotiw import descriptors, faces, runtime, store


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["faces"])
    geometry = dict(args.settings["lbp_top"])
    size = geometry.pop("size")

    def describe(chips):
        return descriptors.lbp_top(descriptors.grey(chips, size=size), **geometry)

    clips = store.read(args.faces, "faces").entries.values()
    store.write(args.output, "clip_features", faces.clip_entries(clips, describe), stage=args.stage)


if __name__ == "__main__":
    runtime.start(main)
