"""Write the aligned faces of the clips of one job."""

from emotiw import faces, runtime, store, weights


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["landmarks"], many=["media"])
    predictor = weights.load_landmarks(args.landmarks)
    entries = faces.entries(args.media, args.stage["clips"], args.settings, predictor)
    store.write(args.output, "faces", entries, stage=args.stage)


if __name__ == "__main__":
    runtime.start(main)
