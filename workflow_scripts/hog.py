"""Write the HOG of the faces of the clips of one job."""

from functools import partial

from emotiw import descriptors, faces, per_clip, runtime


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["faces"])
    describe = partial(descriptors.face_hog, **args.settings["hog"])
    per_clip.from_entries(args, "faces", "frame_features", partial(faces.frame_entries, describe=describe))


if __name__ == "__main__":
    runtime.start(main)
