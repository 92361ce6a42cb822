"""Fit the PCA of one feature on the frames of a fold's training clips."""

from emotiw import collection, image_sets, manifest, runtime, store
from emotiw.status import Status


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features"])
    table = manifest.read(args.manifest)
    fold = manifest.folds(table)[args.stage["fold"]]
    entries = collection.load(table, args.features, "frame_features", fold.train)
    sets = [entry.arrays["features"] for entry in entries.values() if entry.status == Status.OK]
    pca = image_sets.fit_pca(sets, args.settings["video"]["pca_dimension"])
    facts = {"n_clips": len(sets), "n_frames": sum(map(len, sets))}
    store.write(args.output, "pca", [store.Entry("pca", vars(pca))], stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
