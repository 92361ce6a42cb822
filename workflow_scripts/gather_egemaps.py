"""Gather the audio frames of all clips in one file, so that a network has one input and not one a clip."""

from emotiw import collection, manifest, runtime, store


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features"], bounded=False)
    corpus = manifest.read(args.manifest)
    entries = collection.load(corpus, args.features, "frame_features", [row.clip for row in corpus.rows])
    facts = store.read(args.features / f"{corpus.rows[0].job}.h5", "frame_features", names=()).facts
    store.write(args.output, "frame_features", entries.values(), stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
