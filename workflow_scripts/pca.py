"""Fit the PCA of one feature on the frames of a fold's training clips."""

from emotiw import choices, collection, image_sets, manifest, runtime, splits, store
from emotiw.status import Status


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features"])
    table = manifest.read(args.manifest)
    fold = manifest.folds(table)[args.stage["fold"]]
    entries = collection.load(table, args.features, "frame_features", fold.train)
    sets = {clip: entry.arrays["features"] for clip, entry in entries.items() if entry.status == Status.OK}
    lacking = splits.lacking((row.label for row in table.rows if row.clip in sets), table.classes)
    facts = {"n_clips": len(sets), "n_frames": sum(map(len, sets.values())), "lacking": lacking}
    # a class without a usable clip cannot be learnt: the fold has no video system then, and the other modality decides
    fitted = [] if lacking else [image_sets.fit_pca([*sets.values()], args.settings["video"]["pca_dimension"])]
    made = [
        choices.Record(
            f"video/{args.stage['feature']}: PCA",
            len(pca.components),
            "variance of the frames",
            sets,
            kind=choices.NO_LABELS,
        )
        for pca in fitted
    ]
    facts |= choices.facts(made)
    store.write(args.output, "pca", [store.Entry("pca", vars(pca)) for pca in fitted], stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
