"""Write dense SIFT of the faces of the clips of one job."""

from functools import partial

from emotiw import descriptors, faces, runtime, store


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["faces"])
    describe = partial(descriptors.face_sift, **args.settings["dense_sift"])
    clips = store.read(args.faces, "faces").entries.values()
    store.write(args.output, "frame_features", faces.frame_entries(clips, describe), stage=args.stage)


if __name__ == "__main__":
    runtime.start(main)
